"""Merges convolutions with the batch norm and activation after them, for inference."""

import keras
import numpy as np
from keras import layers, ops


def fuse(model: keras.Model) -> keras.Model:
    """A network of its own with the same outputs in inference, in fewer layers.

    A convolution, its batch norm and its activation become one convolution with bias
    and activation. Outputs are equal within float rounding; weights are copied.

    Args:
        model: A functional model that calls each of its layers once.
    """
    followers = _followers(model)
    tensors = {id(t): keras.Input(t.shape[1:], name=t.name) for t in model.inputs}
    inputs = list(tensors.values())
    for layer in model.layers:
        if id(layer.output) in tensors:  # The input, or merged already.
            continue
        chain = _chain(layer, followers)
        copy = _merged(chain) if len(chain) > 1 else _copied(layer)
        outputs = copy(_mapped(layer.input, tensors))
        copy.set_weights(_merged_weights(chain) if len(chain) > 1 else layer.weights)
        tensors |= {id(link.output): outputs for link in chain}
    outputs = _mapped(model.output, tensors)
    return keras.Model(inputs[0] if len(inputs) == 1 else inputs, outputs)


def _mapped(structure, tensors: dict):
    return keras.tree.map_structure(lambda tensor: tensors[id(tensor)], structure)


def _followers(model: keras.Model) -> dict[int, list]:
    followers = {}
    for layer in model.layers:
        if not isinstance(layer, layers.InputLayer):
            for tensor in keras.tree.flatten(layer.input):
                followers.setdefault(id(tensor), []).append(layer)
    for tensor in keras.tree.flatten(model.output):
        followers.setdefault(id(tensor), []).append(None)  # The caller reads it.
    return followers


def _chain(layer, followers: dict[int, list]) -> list:
    """The layer, and the norm and activation that alone follow it."""
    chain = [layer]
    kinds = (layers.BatchNormalization, layers.Activation)
    convolves = isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D))
    for kind in kinds if convolves and not layer.use_bias else ():
        after = followers[id(chain[-1].output)]
        if len(after) != 1 or not isinstance(after[0], kind):
            break
        chain.append(after[0])
    return chain


def _merged(chain: list) -> layers.Layer:
    config = {**chain[0].get_config(), "use_bias": True, "name": chain[-1].name}
    if len(chain) == 3:
        config["activation"] = keras.activations.serialize(chain[2].activation)
    return type(chain[0]).from_config(config)


def _copied(layer) -> layers.Layer:
    return layers.deserialize(layers.serialize(layer))


def _merged_weights(chain: list) -> list[np.ndarray]:
    conv, norm = chain[:2]
    mean, variance, gamma, beta, kernel = (
        ops.convert_to_numpy(weight)
        for weight in (
            norm.moving_mean,
            norm.moving_variance,
            norm.gamma,
            norm.beta,
            conv.kernel,
        )
    )
    scale = gamma / np.sqrt(variance + norm.epsilon)
    # A depthwise kernel ends with (channels, multiplier), any other with filters.
    depthwise = isinstance(conv, layers.DepthwiseConv2D)
    factors = scale.reshape(kernel.shape[2:]) if depthwise else scale
    return [kernel * factors, beta - mean * scale]

"""Merges convolutions with the batch norm and activation after them, for inference."""

import keras
import numpy as np
from keras import layers, ops

from zoo.genotypes.base import check
from zoo.layers.convolution import SpatialConv
from zoo.layers.gaussian import InflatedTGM

CONVOLUTIONS = (layers.Conv2D, layers.Conv3D, layers.DepthwiseConv2D)


def fuse(model: keras.Model) -> keras.Model:
    """A network of its own with the same outputs in inference, in fewer layers.

    A convolution, its batch norm and its activation become one convolution with bias
    and activation; an `InflatedTGM` becomes the plain convolution that it computes, or
    where that is faster, one of each frame and a mixture of frames.
    Outputs are equal within float rounding; weights are copied.

    Args:
        model: A functional model that calls each of its layers once. Those that are
            models, of one input and one output, are fused, too.

    Raises:
        ValueError: The model is not functional, or was never called.
    """
    built = bool(getattr(model, "inputs", None))
    check(built, "model", "a functional model", getattr(model, "name", model))
    followers = _followers(model)
    tensors = {
        id(t): keras.Input(t.shape[1:], dtype=t.dtype, name=t.name)
        for t in model.inputs
    }
    inputs = list(tensors.values())
    for layer in model.layers:
        if _ids(layer)[0] in tensors:  # The input, or merged already.
            continue
        chain = _chain(layer, followers)
        x = _mapped(_input(layer), tensors)
        for copy, weights in _merged(chain):
            x = copy(x)
            copy.set_weights(weights)
        outputs = keras.tree.flatten(x)
        for link in chain:
            tensors |= dict(zip(_ids(link), outputs, strict=True))
    outputs = _mapped(model.output, tensors)
    return keras.Model(inputs[0] if len(inputs) == 1 else inputs, outputs)


fold_batch_norm = fuse  # Its public name: `zoo.fuse` makes one of several networks.


def _ids(layer) -> list[int]:
    """Of its outputs, of which there may be a list."""
    inner = isinstance(layer, keras.Model)
    outputs = _call(layer).output_tensors if inner else layer.output
    return [id(tensor) for tensor in keras.tree.flatten(outputs)]


def _input(layer):
    inner = isinstance(layer, keras.Model)
    return _call(layer).input_tensors[0] if inner else layer.input


def _call(model: keras.Model):
    """Where a network has called another, whose own `input` is that within it."""
    return model._inbound_nodes[-1]


def _mapped(structure, tensors: dict):
    return keras.tree.map_structure(lambda tensor: tensors[id(tensor)], structure)


def _followers(model: keras.Model) -> dict[int, list]:
    followers = {}
    for layer in model.layers:
        if not isinstance(layer, layers.InputLayer):
            for tensor in keras.tree.flatten(_input(layer)):
                followers.setdefault(id(tensor), []).append(layer)
    for tensor in keras.tree.flatten(model.output):
        followers.setdefault(id(tensor), []).append(None)  # The caller reads it.
    return followers


def _chain(layer, followers: dict[int, list]) -> list:
    """The layer, and the norm and activation that alone follow it."""
    chain = [layer]
    for fits in (_normalizes, _activates) if _convolves(layer) else ():
        after = followers[id(chain[-1].output)]
        if len(after) != 1 or not fits(after[0]):
            break
        chain.append(after[0])
    return chain


def _convolves(layer) -> bool:
    """Whether it is a convolution that a norm merges into: linear, without bias."""
    if isinstance(layer, InflatedTGM):
        return True
    return (
        isinstance(layer, CONVOLUTIONS)
        and not layer.use_bias
        and layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
    )


def _normalizes(layer) -> bool:
    """Whether it is a batch norm of the channels."""
    if not isinstance(layer, layers.BatchNormalization):
        return False
    return layer.axis in (-1, len(layer.input.shape) - 1)


def _activates(layer) -> bool:
    """Whether it is an activation that a convolution can end with."""
    return isinstance(layer, layers.Activation)


def _folded(layer: InflatedTGM) -> list[layers.Layer]:
    """Plain layers, built, that one after the other have the same outputs."""
    frames = layer.input.shape[1]
    if layer.separates and layer.seen(frames) > 1:
        name = f"{layer.name}_frames"
        return [_each_frame(layer, layer.kernel, name), layer.mixture(frames)]
    conv = layer.fold(frames)
    if conv.kernel_size[0] > 1 or conv.strides[0] > 1:
        return [conv]
    return [_each_frame(layer, conv.kernel[0], layer.name)]


def _each_frame(layer: InflatedTGM, kernel, name: str) -> SpatialConv:
    """The convolution of each frame by a kernel."""
    conv = SpatialConv(
        layer.filters,
        layer.kernel_size[1:],
        layer.strides[1:],
        layer.padding,
        use_bias=False,
        dtype=layer.dtype_policy,
        name=name,
    )
    conv.build(layer.input.shape)
    conv.kernel.assign(kernel)
    return conv


def _merged(chain: list) -> list[tuple[layers.Layer, list]]:
    """Layers, not built yet, that compute what the chain does, and their weights."""
    layer, *after = chain
    first = []
    if isinstance(layer, InflatedTGM):
        *first, layer = _folded(layer)
    pairs = [_copied(part) for part in first]
    if not after:
        return [*pairs, _copied(layer)]
    config = {**layer.get_config(), "use_bias": True, "name": after[-1].name}
    if len(after) == 2:
        config["activation"] = keras.activations.serialize(after[1].activation)
    merged = type(layer).from_config(config), _merged_weights(layer, after[0])
    return [*pairs, merged]


def _copied(layer) -> tuple[layers.Layer, list]:
    if isinstance(layer, keras.Model):
        copy = fuse(layer)
        return copy, copy.get_weights()
    return layers.deserialize(layers.serialize(layer)), layer.weights


def _merged_weights(conv, norm) -> list[np.ndarray]:
    mean, variance, kernel = (
        ops.convert_to_numpy(weight)
        for weight in (norm.moving_mean, norm.moving_variance, conv.kernel)
    )
    scale = 1 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        scale *= ops.convert_to_numpy(norm.gamma)
    shift = ops.convert_to_numpy(norm.beta) if norm.center else 0.0
    # A depthwise kernel ends with (channels, multiplier), any other with filters.
    depthwise = isinstance(conv, layers.DepthwiseConv2D)
    factors = scale.reshape(kernel.shape[2:]) if depthwise else scale
    return [kernel * factors, shift - mean * scale]

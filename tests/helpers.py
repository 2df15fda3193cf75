"""What several tests share: the contract of a layer, and known weights and inputs."""

import contextlib
from unittest import mock

import keras
import numpy as np
from keras import ops

from zoo.layers.gaussian import InflatedTGM

# Whether `check_layer` trains in a compiled step; see `tests/zoo/layers/conftest.py`.
COMPILED = True


@contextlib.contextmanager
def without_weights():
    """Networks built here have weights of a shape and no values, and come fast."""
    with keras.StatelessScope(initialize_variables=False):
        yield
    keras.utils.clear_session(free_memory=False)  # Keras would fill them later.


def filled(build, *args, **options) -> keras.Model:
    """Builds a network and fills it; no kernel is drawn before, which takes longest."""
    drawn = keras.initializers.VarianceScaling
    zeros = lambda self, shape, dtype=None: np.zeros(shape, "float32")  # noqa: E731
    with mock.patch.object(drawn, "__call__", zeros):
        model = build(*args, **options)
    fill(model)
    return model


def outputs_of(model: keras.Model, clip: np.ndarray):
    """What a network says, as arrays."""
    # JAX compiles each operation where it does not compile them together.
    together = keras.backend.backend() == "jax"
    if not model.compiled:
        model.compile(jit_compile=together, run_eagerly=not together)
    return model.predict_on_batch(clip)


def check_layer(layer, inputs, output_shape):
    """Config round trip, symbolic = real shape, bfloat16, and every weight trains."""
    outputs = layer(inputs)
    assert tuple(outputs.shape) == tuple(output_shape)
    specs = keras.tree.map_structure(
        lambda x: keras.KerasTensor((None, *x.shape[1:]), "float32"), inputs
    )
    assert tuple(layer(specs).shape) == (None, *output_shape[1:])
    config = layer.get_config()
    copy = type(layer).from_config(config)
    assert copy.get_config() == config
    copy(inputs)
    assert len(copy.weights) == len(layer.weights)
    for new, old in zip(copy.weights, layer.weights, strict=True):
        assert new.path.split("/")[1:] == old.path.split("/")[1:]
        new.assign(old)
    np.testing.assert_allclose(copy(inputs), outputs, rtol=1e-5, atol=1e-6)
    _check_bfloat16(type(layer), config, inputs)
    _check_trains(layer, inputs)


def _check_bfloat16(layer_class, config, inputs):
    layer = layer_class.from_config({**config, "dtype": "mixed_bfloat16"})
    outputs = layer(inputs)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert np.isfinite(np.asarray(ops.cast(outputs, "float32"))).all()


def _check_trains(layer, inputs):
    weights = layer.trainable_weights
    if not weights:
        return
    before = [np.array(ops.convert_to_numpy(w)) for w in weights]
    shapes = keras.tree.map_structure(lambda x: x.shape[1:], inputs)
    as_list = isinstance(inputs, list)
    symbolic = (
        [keras.Input(shape) for shape in shapes] if as_list else keras.Input(shapes)
    )
    model = keras.Model(symbolic, layer(symbolic))
    loss = lambda _, y: ops.mean(ops.square(y - 3.0))  # noqa: E731
    model.compile("sgd", loss=loss, run_eagerly=not COMPILED)
    batch = inputs[0].shape[0] if as_list else inputs.shape[0]
    model.train_on_batch(inputs, np.zeros((batch, 1), "float32"))
    for weight, old in zip(weights, before, strict=True):
        moved = np.abs(ops.convert_to_numpy(weight) - old).max()
        assert moved > 0, f"{weight.path} does not train"


def uniform(count: int, salt: int) -> np.ndarray:
    """Numbers in [-0.5, 0.5) that depend on position and salt alone."""
    k = (np.arange(count, dtype=np.uint64) + salt * 1000003) & 0xFFFFFFFF
    k = (k * 2654435761) & 0xFFFFFFFF
    k ^= k >> np.uint64(15)
    k = (k * 2246822519) & 0xFFFFFFFF
    k ^= k >> np.uint64(13)
    return k / 2**32 - 0.5


def known_clip(shape) -> np.ndarray:
    """Noise that is the same everywhere."""
    return (2 * uniform(int(np.prod(shape)), 7)).reshape(shape).astype("float32")


def fill(model: keras.Model) -> None:
    """Gives every weight values that depend on its role and shape alone."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            _fill_norm(layer)
        elif hasattr(layer, "kernel"):
            fan_axes = 2 if isinstance(layer, keras.layers.DepthwiseConv2D) else -1
            shape = layer.kernel.shape
            fan_in = np.prod(shape[:fan_axes])
            scale = np.sqrt(12) * np.sqrt(2 / fan_in)
            _assign(layer.kernel, scale * uniform(int(np.prod(shape)), 0))
            if getattr(layer, "use_bias", False):
                _assign(layer.bias, 0.1 * uniform(layer.bias.shape[0], 5))
        if isinstance(layer, InflatedTGM) and layer.kernel_size[0] > 1:
            _fill_mixture(layer)


def _fill_norm(layer) -> None:
    count = layer.moving_mean.shape[0]
    if layer.scale:
        _assign(layer.gamma, 1 + 0.2 * uniform(count, 1))
    if layer.center:
        _assign(layer.beta, 0.2 * uniform(count, 2))
    _assign(layer.moving_mean, 0.2 * uniform(count, 3))
    _assign(layer.moving_variance, 1 + 0.4 * uniform(count, 4))


def _fill_mixture(layer) -> None:
    _assign(layer.centre, 2 * uniform(layer.gaussians, 8))
    _assign(layer.width, uniform(layer.gaussians, 9))
    shape = layer.mixture_logits.shape
    _assign(layer.mixture_logits, 2 * uniform(int(np.prod(shape)), 10))


def _assign(weight, values: np.ndarray) -> None:
    weight.assign(values.reshape(weight.shape).astype("float32"))

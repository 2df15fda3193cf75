"""Do our layers cost more than Keras' own that compute the same?

    python benches/bench_layers.py [--part=layers] [--frames 3 7] [--rounds=15]
    python benches/bench_layers.py --part=networks [--names tvn1 inception_3d ...]

Part layers: `InflatedTGM` against a `Conv3D` of the same size. Part networks: each
family against the same network, with the same weights and outputs, of Keras' layers
alone. Two calls of each are made in turn, and what counts is the median of the ratios
of neighbours, as the machine is shared; beside it that of the time on the CPU, which
others disturb less. On TensorFlow, or with KERAS_BACKEND=jax.
"""

import argparse
import platform
from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops
from racing import raced

import zoo
from zoo import inference
from zoo.fusing import fuse
from zoo.layers import convolution, gating, normalization, pooling
from zoo.layers.gaussian import InflatedTGM
from zoo.layers.head import VideoHead

# Shapes of clips, filters, frames of the kernel, profile.
LAYERS = [
    ((1, 16, 28, 28, 128), 192, 3, "gaussian"),
    ((1, 16, 28, 28, 128), 192, 7, "gaussian"),
    ((4, 8, 14, 14, 160), 320, 3, "gaussian"),
    ((4, 8, 14, 14, 160), 320, 7, "gaussian"),
    ((4, 8, 14, 14, 160), 320, 3, "cauchy"),
    ((1, 16, 28, 28, 128), 192, 1, "gaussian"),
    # Small maps, where making a kernel takes as long as using it.
    ((1, 1, 4, 4, 192), 384, 3, "gaussian"),
    ((1, 2, 7, 7, 128), 256, 11, "cauchy"),
    ((1, 2, 4, 4, 341), 682, 3, "cauchy"),
]
# One network of each kind, and the clip that it reads here; None is its own.
NETWORKS = {
    "tvn1": None,
    "inception_itgm": (8, 112, 112, 3),
    "inception_3d": (8, 112, 112, 3),
    "inception_2plus1d": (8, 112, 112, 3),
    "evanet_k400_a": (8, 112, 112, 3),
    "assemblenet50": (16, 112, 112, 3),
}
NUM_CLASSES = 10
COLUMNS = ("forward", "forward, fused", "training step")


def compare_layers(sizes: list[int], rounds: int):
    for shape, filters, frames, profile in LAYERS:
        if frames not in sizes:
            continue
        size = (frames, 3, 3)
        clip = keras.Input(shape[1:])
        ours = keras.Model(clip, InflatedTGM(filters, size, profile=profile)(clip))
        conv = layers.Conv3D(filters, size, padding="same", use_bias=False)
        theirs = keras.Model(clip, conv(clip))
        name = f"{'x'.join(map(str, shape))} to {filters}, {frames} frames"
        compare(f"{name}, {profile}", ours, theirs, shape[0], rounds, watch=True)


def compare_networks(names: list[str], rounds: int):
    for name in names:
        options = {"num_classes": NUM_CLASSES, "input_shape": NETWORKS.get(name)}
        ours = zoo.create(name, **options)
        theirs = plain(ours)
        clip = random_clip((2, *ours.input_shape[1:]))
        outputs = [inference.compiled(model)(clip) for model in (ours, theirs)]
        np.testing.assert_allclose(*outputs, rtol=1e-3, atol=1e-4)
        title = f"{name}, {'x'.join(map(str, ours.input_shape[1:4]))}"
        compare(title, ours, theirs, 1, rounds)


def compare(title: str, ours, theirs, batch: int, rounds: int, watch: bool = False):
    clip = random_clip((batch, *ours.input_shape[1:]))
    cells = []
    for pair in [
        (inference.compiled(ours), inference.compiled(theirs)),
        (inference.compiled(fuse(ours)), inference.compiled(theirs)),
        (training_step(ours, watch), training_step(theirs, watch)),
    ]:
        result = ratios(*pair, clip, rounds)
        cells.append("{:.1f} / {:.1f} = **{:.2f}** ({:.2f})".format(*result))
    print(f"| {title} | {' | '.join(cells)} |", flush=True)


def ratios(ours: Callable, theirs: Callable, clip, rounds: int) -> tuple[float, ...]:
    """Median ms of both, and the median ratios of time and of time on the CPU."""
    calls = {"ours": lambda: ours(clip), "theirs": lambda: theirs(clip)}
    mine, other = (1000 * seconds for seconds in raced(calls, rounds).values())
    medians = np.median(mine, axis=0), np.median(other, axis=0)
    return medians[0][0], medians[1][0], *np.median(mine / other, axis=0)


def random_clip(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype="float32")


def training_step(model: keras.Model, watch: bool) -> Callable[[np.ndarray], object]:
    """Forward and backward; to the clip, too, as within a network, if `watch`."""
    if keras.backend.backend() == "jax":
        return _training_step_of_jax(model, watch)
    import tensorflow as tf

    @tf.function
    def step(clip):
        with tf.GradientTape() as tape:
            tape.watch(clip)
            loss = tf.reduce_mean(model(clip, training=True) ** 2)
        return tape.gradient(loss, model.trainable_weights + [clip] * watch)

    return lambda clip: step(tf.constant(clip))


def _training_step_of_jax(model: keras.Model, watch: bool) -> Callable:
    import jax

    def loss(trained, clip, others):
        outputs, others = model.stateless_call(trained, others, clip, training=True)
        return ops.mean(outputs**2), others

    arguments = (0, 1) if watch else 0
    gradient = jax.jit(jax.value_and_grad(loss, arguments, has_aux=True))
    trained = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]
    return lambda clip: jax.block_until_ready(gradient(trained, clip, others))


def plain(model: keras.Model) -> keras.Model:
    """The same network of Keras' own layers, layer by layer, with the same weights.

    A pool over space and one over time after it become the one that Keras has. What is
    not in `PLAIN` has no counterpart and stays.
    """
    clip = keras.Input(model.input_shape[1:])
    tensors = {id(model.input): clip}
    for layer in model.layers[1:]:
        build = PLAIN.get(type(layer), _copied)
        read = keras.tree.map_structure(lambda t: tensors[id(t)], layer.input)
        made = keras.tree.flatten(build(layer, read))
        for old, new in zip(keras.tree.flatten(layer.output), made, strict=True):
            tensors[id(old)] = new
    return keras.Model(clip, tensors[id(model.output)])


def _with_weights(new: layers.Layer, old: layers.Layer, x):
    outputs = new(x)
    pairs = zip(old.get_weights(), new.weights, strict=True)
    new.set_weights([value.reshape(weight.shape) for value, weight in pairs])
    return outputs


def _copied(layer, x, kind: type[layers.Layer] | None = None):
    config = {**layer.get_config(), "name": None}
    return _with_weights((kind or type(layer)).from_config(config), layer, x)


def _conv(layer, x):
    over_time = isinstance(layer, convolution.TemporalConv)
    sizes = [
        (*size, 1) if over_time else (1, *size)
        for size in (layer.kernel_size, layer.strides, layer.dilation_rate)
    ]
    new = layers.Conv3D(
        layer.filters,
        *sizes[:2],
        padding=layer.padding,
        dilation_rate=sizes[2],
        activation=layer.activation,
        use_bias=layer.use_bias,
    )
    return _with_weights(new, layer, x)


def _mixture(layer, x):
    return _copied(layer.fold(), x)


def _norm(layer, x):
    return _copied(layer, x, layers.BatchNormalization)


def _space_pool(layer, x):
    kind = POOLS[type(layer)]
    return kind((1, *layer.pool_size), (1, *layer.strides), layer.padding)(x)


def _time_pool(layer, x):
    kind, before = POOLS[type(layer)], x._keras_history.operation
    size, strides = (layer.pool_size[0], 1, 1), (layer.strides[0], 1, 1)
    if type(before) is kind and before.padding == layer.padding:
        size, strides = (
            tuple(map(max, *pair))
            for pair in [(size, before.pool_size), (strides, before.strides)]
        )
        x = before.input
    return kind(size, strides, layer.padding)(x)


def _gate(layer, x):
    gate = layers.GlobalAveragePooling3D()(x)
    for dense in layer.dense:
        gate = _copied(dense, gate)
    return layers.Multiply()([x, layers.Reshape((1, 1, 1, -1))(gate)])


def _head(layer, x):
    _, frames, height, width, _ = x.shape
    pairs = layer.pooling == "pairs" and frames > 1
    window = (2 if pairs else frames, height, width)
    x = layers.AveragePooling3D(window, 1)(x)
    x = layers.Dropout(layer.dropout)(x)
    return layers.GlobalAveragePooling3D()(_copied(layer.dense, x))


POOLS = {
    pooling.SpatialMaxPool: layers.MaxPooling3D,
    pooling.TemporalMaxPool: layers.MaxPooling3D,
    pooling.SpatialAveragePool: layers.AveragePooling3D,
    pooling.TemporalAveragePool: layers.AveragePooling3D,
}
# What each of our layers is of Keras' own: from the layer and a tensor, a tensor. Keras
# has no depthwise 3D convolution that TensorFlow trains on a CPU.
PLAIN: dict[type[layers.Layer], Callable] = {
    convolution.SpatialConv: _conv,
    convolution.TemporalConv: _conv,
    InflatedTGM: _mixture,
    normalization.BatchNorm: _norm,
    pooling.SpatialMaxPool: _space_pool,
    pooling.SpatialAveragePool: _space_pool,
    pooling.TemporalMaxPool: _time_pool,
    pooling.TemporalAveragePool: _time_pool,
    gating.SqueezeExcite: _gate,
    gating.ContextGate: _gate,
    VideoHead: _head,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("layers", "networks", "all"), default="all")
    parser.add_argument("--names", nargs="+", default=list(NETWORKS))
    parser.add_argument("--frames", nargs="+", type=int, default=[1, 3, 7, 11])
    parser.add_argument("--rounds", type=int, default=15)
    flags = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {keras.backend.backend()}")
    print("Milliseconds of ours / of Keras' = median ratio (of their CPU time)\n")
    print(f"| | {' | '.join(COLUMNS)} |\n|{'---|' * (1 + len(COLUMNS))}")
    if flags.part != "networks":
        compare_layers(flags.frames, flags.rounds)
    if flags.part != "layers":
        compare_networks(flags.names, flags.rounds)


if __name__ == "__main__":
    main()

"""Tiny Video Networks (https://arxiv.org/abs/1910.06961)."""

import keras
from keras import layers

from zoo.genotypes.plans.tiny_video import Instance, merged
from zoo.genotypes.tally import Features
from zoo.genotypes.tiny_video import SpatialLayer, TemporalLayer, TinyVideoGenotype
from zoo.layers.convolution import SpatialConv, SpatialDepthwiseConv, TemporalConv
from zoo.layers.fusion import Resample
from zoo.layers.gating import ContextGate, SqueezeExcite
from zoo.layers.head import VideoHead
from zoo.layers.non_local import NonLocal
from zoo.layers.normalization import BatchNorm
from zoo.layers.pooling import (
    SpatialAveragePool,
    SpatialMaxPool,
    TemporalAveragePool,
    TemporalMaxPool,
)

POOLS = {
    (SpatialLayer, "max_pool"): SpatialMaxPool,
    (SpatialLayer, "average_pool"): SpatialAveragePool,
    (TemporalLayer, "max_pool"): TemporalMaxPool,
    (TemporalLayer, "average_pool"): TemporalAveragePool,
}
# He et al.'s initialiser, as the released code has it.
HE = {"kernel_initializer": "he_normal", "use_bias": False}


def build(
    genotype: TinyVideoGenotype,
    input_shape: tuple[int, int, int, int] | None = None,
    num_classes: int = 400,
    include_top: bool = True,
    pooling: str = "average",
    dropout: float = 0.5,
) -> keras.Model:
    """Builds a Tiny Video Network.

    The semantics are those of the released code (google-research, tiny_video_nets,
    commit 0c1bbe5f), whose forward pass it equals. What that code documents but does
    not do, or can not run, is ours: the non-local layer follows Wang et al. after the
    gates; an inverted block's one leading 1x1 convolution is its expansion; streams
    and blocks that meet are resampled to the smallest and concatenated.

    Args:
        genotype: Which network.
        input_shape: (frames, height, width, channels); None is the genotype's clip,
            which a network of several streams needs.
        num_classes: Width of the classifier.
        include_top: Whether to end with the classifier.
        pooling: How the classifier joins frames; see `VideoHead`.
        dropout: Before the classifier; see `VideoHead`.

    Returns:
        Model from `clip`, float32 of (batch, frames, height, width, channels), RGB in
        [0, 1] or flow, to logits (batch, num_classes), or without the top to the last
        block's features. Each block's output is an endpoint: `block0`, `block1`, ...
    """
    input_shape = genotype.clip_shape(input_shape)
    clip = keras.Input(input_shape, name="clip")
    known = {}
    for index, shape in enumerate(genotype.stream_shapes(input_shape)):
        frames = genotype.frames_of(index)
        name = f"stream{index}_resample"
        known[f"stream{index}"] = _resampled(clip, shape, frames, name)
    for index, (inputs, instances) in enumerate(genotype.block_inputs(input_shape)):
        x = _joined([known[n] for n in genotype.inputs_of(index)], inputs, index)
        for instance in instances:
            last = instance is instances[-1]
            x = _instance(x, instance, f"block{index}" if last else None)
        known[f"block{index}"] = x
    if include_top:
        head = VideoHead(num_classes, pooling, dropout, dtype="float32", name="head")
        x = head(x)
    return keras.Model(clip, x)


def _instance(x, instance: Instance, output_name: str | None):
    block, name = instance.block, instance.name
    shortcut = x
    if instance.lead:
        # The leading convolution has the activation of the layer that it feeds.
        activation = instance.spatial.activation if instance.spatial else "relu"
        x = _pointwise(x, block.width, f"{name}_lead", activation)
    for layer, part in [(instance.spatial, "spatial"), (instance.temporal, "temporal")]:
        if layer:
            x = _layer(x, layer, block.width, f"{name}_{part}")
    if not block.inverted:
        x = _pointwise(x, block.output_channels, f"{name}_expand")
    if instance.squeeze_units:
        x = SqueezeExcite(instance.squeeze_units, name=f"{name}_squeeze")(x)
    if block.context_gate:
        x = ContextGate(name=f"{name}_gate")(x)
    if block.inverted:
        x = _pointwise(x, block.output_channels, f"{name}_project")
    if instance.non_local:
        bottleneck = instance.non_local.bottleneck
        x = NonLocal(bottleneck, instance.pool_size, name=f"{name}_non_local")(x)
    if instance.skip:
        stride = instance.spatial.stride if instance.spatial else 1
        channels = block.output_channels
        shortcut = _pointwise(shortcut, channels, f"{name}_skip", strides=stride)
        x = layers.Add(name=f"{name}_add")([x, shortcut])
    return _activation(x, block.activation, output_name or f"{name}_output")


def _layer(x, layer: SpatialLayer | TemporalLayer, filters: int, name: str):
    options = {"strides": layer.stride, "padding": "same", "name": name}
    if (type(layer), layer.type) in POOLS:
        return POOLS[type(layer), layer.type](layer.kernel, **options)(x)
    if layer.type == "depthwise":
        x = SpatialDepthwiseConv(
            layer.kernel, depthwise_initializer="he_normal", use_bias=False, **options
        )(x)
    else:
        conv = SpatialConv if isinstance(layer, SpatialLayer) else TemporalConv
        x = conv(filters, layer.kernel, **HE, **options)(x)
    return _activation(_norm(x, name), layer.activation, f"{name}_activation")


def _pointwise(
    x, filters: int, name: str, activation: str | None = None, strides: int = 1
):
    x = SpatialConv(filters, 1, strides, padding="same", name=name, **HE)(x)
    x = _norm(x, name)
    return _activation(x, activation, f"{name}_activation") if activation else x


def _norm(x, name: str):
    return BatchNorm(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)


def _activation(x, activation: str, name: str):
    function = {"relu": "relu", "hard_swish": "hard_silu"}[activation]
    return layers.Activation(function, name=name)(x)


def _joined(tensors: list, shapes: list[Features], index: int):
    if len(tensors) == 1:
        return tensors[0]
    target = merged(shapes)
    resampled = []
    for position, (x, shape) in enumerate(zip(tensors, shapes, strict=True)):
        step = shape.frames / target.frames
        frames = [int((i + 0.5) * step) for i in range(target.frames)]
        name = f"block{index}_input{position}_resample"
        resampled.append(_resampled(x, target, frames, name))
    return layers.Concatenate(name=f"block{index}_concat")(resampled)


def _resampled(x, target: Features, frames: list[int], name: str):
    if tuple(x.shape[1:4]) == (target.frames, target.height, target.width):
        return x
    return Resample(frames, target.height, target.width, name=name)(x)

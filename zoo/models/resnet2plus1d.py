"""(2+1)D ResNets of basic blocks (https://arxiv.org/abs/1711.11248)."""

import keras
from keras import layers

from zoo.genotypes.plans.residual import CONVOLUTIONS, Layer, Module
from zoo.genotypes.resnet2plus1d import ResNet2Plus1DGenotype
from zoo.layers.convolution import SpatialConv, TemporalConv
from zoo.layers.fusion import Resample
from zoo.layers.head import VideoHead
from zoo.layers.normalization import BatchNorm


def build(
    genotype: ResNet2Plus1DGenotype,
    input_shape: tuple[int, int, int, int] | None = None,
    num_classes: int = 400,
    include_top: bool = True,
    pooling: str = "average",
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a (2+1)D ResNet, which equals torchvision's `r2plus1d_18` where that is.

    Its norms and the initial weights are those of torchvision, too.

    Args:
        genotype: Which network.
        input_shape: (frames, height, width, channels); None is the genotype's clip.
        num_classes: Width of the classifier.
        include_top: Whether to end with the classifier.
        pooling: How the classifier joins frames; see `VideoHead`.
        dropout: Before the classifier; see `VideoHead`.

    Returns:
        Model from `clip`, float32 of (batch, frames, height, width, channels), RGB in
        [0, 1] or flow, to logits (batch, num_classes), or without the top to the last
        stage's features. Endpoints are `stem`, `stage1`, `stage2`, ...
    """
    input_shape = genotype.clip_shape(input_shape)
    plan = genotype.plan(input_shape)
    x = clip = keras.Input(input_shape, name="clip")
    for layer in plan.stem:
        x = _layer(x, layer)
    for stage in plan.stages:
        for block in stage:
            x = _block(x, block)
    if include_top:
        head = VideoHead(num_classes, pooling, dropout, dtype="float32", name="head")
        x = head(x)
    return keras.Model(clip, x)


def _block(x, block: Module):
    shortcut = x
    for layer in block.shortcut:
        shortcut = _layer(shortcut, layer)
    for layer in block.layers:
        x = _layer(x, layer)
    x = layers.Add(name=block.name)([x, shortcut])
    return layers.Activation("relu", name=block.activation)(x)


def _layer(x, layer: Layer):
    if layer.kind not in CONVOLUTIONS:
        return _plain(layer)(x)
    conv = SpatialConv if layer.kind == "space" else TemporalConv
    x = conv(
        layer.output.channels,
        layer.size,
        layer.stride,
        # What strides is padded already.
        padding="valid" if layer.stride > 1 else "same",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, "fan_out", "untruncated_normal"
        ),
        name=layer.name,
    )(x)
    x = BatchNorm(momentum=0.9, epsilon=1e-5, name=f"{layer.name}_norm")(x)
    return (
        layers.Activation("relu", name=layer.activation)(x) if layer.activation else x
    )


def _plain(layer: Layer) -> layers.Layer:
    """A layer without weights."""
    if layer.kind == "frames":
        frames = list(range(0, layer.input.frames, layer.stride))
        return Resample(frames, layer.input.height, layer.input.width, name=layer.name)
    frames, pixels = (layer.size, 0) if layer.kind == "pad_time" else (0, layer.size)
    return layers.ZeroPadding3D((frames, pixels, pixels), name=layer.name)

"""The residual networks of EvaNet (https://arxiv.org/abs/1811.10636)."""

import keras
from keras import layers

from zoo.genotypes.evanet import EvaNetGenotype
from zoo.genotypes.plans.evanet import Convolution, Pool, Repeat, stem
from zoo.layers.convolution import JointConv, SpatialConv, TemporalConv
from zoo.layers.flow import flow_of
from zoo.layers.gaussian import InflatedTGM
from zoo.layers.head import VideoHead
from zoo.layers.normalization import BatchNorm, FixedBatchNorm
from zoo.layers.pooling import SpatialMaxPool, TemporalMaxPool

# He et al.'s initialiser, as the released code has it.
HE = {"kernel_initializer": "he_normal", "use_bias": False, "padding": "same"}


def build(
    genotype: EvaNetGenotype,
    input_shape: tuple[int, int, int, int] | None = None,
    num_classes: int = 400,
    include_top: bool = True,
    pooling: str = "pairs",
    dropout: float = 0.5,
    release: bool = False,
    flow: str | None = None,
) -> keras.Model:
    """Builds a residual EvaNet.

    The semantics are those of the released code (google-research, evanet, commit
    066e6a12), whose forward pass it equals. Unlike there, the norm inside a (2+1)D
    convolution trains as any other, unless `release` is set.

    Args:
        genotype: Which network.
        input_shape: (frames, height, width, channels): 3 channels of RGB or 2 of
            optical flow; None is the genotype's clip of RGB.
        num_classes: Width of the classifier.
        include_top: Whether to end with the classifier.
        pooling: How the classifier joins frames; see `VideoHead`.
        dropout: Before the classifier; see `VideoHead`.
        release: Whether the norm inside a (2+1)D convolution uses its moving
            statistics in training, too, so that they never move: what the released
            code does, where an argument is not passed on.
        flow: Where the network reads optical flow that it computes from RGB: "tvl1" or
            "representation", layers of `zoo/layers/flow.py`; None reads what it is
            given.

    Returns:
        Model from `clip`, float32 RGB in [0, 1] of (batch, frames, height, width, 3),
        or flow, to logits (batch, num_classes), or without the top to the last block's
        features (batch, frames, height, width, channels). Endpoints are the first
        convolution, the pools and the blocks: `conv1`, `pool1`, `block2`, `pool2`, ...
    """
    maker = _Maker(genotype, release)
    clip = keras.Input(genotype.clip_shape(input_shape), name="clip")
    x = flow_of(clip, flow) if flow else clip
    x = maker.convolution(x, stem(genotype), output_name="conv1")
    for pool, repeats in genotype.stages:
        x = maker.pool(x, pool, output_name=pool.name)
        for repeat in repeats:
            x = maker.repeat(x, repeat)
    if include_top:
        head = VideoHead(num_classes, pooling, dropout, dtype="float32", name="head")
        x = head(x)
    return keras.Model(clip, x)


class _Maker:
    def __init__(self, genotype: EvaNetGenotype, release: bool):
        self.mixture = {"gaussians": genotype.gaussians, "profile": genotype.profile}
        self.inner_norm = FixedBatchNorm if release else BatchNorm

    def repeat(self, x, repeat: Repeat):
        outputs = [self._row(x, row) for row in repeat.branches]
        shortcut = x
        if repeat.shortcut:
            shortcut = self.convolution(x, repeat.shortcut)
        x = outputs[0]
        if len(outputs) > 1:
            x = layers.Concatenate(name=f"{repeat.name}_concat")(outputs)
        x = layers.Add(name=f"{repeat.name}_add")([x, shortcut])
        return _relu(x, repeat.output_name)

    def _row(self, x, row: list[Convolution | Pool]):
        for layer in row:
            pools = isinstance(layer, Pool)
            x = self.pool(x, layer) if pools else self.convolution(x, layer)
        return x

    def convolution(self, x, part: Convolution, output_name: str | None = None):
        name, area = part.name, (part.size, part.size)
        frames, pixels = part.strides
        if part.factorised:
            inner, time = f"{name}_temporal", part.conv.time
            x = TemporalConv(part.inner_filters, time, frames, name=inner, **HE)(x)
            x = _relu(_norm(x, inner, self.inner_norm), f"{inner}_activation")
            own = f"{name}_spatial"
            x = SpatialConv(part.filters, area, pixels, name=own, **HE)(x)
        else:
            x = self._joint(part)(x)
        x = _norm(x, name)
        if part.activate:
            x = _relu(x, output_name or f"{name}_activation")
        return x

    def _joint(self, part: Convolution) -> layers.Layer:
        """The layer of a convolution over space and time at once."""
        frames, pixels = part.strides
        name = part.name if part.size == 1 else f"{part.name}_conv"
        if part.conv.time == 1 and frames == 1:
            return SpatialConv(part.filters, part.size, pixels, name=name, **HE)
        kernel = (part.conv.time, part.size, part.size)
        options = {"strides": (frames, pixels, pixels), "name": name}
        if part.mixes:
            return InflatedTGM(part.filters, kernel, **options, **self.mixture)
        return JointConv(part.filters, kernel, **options, **HE)

    def pool(self, x, part: Pool, output_name: str | None = None):
        space, time = f"{part.name}_space", output_name or f"{part.name}_time"
        frames, pixels = part.strides
        if not part.over_time:
            space = output_name or space
        x = SpatialMaxPool(part.size, pixels, padding="same", name=space)(x)
        if part.over_time:
            x = TemporalMaxPool(part.time, frames, padding="same", name=time)(x)
        return x


def _norm(x, name: str, norm: type[BatchNorm] = BatchNorm):
    return norm(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)


def _relu(x, name: str):
    return layers.Activation("relu", name=name)(x)

"""EvaNet's Inception networks, I3D and S3D (https://arxiv.org/abs/1811.10636)."""

import keras
from keras import layers

from zoo.genotypes.inception import InceptionGenotype
from zoo.genotypes.plans.chains import Chains, Stage, Step
from zoo.layers.convolution import JointConv, SpatialConv, TemporalConv
from zoo.layers.flow import flow_of
from zoo.layers.fusion import Resample
from zoo.layers.gaussian import InflatedTGM
from zoo.layers.head import VideoHead
from zoo.layers.normalization import BatchNorm
from zoo.layers.pooling import SpatialMaxPool, TemporalMaxPool
from zoo.layers.scaling import ClipScale

# As the released networks of EvaNet; the paper names no initialiser.
HE = {"kernel_initializer": "he_normal"}


def build(
    genotype: InceptionGenotype,
    input_shape: tuple[int, int, int, int] | None = None,
    num_classes: int = 400,
    include_top: bool = True,
    pooling: str = "pairs",
    dropout: float = 0.5,
    flow: str | None = None,
) -> keras.Model:
    """Builds an Inception network over space and time.

    The norms have the epsilon of I3D's public weights, 1e-3, as the paper gives none.
    Their moving averages decay by 0.9, as in EvaNet's released code: I3D's 0.999 would
    not settle in the 1,000 steps that a candidate of the search trains. A maximum pool
    over space and time is one over space and one over time, which is the same. First
    is `clip_scale`, which changes nothing but where weights from elsewhere need it.

    Args:
        genotype: Which network.
        input_shape: (frames, height, width, channels); None is the genotype's clip.
        num_classes: Width of the classifier.
        include_top: Whether to end with the classifier.
        pooling: How the classifier joins frames; see `VideoHead`.
        dropout: Before the classifier; see `VideoHead`.
        flow: Where the network reads optical flow that it computes from RGB: "tvl1" or
            "representation", layers of `zoo/layers/flow.py`; None reads what it is
            given.

    Returns:
        Model from `clip`, float32 of (batch, frames, height, width, channels), RGB in
        [0, 1] or flow, to logits (batch, num_classes), or without the top to the last
        module's features. Endpoints are `conv1a`, `pool2a`, ..., `module5c`.
    """
    input_shape = genotype.clip_shape(input_shape)
    clip = keras.Input(input_shape, name="clip")
    x = flow_of(clip, flow) if flow else clip
    x = ClipScale(name="clip_scale")(x)
    for stage in genotype.stages(tuple(x.shape[1:])):
        x = _stage(x, stage)
    if include_top:
        head = VideoHead(num_classes, pooling, dropout, dtype="float32", name="head")
        x = head(x)
    return keras.Model(clip, x)


def _stage(x, stage: Stage):
    outputs = [
        _slot(x, chains, f"{stage.name}_{slot}") for slot, chains in stage.slots.items()
    ]
    if len(outputs) == 1:
        return outputs[0]
    return layers.Concatenate(name=stage.name)(outputs)


def _slot(x, chains: Chains, name: str):
    outputs = []
    for chain in chains:
        y = x
        for step in chain:
            y = _step(y, step)
        outputs.append(y)
    if len(outputs) == 1:
        return outputs[0]
    return layers.Average(name=f"{name}_mean")(outputs)


def _step(x, step: Step):
    x = _layer(step)(x)
    if not step.activation:
        return x
    x = BatchNorm(momentum=0.9, epsilon=1e-3, name=f"{step.name}_norm")(x)
    return layers.Activation("relu", name=step.activation)(x)


def _layer(step: Step) -> layers.Layer:
    window, filters = step.window, step.output.channels
    options = {"padding": step.padding, "name": step.name}
    size = (window.time, window.size, window.size)
    strides = (window.time_stride, window.stride, window.stride)
    if step.kind == "pad":
        # Zeros do for pools, too: what they read comes out of a ReLU.
        return layers.ZeroPadding3D(size, name=step.name)
    if step.kind == "frames":
        frames = list(range(0, step.input.frames, window.time_stride))
        return Resample(frames, step.input.height, step.input.width, name=step.name)
    if step.kind == "space_pool":
        return SpatialMaxPool(window.size, window.stride, **options)
    if step.kind == "time_pool":
        return TemporalMaxPool(window.time, window.time_stride, **options)
    if step.kind == "itgm":
        return InflatedTGM(filters, size, strides, step.gaussians, **HE, **options)
    options |= {"use_bias": False, **HE}
    if step.kind == "space":
        return SpatialConv(filters, window.size, window.stride, **options)
    if step.kind == "time":
        return TemporalConv(filters, window.time, window.time_stride, **options)
    return JointConv(filters, size, strides, **options)

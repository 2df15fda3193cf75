"""What the picture of a Tiny Video Network shows: streams, blocks, and the head."""

from collections.abc import Iterator

from zoo.genotypes.base import ClipSpec
from zoo.genotypes.plans.tiny_video import Instance
from zoo.genotypes.tiny_video import SpatialLayer, TemporalLayer, TinyVideoGenotype
from zoo.sketches.parts import (
    Box,
    Cell,
    Series,
    Sketch,
    Split,
    clip_box,
    shape_text,
)
from zoo.sketches.space_time import MEAN_HEAD, point

WORDS = {
    "conv": "convolution",
    "depthwise": "depthwise convolution",
    "max_pool": "max pool",
    "average_pool": "average pool",
}


def sketch(genotype: TinyVideoGenotype, clip: ClipSpec) -> Sketch:
    """The boxes and edges of a Tiny Video Network."""
    boxes, edges = list(_streams(genotype, clip)), []
    for index, (inputs, instances) in enumerate(genotype.block_inputs(clip.shape)):
        name, shape = f"block{index}", shape_text(instances[-1].output)
        lines, layers = tuple(_lines(instances)), _layers(len(inputs), instances)
        boxes.append(Box(name, f"Block {index}", lines, shape, layers=layers))
        edges += [(source, name) for source in genotype.inputs_of(index)]
    edges.append((boxes[-1].name, "head"))
    boxes.append(MEAN_HEAD)
    return Sketch(tuple(boxes), tuple(edges))


def _streams(genotype: TinyVideoGenotype, clip: ClipSpec) -> Iterator[Box]:
    if len(genotype.streams) == 1:
        yield clip_box(clip, "stream0")
        return
    for index, own in enumerate(genotype.streams):
        spec = ClipSpec(own.frames, own.rate, own.size, own.size)
        yield clip_box(spec, f"stream{index}", f"Stream {index}")


def _lines(instances: list[Instance]) -> Iterator[str]:
    block = instances[0].block
    if block.repeats > 1:
        yield f"{block.repeats} times"
    if block.inverted:
        yield "inverted"
    if block.activation != "relu":
        yield block.activation.replace("_", " ")


def _layers(inputs: int, instances: list[Instance]) -> Series:
    """The layers of one repeat, after the concatenation of the inputs."""
    inner = tuple(_inner(instances[0]))
    if any(instance.skip for instance in instances):
        around = Cell("point", "1x1x1 convolution around the others (skip)", "1")
        inner = (Split(((around,), inner), Cell("sum", "Sum with the skip", "sum")),)
    if inputs == 1:
        return inner
    label = f"joins {inputs} inputs"
    words = f"Concatenation of {inputs} inputs, resampled to the smallest"
    return (Cell("concat", words, label=label), *inner)


def _inner(first: Instance) -> Iterator[Cell]:
    block = first.block
    expansion = point(block.output_channels, label=True)
    if first.lead:
        yield point(block.width, label=True)
    if first.spatial:
        yield _spatial(first.spatial)
    if first.temporal:
        yield _temporal(first.temporal, block.repeats)
    if not block.inverted:
        yield expansion
    if first.squeeze_units:
        label = f"squeeze-excite, {first.squeeze_units} units"
        yield Cell("gate", label.capitalize(), "SE", label)
    if block.context_gate:
        yield Cell("gate", "Context gate", "CG", "context gate")
    if block.inverted:
        yield expansion
    if first.non_local:
        side = first.non_local.pooled_size
        label = f"non-local, {first.non_local.bottleneck} channels, {side}x{side} keys"
        yield Cell("attention", label.capitalize(), "NL", label)


def _spatial(layer: SpatialLayer) -> Cell:
    kernel = f"{layer.kernel}x{layer.kernel}"
    kind = "pool" if layer.type.endswith("pool") else "spatial"
    title = f"{WORDS[layer.type]} of {kernel} pixels{_settings(layer)}"
    label = f"{layer.type} {kernel}{_settings(layer)}".replace("_", " ")
    return Cell(kind, title.capitalize(), kernel, label)


def _temporal(layer: TemporalLayer, repeats: int) -> Cell:
    kind = "pool" if layer.type.endswith("pool") else "temporal"
    title = f"{WORDS[layer.type]} of {layer.kernel} frames{_settings(layer)}"
    label = f"time: {layer.type} {layer.kernel}{_settings(layer)}".replace("_", " ")
    if repeats > 1:
        title, label = f"{title}, every second time", f"{label}, every 2nd time"
    return Cell(kind, title.capitalize(), str(layer.kernel), label)


def _settings(layer: SpatialLayer | TemporalLayer) -> str:
    stride = f", stride {layer.stride}" if layer.stride > 1 else ""
    other = layer.activation != "relu"
    return stride + (f", {layer.activation.replace('_', ' ')}" if other else "")

"""What a picture of a network shows: boxes and edges, as each family gives them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from zoo.genotypes import Genotype, TinyVideoGenotype
from zoo.genotypes.base import check
from zoo.genotypes.plans.tiny_video import Instance
from zoo.genotypes.tally import Features


@dataclass(frozen=True)
class Box:
    """A part of a network.

    Args:
        name: By which edges find it.
        title: Its place, which may differ where the part is the same.
        lines: What it is made of; boxes of equal lines are equal parts.
        shape: Of what leaves it.
        kind: Only boxes of one kind are compared.
    """

    name: str
    title: str
    lines: tuple[str, ...]
    shape: str = ""
    kind: str = "block"


@dataclass(frozen=True)
class Sketch:
    """Boxes, each after those that it reads, and edges as pairs of their names."""

    boxes: tuple[Box, ...]
    edges: tuple[tuple[str, str], ...]


def sketch(genotype: Genotype) -> Sketch:
    """The boxes and edges of a network of any family."""
    known = [genotype_class.__name__ for genotype_class in SKETCHES]
    check(type(genotype) in SKETCHES, "genotype", f"one of {known}", genotype)
    return SKETCHES[type(genotype)](genotype)


def _sketch_tiny_video(genotype: TinyVideoGenotype) -> Sketch:
    boxes, edges = [], []
    shapes = genotype.stream_shapes()
    for index, (stream, shape) in enumerate(zip(genotype.streams, shapes, strict=True)):
        title = f"Stream {index}" if len(shapes) > 1 else "Clip"
        frames = "1 frame" if stream.frames == 1 else f"{stream.frames} frames"
        rate = f"{frames}, {stream.rate:g} per second"
        size = f"{stream.size}x{stream.size} pixels"
        name = f"stream{index}"
        boxes.append(Box(name, title, (rate, size), _shape(shape), "clip"))
    for index, (inputs, instances) in enumerate(genotype.block_inputs()):
        lines = tuple(_block_lines(len(inputs), instances))
        name, shape = f"block{index}", _shape(instances[-1].output)
        boxes.append(Box(name, f"Block {index}", lines, shape))
        edges += [(source, name) for source in genotype.inputs_of(index)]
    edges.append((boxes[-1].name, "head"))
    boxes.append(Box("head", "Head", ("mean over all places", "dense"), "", "head"))
    return Sketch(tuple(boxes), tuple(edges))


def _block_lines(inputs: int, instances: list[Instance]) -> Iterator[str]:
    first, block = instances[0], instances[0].block
    if inputs > 1:
        yield f"joins {inputs} inputs"
    if block.repeats > 1:
        yield f"{block.repeats} times"
    if first.lead:
        yield f"1x1 to {block.width} channels"
    if first.spatial:
        kernel = f"{first.spatial.kernel}x{first.spatial.kernel}"
        yield _layer(first.spatial, kernel)
    if first.temporal:
        often = " (every second time)" if block.repeats > 1 else ""
        yield f"time: {_layer(first.temporal, str(first.temporal.kernel))}{often}"
    if not block.inverted:
        yield f"1x1 to {block.output_channels} channels"
    if first.squeeze_units:
        yield f"squeeze-excite, {first.squeeze_units} units"
    if block.context_gate:
        yield "context gate"
    if block.inverted:
        yield f"1x1 to {block.output_channels} channels"
    if first.non_local:
        side = first.non_local.pooled_size
        yield f"non-local, {first.non_local.bottleneck} channels, {side}x{side} keys"
    if block.skip:
        yield "skip connection"
    if block.activation != "relu":
        yield block.activation.replace("_", " ")


def _layer(layer, kernel: str) -> str:
    words = [f"{layer.type} {kernel}"]
    if layer.stride > 1:
        words.append(f"stride {layer.stride}")
    if layer.activation != "relu":
        words.append(layer.activation)
    return ", ".join(words).replace("_", " ")


def _shape(shape: Features) -> str:
    return f"{shape.frames}x{shape.height}x{shape.width}x{shape.channels}"


SKETCHES: dict[type[Genotype], Callable[[Genotype], Sketch]] = {
    TinyVideoGenotype: _sketch_tiny_video,
}

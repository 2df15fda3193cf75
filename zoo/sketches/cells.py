"""What the picture of a network of cells shows: each kind of cell once, in full."""

import itertools
from collections.abc import Iterator

from zoo.genotypes.base import ClipSpec
from zoo.genotypes.cells import CellGenotype
from zoo.genotypes.plans.cells import INPUTS, CellPlan, Connection, Layer, Layers
from zoo.sketches.parts import (
    Box,
    Cell,
    Edge,
    Series,
    Sketch,
    Split,
    clip_box,
    shape_text,
)
from zoo.sketches.space_time import strided

HEAD = Box(
    "head",
    "Head",
    ("mean over all places", "dense"),
    kind="head",
    layers=(
        Cell("pool", "Average over all frames and pixels", "all"),
        Cell("dense", "Dense layer, one output per class", "fc"),
    ),
)
NOTE = (
    "Each kind of cell is drawn once, below the kind that comes before it; input 0 is "
    "the output of the cell before the last."
)
SUM = Cell("sum", "Sum of the edges", "sum")
SIZES = {"rows": "{0}x1", "columns": "1x{0}"}


def sketch(genotype: CellGenotype, clip: ClipSpec) -> Sketch:
    """The boxes of stem, cells and head, and which output each of them reads."""
    plan = genotype.plan(clip.shape)
    places: dict[str, list[int]] = {}
    for index, cell in enumerate(plan.cells):
        places.setdefault(cell.frame.kind, []).append(index)
    boxes = [clip_box(clip)]
    shape = shape_text(plan.stem[-1].output)
    boxes.append(Box("stem", "Stem", (), shape, "stem", _series(plan.stem)))
    edges, last = [("clip", "stem")], "stem"
    for kind, indices in places.items():
        cell = plan.cells[indices[0]]
        known = list(_cell(cell, kind, indices, len(plan.cells)))
        boxes += known
        edges += [(last, box.name) for box in known[:INPUTS]]
        edges += _edges(cell, kind)
        last = known[-1].name
    boxes.append(HEAD)
    # Both inputs of a cell stand side by side, and each node below the node before.
    ranks = itertools.accumulate(not box.kind.endswith("input 1") for box in boxes)
    return Sketch(
        tuple(boxes),
        (*edges, (last, "head")),
        ranks=tuple(rank - 1 for rank in ranks),
        note=NOTE,
    )


def _cell(cell: CellPlan, kind: str, places: list[int], count: int) -> Iterator[Box]:
    words = kind.replace("_", " ").capitalize()
    title = words if words == "Cell" else f"{words} cell"
    for place, row in enumerate(cell.frame.inputs):
        which = ("of 2 cells back", "of the last cell")[place]
        name, shape = _source(kind, place), shape_text(row[-1].output)
        yield Box(
            name,
            f"Input {place}",
            (which,),
            shape,
            f"{kind} input {place}",
            _series(row),
        )
    for index, node in enumerate(cell.nodes):
        lines = tuple(_words(connection) for connection in node)
        branches = tuple(_series(connection.layers) for connection in node)
        layers = (Split(branches, SUM),) if len(node) > 1 else branches[0]
        name = _source(kind, index + INPUTS)
        own = f"{kind} node {index}"  # Compared with the same node alone.
        yield Box(name, f"Node {index}", lines, layers=layers, kind=own)
    joined = (Cell("concat", "Concatenation of all nodes"),)
    lines = ("all nodes", *_lines(places, count))
    shape = shape_text(cell.output)
    yield Box(kind, title, lines, shape, f"{kind} output", joined)


def _lines(places: list[int], count: int) -> Iterator[str]:
    if places == list(range(count)):
        yield "1 cell" if count == 1 else f"all {count} cells"
        return
    for begin in range(0, len(places), 4):
        numbers = ", ".join(str(place) for place in places[begin : begin + 4])
        yield numbers if begin else f"at {numbers} of {count}"


def _edges(cell: CellPlan, kind: str) -> Iterator[Edge]:
    for index, node in enumerate(cell.nodes):
        name = _source(kind, index + INPUTS)
        for connection in node:
            yield (_source(kind, connection.source), name)
        yield (name, kind)


def _source(kind: str, source: int) -> str:
    part = f"input{source}" if source < INPUTS else f"node{source - INPUTS}"
    return f"{kind}_{part}"


def _words(connection: Connection) -> str:
    source = connection.source
    read = f"input {source}" if source < INPUTS else f"node {source - INPUTS}"
    words = connection.operation.replace("_", " ")
    return f"{words} of {read}"


def _series(layers: Layers) -> Series:
    return tuple(filter(None, map(_layer, layers)))


def _layer(layer: Layer) -> Cell | None:
    stride, size = strided(layer.stride), f"{layer.size}x{layer.size}"
    if layer.kind.startswith(("max", "average")):
        kind, _, axis = layer.kind.partition("_")
        frames = f"{layer.size} frames"
        words, text = (
            (f"{size} pixels", size) if axis == "space" else (frames, str(layer.size))
        )
        return Cell("pool", f"{kind.capitalize()} pool of {words}{stride}", text)
    if layer.kind == "point":
        return Cell("point", f"1x1x1 convolution{stride}", "1")
    if layer.kind == "reduce":
        return Cell("point", "1x1x1 convolutions of two corners, stride 2", "1")
    if layer.kind == "time":
        title = f"Convolution of {layer.size} frames"
        return Cell("temporal", title, str(layer.size))
    if layer.kind in ("space", "rows", "columns", "depthwise"):
        size = SIZES.get(layer.kind, size).format(layer.size)
        apart = ", channels apart" if layer.kind == "depthwise" else ""
        dilated = f", {layer.dilation} apart" if layer.dilation > 1 else ""
        title = f"Convolution of {size} pixels{dilated}{stride}{apart}"
        return Cell("spatial", title, size)
    return None

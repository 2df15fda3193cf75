"""The parts of a picture: boxes, the layers in them, and edges between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zoo.genotypes.base import ClipSpec
from zoo.genotypes.tally import Features


@dataclass(frozen=True)
class Cell:
    """A layer, drawn as a square in the colour of its kind.

    Args:
        kind: A key of `zoo.sketches.squares.KINDS`.
        title: What it is, in words.
        text: Inside the square: frames of its kernel, or its pixels.
        label: Beside the square.
    """

    kind: str
    title: str
    text: str = ""
    label: str = ""


@dataclass(frozen=True)
class Split:
    """Rows of layers side by side, which read the same and are joined by a layer.

    Args:
        branches: Layers of each, in their order; an empty one passes its input on.
        join: Below all of them.
    """

    branches: tuple[Series, ...]
    join: Cell


Series = tuple[Cell | Split, ...]


@dataclass(frozen=True)
class Box:
    """A part of a network.

    Args:
        name: By which edges find it.
        title: Its place, which may differ where the part is the same.
        lines: What is told in words; boxes of equal lines and layers are equal parts.
        shape: Of what leaves it.
        kind: Only boxes of one kind are compared.
        layers: In their order.
    """

    name: str
    title: str
    lines: tuple[str, ...] = ()
    shape: str = ""
    kind: str = "block"
    layers: Series = ()

    @property
    def content(self) -> tuple[str, ...]:
        """All that it is made of, in words."""
        return (*self.lines, *(cell.title for cell in walk(self.layers)))


Edge = tuple[str, str]


@dataclass(frozen=True)
class Sketch:
    """Boxes, and edges between them.

    Args:
        boxes: Each after those that it reads.
        edges: As pairs of their names.
        levels: Of each box, which then stand in columns from the left; none are rows
            from the top.
        ranks: Of each box, the row that it stands in; none are the first that edges
            allow.
        weights: That edges have learned, between 0 and 1.
        note: What is told below the picture.
    """

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    levels: tuple[int, ...] = ()
    ranks: tuple[int, ...] = ()
    weights: Mapping[Edge, float] = field(default_factory=dict)
    note: str = ""


def walk(series: Series) -> Iterator[Cell]:
    """Every layer in its order; a join comes after all that it joins."""
    for part in series:
        if isinstance(part, Cell):
            yield part
            continue
        for branch in part.branches:
            yield from walk(branch)
        yield part.join


def chain(boxes: Sequence[Box]) -> Sketch:
    """Boxes of which each reads the one before."""
    names = [box.name for box in boxes]
    return Sketch(tuple(boxes), tuple(itertools.pairwise(names)))


def shape_text(shape: Features) -> str:
    """A shape as 8x112x112x64: frames, height, width, channels."""
    return f"{shape.frames}x{shape.height}x{shape.width}x{shape.channels}"


def clip_box(clip: ClipSpec, name: str = "clip", title: str = "Clip") -> Box:
    """A clip, or one of the streams that a network makes of it."""
    frames = "1 frame" if clip.frames == 1 else f"{clip.frames} frames"
    taken = f"{clip.rate:g} a second"
    if clip.segments:
        taken = f"{clip.frames // clip.segments} of each of {clip.segments} parts"
    lines = (f"{frames} of {clip.width}x{clip.height}", taken)
    return Box(name, title, lines, shape_text(Features(*clip.shape)), "clip")

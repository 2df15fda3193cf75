"""Draws a network's structure as an SVG picture, from its genotype alone.

What there is to draw comes from `zoo.sketch`; one layered layout draws all families.
Layers are squares in the colours of EvaNet (https://arxiv.org/abs/1811.10636, figures
1 and 6), with the frames of their kernels inside.
"""

import html
import itertools
import os
import pathlib
from collections import defaultdict
from dataclasses import dataclass

from zoo.files import write_text
from zoo.genotypes import Genotype
from zoo.genotypes.base import check
from zoo.sketch import sketch
from zoo.sketches.partners import Partners, pair
from zoo.sketches.parts import Box, Sketch
from zoo.sketches.squares import (
    LETTER,
    LINE,
    MARK,
    WAY,
    Layout,
    extent,
    legend,
    square,
    text,
)

PADDING, MARGIN = 10, 4  # Pixels: inside a box, and around the whole.
GAP, ROW_GAP, LANE = 22, 24, 26
STYLES = {
    "": 'fill="#f6f7f9" stroke="#9aa5b1"',
    "changed": 'fill="#fff6e0" stroke="#c77700" stroke-width="2"',
    "new": 'fill="#ffe9c7" stroke="#c77700" stroke-width="2.5"',
}


def draw(
    genotype: Genotype,
    path: str | os.PathLike | None = None,
    other: Genotype | None = None,
) -> str:
    """Draws a network as SVG.

    Args:
        genotype: Of a family that `zoo.sketch` knows.
        path: An .svg file to write the picture to.
        other: A network, such as the parent; what it has not is highlighted.

    Raises:
        ValueError: There is no sketch of the family, or the path is no .svg file in a
            folder that exists.
    """
    if path is not None:
        path = pathlib.Path(path)
        check(path.suffix == ".svg", "path", "the name of an .svg file", str(path))
        check(path.parent.is_dir(), "path", "in a folder that exists", str(path))
    drawn = sketch(genotype)
    partners = Partners() if other is None else pair(drawn, sketch(other))
    svg = picture(drawn, partners, f"A network of the family {genotype.family}")
    if path is not None:
        write_text(path, svg)
    return svg


@dataclass
class _Place:
    """Where a box is, or the lane of an edge that passes by its row.

    Edges end at `x`, the axis of the box's layers, where it `leads` to another box or
    `follows` one.
    """

    x: float = 0.0
    left: float = 0.0
    top: float = 0.0
    width: float = LANE
    height: float = 0.0
    leads: bool = False
    follows: bool = False


@dataclass(frozen=True)
class _Frame:
    """What all boxes of a picture share: the room for words, and for layers."""

    words: float
    left: float
    right: float

    @property
    def axis(self) -> float:
        """How far the axis of the layers is from the left side of a box."""
        return PADDING + self.words + self.left

    @property
    def width(self) -> float:
        """Of a box."""
        return self.axis + self.right + PADDING


def picture(drawn: Sketch, partners: Partners, name: str = "A network") -> str:
    """The SVG of a sketch, with what differs from its partners highlighted."""
    rows, routes = _rows(drawn)
    frame = _frame(drawn.boxes)
    boxes = {box.name: box for box in drawn.boxes}
    places, width, bottom = _placed(rows, boxes, frame)
    parts = [
        _edge([places[name] for name in route], partners.knows(edge))
        for edge, route in zip(drawn.edges, routes, strict=True)
    ]
    for source, target in drawn.edges:
        places[source].leads = places[target].follows = True
    parts += [_box(box, places[box.name], partners) for box in drawn.boxes]
    differs = any(partners.style(box) for box in drawn.boxes)
    explained, bottom = legend(drawn.boxes, bottom + PADDING, width, differs)
    size = [round(side + 2 * MARGIN) for side in (width, bottom)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" '
        f'height="{size[1]}" viewBox="{-MARGIN} {-MARGIN} {size[0]} {size[1]}" '
        f'font-family="system-ui,sans-serif" font-size="12" '
        f'role="graphics-document" aria-label="{html.escape(name)}">'
        f'<rect class="ground" x="{-MARGIN}" y="{-MARGIN}" width="{size[0]}" '
        f'height="{size[1]}" fill="#fff"/>{"".join(parts)}{explained}</svg>\n'
    )


def _rows(drawn: Sketch) -> tuple[list[list[str]], list[list[str]]]:
    """Names in each row from the top, and each edge's way through the rows."""
    depth = {}
    for box in drawn.boxes:
        before = [depth[source] for source, target in drawn.edges if target == box.name]
        depth[box.name] = max(before, default=-1) + 1
    rows = [[] for _ in range(max(depth.values()) + 1)]
    for name, row in depth.items():
        rows[row].append(name)
    routes = []
    for source, target in drawn.edges:
        passed = range(depth[source] + 1, depth[target])
        lanes = {row: f"{source}>{target}@{row}" for row in passed}
        for row, lane in lanes.items():
            rows[row].append(lane)
        routes.append([source, *lanes.values(), target])
    _sort(rows, routes)
    return rows, routes


def _sort(rows: list[list[str]], routes: list[list[str]]) -> None:
    """Puts each row in the order of what it reads, so that few edges cross."""
    sources = defaultdict(list)
    for before, after in itertools.chain(*map(itertools.pairwise, routes)):
        sources[after].append(before)
    for above, row in itertools.pairwise(rows):
        # Counted from the middle, as rows of different lengths are centered.
        order = {name: i - (len(above) - 1) / 2 for i, name in enumerate(above)}
        means = {
            name: sum(order[source] for source in sources[name]) / len(sources[name])
            for name in row
            if sources[name]
        }
        row.sort(key=lambda name, means=means: means.get(name, 0.0))


def _frame(boxes: tuple[Box, ...]) -> _Frame:
    words = max(len(line) for box in boxes for line in _texts(box))
    rooms = [extent(box.layers) for box in boxes if box.layers]
    left = max((GAP + room.left for room in rooms), default=0.0)
    return _Frame(LETTER * words, left, max((room.reach for room in rooms), default=0))


def _placed(
    rows: list[list[str]], boxes: dict[str, Box], frame: _Frame
) -> tuple[dict[str, _Place], float, float]:
    """Every name's place, and the width and the bottom of the whole."""
    places, top = {}, 0.0
    for row in rows:
        height = max(_height(boxes[name]) for name in row if name in boxes)
        for name in row:
            places[name] = _Place(top=top, height=height)
            if name in boxes:
                places[name].width = frame.width
                places[name].height = _height(boxes[name])
        top += height + ROW_GAP
    spans = [
        sum(places[name].width for name in row) + GAP * (len(row) - 1) for row in rows
    ]
    for row, span in zip(rows, spans, strict=True):
        left = (max(spans) - span) / 2
        for name in row:
            places[name].left = left
            places[name].x = left + (frame.axis if name in boxes else LANE / 2)
            left += places[name].width + GAP
    return places, max(spans), top - ROW_GAP


def _height(box: Box) -> float:
    words = LINE * len(_texts(box)) + PADDING
    return max(words, extent(box.layers).height + 2 * PADDING)


def _texts(box: Box) -> list[str]:
    shape = [f"{box.shape} out"] if box.shape else []
    return [box.title, *box.lines, *shape]


def _edge(route: list[_Place], known: bool) -> str:
    color, width = ("#7b8794", 1.5) if known else ("#c77700", 2.5)
    x, y = route[0].x, route[0].top + route[0].height
    path = f"M{x:.1f} {y:.1f}"
    for place in route[1:]:
        middle, bottom = (y + place.top) / 2, place.top + place.height
        path += f"C{x:.1f} {middle:.1f} {place.x:.1f} {middle:.1f} "
        path += f"{place.x:.1f} {place.top:.1f}"
        path += f"V{bottom:.1f}" if place is not route[-1] else ""
        x, y = place.x, bottom
    head = f"M{x:.1f} {route[-1].top:.1f}l-4-8h8z"
    return (
        f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{width}"/>'
        f'<path d="{head}" fill="{color}"/>'
    )


def _box(box: Box, place: _Place, partners: Partners) -> str:
    style, known = partners.style(box), partners.known_lines(box)
    parts = [
        f'<rect x="{place.left:.1f}" y="{place.top:.1f}" width="{place.width:.1f}" '
        f'height="{place.height:.1f}" rx="5" {STYLES[style]}/>'
    ]
    marks = ['font-weight="600" fill="#1f2933"']
    marks += ['fill="#323f4b"' if line in known else MARK for line in box.lines]
    marks.append('fill="#6b7783"')
    for number, (words, mark) in enumerate(zip(_texts(box), marks, strict=False), 1):
        parts.append(text(place.left + PADDING, place.top + number * LINE, words, mark))
    partner = partners.boxes.get(box.name, box)
    was = "; ".join(partner.content) if partner else "not there"
    title = f"<title>was: {html.escape(was)}</title>" if style else ""
    layers = _layers(box, place, partners.known_layers(box))
    return f'<g class="{style or "same"}">{title}{"".join(parts)}{layers}</g>'


def _layers(box: Box, place: _Place, known: list[bool]) -> str:
    if not box.layers:
        return ""
    layout = Layout()
    free = place.height - extent(box.layers).height
    bottom = layout.add(box.layers, place.x, place.top + free / 2)
    if place.follows:
        layout.way(place.x, place.top, place.top + free / 2)
    if place.leads:
        layout.way(place.x, bottom, place.top + place.height)
    squares = [
        square(cell, corner, same)
        for (cell, *corner), same in zip(layout.squares, known, strict=True)
    ]
    return f'<path d="{"".join(layout.ways)}" {WAY}/>{"".join(squares)}'

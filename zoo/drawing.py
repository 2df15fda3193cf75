"""Draws a network's structure as an SVG picture, from its genotype alone.

What there is to draw comes from `zoo.sketch`; one layered layout draws all families.
"""

import html
import itertools
from collections import defaultdict
from dataclasses import dataclass, field

from zoo.genotypes import Genotype
from zoo.sketch import Box, Sketch, sketch

LETTER, LINE, PADDING = 7.2, 17, 11  # Pixels: a bold letter, a line, a margin.
GAP, ROW_GAP, LANE = 22, 30, 26
LEAST_WIDTH = 170
MARK = 'font-weight="700" fill="#9a5b00"'
STYLES = {
    "": 'fill="#f6f7f9" stroke="#9aa5b1"',
    "changed": 'fill="#fff6e0" stroke="#c77700" stroke-width="2"',
    "new": 'fill="#ffe9c7" stroke="#c77700" stroke-width="2.5"',
}


@dataclass(frozen=True)
class Partners:
    """Which box of another network each box is compared with.

    Args:
        boxes: By name; None where the other network has no such part.
        edges: Of the other network.
    """

    boxes: dict[str, Box | None] = field(default_factory=dict)
    edges: frozenset[tuple[str, str]] = frozenset()

    def style(self, box: Box) -> str:
        """How the box differs: "", "changed" or "new"."""
        partner = self.boxes.get(box.name, box)
        if partner is None:
            return "new"
        return "" if partner.lines == box.lines else "changed"

    def knows(self, edge: tuple[str, str]) -> bool:
        """Whether the other network has the edge."""
        ends = [self.boxes.get(name) for name in edge]
        if not self.boxes:
            return True
        return all(ends) and tuple(box.name for box in ends) in self.edges


def draw(genotype: Genotype, other: Genotype | None = None) -> str:
    """Draws a network as SVG.

    Args:
        genotype: Of a family that `zoo.sketch` knows.
        other: A network, such as the parent; what it has not is highlighted.

    Raises:
        ValueError: There is no sketch of the family.
    """
    drawn = sketch(genotype)
    partners = Partners() if other is None else _partners(drawn, sketch(other))
    return picture(drawn, partners)


def _partners(drawn: Sketch, other: Sketch) -> Partners:
    """Aligns two rows of boxes such that as much as can be is alike."""
    scores = _alignment_scores(drawn.boxes, other.boxes)
    row, column, found = len(drawn.boxes), len(other.boxes), {}
    while row:
        box = drawn.boxes[row - 1]
        if column and scores[row][column] == scores[row][column - 1]:
            column -= 1
        elif scores[row][column] == scores[row - 1][column]:
            found[box.name] = None
            row -= 1
        else:
            found[box.name] = other.boxes[column - 1]
            row, column = row - 1, column - 1
    return Partners(found, frozenset(other.edges))


def _alignment_scores(
    boxes: tuple[Box, ...], others: tuple[Box, ...]
) -> list[list[float]]:
    """The best likeness of the first boxes and the first others, for all counts."""
    scores = [[0.0] * (len(others) + 1) for _ in range(len(boxes) + 1)]
    for row, box in enumerate(boxes, 1):
        for column, other in enumerate(others, 1):
            paired = scores[row - 1][column - 1] + _likeness(box, other)
            skipped = max(scores[row - 1][column], scores[row][column - 1])
            scores[row][column] = max(paired, skipped)
    return scores


def _likeness(box: Box, other: Box) -> float:
    if box.kind != other.kind:
        return -1.0
    shared = set(box.lines) & set(other.lines)
    # A box of nothing in common is still rather another one than a new one.
    return 0.1 + len(shared) / max(1, len({*box.lines, *other.lines}))


@dataclass
class _Place:
    """Where a box is, or the lane of an edge that passes by its row."""

    x: float = 0.0
    top: float = 0.0
    width: float = LANE
    height: float = 0.0


def picture(drawn: Sketch, partners: Partners) -> str:
    """The SVG of a sketch, with what differs from its partners highlighted."""
    rows, routes = _rows(drawn)
    width = max(LEAST_WIDTH, *(_width(box) for box in drawn.boxes))
    places, size = _placed(rows, {box.name: box for box in drawn.boxes}, width)
    parts = [
        _edge([places[name] for name in route], partners.knows(edge))
        for edge, route in zip(drawn.edges, routes, strict=True)
    ]
    parts += [_box(box, places[box.name], partners) for box in drawn.boxes]
    font = 'font-family="system-ui,sans-serif" font-size="12"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]:.0f}" '
        f'height="{size[1]:.0f}" viewBox="0 0 {size[0]:.0f} {size[1]:.0f}" {font} '
        f'role="img">{"".join(parts)}</svg>'
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


def _placed(
    rows: list[list[str]], boxes: dict[str, Box], width: float
) -> tuple[dict[str, _Place], tuple[float, float]]:
    """Every name's place, and the width and height of the whole."""
    places, top = {}, 2.0
    for row in rows:
        height = max(_height(boxes[name]) for name in row if name in boxes)
        for name in row:
            places[name] = _Place(top=top, height=height)
            if name in boxes:
                places[name].width = width
                places[name].height = _height(boxes[name])
        top += height + ROW_GAP
    spans = [
        sum(places[name].width for name in row) + GAP * (len(row) - 1) for row in rows
    ]
    whole = max(spans) + 4
    for row, span in zip(rows, spans, strict=True):
        x = (whole - span) / 2
        for name in row:
            places[name].x = x + places[name].width / 2
            x += places[name].width + GAP
    return places, (whole, top - ROW_GAP + 2)


def _width(box: Box) -> float:
    return LETTER * max(map(len, _texts(box))) + 2 * PADDING


def _height(box: Box) -> float:
    return LINE * len(_texts(box)) + PADDING


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
    style = partners.style(box)
    partner = partners.boxes.get(box.name, box)
    known = () if partner is None else partner.lines
    left = place.x - place.width / 2
    parts = [
        f'<rect x="{left:.1f}" y="{place.top:.1f}" width="{place.width:.1f}" '
        f'height="{place.height}" rx="5" {STYLES[style]}/>'
    ]
    marks = ['font-weight="600"']
    marks += ["" if line in known else MARK for line in box.lines]
    marks.append('fill="#6b7783"')
    for number, (text, mark) in enumerate(zip(_texts(box), marks, strict=False), 1):
        parts.append(_text(left + PADDING, place.top + number * LINE, text, mark))
    was = "; ".join(known) if partner else "not there"
    title = f"<title>was: {html.escape(was)}</title>" if style else ""
    return f'<g class="{style or "same"}">{title}{"".join(parts)}</g>'


def _text(x: float, y: float, text: str, attributes: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}"'
    return f"<text {place} {attributes}>{html.escape(text)}</text>"

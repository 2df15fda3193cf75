"""Boxes in rows from the top: where they are, and how edges get from one to another."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from zoo.sketches.parts import Box, Sketch
from zoo.sketches.squares import LETTER, LINE, extent

PADDING = 10  # Pixels inside a box.
GAP, ROW_GAP, LANE = 22, 24, 26


@dataclass
class Place:
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
class Frame:
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


def texts(box: Box) -> list[str]:
    """All lines of text in a box."""
    shape = [f"{box.shape} out"] if box.shape else []
    return [box.title, *box.lines, *shape]


def height(box: Box) -> float:
    """Pixels that a box is high."""
    words = LINE * len(texts(box)) + PADDING
    return max(words, extent(box.layers).height + 2 * PADDING)


def frame(boxes: Sequence[Box]) -> Frame:
    """The room that the widest of these boxes needs."""
    words = max(len(line) for box in boxes for line in texts(box))
    rooms = [extent(box.layers) for box in boxes if box.layers]
    left = max((GAP + room.left for room in rooms), default=0.0)
    return Frame(LETTER * words, left, max((room.reach for room in rooms), default=0))


def ranked(drawn: Sketch) -> tuple[list[list[str]], list[list[str]]]:
    """Names in each row or column, and each edge's way through them."""
    known = drawn.levels or drawn.ranks
    depth = dict(zip((box.name for box in drawn.boxes), known, strict=False))
    for box in drawn.boxes:
        before = [depth[source] for source, target in drawn.edges if target == box.name]
        depth.setdefault(box.name, max(before, default=-1) + 1)
    ranks = [[] for _ in range(max(depth.values()) + 1)]
    for name, rank in depth.items():
        ranks[rank].append(name)
    routes = []
    for source, target in drawn.edges:
        passed = range(depth[source] + 1, depth[target])
        lanes = {rank: f"{source}>{target}@{rank}" for rank in passed}
        for rank, lane in lanes.items():
            ranks[rank].append(lane)
        routes.append([source, *lanes.values(), target])
    _sort(ranks, routes)
    return ranks, routes


def _sort(ranks: list[list[str]], routes: list[list[str]]) -> None:
    """Puts each row in the order of what it reads, so that few edges cross."""
    sources = defaultdict(list)
    for before, after in itertools.chain(*map(itertools.pairwise, routes)):
        sources[after].append(before)
    for above, rank in itertools.pairwise(ranks):
        # Counted from the middle, as rows of different lengths are centered.
        order = {name: i - (len(above) - 1) / 2 for i, name in enumerate(above)}
        means = {
            name: sum(order[source] for source in sources[name]) / len(sources[name])
            for name in rank
            if sources[name]
        }
        rank.sort(key=lambda name, means=means: means.get(name, 0.0))


def placed(
    ranks: list[list[str]], drawn: Sketch
) -> tuple[dict[str, Place], float, float]:
    """Every name's place, and the width and the bottom of the whole."""
    places, top = {}, 0.0
    room, boxes = frame(drawn.boxes), {box.name: box for box in drawn.boxes}
    for row in ranks:
        tallest = max(height(boxes[name]) for name in row if name in boxes)
        for name in row:
            places[name] = Place(top=top, height=tallest)
            if name in boxes:
                places[name].width = room.width
                places[name].height = height(boxes[name])
        top += tallest + ROW_GAP
    spans = [
        sum(places[name].width for name in row) + GAP * (len(row) - 1) for row in ranks
    ]
    for row, span in zip(ranks, spans, strict=True):
        left = (max(spans) - span) / 2
        for name in row:
            places[name].left = left
            places[name].x = left + (room.axis if name in boxes else LANE / 2)
            left += places[name].width + GAP
    return places, max(spans), top - ROW_GAP


def ways(routes: list[list[Place]]) -> list[tuple[str, str]]:
    """The SVG paths of each edge and of its head."""
    return [_way(route) for route in routes]


def _way(route: list[Place]) -> tuple[str, str]:
    x, y = route[0].x, route[0].top + route[0].height
    path = f"M{x:.1f} {y:.1f}"
    for place in route[1:]:
        middle, bottom = (y + place.top) / 2, place.top + place.height
        path += f"C{x:.1f} {middle:.1f} {place.x:.1f} {middle:.1f} "
        path += f"{place.x:.1f} {place.top:.1f}"
        path += f"V{bottom:.1f}" if place is not route[-1] else ""
        x, y = place.x, bottom
    return path, f"M{x:.1f} {route[-1].top:.1f}l-4-8h8z"

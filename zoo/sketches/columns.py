"""Boxes in columns from the left: where they are, and how edges run between them."""

from collections import defaultdict

from zoo.sketches.parts import Sketch
from zoo.sketches.rows import Place, frame, height

GAP, COLUMN_GAP, LANE = 12, 28, 12  # Pixels.
ARROW = 8  # Its head.


def placed(
    ranks: list[list[str]], drawn: Sketch
) -> tuple[dict[str, Place], float, float]:
    """Every name's place, and the width and the bottom of the whole."""
    places, left = {}, 0.0
    boxes = {box.name: box for box in drawn.boxes}
    for column in ranks:
        room = frame([boxes[name] for name in column if name in boxes])
        for name in column:
            tall = height(boxes[name]) if name in boxes else LANE
            place = Place(left + room.axis, left, width=room.width, height=tall)
            places[name] = place
        left += room.width + COLUMN_GAP
    spans = [
        sum(places[name].height for name in column) + GAP * (len(column) - 1)
        for column in ranks
    ]
    for column, span in zip(ranks, spans, strict=True):
        top = (max(spans) - span) / 2
        for name in column:
            places[name].top = top
            top += places[name].height + GAP
    return places, left - COLUMN_GAP, max(spans)


def ways(routes: list[list[Place]]) -> list[tuple[str, str]]:
    """The SVG paths of each edge and of its head."""
    starts, ends = _spread(routes, 0, 1), _spread(routes, -1, -2)
    return [_way(*edge) for edge in zip(routes, starts, ends, strict=True)]


def _spread(routes: list[list[Place]], at: int, beside: int) -> list[float]:
    """How far down each edge meets a box: those of one box in the order of the others.

    Args:
        routes: The places of each edge.
        at: Which of them is the box.
        beside: Which of them is next to it.
    """
    meeting = defaultdict(list)
    for index, route in enumerate(routes):
        meeting[id(route[at])].append((_middle(route[beside]), index))
    found = [0.0] * len(routes)
    for edges in meeting.values():
        for position, (_, index) in enumerate(sorted(edges), 1):
            place = routes[index][at]
            found[index] = place.top + place.height * position / (len(edges) + 1)
    return found


def _middle(place: Place) -> float:
    return place.top + place.height / 2


def _way(route: list[Place], start: float, end: float) -> tuple[str, str]:
    x, y = route[0].left + route[0].width, start
    path = f"M{x:.1f} {y:.1f}"
    for place in route[1:]:
        last = place is route[-1]
        left, right = place.left - ARROW * last, place.left + place.width
        level, middle = end if last else _middle(place), (x + left) / 2
        path += f"C{middle:.1f} {y:.1f} {middle:.1f} {level:.1f} "
        path += f"{left:.1f} {level:.1f}"
        path += "" if last else f"H{right:.1f}"
        x, y = right, level
    return path, f"M{route[-1].left:.1f} {end:.1f}l-{ARROW}-4v8z"

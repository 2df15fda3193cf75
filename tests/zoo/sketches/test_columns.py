import itertools

import pytest

from zoo.genotypes import FOUND
from zoo.sketch import sketch
from zoo.sketches import columns
from zoo.sketches.parts import Box, Sketch
from zoo.sketches.rows import ranked

BOXES = tuple(Box(name, name.upper(), ("a line",)) for name in "abcd")
EDGES = (("a", "c"), ("b", "c"), ("a", "d"), ("c", "d"))
DRAWN = Sketch(BOXES, EDGES, levels=(0, 0, 1, 2))
COLUMNS = [name for name, genotype in FOUND.items() if sketch(genotype).levels]


def laid_out(drawn):
    ranks, routes = ranked(drawn)
    places, width, bottom = columns.placed(ranks, drawn)
    ways = columns.ways([[places[name] for name in route] for route in routes])
    return places, ways, width, bottom


def numbers(path):
    return [float(n) for n in path.replace("C", " ").replace("H", " ")[1:].split()]


def test_levels_stand_side_by_side():
    places, *_ = laid_out(DRAWN)
    assert places["a"].left == places["b"].left == 0
    assert places["a"].left + places["a"].width < places["c"].left
    assert places["c"].left + places["c"].width < places["d"].left
    assert places["a"].top + places["a"].height < places["b"].top


def test_a_box_may_stand_at_a_level_though_it_reads_nothing_below():
    late = Sketch(BOXES, (("a", "d"), ("b", "d"), ("c", "d")), levels=(0, 0, 1, 2))
    places, *_ = laid_out(late)
    assert places["c"].left > places["b"].left


def test_an_edge_past_a_level_has_a_lane_of_its_own():
    places, ways, *_ = laid_out(DRAWN)
    lane, box = places["a>d@1"], places["c"]
    assert lane.left == box.left
    assert lane.top + lane.height < box.top or box.top + box.height < lane.top
    line, _ = ways[EDGES.index(("a", "d"))]
    assert line.count("C") == 2
    assert f"H{lane.left + lane.width:.1f}" in line


def test_edges_of_a_box_begin_and_end_one_below_the_other():
    places, ways, *_ = laid_out(DRAWN)
    ends = [numbers(line)[-1] for line, _ in ways[:2]]
    top, height = places["c"].top, places["c"].height
    thirds = [top + height / 3, top + 2 * height / 3]
    assert ends == pytest.approx(thirds, abs=0.1)
    starts = {numbers(ways[index][0])[1] for index in (0, 2)}
    assert len(starts) == 2  # Both from a.


@pytest.mark.parametrize("name", COLUMNS)
def test_boxes_and_lanes_keep_apart_within_the_picture(name):
    places, _, width, bottom = laid_out(sketch(FOUND[name]))
    for place in places.values():
        assert 0 <= place.left < place.left + place.width <= width + 1e-6
        assert 0 <= place.top < place.top + place.height <= bottom
    for one, two in itertools.combinations(places.values(), 2):
        beside = one.left + one.width < two.left or two.left + two.width < one.left
        above = one.top + one.height < two.top or two.top + two.height < one.top
        assert beside or above

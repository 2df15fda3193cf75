import pytest

from zoo.genotypes import FOUND
from zoo.sketch import sketch
from zoo.sketches.parts import Cell, Split, walk
from zoo.sketches.squares import FORK, KINDS, SIDE, STEP, Layout, extent

CONV, POINT = Cell("conv3d", "a", "3"), Cell("point", "b", "1", "a label")
SPLIT = Split(((CONV, POINT), (CONV,), ()), Cell("concat", "c", "concat"))


def luminance(color):
    """As in https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    color = color[1:] if len(color) == 7 else "".join(c + c for c in color[1:])
    parts = [int(color[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    parts = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_the_kinds_have_colours_of_their_own():
    fills = [kind.fill for kind in KINDS.values()]
    assert len(set(fills)) == len(fills)


@pytest.mark.parametrize("kind", KINDS)
def test_text_in_a_square_is_readable(kind):
    dark, light = sorted([luminance(KINDS[kind].fill), luminance(KINDS[kind].ink)])
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_row_of_layers_stands_on_one_axis():
    layout = Layout()
    bottom = layout.add((CONV, CONV), 100.0, 10.0)
    places = [corner for _, *corner in layout.squares]
    assert places == [
        [100 - SIDE / 2, 10, SIDE, SIDE],
        [100 - SIDE / 2, 10 + SIDE + STEP, SIDE, SIDE],
    ]
    assert bottom == 10 + 2 * SIDE + STEP
    assert layout.ways == [f"M100.0 {10 + SIDE:.1f}V{10 + SIDE + STEP:.1f}"]


def test_branches_begin_on_one_line_above_what_joins_them():
    layout = Layout()
    bottom = layout.add((SPLIT,), 100.0, 10.0)
    squares = {(cell.kind, left): top for cell, left, top, *_ in layout.squares}
    (_, left, top, width, height) = layout.squares[-1]
    assert [t for (kind, _), t in squares.items() if kind == "conv3d"] == [
        10 + FORK
    ] * 2
    assert max(squares.values()) == top == bottom - height
    assert left + width / 2 == 100.0
    assert len([way for way in layout.ways if "H" in way]) == 1


@pytest.mark.parametrize("name", FOUND)
def test_layers_take_the_room_that_is_counted_for_them(name):
    for box in sketch(FOUND[name]).boxes:
        layout, room = Layout(), extent(box.layers)
        bottom = layout.add(box.layers, 0.0, 0.0)
        assert bottom == pytest.approx(room.height)
        assert len(layout.squares) == len(list(walk(box.layers)))
        for _, left, top, width, height in layout.squares:
            assert -room.left <= left < left + width <= room.right <= room.reach
            assert 0 <= top < top + height <= room.height


def test_a_label_needs_room_to_the_right_of_its_square():
    plain, labelled = extent((CONV,)), extent((POINT,))
    assert (plain.left, plain.right) == (labelled.left, labelled.right)
    assert plain.reach < labelled.reach


def test_a_label_keeps_branches_apart():
    layout = Layout()
    layout.add((Split(((POINT,), (CONV,)), CONV),), 0.0, 0.0)
    one, two = (corner for _, *corner in layout.squares[:2])
    assert two[0] - one[0] >= extent((POINT,)).reach + SIDE / 2

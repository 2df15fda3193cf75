from zoo.sketches.partners import Partners, pair
from zoo.sketches.parts import Box, Cell, Sketch, Split

THREE, FIVE = (Cell("conv3d", f"{frames} frames", frames) for frames in "35")
MEAN = Cell("mean", "mean")


def sketched(*branches):
    return Sketch((Box("a", "A", layers=(Split(branches, MEAN),)),), ())


def known(drawn, other):
    """Which layers of the first box another sketch has."""
    return pair(drawn, other).known_layers(drawn.boxes[0])


def test_a_branch_that_was_put_in_is_marked_whole():
    drawn = sketched((THREE, FIVE), (THREE,), (FIVE,))
    assert known(drawn, sketched((THREE, FIVE), (FIVE,))) == [
        *[True, True],
        *[False],
        *[True, True],
    ]
    assert known(drawn, drawn) == [True] * 5


def test_a_layer_is_compared_with_those_of_its_own_branch():
    drawn = sketched((THREE, MEAN), (FIVE, THREE))
    other = sketched((FIVE, MEAN), (FIVE, FIVE))
    assert known(drawn, other) == [False, True, True, False, True]


def test_what_follows_a_layer_that_was_put_in_is_known():
    drawn, other = sketched((THREE, FIVE), (MEAN,)), sketched((FIVE,), (MEAN,))
    assert known(drawn, other) == [False, True, True, True]


def test_a_split_in_place_of_a_layer_is_new():
    inner = Split(((THREE,), (FIVE,)), MEAN)
    drawn, other = sketched((THREE, inner)), sketched((THREE, FIVE))
    assert known(drawn, other) == [True, False, False, False, True]


def test_what_joins_other_layers_in_another_way_is_marked():
    drawn = sketched((THREE,), (FIVE,))
    joined = Split(((THREE,), (FIVE,)), Cell("mean", "mean of two"))
    other = Sketch((Box("a", "A", layers=(joined,)),), ())
    assert known(drawn, other) == [True, True, False]


def test_a_box_of_other_layers_is_changed():
    drawn, other = sketched((THREE,)), sketched((FIVE,))
    assert pair(drawn, other).style(drawn.boxes[0]) == "changed"
    assert pair(drawn, drawn).style(drawn.boxes[0]) == ""


def test_without_another_network_all_is_known():
    drawn = sketched((THREE,), (FIVE,))
    assert Partners().known_layers(drawn.boxes[0]) == [True] * 3
    assert Partners().style(drawn.boxes[0]) == ""
    assert Partners().knows(("a", "b"))


def test_a_box_without_a_partner_is_new_in_all_its_parts():
    box = Box("a", "A", ("2 times",), layers=(THREE, FIVE))
    partners = Partners({"a": None})
    assert partners.style(box) == "new"
    assert partners.known_lines(box) == ()
    assert partners.known_layers(box) == [False, False]

import itertools
import random

import pytest

from search.stopping import Halving, MedianStop


def test_halving_has_rungs_at_powers_of_its_factor():
    assert Halving().rungs == pytest.approx((1 / 9, 1 / 3))
    assert Halving(factor=2, stages=3).rungs == (1 / 8, 1 / 4, 1 / 2)


@pytest.mark.parametrize("others", [[], [0.9]])
def test_the_first_at_a_rung_go_on_whatever_they_score(others):
    assert not Halving(factor=3)(0, 0.0, others)


def test_one_of_three_goes_on():
    stops = [Halving(factor=3)(0, score, [0.2, 0.4]) for score in (0.1, 0.3, 0.5)]
    assert stops == [True, True, False]


def test_two_of_six_go_on():
    others = [0.1, 0.2, 0.3, 0.4, 0.5]
    stops = [Halving(factor=3)(1, score, others) for score in (0.35, 0.45, 0.55)]
    assert stops == [True, False, False]


def test_equals_of_the_last_place_go_on():
    assert not Halving(factor=2)(0, 0.5, [0.5, 0.5, 0.1])


def test_of_many_trials_about_one_in_the_factor_goes_on():
    rng = random.Random(0)
    scores = [rng.random() for _ in range(600)]
    kept = sum(not Halving()(0, s, scores[:i]) for i, s in enumerate(scores))
    assert 0.30 < kept / 600 < 0.37


def test_who_is_below_the_median_of_the_others_stops():
    others = [0.1, 0.2, 0.3, 0.4]
    stop = MedianStop(least=4)
    assert [stop(0, score, others) for score in (0.24, 0.25, 0.3)] == [
        True,
        False,
        False,
    ]


def test_nobody_stops_while_there_are_few():
    verdicts = [MedianStop(least=5)(0, 0.0, [0.5] * n) for n in range(7)]
    assert verdicts == [False] * 5 + [True] * 2


def test_median_has_the_rungs_it_is_given():
    assert MedianStop().rungs == (0.5,)
    assert MedianStop(at=[0.25, 0.75]).rungs == (0.25, 0.75)


@pytest.mark.parametrize(
    "at", [(), 0.5, (0.5, 0.5), (0.6, 0.3), (0.0, 0.5), (0.5, 1), ("0.5",), (True,)]
)
def test_rejects_rungs_that_are_no_ascending_shares(at):
    with pytest.raises(ValueError, match="`at` must be shares between 0 and 1"):
        MedianStop(at=at)


@pytest.mark.parametrize(
    ("strategy", "name", "value"),
    [
        *itertools.product([Halving], ["factor"], [1, 2.5]),
        *itertools.product([Halving], ["stages"], [0, None]),
        (MedianStop, "least", 0),
    ],
)
def test_rejects_counts_that_are_too_small(strategy, name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a whole number"):
        strategy(**{name: value})

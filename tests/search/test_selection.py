import random

import pytest

from search.history import Record
from search.selection import Constant, Tournament, drop_oldest, drop_worst


def population(*scores):
    return [Record(str(i), "{}", "completed", score) for i, score in enumerate(scores)]


def test_a_tournament_of_all_selects_the_best():
    members = population(0.2, -3.0, 0.9, 0.4)
    assert Tournament(4)(members, random.Random(0)).score == 0.9
    assert Tournament(50)(members, random.Random(0)).score == 0.9


def test_a_tournament_of_two_of_three_never_selects_the_worst():
    members = population(0.1, 0.2, 0.3)
    rng = random.Random(0)
    scores = [Tournament(2)(members, rng).score for _ in range(300)]
    assert set(scores) == {0.2, 0.3}
    assert 0.6 < scores.count(0.3) / 300 < 0.73  # Two pairs of three hold the best.


def test_the_infeasible_lose_against_any_feasible():
    members = population(-0.001, 0.0)
    assert Tournament(2)(members, random.Random(0)).score == 0.0
    assert drop_worst(members) == 0


def test_the_worst_leaves_and_the_oldest_of_equals():
    assert drop_worst(population(0.5, 0.1, 0.7, 0.1)) == 1


def test_the_oldest_leaves_whatever_it_scored():
    assert drop_oldest(population(0.9, 0.1)) == 0


def test_the_number_of_mutations_is_constant():
    assert [Constant(2)(index) for index in (0, 999)] == [2, 2]


@pytest.mark.parametrize("strategy", [Tournament, Constant])
@pytest.mark.parametrize("value", [0, 1.5, None])
def test_counts_are_whole(strategy, value):
    with pytest.raises(ValueError, match="must be a whole number"):
        strategy(value)

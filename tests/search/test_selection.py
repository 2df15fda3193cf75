import collections
import math
import random

import pytest

from search.history import Record
from search.selection import (
    Annealed,
    Constant,
    DropCrowded,
    ParetoTournament,
    Tournament,
    Uniform,
    drop_oldest,
    drop_worst,
)

TWO = ("fitness", "macs")


def trained(fitness, macs=1):
    return Record("0", "{}", "completed", fitness, details={"macs": macs})


def over(violation):
    details = {"violations": {"macs": violation}}
    return Record("0", "{}", "over budget", details=details)


def population(*fitnesses):
    return [trained(fitness) for fitness in fitnesses]


# A front of four, the second crowded; a dominated one; two over budget.
FRONT = [trained(0.1, 1), trained(0.3, 2), trained(0.4, 3), trained(0.9, 9)]
BEHIND = trained(0.3, 4)
OVER = [over(0.5), over(0.1)]


def shares(selector, members, draws=600):
    rng = random.Random(0)
    chosen = [selector(members, rng) for _ in range(draws)]
    counts = collections.Counter(
        next(i for i, m in enumerate(members) if m is c) for c in chosen
    )
    return [counts[i] / draws for i in range(len(members))]


def test_a_tournament_of_all_selects_the_best():
    members = population(0.2, -3.0, 0.9, 0.4)
    assert Tournament(4)(members, random.Random(0)).fitness == 0.9
    assert Tournament(50)(members, random.Random(0)).fitness == 0.9


def test_a_tournament_of_two_of_three_never_selects_the_worst():
    worst, middle, best = shares(Tournament(2), population(0.1, 0.2, 0.3))
    assert worst == 0
    assert 0.6 < best < 0.73  # Two pairs of three hold the best.
    assert middle == pytest.approx(1 - best)


def test_those_over_budget_lose_against_any_other():
    members = [over(0.001), trained(-9.0), over(0.2)]
    assert Tournament(3)(members, random.Random(0)) is members[1]
    assert Tournament(3)(members[::2], random.Random(0)) is members[0]
    assert drop_worst(members) == 2
    assert drop_worst(members[:2]) == 0


def test_the_worst_leaves_and_the_oldest_of_equals():
    assert drop_worst(population(0.5, 0.1, 0.7, 0.1)) == 1


def test_the_oldest_leaves_whatever_it_reached():
    assert drop_oldest(population(0.9, 0.1)) == 0


def test_a_pareto_tournament_selects_from_the_best_front_of_its_sample():
    members = [*OVER, BEHIND, *FRONT]
    for seed in range(20):  # One of the front is among any four.
        assert ParetoTournament(4, TWO)(members, random.Random(seed)) in FRONT
    assert min(shares(ParetoTournament(1, TWO), members)) > 0.08
    assert ParetoTournament(3, TWO)(members[:3], random.Random(0)) is BEHIND
    assert ParetoTournament(2, TWO)(OVER, random.Random(0)) is OVER[1]


def test_a_pareto_tournament_prefers_who_has_few_neighbours():
    # The ends have no bound, the third 6/8 + 7/8, the second 3/8 + 2/8.
    first, second, third, last = shares(ParetoTournament(2, TWO), FRONT)
    assert second == 0
    assert 0.1 < third < 0.23  # It wins one pair of six.
    assert first > last > third  # Of the ends the earlier wins.


def test_crowding_is_that_of_the_population_not_of_the_sample():
    crowd = [trained(0.30 + i / 1000, 3 + i / 1000) for i in range(5)]
    members = [trained(0.1, 1), trained(0.2, 2), *crowd, trained(0.9, 9)]
    chosen = shares(ParetoTournament(2, TWO), members)
    assert chosen[1] > max(chosen[3:6])


@pytest.mark.parametrize(
    ("members", "leaves"),
    [
        ([*FRONT, BEHIND, *OVER], 5),  # The greatest violation.
        ([over(0.5), *FRONT, over(0.5)], 0),  # The oldest of equals.
        ([*FRONT[:2], BEHIND, *FRONT[2:]], 2),  # The one that is dominated.
        (FRONT, 1),  # The most crowded.
        ([FRONT[0], FRONT[3]], 0),
    ],
)
def test_who_leaves_a_pareto_population(members, leaves):
    assert DropCrowded(TWO)(members) == leaves


def test_the_number_of_mutations_is_constant():
    rng = random.Random(0)
    assert [Constant(2)(round, rng) for round in (0, 999)] == [2, 2]


@pytest.mark.parametrize(("start", "interval"), [(7, 100), (3, 7), (1, 1)])
def test_mutations_grow_fewer_by_the_paper_s_formula(start, interval):
    schedule = Annealed(start, interval)
    for round in range(start * interval + 10):
        expected = max(math.ceil(start - round / interval), 1)
        assert schedule(round, random.Random(0)) == expected


def test_the_defaults_of_annealing_are_evanet_s():
    counts = [Annealed()(round, random.Random(0)) for round in (0, 99, 100, 599, 2000)]
    assert counts == [7, 7, 6, 2, 1]


def test_a_uniform_number_of_mutations_takes_both_ends_as_often():
    rng = random.Random(0)
    counts = collections.Counter(Uniform()(0, rng) for _ in range(1000))
    assert sorted(counts) == [0, 1, 2, 3, 4]
    assert all(150 < count < 250 for count in counts.values())


@pytest.mark.parametrize(
    "make",
    [
        *(lambda value: Tournament(value), lambda value: ParetoTournament(value)),
        *(lambda value: Constant(value), lambda value: Annealed(value)),
        *(lambda value: Annealed(7, value), lambda value: Uniform(0, value)),
    ],
)
@pytest.mark.parametrize("value", [0, 1.5, None])
def test_counts_are_whole(make, value):
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        make(value)


def test_a_range_of_mutations_ascends():
    with pytest.raises(ValueError, match="`most` must be a whole number of at least 3"):
        Uniform(3, 2)


@pytest.mark.parametrize("strategy", [DropCrowded, ParetoTournament])
def test_objectives_are_names(strategy):
    with pytest.raises(ValueError, match="`objectives` must be distinct names"):
        strategy(objectives="fitness")

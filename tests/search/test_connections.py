import random

import pytest

from search.connections import ConnectionOracle
from search.selection import (
    Constant,
    DropCrowded,
    Tournament,
    Uniform,
    drop_oldest,
    drop_worst,
)


def test_its_numbers_are_the_papers():
    oracle = ConnectionOracle(space=object(), num_classes=339)
    evolution = oracle.evolution
    assert (evolution.population_size, oracle.max_trials) == (20, 220)
    assert evolution.selector == Tournament(5)
    assert evolution.survivor is drop_worst
    assert evolution.guided
    drawn = {evolution.mutations(0, random.Random(seed)) for seed in range(100)}
    assert drawn == {0, 1, 2, 3, 4}


def test_its_numbers_can_be_others():
    oracle = ConnectionOracle(
        object(), 5, survivor="oldest", mutations=Uniform(1, 2), max_trials=9
    )
    assert oracle.evolution.survivor is drop_oldest
    assert oracle.evolution.mutations == Uniform(1, 2)
    assert oracle.max_trials == 9


def test_mutations_may_be_a_number():
    oracle = ConnectionOracle(object(), 5, mutations=2)
    assert oracle.evolution.mutations == Constant(2)
    with pytest.raises(ValueError, match="`mutations` must be"):
        ConnectionOracle(object(), 5, mutations=0)


def test_a_survivor_may_be_a_rule_of_ones_own():
    rule = DropCrowded()
    assert ConnectionOracle(object(), 5, survivor=rule).evolution.survivor is rule


def test_an_unknown_survivor_is_refused():
    with pytest.raises(ValueError, match=r"`survivor` must be .*, or callable"):
        ConnectionOracle(object(), 5, survivor="best")

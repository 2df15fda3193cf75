import pytest

from search.selection import (
    Constant,
    DropCrowded,
    ParetoTournament,
    Tournament,
    drop_oldest,
    drop_worst,
)
from search.tournament import TournamentOracle


def strategies(**arguments):
    evolution = TournamentOracle(object(), 5, **arguments).evolution
    return evolution.selector, evolution.survivor, evolution.mutations


def test_its_numbers_are_the_papers():
    oracle = TournamentOracle(object(), 5)
    assert (oracle.evolution.population_size, oracle.max_trials) == (200, 1200)
    assert strategies() == (Tournament(50), drop_worst, Constant(1))


def test_each_strategy_can_be_another():
    def last(population, rng):
        return population[-1]

    rule = DropCrowded()
    assert strategies(survivor="oldest")[1] is drop_oldest
    assert strategies(survivor=rule, selector=last)[:2] == (last, rule)
    assert strategies(selector=ParetoTournament(3))[0] == ParetoTournament(3)


@pytest.mark.parametrize("mutations", ["many", 0, True, 1.5])
def test_a_number_of_mutations_that_is_none_is_named(mutations):
    with pytest.raises(ValueError, match="`mutations` must be a whole number of at"):
        TournamentOracle(object(), 5, mutations=mutations)
    assert strategies(mutations=3)[2] == Constant(3)


def test_a_misspelt_setting_is_one_line_with_the_nearest():
    with pytest.raises(ValueError, match=r"such as \['survivor'\]. Got: 'surviver'"):
        TournamentOracle(object(), 5, surviver="oldest")

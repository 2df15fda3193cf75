import random

import keras_tuner
import pytest

from search import ordinary
from search.history import Record


def space(shuffled=False):
    hp = keras_tuner.HyperParameters()
    hp.Fixed("nas/genotype", "")
    hp.Choice("optimizer", ["sgd", "adam"])
    hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    hp.Int("batch", 8, 64, step=8)
    hp.Boolean("flip")
    with hp.conditional_scope("optimizer", ["sgd"]):
        hp.Float("momentum", 0.5, 0.99)
    if shuffled:  # As gRPC gives it: a child before what it depends on.
        hp._space.reverse()
    return hp


def record(**values):
    return Record("0000", "{}", "completed", 0.5, hyperparameters=values)


@pytest.mark.parametrize("shuffled", [False, True])
def test_all_that_is_active_is_drawn_and_nothing_else(shuffled):
    drawn = [ordinary.draw(space(shuffled), random.Random(i)) for i in range(50)]
    plain = {"optimizer", "learning_rate", "batch", "flip"}
    for values in drawn:
        sgd = values["optimizer"] == "sgd"
        assert set(values) == plain | ({"momentum"} if sgd else set())
        assert 1e-4 <= values["learning_rate"] <= 1e-1
        assert values["batch"] in range(8, 65, 8)
    assert {values["optimizer"] for values in drawn} == {"sgd", "adam"}
    assert {values["flip"] for values in drawn} == {True, False}


def test_draws_depend_on_the_generator_alone():
    first = ordinary.draw(space(), random.Random("0/7"))
    random.seed(3)
    assert ordinary.draw(space(), random.Random("0/7")) == first
    assert ordinary.draw(space(), random.Random("0/8")) != first


def test_a_child_differs_from_its_parent_in_one_value_at_most():
    parent = record(
        optimizer="sgd", learning_rate=1e-3, batch=8, flip=True, momentum=0.9
    )
    changes = []
    for seed in range(200):
        values = ordinary.draw(space(), random.Random(seed), parent)
        pairs = {*values.items()} ^ {*parent.hyperparameters.items()}
        changes.append({name for name, _ in pairs})
    # With the optimizer goes the momentum that belonged to it.
    assert max(map(len, changes)) == 2
    assert {"optimizer", "momentum"} in changes
    assert 80 < sum(not names for names in changes) < 140
    assert set.union(*changes) == set(parent.hyperparameters)


def test_what_a_child_needs_beyond_its_parent_is_drawn():
    parent = record(optimizer="sgd", batch=16)
    values = ordinary.draw(space(), random.Random(1), parent)
    assert {"learning_rate", "flip"} < set(values)


def test_without_ordinary_ones_there_is_nothing_to_draw():
    hp = keras_tuner.HyperParameters()
    hp.Fixed("nas/genotype", "")
    assert ordinary.draw(hp, random.Random(0), record()) == {}

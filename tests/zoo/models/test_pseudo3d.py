import keras
import numpy as np
import pytest
from cells import turned, uniform
from helpers import fill, known_clip, outputs_of, without_weights
from supernets import choose, inherit, stir

import zoo
from zoo import cost, registry
from zoo.genotypes import FOUND
from zoo.genotypes.pseudo3d import OPERATIONS, Pseudo3DGenotype
from zoo.layers.drop_path import DropPath
from zoo.layers.mixture import architecture
from zoo.layers.normalization import BatchNorm

SHAPE = (3, 9, 10, 3)
LAYOUT = {"cells": 2, "channels": 2, "reductions": (1,)}
# Of which both together have all operations.
CELLS = [turned(OPERATIONS, start, nodes=2) for start in (0, 4)]
TINY = Pseudo3DGenotype(uniform("conv1", nodes=1), 1, channels=2, reductions=())


def network(cell):
    return Pseudo3DGenotype(cell, **LAYOUT)


@pytest.fixture(scope="module")
def tiny():
    return zoo.build(TINY, SHAPE, num_classes=5)


def test_costs_what_it_costs_on_paper(tiny):
    assert cost.count(tiny) == TINY.cost(5, SHAPE)
    assert tiny(known_clip((2, *SHAPE))).shape == (2, 5)


def test_layers_are_named_by_their_place(tiny):
    names = [layer.name for layer in tiny.layers]
    assert zoo.endpoints(tiny) == ["stem", "cell0"]
    for name in (
        "stem_space",
        "cell0_input0_relu",
        "cell0_input1_point",
        "cell0_node0_source0_point",
        "cell0_node0_source1_norm",
        "cell0_node0",
    ):
        assert name in names


def test_options_are_told():
    model = zoo.build(TINY, SHAPE, 5, drop_path=0.2, drop_path_steps=7, dropout=0.3)
    drops = [layer for layer in model.layers if isinstance(layer, DropPath)]
    assert [(drop.rate, drop.steps) for drop in drops] == [(0.2, 7)] * 2
    assert model.get_layer("head").dropout == 0.3
    with pytest.raises(ValueError, match=r"`drop_path` must be in \[0, 1\)"):
        zoo.build(TINY, SHAPE, 5, drop_path=1.0)
    with pytest.raises(ValueError, match="`norms` must be one of"):
        zoo.build(TINY, SHAPE, 5, norms="none")


def test_an_edge_that_does_nothing_is_not_dropped():
    skips = Pseudo3DGenotype(uniform("skip", nodes=1), 1, 2, ())
    model = zoo.build(skips, SHAPE, 5, drop_path=0.2)
    assert not any(isinstance(layer, DropPath) for layer in model.layers)


@pytest.mark.model
@pytest.mark.parametrize("cell", [*CELLS, uniform("max_pool3", 4), uniform("skip", 3)])
def test_all_cells_cost_what_they_cost_on_paper(cell):
    genotype = Pseudo3DGenotype(cell, cells=3, channels=3, reductions=(0, 2))
    with without_weights():
        model = zoo.build(genotype, SHAPE, num_classes=5)
    assert cost.count(model) == genotype.cost(5, SHAPE)


@pytest.mark.model
def test_norms_of_a_search_also_follow_pools():
    genotype = network(uniform("max_pool3", 2))
    with without_weights():
        final = zoo.build(genotype, SHAPE)
        search = zoo.build(genotype, SHAPE, norms="search")
    norms = [
        {x.name: (x.scale, x.center) for x in model.layers if isinstance(x, BatchNorm)}
        for model in (final, search)
    ]
    pools = set(norms[1]) - set(norms[0])
    assert len(pools) == 8
    assert set(norms[0].values()) == {(True, True)}
    # As in DARTS the stem has scale and shift in both.
    assert norms[1].pop("stem") == (True, True)
    assert set(norms[1].values()) == {(False, False)}


@pytest.fixture(scope="module")
def supernet():
    model = registry.supernet(network(CELLS[0]), SHAPE, num_classes=5)
    fill(model)
    stir(model)
    return model


@pytest.mark.model
@pytest.mark.parametrize("cell", CELLS)
def test_one_choice_of_a_supernet_is_the_network(supernet, cell):
    genotype = network(cell)
    model = zoo.build(genotype, SHAPE, num_classes=5, norms="search")
    choose(supernet, genotype)
    inherit(model, supernet, genotype)
    clip = known_clip((2, *SHAPE))
    for training in (False, True):
        found = supernet(clip, training=training)
        expected = model(clip, training=training)
        assert np.abs(np.asarray(expected)).max() > 1e-3
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.model
def test_every_weight_of_a_supernet_trains(supernet):
    names = [layer.name for layer in supernet.layers]
    assert list(architecture(supernet)) == ["cell"]
    assert architecture(supernet)["cell"].shape == (5, 8)
    assert "cell1_source2" in names
    assert "cell1_source3" not in names  # The last node, which no node reads.
    for variable in architecture(supernet).values():
        variable.assign(np.zeros(variable.shape))
    before = [np.array(weight) for weight in supernet.trainable_weights]
    eager = keras.backend.backend() == "tensorflow"  # Faster for a single step.
    supernet.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=eager)
    supernet.train_on_batch(known_clip((2, *SHAPE)), np.ones((2, 5)))
    for weight, old in zip(supernet.trainable_weights, before, strict=True):
        assert np.abs(np.asarray(weight) - old).max() > 0, weight.path


def logits_of(genotype):
    model = zoo.build(genotype, SHAPE, num_classes=5)
    fill(model)
    return np.asarray(outputs_of(model, known_clip((1, *SHAPE))))[0]


# Computed on JAX and on TensorFlow, which agree.
@pytest.mark.model
def test_forward_pass_is_the_same_on_both_backends():
    known = [-5.442464, 2.664002, 3.613694, 3.171576, 5.433007]
    np.testing.assert_allclose(logits_of(network(CELLS[1])), known, rtol=1e-4)


@pytest.mark.model
def test_other_operations_are_the_same_on_both_backends():
    known = [1.778209, 0.036533, -1.370307, 3.040899, 1.268666]
    np.testing.assert_allclose(logits_of(network(CELLS[0])), known, rtol=1e-4)


def test_only_cells_have_a_supernet():
    with pytest.raises(ValueError, match=r"`genotype` must be one of .*PVNAS"):
        registry.supernet(zoo.FOUND["tvn1"], SHAPE, 5)


@pytest.mark.model
def test_the_found_network_is_as_on_paper():
    model = zoo.pseudo3d(num_classes=101)
    assert cost.count(model) == FOUND["pseudo3d"].cost(101)
    assert cost.count(model).parameters == 360_509
    assert model.input_shape == (None, 8, 112, 112, 3)
    assert zoo.endpoints(model) == ["stem", *(f"cell{i}" for i in range(6))]

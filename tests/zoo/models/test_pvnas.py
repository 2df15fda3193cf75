import numpy as np
import pytest
from cells import turned, uniform
from helpers import fill, known_clip, outputs_of, without_weights
from supernets import choose, inherit, stir

import zoo
from zoo import cost, registry
from zoo.genotypes import FOUND
from zoo.genotypes.pvnas import SEARCH_ORDER, PVNASGenotype
from zoo.layers.mixture import architecture

SHAPE = (3, 9, 10, 3)
LAYOUT = {"order": SEARCH_ORDER, "channels": 2, "stem_stride": 1}


def network(start, nodes=2, **layout):
    """Cells of which two starts together have all operations."""
    cells = {
        kind: turned(operations, start, nodes)
        for kind, operations in PVNASGenotype.KINDS.items()
    }
    return PVNASGenotype.with_cells(cells, **{**LAYOUT, **layout})


NETWORKS = [network(start) for start in (0, 4)]


@pytest.mark.model
@pytest.mark.parametrize(
    "layout",
    [{}, {"nodes": 1, "stem_stride": 4}, {"nodes": 3, "repeats": 2, "channels": 3}],
)
def test_costs_what_it_costs_on_paper(layout):
    for start in (0, 4):
        genotype, shape = network(start, **layout), (2, 19, 24, 3)
        with without_weights():
            model = zoo.build(genotype, shape, num_classes=5)
        assert cost.count(model) == genotype.cost(5, shape)


@pytest.mark.model
def test_layers_are_named_by_their_place():
    with without_weights():
        model = zoo.build(network(0, stem_stride=4), SHAPE)
    names = [layer.name for layer in model.layers]
    assert zoo.endpoints(model) == ["stem", *(f"cell{i}" for i in range(4))]
    assert model.get_layer("head").dropout == 0.4
    for name in (
        "stem_space",
        "stem_relu",
        "cell2_input0_reduce",
        "cell2_input0_norm",
        "cell1_node0_source0_reduce",
        "cell3_node1",
    ):
        assert name in names


@pytest.mark.model
def test_the_paths_of_ucf101_are_dropped():
    with without_weights():
        model = zoo.build(NETWORKS[0], SHAPE, 5, drop_path=0.1, drop_path_steps=9)
    drops = [layer for layer in model.layers if layer.name.endswith("_drop")]
    operated = [
        edge
        for cell in NETWORKS[0].plan(SHAPE).cells
        for node in cell.nodes
        for edge in node
        if edge.layers
    ]
    assert len(drops) == len(operated)
    assert {(drop.rate, drop.steps) for drop in drops} == {(0.1, 9)}


@pytest.fixture(scope="module")
def supernet():
    model = registry.supernet(NETWORKS[0], SHAPE, num_classes=5)
    fill(model)
    stir(model)
    return model


@pytest.mark.model
@pytest.mark.parametrize("genotype", NETWORKS)
def test_one_choice_of_a_supernet_is_the_network(supernet, genotype):
    model = zoo.build(genotype, SHAPE, num_classes=5, norms="search", dropout=0.0)
    choose(supernet, genotype)
    inherit(model, supernet, genotype)
    clip = known_clip((2, *SHAPE))
    for training in (False, True):
        found = supernet(clip, training=training)
        expected = model(clip, training=training)
        assert np.abs(np.asarray(expected)).max() > 1e-3
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.model
def test_a_supernet_has_weights_for_each_kind(supernet):
    shapes = {kind: tuple(v.shape) for kind, v in architecture(supernet).items()}
    assert shapes == {
        "spatial_normal": (5, 6),
        "spatial_reduction": (5, 6),
        "temporal_normal": (5, 8),
        "temporal_reduction": (5, 8),
    }


def logits_of(genotype):
    model = zoo.build(genotype, SHAPE, num_classes=5)
    fill(model)
    return np.asarray(outputs_of(model, known_clip((1, *SHAPE))))[0]


# Computed on JAX and on TensorFlow, which agree.
@pytest.mark.model
def test_forward_pass_is_the_same_on_both_backends():
    known = [1.033171, -1.310499, 0.484545, 1.113385, 0.806919]
    np.testing.assert_allclose(logits_of(NETWORKS[1]), known, rtol=1e-4)


@pytest.mark.model
def test_other_operations_are_the_same_on_both_backends():
    known = [-3.460102, -3.542179, -24.608135, 9.1059, 6.396353]
    np.testing.assert_allclose(logits_of(NETWORKS[0]), known, rtol=1e-4)


def test_refuses_options_of_no_family():
    cells = {kind: uniform("skip", nodes=1) for kind in PVNASGenotype.KINDS}
    genotype = PVNASGenotype.with_cells(cells, **LAYOUT)
    with pytest.raises(ValueError, match="`options` must be some of"):
        zoo.build(genotype, SHAPE, 5, drop_paths=0.1)


def test_found_networks_have_their_parameter_counts():
    counts = {name: FOUND[name].cost(400) for name in zoo.list_models("pvnas*")}
    assert {name: c.parameters for name, c in counts.items()} == {
        "pvnas_l": 32_403_408,
        "pvnas_m": 133_956_700,
    }
    assert [len(FOUND[name].sequence) for name in counts] == [7, 11]


@pytest.mark.model
@pytest.mark.parametrize("name", ["pvnas_l", "pvnas_m"])
def test_a_found_network_is_as_on_paper(name):
    with without_weights():
        model = zoo.create(name)
        assert cost.count(model) == FOUND[name].cost(400)
        assert model.input_shape == (None, 8, 224, 224, 3)
        assert model.get_layer("head").dropout == 0.4

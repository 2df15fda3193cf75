import dataclasses
import random
import statistics

import pytest
from cells import random_genotype, uniform

from zoo.genotypes import from_json
from zoo.genotypes.pvnas import (
    ORDER,
    SEARCH_ORDER,
    SPATIAL_OPERATIONS,
    TEMPORAL_OPERATIONS,
    PVNASGenotype,
)
from zoo.genotypes.tally import Tally

CELL = uniform("skip")
NETWORK = PVNASGenotype(CELL, CELL, CELL, CELL)
LARGE, MEDIUM = {}, {"repeats": 2, "channels": 100}
# By hand, for 8 channels of a node.
WEIGHTS = {
    "skip": 0,
    "average_pool3": 0,
    "max_pool3": 0,
    "separable3": 2 * (9 * 8 + 8 * 8 + 2 * 8),
    "dilated3": 9 * 8 + 8 * 8 + 2 * 8,
    "temporal3x3x3": 9 * 8 * 8 + 3 * 8 * 8 + 2 * 8,
    "temporal3x1x1": 8 * 8 + 3 * 8 * 8 + 2 * 8,
}


@pytest.mark.parametrize("operation", [o for o in TEMPORAL_OPERATIONS if o != "zero"])
def test_weights_of_each_operation(operation):
    plan = revised(temporal_normal=uniform(operation), channels=4).plan()
    assert plan.cells[2].frame.node.channels == 8
    rows = [edge.layers for node in plan.cells[2].nodes for edge in node]
    assert {weights(row) for row in rows} == {WEIGHTS[operation]}


def revised(**fields):
    return dataclasses.replace(NETWORK, **fields)


def weights(row):
    tally = Tally()
    for layer in row:
        layer.tally(tally)
    return tally.parameters


def test_a_skip_that_strides_reads_all_pixels():
    plan = revised(channels=4).plan((8, 12, 12, 3))
    rows = [edge.layers for node in plan.cells[1].nodes for edge in node]
    assert [layer.kind for layer in rows[0]] == ["relu", "reduce", "norm"]
    assert weights(rows[0]) == 8 * 8 + 2 * 8


def test_repeats_make_the_papers_numbers_of_cells():
    assert [len(revised(repeats=n).sequence) for n in (1, 2)] == [7, 11]
    assert revised(repeats=2).sequence[:4] == [
        "spatial_normal",
        "spatial_normal",
        "spatial_reduction",
        "temporal_normal",
    ]


def test_shapes_on_the_way():
    cells = revised().plan().cells
    sizes = [(cell.output.height, cell.output.channels) for cell in cells]
    assert sizes[:2] == [(56, 256), (28, 512)]
    assert sizes[2:] == [(28, 512), (14, 1024), (14, 1024), (7, 2048), (7, 2048)]
    assert {cell.output.frames for cell in cells} == {8}
    kinds = [cell.frame.inputs[0][1].kind for cell in cells]
    assert kinds == ["point", "point", "reduce", "point", "reduce", "point", "reduce"]
    assert [cell.frame.stride for cell in cells] == [1, 2, 1, 2, 1, 2, 1]


@pytest.mark.parametrize(("stride", "size"), [(1, 224), (2, 112), (4, 56)])
def test_the_stem_strides_as_told(stride, size):
    stem = revised(stem_stride=stride).plan().stem
    assert stem[-1].output.height == size
    assert stem[-1].name == "stem"


@pytest.mark.parametrize(
    ("layout", "millions", "giga"), [(LARGE, 19.65, 22.14), (MEDIUM, 77.15, 82.11)]
)
def test_random_cells_have_the_papers_budgets(layout, millions, giga):
    rng = random.Random(0)
    costs = [
        random_genotype(PVNASGenotype, rng, least=4, **layout).cost(400)
        for _ in range(20)
    ]
    parameters = statistics.mean(cost.parameters for cost in costs) / 1e6
    macs = statistics.mean(cost.macs for cost in costs) / 1e9
    assert parameters == pytest.approx(millions, rel=0.15)
    assert macs == pytest.approx(giga, rel=0.15)


def test_a_supernet_has_the_operations_of_each_kind():
    layout = revised(order=SEARCH_ORDER, channels=8)
    plan = layout.super_plan((8, 32, 32, 3))
    assert len(plan.cells) == 4
    assert plan.shares == {
        "spatial_normal": (14, 6),
        "spatial_reduction": (14, 6),
        "temporal_normal": (14, 8),
        "temporal_reduction": (14, 8),
    }
    normal, reduction = plan.cells[:2]
    assert len(normal.sources[0].parts) == 3
    assert [len(p.columns) for p in reduction.sources[0].parts] == [3, 2]
    assert [len(p.columns) for p in reduction.sources[2].parts] == [2, 2, 1]


def test_the_kinds_of_the_search_are_those_of_the_network():
    assert ORDER[:4] == SEARCH_ORDER == tuple(PVNASGenotype.KINDS)
    assert PVNASGenotype.KINDS["spatial_reduction"] == SPATIAL_OPERATIONS


def test_is_its_own_json():
    rng = random.Random(0)
    for layout in (LARGE, MEDIUM, {"order": SEARCH_ORDER, "stem_stride": 1}):
        genotype = random_genotype(PVNASGenotype, rng, **layout)
        assert from_json(genotype.to_json()) == genotype
        assert PVNASGenotype.with_cells(genotype.by_kind, **layout) == genotype


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"spatial_normal": uniform("conv3")}, "`operation` must be one of"),
        (
            {"spatial_reduction": uniform("temporal3x1x1")},
            "in a cell of kind 'spatial_reduction'. Got: 'temporal3x1x1'",
        ),
        ({"temporal_normal": uniform("zero")}, "`operation` must be one of"),
        ({"temporal_normal": None}, "`temporal_normal` must be of type Cell"),
        ({"repeats": 0}, "`repeats` must be a whole number"),
        ({"channels": 0}, "`channels` must be a whole number"),
        ({"order": ORDER[:2]}, "`order` must be of .* each of them at least once"),
        ({"order": ("normal",)}, "`order` must be of"),
        ({"stem_stride": 3}, "`stem_stride` must be one of"),
    ],
)
def test_refuses_nonsense(fields, message):
    with pytest.raises(ValueError, match=message):
        revised(**fields)

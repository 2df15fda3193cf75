import random
import statistics

import pytest
from cells import random_genotype, uniform

from zoo.genotypes import from_json
from zoo.genotypes.cells import Cell, Edge
from zoo.genotypes.pseudo3d import OPERATIONS, Pseudo3DGenotype

CELL = uniform("conv3")
# By hand, for 8 channels of a node and 32 of a cell: what each operation weighs.
WEIGHTS = {
    "conv1": 8 * 8,
    "conv3": 9 * 8 * 8 + 3 * 8 * 8,
    "separable3": 3 * 3 * 8 * 8,
    "dilated3": 9 * 8 * 8 + 3 * 8 * 8,
    "max_pool3": 0,
    "average_pool3": 0,
    "skip": 0,
}


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o != "zero"])
def test_weights_of_each_operation(operation):
    network = Pseudo3DGenotype(uniform(operation), cells=1, reductions=())
    stem = 9 * 3 * 24 + 2 * 24
    inputs = 2 * (24 * 8 + 2 * 8)
    norms = 2 * 8 if WEIGHTS[operation] else 0
    cell = 8 * (WEIGHTS[operation] + norms)
    head = 33 * 101
    assert network.cost(101).parameters == stem + inputs + cell + head


def test_three_reductions_make_room_for_the_papers_weights():
    # 0.67 million is near the most that the space has: a cell of convolutions alone.
    assert Pseudo3DGenotype(CELL).cost(101).parameters == 704_573
    fewer = Pseudo3DGenotype(CELL, reductions=(2, 4)).cost(101).parameters
    assert fewer < 0.5 * 0.67e6


def test_random_cells_have_half_of_the_papers_weights():
    rng = random.Random(0)
    counts = [
        random_genotype(Pseudo3DGenotype, rng, least=4).cost(101).parameters
        for _ in range(40)
    ]
    assert 0.45 < statistics.mean(counts) / 0.67e6 < 0.6


def test_shapes_on_the_way():
    plan = Pseudo3DGenotype(CELL).plan()
    outputs = [
        (c.output.frames, c.output.height, c.output.channels) for c in plan.cells
    ]
    widths = [(112, 32), (56, 64), (56, 64), (28, 128), (28, 128), (14, 256)]
    assert outputs == [(8, *width) for width in widths]
    strides = [[row[1].stride for row in cell.frame.inputs] for cell in plan.cells]
    assert strides == [[1, 1], [2, 2], [2, 1], [2, 2], [2, 1], [2, 2]]


def test_an_input_is_halved_twice_where_two_reductions_follow():
    plan = Pseudo3DGenotype(CELL, cells=3, reductions=(1, 2)).plan((2, 13, 9, 3))
    assert [row[1].stride for row in plan.cells[2].frame.inputs] == [4, 2]
    assert plan.output == plan.cells[2].frame.inputs[0][1].output.with_channels(128)
    assert (plan.output.height, plan.output.width) == (4, 3)


def test_reductions_follow_the_number_of_cells():
    make = Pseudo3DGenotype.with_cells
    assert make({"cell": CELL}) == Pseudo3DGenotype(CELL)
    assert make({"cell": CELL}, cells=3, channels=4).reductions == (1,)
    assert make({"cell": CELL}, cells=3, reductions=(0,)).reductions == (0,)
    assert make({"cell": CELL}).by_kind == {"cell": CELL}


def test_a_supernet_has_all_edges():
    plan = Pseudo3DGenotype(CELL, cells=2, channels=4, reductions=(1,)).super_plan()
    assert plan.shares == {"cell": (14, 8)}
    sources = plan.cells[1].sources
    assert [source.targets for source in sources] == [
        (0, 1, 2, 3),
        (0, 1, 2, 3),
        (1, 2, 3),
        (2, 3),
        (3,),
    ]
    assert sources[3].edges == (8, 12)  # (2, 3) and (3, 3) of `edges(4)`.
    columns = [c for part in sources[0].parts for c in part.columns]
    assert sorted(columns) == list(range(7))  # All but the zero, which is the last.
    own, common, same = sources[3].parts
    assert [OPERATIONS[c] for c in own.columns] == list(OPERATIONS[:4])
    assert [own.norm.output.channels, common.norm.output.channels] == [4 * 2 * 8, 2 * 8]
    assert (same.rows, same.norm) == (((),), None)


def test_is_its_own_json():
    rng = random.Random(0)
    for layout in ({}, {"cells": 3, "channels": 4}):
        genotype = random_genotype(Pseudo3DGenotype, rng, **layout)
        assert from_json(genotype.to_json()) == genotype


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pseudo3DGenotype(uniform("conv5")), "`operation` must be one of"),
        (lambda: Pseudo3DGenotype(uniform("zero")), "`operation` must be one of"),
        (
            lambda: Pseudo3DGenotype(uniform("temporal3x3x3")),
            "in a cell of kind 'cell'. Got: 'temporal3x3x3'",
        ),
        (lambda: Pseudo3DGenotype("conv3"), "`cell` must be of type Cell"),
        (lambda: Pseudo3DGenotype(CELL, cells=0), "`cells` must be a whole number"),
        (lambda: Pseudo3DGenotype(CELL, channels=0), "`channels` must be a whole"),
        (
            lambda: Pseudo3DGenotype(CELL, cells=3),
            "`reductions` must be rising numbers of cells, from 0 to 2",
        ),
        (lambda: Pseudo3DGenotype(CELL, reductions=(3, 1)), "`reductions` must be"),
        (lambda: Pseudo3DGenotype(CELL).plan(norms="new"), "`norms` must be one of"),
        (
            lambda: Pseudo3DGenotype.with_cells({"spatial_normal": CELL}),
            r"`by_kind` must be of \['cell'\]. Got: \['spatial_normal'\]",
        ),
        (lambda: Pseudo3DGenotype.with_cells(CELL), "`by_kind` must be of"),
        (
            lambda: from_json(
                Pseudo3DGenotype(CELL).to_json().replace("pseudo3d", "pvnas")
            ),
            "`genotype` must be the fields of PVNASGenotype",
        ),
        (
            lambda: from_json(
                Pseudo3DGenotype(Cell(((Edge(1, "conv1"),),)))
                .to_json()
                .replace('[{"operation":"conv1","source":1}]', "[]")
            ),
            "`nodes` must be at least one edge into node 0",
        ),
    ],
)
def test_refuses_nonsense(make, message):
    with pytest.raises(ValueError, match=message):
        make()

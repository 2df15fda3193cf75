"""Both spaces of cells, as they share all but the layout."""

import functools
import random
import subprocess
import sys

import pytest
from clip_sources import ArrayClips

from search import run
from search.random_search import RandomOracle
from search.spaces.pseudo3d import Pseudo3DSpace
from search.spaces.pvnas import PVNASSpace
from search.spaces.tiny_video import TinyVideoSpace
from search.tournament import TournamentOracle
from zoo import genotypes
from zoo.genotypes.cells import FREE, ZERO
from zoo.genotypes.plans.cells import edges

SPACES = {"pseudo3d": Pseudo3DSpace(), "pvnas": PVNASSpace()}


@pytest.fixture(params=sorted(SPACES))
def space(request):
    return SPACES[request.param]


def genes(genotype):
    return [
        (kind, node, edge)
        for kind, cell in genotype.by_kind.items()
        for node, edges_of_node in enumerate(cell.nodes)
        for edge in edges_of_node
    ]


def convolutions(cell):
    return sum(name not in FREE for name in cell.operations)


def test_samples_have_every_source_and_every_operation_but_zero(space):
    rng = random.Random(0)
    seen = {gene for _ in range(300) for gene in genes(space.sample(rng))}
    for kind, operations in space.kinds.items():
        of_kind = [(node, edge) for name, node, edge in seen if name == kind]
        assert {(n, e.source) for n, e in of_kind} == set(edges(space.nodes))
        assert {e.operation for _, e in of_kind} == set(operations) - {ZERO}


def test_each_node_keeps_two_edges(space):
    for cell in space.sample(random.Random(0)).by_kind.values():
        assert [len(node) for node in cell.nodes] == [2] * 4


@pytest.mark.parametrize(
    "count", [50, pytest.param(1000, marks=pytest.mark.model)], ids=str
)
def test_children_in_a_line_are_valid_and_differ(space, count):
    rng = random.Random(1)
    parent = space.sample(rng)
    for _ in range(count):
        child = space.mutate(parent, rng)
        assert type(child).from_json(child.to_json()) == child
        assert child != parent
        parent = child


def test_a_mutation_redraws_one_edge(space):
    rng = random.Random(2)
    parent, whole = space.sample(rng), set()
    for _ in range(200):
        child = space.mutate(parent, rng)
        [(kind, node, edge)] = set(genes(child)) - set(genes(parent))
        [(old_kind, old_node, old)] = set(genes(parent)) - set(genes(child))
        assert (kind, node) == (old_kind, old_node)
        changed = (edge.source != old.source, edge.operation != old.operation)
        assert sum(changed) == 1
        whole.add((kind, node, changed))
    # A first node has no third source to change to.
    kinds = len(space.kinds)
    assert len(whole) == kinds * (2 * space.nodes - 1)


def test_a_mutation_changes_the_plan(space):
    rng = random.Random(3)
    parent = space.sample(rng)
    shape = (2, 32, 32, 3)
    for _ in range(20):
        assert space.mutate(parent, rng).plan(shape) != parent.plan(shape)


@pytest.mark.parametrize("make", [Pseudo3DSpace, PVNASSpace])
def test_random_cells_have_the_convolutions_that_are_asked_for(make):
    space, rng = make(least_convolutions=4), random.Random(4)
    free = make()
    few = [min(map(convolutions, free.sample(rng).by_kind.values())) for _ in range(50)]
    assert min(few) < 4
    parent = space.sample(rng)
    for _ in range(100):
        assert all(convolutions(cell) >= 4 for cell in parent.by_kind.values())
        parent = space.mutate(parent, rng)


def test_draws_depend_on_the_seed_alone(space):
    def draw(seed):
        rng = random.Random(seed)
        genotype = space.sample(rng)
        return genotype.to_json(), space.mutate(genotype, rng).to_json()

    assert draw("0/7") == draw("0/7")
    assert draw("0/7") != draw("0/8")


def test_shares_stand_for_the_cell_of_their_strongest_operations(space):
    rng = random.Random(5)
    wanted = space.sample(rng)
    shares = {}
    for kind, operations in space.kinds.items():
        rows = {edge: [0.01 * rng.random() for _ in operations] for edge in edges(4)}
        for node, of_node in enumerate(wanted.by_kind[kind].nodes):
            for edge in of_node:
                row = rows[node, edge.source]
                row[operations.index(edge.operation)] = 0.5
                row[operations.index(ZERO)] = 0.9
        shares[kind] = list(rows.values())
    assert space.derived(shares) == wanted


def test_the_supernet_of_the_papers():
    peng, pvnas = (space.searched() for space in SPACES.values())
    assert (peng.cells, peng.channels, peng.reductions) == (3, 4, (1,))
    assert pvnas.sequence == [
        *("spatial_normal", "spatial_reduction"),
        *("temporal_normal", "temporal_reduction"),
    ]
    assert pvnas.channels == 64


def test_the_final_networks_have_the_spaces_layout():
    rng = random.Random(0)
    peng = Pseudo3DSpace(cells=4, channels=16, reductions=(2,)).sample(rng)
    assert (peng.cells, peng.channels, peng.reductions) == (4, 16, (2,))
    pvnas = PVNASSpace(repeats=2, channels=100).sample(rng)
    assert (pvnas.repeats, pvnas.channels, len(pvnas.sequence)) == (2, 100, 11)


@pytest.mark.parametrize(
    ("make", "bad", "named"),
    [
        (Pseudo3DSpace, {"nodes": 0}, "nodes"),
        (Pseudo3DSpace, {"edges": 0}, "edges"),
        (Pseudo3DSpace, {"least_convolutions": 9}, "least_convolutions"),
        (Pseudo3DSpace, {"least_convolutions": -1}, "least_convolutions"),
        (Pseudo3DSpace, {"channels": 0}, "channels"),
        (Pseudo3DSpace, {"reductions": (6,)}, "reductions"),
        (PVNASSpace, {"repeats": 0}, "repeats"),
        (PVNASSpace, {"order": ("spatial_normal",)}, "order"),
    ],
)
def test_nonsense_is_refused(make, bad, named):
    with pytest.raises(ValueError, match=f"`{named}` must be"):
        make(**bad)


def test_nonsense_of_the_supernet_is_told_as_such():
    with pytest.raises(ValueError, match=r"`channels` must be .* of the supernet"):
        Pseudo3DSpace(search_channels=0)


def test_a_parent_of_another_family_is_refused(space):
    rng = random.Random(0)
    with pytest.raises(ValueError, match="`parent` must be a P"):
        space.mutate(TinyVideoSpace().sample(rng), rng)


def test_a_parent_of_other_nodes_is_refused():
    parent = Pseudo3DSpace(nodes=3).sample(random.Random(0))
    with pytest.raises(ValueError, match="`parent` must be of 4 nodes"):
        Pseudo3DSpace().mutate(parent, random.Random(0))


@pytest.mark.usefixtures("instant")
@pytest.mark.parametrize("oracle", [TournamentOracle, RandomOracle])
def test_evolutions_search_in_it(tmp_path, space, oracle):
    given = {"population_size": 2, "sample_size": 2}
    given = given if oracle is TournamentOracle else {}
    method = functools.partial(oracle, space=space, max_trials=4, **given)
    record = run.search(method, ArrayClips(), str(tmp_path))
    assert genotypes.from_json(record.genotype).by_kind.keys() == space.kinds.keys()


def test_imports_no_keras():
    code = "import sys, search.spaces.pvnas; print('keras' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr

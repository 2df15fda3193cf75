import dataclasses
import random
import subprocess
import sys

import pytest

from search.spaces import assemblenet
from search.spaces.assemblenet import AssembleNetSpace
from search.spaces.assemblenet_graph import Graph, Traits
from zoo.genotypes import FOUND, from_json
from zoo.genotypes.assemblenet import DEPTHS, AssembleNetGenotype

SPACE = AssembleNetSpace()
THIN = AssembleNetSpace(width=1 / 16, depth=26)
ASN50 = FOUND["assemblenet50"]
GRAPHS = [name for name in FOUND if isinstance(FOUND[name], AssembleNetGenotype)]
CLIP = (4, 32, 32, 3)


def samples(space, count, seed=0):
    rng = random.Random(seed)
    return [space.sample(rng) for _ in range(count)]


def sums(genotype):
    """Channels of each level, the stems' first."""
    levels = range(5)
    return [sum(n.channels for n in genotype.nodes if n.level == k) for k in levels]


def permuted(genotype, rng):
    """The same graph, its nodes in another order within each level."""
    levels = [node.level for node in genotype.nodes]
    order = sorted(range(len(levels)), key=lambda i: (levels[i], rng.random()))
    places = {old: new for new, old in enumerate(order)}
    nodes = [
        dataclasses.replace(
            genotype.nodes[old],
            inputs=tuple(places[i] for i in genotype.nodes[old].inputs),
            weights=(),
        )
        for old in order
    ]
    return dataclasses.replace(genotype, nodes=tuple(nodes))


def canonical(genotype):
    return dataclasses.replace(genotype, nodes=Graph.of(genotype).nodes())


def network(genotype):
    """All that a builder reads: the layers of each node of the canonical graph."""
    plan = canonical(genotype).plan(CLIP)
    return plan.parts


def chain(*channels):
    """One stem, and a block a level."""
    traits = [Traits(0, "rgb", 8)]
    for level, count in enumerate(channels, 1):
        traits.append(Traits(level, "block", count, stride=1 if level == 1 else 2))
    return Graph(traits, [(i, i + 1) for i in range(len(channels))])


def genotype_of(graph):
    return AssembleNetGenotype(graph.nodes(), DEPTHS[26], (8, 8, 8, 8))


def weighted(genotype, rng):
    return {f"{a}>{b}": rng.random() for a, b in genotype.edges}


def test_samples_are_the_papers_over_connected_graphs():
    drawn = samples(SPACE, 30)
    stems = {sum(node.level == 0 for node in genotype.nodes) for genotype in drawn}
    blocks = {sum(node.level > 0 for node in genotype.nodes) for genotype in drawn}
    assert stems == {2, 4}
    assert blocks == {8, 9, 10, 11, 12}
    for genotype in drawn:
        assert sums(genotype) == sums(ASN50) == [128, 128, 256, 512, 512]
        kinds = [node.kind for node in genotype.nodes if node.level == 0]
        assert kinds.count("rgb") == kinds.count("flow")
        assert Graph.of(genotype).depth == 4
        assert (genotype.modules, genotype.inner) == (DEPTHS[50], (64, 128, 256, 512))
        assert canonical(genotype) == genotype
        assert from_json(genotype.to_json()) == genotype
    nodes = [node for genotype in drawn for node in genotype.nodes]
    for kind in ("rgb", "block"):
        assert {n.dilation for n in nodes if n.kind == kind} == {1, 2, 4, 8}
    assert {node.stride for node in nodes if node.level == 1} == {1}
    assert {node.stride for node in nodes if node.level > 1} == {2}


def test_half_of_the_possible_edges_are_drawn():
    drawn = samples(SPACE, 50)
    edges = sum(len(list(genotype.edges)) for genotype in drawn)
    possible = sum(len(Graph.of(genotype).possible_edges) for genotype in drawn)
    assert 0.48 < edges / possible < 0.54  # Some more, as no node stays alone.


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_every_graph_goes_through_all_levels(probability):
    space = dataclasses.replace(THIN, edge_probability=probability)
    for genotype in samples(space, 20):
        graph = Graph.of(genotype)
        assert graph.depth == 4
        if probability:
            assert graph.edges == set(graph.possible_edges)


def test_options_narrow_the_space():
    space = AssembleNetSpace(
        stems=(3,), sources=("rgb",), dilations=(1,), splits=(0, 0), depth=26, width=0.3
    )
    for genotype in samples(space, 10):
        rng = random.Random(1)
        child = space.mutate(space.mutate(genotype, rng), rng, {})
        assert [node.level for node in genotype.nodes] == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4]
        assert {node.kind for node in child.nodes} == {"rgb", "block"}
        assert {node.dilation for node in child.nodes} == {1}
        assert sums(child) == [38, 38, 77, 154, 154]
        assert child.modules == (2, 2, 2, 2)
        assert child.inner == (19, 38, 77, 154)


def test_two_stems_only():
    kinds = {
        tuple(node.kind for node in genotype.nodes if node.level == 0)
        for genotype in samples(dataclasses.replace(THIN, stems=(2,)), 20)
    }
    assert kinds == {("rgb", "flow")}


def test_draws_depend_on_the_seed_alone():
    def draw(seed):
        rng = random.Random(seed)
        genotype = SPACE.sample(rng)
        child = SPACE.mutate(genotype, rng, weighted(genotype, rng))
        return genotype.to_json(), SPACE.mutate(child, rng).to_json()

    assert draw("0/7") == draw("0/7")
    assert draw("0/7") != draw("0/8")


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_has_one_form_whatever_the_order_of_its_nodes(name):
    rng = random.Random(name)
    form = canonical(FOUND[name])
    for _ in range(10):
        other = permuted(FOUND[name], rng)
        assert canonical(other).to_json() == form.to_json()
    assert canonical(form) == form


def test_nodes_that_only_look_alike_do_not_change_the_form():
    """Rings of four and of eight nodes: each reads, or is read by, two others."""
    traits = [Traits(0, "rgb", 8), *(Traits(1, "block", 8) for _ in range(6))]
    traits += [*(Traits(2, "block", 8, stride=2) for _ in range(6))]
    traits += [Traits(3, "block", 8, stride=2), Traits(4, "block", 8, stride=2)]
    edges = [*((0, i) for i in range(1, 7)), *((i, 13) for i in range(7, 13)), (13, 14)]
    for ring in ((1, 2), (3, 4, 5, 6)):
        for index, key in enumerate(ring):
            after = ring[(index + 1) % len(ring)]
            edges += [(key, key + 6), (key, after + 6)]
    genotype, rng = genotype_of(Graph(traits, edges)), random.Random(0)
    forms = {canonical(permuted(genotype, rng)).to_json() for _ in range(6)}
    assert forms == {genotype.to_json()}


def test_graphs_that_differ_in_one_edge_have_other_forms():
    # All nodes of a level look alike by their own traits and numbers of edges.
    rows = [Traits(0, "rgb", 8), Traits(0, "rgb", 8)]
    rows += [Traits(level, "block", 8) for level in (1, 1, 2, 2)]
    rows.append(Traits(4, "block", 8))
    straight = [(0, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 6), (0, 4), (1, 5)]
    crossed = [*straight[:6], (0, 5), (1, 4)]
    mirrored = [(1, 2), (0, 3), (2, 4), (3, 5), (4, 6), (5, 6), (1, 4), (0, 5)]
    assert Graph(rows, straight).nodes() == Graph(rows, mirrored).nodes()
    assert Graph(rows, straight).nodes() != Graph(rows, crossed).nodes()


def test_a_split_halves_the_channels_and_copies_the_edges():
    graph = chain(9, 8, 8, 8)
    graph.split(1)
    nodes = genotype_of(graph).nodes
    assert [(n.level, n.channels, n.inputs) for n in nodes] == [
        (0, 8, ()),
        (1, 4, (0,)),
        (1, 5, (0,)),
        (2, 8, (1, 2)),
        (3, 8, (3,)),
        (4, 8, (4,)),
    ]


def test_a_merge_joins_channels_and_edges_and_keeps_the_first_dilation():
    traits = [Traits(0, "rgb", 8), Traits(0, "rgb", 4)]
    traits += [Traits(1, "block", 3, 2), Traits(1, "block", 4, 8)]
    traits += [Traits(level, "block", 8) for level in (2, 3, 4)]
    edges = [(0, 2), (1, 3), (2, 4), (3, 5), (4, 5), (5, 6)]
    graph = Graph(traits, edges)
    graph.merge(3, 2)
    merged = graph.traits[3]
    assert (merged.channels, merged.dilation) == (7, 8)
    assert graph.edges == {(0, 3), (1, 3), (3, 4), (3, 5), (4, 5), (5, 6)}


def test_a_merge_undoes_a_split():
    graph = Graph.of(ASN50)
    form = graph.nodes()
    graph.split(12)
    assert graph.nodes() != form
    graph.merge(12, max(graph.traits))
    assert graph.nodes() == form


def block_parameters(modules, inputs, channels, inner):
    """By hand, of a block at level 2 or above, whose inner channels stay."""
    total = 4 * channels * inputs + 2 * 4 * channels  # Shortcut and its norm.
    for module in range(modules):
        read = inputs if module == 0 else 4 * channels
        size = 3 if module % 2 else 1
        total += size * read * channels + 9 * channels * inner + 4 * channels * inner
        total += 2 * (channels + inner + 4 * channels)  # Norms.
    return total


def test_a_split_costs_what_its_halves_do():
    """Two blocks of half the width; their one reader gets a weight for each."""
    whole = chain(8, 16, 16, 16)
    half = chain(8, 16, 16, 16)
    half.split(2)
    before, after = (genotype_of(graph) for graph in (whole, half))
    counts = [g.cost(5, CLIP).parameters for g in (before, after)]
    # Level 2 reads 4 * 8 channels; level 3 reads 4 * 16 of one, or 4 * 8 of the two.
    old = block_parameters(2, 32, 16, 8) + block_parameters(2, 64, 16, 8)
    new = 2 * block_parameters(2, 32, 8, 8) + block_parameters(2, 32, 16, 8) + 2
    assert counts[1] - counts[0] == new - old


@pytest.mark.parametrize("name", GRAPHS)
def test_children_of_published_graphs_are_valid_and_differ(name):
    rng, parent = random.Random(name), FOUND[name]
    for index in range(6):
        gates = weighted(parent, rng) if index % 2 else None
        child = SPACE.mutate(parent, rng, gates)
        assert from_json(child.to_json()) == child
        assert canonical(child) == child
        assert child.nodes != canonical(parent).nodes
        assert sums(child) == sums(parent)
        assert (child.modules, child.inner) == (parent.modules, parent.inner)
        assert not any(node.weights for node in child.nodes)


def test_every_mutation_changes_the_network():
    rng, parent = random.Random(3), THIN.sample(random.Random(5))
    expected = network(parent)
    for index in range(20):
        gates = weighted(parent, rng) if index % 2 else None
        assert network(THIN.mutate(parent, rng, gates)) != expected


@pytest.mark.slow
@pytest.mark.parametrize("space", [SPACE, THIN])
def test_a_thousand_children_in_a_line_are_valid_and_differ(space):
    rng = random.Random(1)
    parent = space.sample(rng)
    total = sums(parent)
    for index in range(1000):
        gates = weighted(parent, rng) if index % 3 == 0 else None
        child = space.mutate(parent, rng, gates)
        assert from_json(child.to_json()) == child
        assert canonical(permuted(child, rng)) == child != parent
        assert sums(child) == total
        assert Graph.of(child).depth == 4
        parent = child


def test_a_mutation_is_one_change():
    rng, kinds = random.Random(0), set()
    parent = canonical(ASN50)
    stems = [node for node in parent.nodes if node.level == 0]
    for _ in range(60):
        child = SPACE.mutate(parent, rng)
        more = len(child.nodes) - len(parent.nodes)
        known = sorted((n.level, n.channels, n.dilation) for n in parent.nodes)
        traits = sorted((n.level, n.channels, n.dilation) for n in child.nodes)
        changed = sum(a not in known for a in traits)
        assert abs(more) <= 1
        if more == 0:
            assert changed <= 1
            assert len(list(child.edges)) == len(list(parent.edges))
        kept = [node.kind for node in child.nodes if node.level == 0]
        assert kept == [node.kind for node in stems]
        kinds.add(more)
    assert kinds == {-1, 0, 1}


def test_thin_blocks_are_not_split():
    space = dataclasses.replace(THIN, least_channels=64, dilations=(1,))
    graph = chain(4, 4, 4, 4)  # `width` makes 4 of 64.
    with pytest.raises(ValueError, match="`space` must be one that holds another"):
        space.mutate(genotype_of(graph), random.Random(0))
    wider = genotype_of(chain(8, 4, 4, 4))
    child = space.mutate(wider, random.Random(0))
    assert sorted(n.channels for n in child.nodes if n.level == 1) == [4, 4]


def test_strong_edges_stay_and_weak_ones_go():
    space = dataclasses.replace(SPACE, threshold=0.5)
    rng, parent = random.Random(0), SPACE.sample(random.Random(2))
    graph = Graph.of(parent)
    strong = {edge for edge in sorted(graph.edges) if rng.random() < 0.7}
    gates = {f"{a}>{b}": 0.6 if (a, b) in strong else 0.5 for a, b in graph.edges}
    for _ in range(20):
        child = space._rewired(Graph.of(parent), gates, rng)
        # What a node without input or reader draws may be what it lost.
        drawn = {e for e in graph.edges - strong if e in child.edges}
        assert strong <= child.edges
        assert len(drawn) <= 3
        assert child.edges <= set(graph.possible_edges)


def test_an_edge_without_a_weight_counts_as_open():
    space = dataclasses.replace(SPACE, threshold=0.9)
    parent, rng = SPACE.sample(random.Random(2)), random.Random(0)
    edges = Graph.of(parent).edges
    for _ in range(10):
        child = space._rewired(Graph.of(parent), {}, rng)
        assert len(edges - child.edges) <= 1


@pytest.mark.parametrize("threshold", [0.5, "uniform"])
def test_as_many_edges_come_as_go(threshold):
    space = dataclasses.replace(SPACE, threshold=threshold)
    rng = random.Random(4)
    counts = {"before": 0, "kept": 0, "after": 0}
    for parent in samples(SPACE, 6, seed=9):
        graph, gates = Graph.of(parent), weighted(parent, rng)
        for _ in range(8):
            child = space._rewired(graph, gates, rng)
            counts["before"] += len(graph.edges)
            counts["kept"] += len(graph.edges & child.edges)
            counts["after"] += len(child.edges)
    assert 0.45 < counts["kept"] / counts["before"] < 0.65
    assert 0.95 < counts["after"] / counts["before"] < 1.07


def test_uniform_thresholds_keep_edges_as_often_as_their_weights_say():
    weights = dict.fromkeys([(i, 20) for i in range(10)], 0.8)
    weights |= dict.fromkeys([(i, 21) for i in range(10)], 0.3)
    rng, kept = random.Random(0), []
    for _ in range(200):
        kept += SPACE._kept(weights, rng)
    shares = [sum(end == node for _, end in kept) / 2000 for node in (20, 21)]
    assert shares == pytest.approx([0.8, 0.3], abs=0.03)


def test_standard_evolution_changes_a_third_of_the_edges_whatever_they_learnt():
    space = dataclasses.replace(SPACE, edge_changes=1 / 3)
    weights = {(i, 20 + j): 0.01 for i in range(10) for j in range(3)}
    rng = random.Random(0)
    kept = sum(len(space._kept(weights, rng)) for _ in range(200))
    assert kept / (200 * 30) == pytest.approx(2 / 3, abs=0.03)


def test_where_all_edges_are_strong_one_of_the_weakest_goes():
    weights = {(0, 9): 0.9, (1, 9): 0.7, (2, 9): 0.7, (3, 9): 0.8}
    space, rng = dataclasses.replace(SPACE, threshold=0.5), random.Random(0)
    lost = {(set(weights) - set(space._kept(weights, rng))).pop() for _ in range(30)}
    assert lost == {(1, 9), (2, 9)}


def test_a_full_graph_loses_edges_and_gets_none():
    space = dataclasses.replace(THIN, edge_probability=1.0)
    parent, rng = space.sample(random.Random(0)), random.Random(1)
    child = space.mutate(parent, rng, weighted(parent, rng))
    assert len(list(child.edges)) < len(list(parent.edges))


def test_where_other_edges_give_no_graph_of_all_levels_something_else_changes():
    """All edges are weak, and those that there are not come in for sure."""
    traits = [Traits(0, "rgb", 8), *(Traits(k, "block", 8) for k in (1, 2, 3, 4))]
    graph = Graph(traits, [(0, 1), (1, 2), (2, 3), (3, 4), (0, 2), (1, 3)])
    space = dataclasses.replace(THIN, threshold=0.5)
    parent, rng = genotype_of(graph), random.Random(0)
    gates = dict.fromkeys((f"{a}>{b}" for a, b in graph.edges), 0.1)
    assert space._rewired(graph, gates, rng) is None
    for _ in range(5):
        child = space.mutate(parent, rng, gates)
        assert Graph.of(child).depth == 4
        assert child != parent


def test_weights_are_those_of_the_parents_own_order():
    """Feedback names edges by the parent's genotype, not by its canonical form."""
    space = dataclasses.replace(SPACE, threshold=0.5)
    weak = {"0>6", "0>9", "2>9"}
    gates = {f"{a}>{b}": 0.1 if f"{a}>{b}" in weak else 0.9 for a, b in ASN50.edges}
    child = space._rewired(Graph.of(ASN50), gates, random.Random(0))
    lost = {f"{a}>{b}" for a, b in set(ASN50.edges) - child.edges}
    assert lost == weak


def test_a_parent_of_another_family_is_refused():
    with pytest.raises(ValueError, match="`parent` must be a graph of AssembleNet"):
        SPACE.mutate(FOUND["tvn1"], random.Random(0))


def test_a_space_that_can_not_be_drawn_from_says_so(monkeypatch):
    monkeypatch.setattr(assemblenet, "REDRAWS", 0)
    with pytest.raises(ValueError, match="`space` must hold graphs of all levels"):
        SPACE.sample(random.Random(0))


@pytest.mark.parametrize(
    "bad",
    [
        {"stems": (3,)},
        {"stems": ()},
        {"stems": 2},
        {"sources": ("object",)},
        {"sources": ()},
        {"dilations": (0, 1)},
        {"dilations": (1.5,)},
        {"splits": (2, 1)},
        {"splits": 3},
        {"edge_probability": 1.5},
        {"threshold": 1.0},
        {"threshold": "random"},
        {"edge_changes": -0.1},
        {"depth": 18},
        {"width": 0.01},
        {"width": "half"},
        {"least_channels": 0},
        {"frames": 0},
    ],
)
def test_a_bad_option_is_refused(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        AssembleNetSpace(**bad)


def test_dilations_as_long_as_the_clip_are_refused():
    assert AssembleNetSpace(frames=9).dilations == (1, 2, 4, 8)
    with pytest.raises(ValueError, match=r"`dilations` must be below `frames`, 8. Got"):
        AssembleNetSpace(frames=8)
    assert AssembleNetSpace(dilations=(1, 2), frames=3).sample(random.Random(0))
    assert AssembleNetSpace(dilations=(1,), frames=1, sources=("rgb",))


def test_imports_no_keras():
    code = "import sys, search.spaces.assemblenet; print('keras' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr

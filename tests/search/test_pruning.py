import dataclasses
import random
import subprocess
import sys

import pytest

from search.pruning import prune
from search.spaces.assemblenet import AssembleNetSpace
from zoo.genotypes import FOUND, from_json

ASN50 = FOUND["assemblenet50"]
FULL = AssembleNetSpace(edge_probability=1.0).sample(random.Random(0))


def gates(genotype, seed=0):
    rng = random.Random(seed)
    return {f"{a}>{b}": rng.random() for a, b in genotype.edges}


def test_strong_edges_stay_with_their_weights():
    learned = dict.fromkeys(gates(ASN50), 0.4)
    strong = {"0>8": 0.6, "6>8": 0.7, "4>12": 0.5001, "12>14": 0.9, "13>14": 0.8}
    pruned = prune(ASN50, {**learned, **strong}, threshold=0.5)
    nodes = pruned.nodes
    # Nobody else would read 5 and 7, which 8 is the first to.
    assert nodes[8].inputs == (0, 5, 6, 7)
    assert nodes[8].weights == (0.6, 0.4, 0.7, 0.4)
    assert nodes[9].inputs == (0,)
    assert (nodes[14].inputs, nodes[14].weights) == ((12, 13), (0.9, 0.8))
    assert nodes[7].inputs == (2,)  # The first of equals.
    assert nodes[7].weights == ()
    for new, old in zip(nodes, ASN50.nodes, strict=True):
        edges = {"inputs": old.inputs, "weights": old.weights}
        assert dataclasses.replace(new, **edges) == old


def test_what_would_be_alone_keeps_its_strongest_edge():
    learned = {name: value / 100 for name, value in gates(FULL).items()}
    pruned = prune(FULL, learned, threshold=0.5)
    kept = set(pruned.edges)
    for index, node in enumerate(FULL.nodes):
        inputs = [edge for edge in FULL.edges if edge[1] == index]
        readers = [edge for edge in FULL.edges if edge[0] == index]
        strongest = [
            max(own, key=lambda edge: learned[f"{edge[0]}>{edge[1]}"])
            for own in (inputs, readers)
            if own
        ]
        if node.level:
            assert strongest[0] in kept
        assert pruned.is_read(index)
    # No more than these: an input for each block, and a reader where there is none.
    assert len(kept) < 2 * len(FULL.nodes)


def test_a_share_of_the_edges_is_kept():
    learned = gates(FULL)
    count = len(learned)
    pruned = prune(FULL, learned, keep=0.4)
    edges = {f"{a}>{b}" for a, b in pruned.edges}
    ranked = sorted(learned, key=learned.get, reverse=True)
    assert set(ranked[: round(0.4 * count)]) <= edges
    assert len(edges) < 0.5 * count


def test_a_share_of_one_keeps_all():
    pruned = prune(FULL, gates(FULL), keep=1.0)
    assert set(pruned.edges) == set(FULL.edges)
    assert pruned.without_weights() == FULL


def test_an_edge_without_a_gate_stays():
    pruned = prune(ASN50, {}, threshold=0.9)
    assert set(pruned.edges) == set(ASN50.edges)


def test_a_weight_that_training_drove_to_an_end_is_near_it():
    learned = {name: 1.0 for name in gates(ASN50)}
    pruned = prune(ASN50, {**learned, "0>6": 0.0}, keep=1.0)
    assert pruned.nodes[6].weights == (1e-6, 1 - 1e-6, 1 - 1e-6, 1 - 1e-6)
    assert from_json(pruned.to_json()) == pruned


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ({}, "keep"),
        ({"threshold": 0.5, "keep": 0.5}, "keep"),
        ({"threshold": 1.0}, "threshold"),
        ({"keep": 0.0}, "keep"),
        ({"keep": 1.5}, "keep"),
    ],
)
def test_a_bad_measure_is_refused(how, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        prune(ASN50, {}, **how)


def test_imports_no_keras():
    code = "import sys, search.pruning; print('keras' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr

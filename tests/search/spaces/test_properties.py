"""What every space promises, for any seed."""

import itertools
import pathlib
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from search.spaces.assemblenet import AssembleNetSpace
from search.spaces.evanet import EvaNetSpace
from search.spaces.pseudo3d import Pseudo3DSpace
from search.spaces.pvnas import PVNASSpace
from search.spaces.tiny_video import TinyVideoSpace
from zoo.genotypes import from_json

SPACES = [
    AssembleNetSpace(),
    AssembleNetSpace(edge_changes=1 / 3, depth=26, dilations=(1, 2), frames=8),
    EvaNetSpace(),
    Pseudo3DSpace(),
    PVNASSpace(),
    TinyVideoSpace(),
    TinyVideoSpace(inverted=0.5, activations=("relu", "hard_swish")),
]


def test_every_space_is_among_these():
    folder = pathlib.Path(__file__).parents[3] / "search" / "spaces"
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.py")]
    named = set(re.findall(r"^class (\w+Space)\b(?!\(abc)", "".join(texts), re.M))
    assert named == {type(space).__name__ for space in SPACES}


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
@examples(15)
@given(seed=st.integers(0, 2**32), mutations=st.integers(0, 4))
def test_networks_are_valid_cost_something_and_repeat(space, seed, mutations):
    def line(rng):
        genotype = space.sample(rng)
        yield genotype
        for _ in range(mutations):
            genotype = space.mutate(genotype, rng)
            yield genotype

    networks = list(line(random.Random(seed)))
    assert networks == list(line(random.Random(seed)))
    for parent, child in itertools.pairwise(networks):
        assert parent != child
    for genotype in networks:
        assert from_json(genotype.to_json()) == genotype
        cost = genotype.cost(num_classes=5)
        assert min(cost.parameters, cost.macs, cost.activation_bytes) > 0

"""Whatever JSON comes, it is a genotype, or one clear line says why it is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import JSON, done, examples, is_clear, spoilt

from zoo.genotypes import FOUND, Genotype, from_json


def read(text):
    """A genotype, which comes back from its own JSON; None where it is refused."""
    found = done(lambda: from_json(text))
    if isinstance(found, str):
        assert is_clear(found), found
        return None
    assert isinstance(found, Genotype)
    assert from_json(found.to_json()) == found
    return found


@examples(50)
@given(JSON)
def test_any_json_is_refused(tree):
    assert read(json.dumps(tree)) is None


@examples(100)
@given(st.text(max_size=40))
def test_any_text_is_refused(text):
    assert read(text) is None


@pytest.mark.parametrize("family", sorted({g.family for g in FOUND.values()}))
@examples(30)
@given(data=st.data())
def test_a_spoilt_genotype_is_refused_or_another(family, data):
    names = sorted(name for name, g in FOUND.items() if g.family == family)
    genotype = FOUND[data.draw(st.sampled_from(names))]
    found = read(json.dumps(spoilt(json.loads(genotype.to_json()), data)))
    if found is not None:
        cost = done(lambda: found.cost(num_classes=3))
        if isinstance(cost, str):  # Too small a clip for its strides, say.
            assert is_clear(cost), cost
        else:
            assert cost.parameters > 0
            assert cost.macs >= 0

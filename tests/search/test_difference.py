import dataclasses

from search.difference import difference
from zoo.genotypes import FOUND
from zoo.genotypes.tiny_video import TemporalLayer

TVN1 = FOUND["tvn1"]


def changed(**fields):
    block = dataclasses.replace(TVN1.blocks[1], **fields)
    blocks = (TVN1.blocks[0], block, *TVN1.blocks[2:])
    return dataclasses.replace(TVN1, blocks=blocks).to_json()


def test_equal_genotypes_do_not_differ():
    assert difference(TVN1.to_json(), TVN1.to_json()) == ""


def test_a_setting_is_named_by_its_place():
    child = changed(filters=64)
    assert difference(TVN1.to_json(), child) == "blocks[1].filters 128 > 64"


def test_a_layer_comes_in_with_its_settings():
    child = changed(temporal=TemporalLayer("conv", 3, 2))
    expected = "blocks[1].temporal none > relu 3 2 conv"
    assert difference(TVN1.to_json(), child) == expected


def test_blocks_are_counted():
    child = dataclasses.replace(TVN1, blocks=TVN1.blocks[:2]).to_json()
    assert difference(TVN1.to_json(), child) == "4 blocks > 2"


def test_more_than_three_changes_are_counted():
    child = changed(filters=8, expand=1, repeats=3, skip=True, context_gate=True)
    assert difference(TVN1.to_json(), child).endswith(
        "blocks[1].filters 128 > 8, 2 more"
    )

import dataclasses
import itertools
import pathlib

import pytest

from zoo.drawing import draw
from zoo.genotypes import FOUND
from zoo.genotypes.evanet import Branch, EvaNetBlock, EvaNetGenotype
from zoo.genotypes.space_time import SpaceTimeConv
from zoo.sketch import sketch
from zoo.sketches.partners import pair
from zoo.sketches.parts import walk

CONV = Branch("conv", (SpaceTimeConv("conv3d", 5),))
BOTH = (SpaceTimeConv("itgm", 3), SpaceTimeConv("conv2plus1d", 11))
BLOCK = EvaNetBlock(64, 3, (CONV, Branch("pool", pool_time=7), Branch("point")))
OTHER = EvaNetBlock(128, 1, (Branch("conv_conv", BOTH),))
NETWORK = EvaNetGenotype(SpaceTimeConv("conv2plus1d", 9), (1, 3), (BLOCK, OTHER))


def boxes(genotype):
    return {box.name: box for box in sketch(genotype).boxes}


def layers(box):
    return [(cell.kind, cell.text) for cell in walk(box.layers)]


def test_boxes_are_the_parts_of_the_network_in_order():
    drawn = sketch(NETWORK)
    names = ["clip", "stem", "block2", "pool2", "block3", "head"]
    assert [box.name for box in drawn.boxes] == names
    assert drawn.edges == tuple(itertools.pairwise(names))
    assert [box.shape for box in drawn.boxes] == [
        "64x224x224x3",
        "16x56x56x64",
        "16x56x56x63",
        "16x28x28x63",
        "16x28x28x128",
        "",
    ]


def test_blocks_are_counted_beyond_nine():
    many = dataclasses.replace(NETWORK, pool_times=(1,) * 10, blocks=(OTHER,) * 10)
    titles = [box.title for box in sketch(many).boxes]
    assert titles[-6:] == [
        *("Block 9", "Pool 9", "Block 10", "Pool 10", "Block 11", "Head")
    ]


def test_every_layer_of_a_block_is_a_cell_with_its_frames():
    drawn = boxes(NETWORK)
    assert layers(drawn["stem"]) == [("conv2plus1d", "9"), ("pool", "1")]
    assert layers(drawn["block2"]) == [
        ("point", "1"),
        *[("point", "1"), ("conv3d", "5")],
        *[("pool", "7"), ("point", "1")],
        ("point", "1"),
        ("concat", "concat"),
        ("sum", "sum"),
    ]
    assert layers(drawn["pool2"]) == [("pool", "3")]
    assert layers(drawn["block3"]) == [
        *[("point", "1")] * 2,
        *[("itgm", "3"), ("conv2plus1d", "11")],
        ("sum", "sum"),
    ]


def test_tells_how_often_a_block_comes_and_that_every_second_has_no_time():
    drawn = boxes(NETWORK)
    expected = ("3 times", "every 2nd: time 1", "3 branches of 21")
    assert drawn["block2"].lines == expected
    assert drawn["block3"].lines == ("1 branch of 128",)
    titles = [cell.title for cell in walk(drawn["block2"].layers)]
    conv = (
        "3D convolution of 5 frames and 3x3 pixels (of 1 frame in every second repeat)"
    )
    assert conv in titles
    assert titles[0] == "1x1x1 convolution, the shortcut of the first repeat"


@pytest.mark.parametrize(
    "fields",
    [
        {"stem": SpaceTimeConv("conv2plus1d", 7)},
        {"stem": SpaceTimeConv("itgm", 9)},
        {"pool_times": (3, 3)},
        {"pool_times": (1, 5)},
        {"blocks": (BLOCK, BLOCK)},
        {"blocks": (dataclasses.replace(BLOCK, width=66), OTHER)},
        {"blocks": (dataclasses.replace(BLOCK, repeats=2), OTHER)},
        {"profile": "gaussian"},
        {"gaussians": 8},
    ],
)
def test_every_gene_shows(fields):
    assert draw(dataclasses.replace(NETWORK, **fields)) != draw(NETWORK)


def test_of_a_branch_that_was_put_in_no_other_is_marked():
    branches = (*BLOCK.branches[:2], CONV, Branch("point"))
    more = dataclasses.replace(BLOCK, branches=branches)
    child = dataclasses.replace(NETWORK, blocks=(more, OTHER))
    drawn = sketch(child)
    partners = pair(drawn, sketch(NETWORK))
    found = {box.name: partners.known_layers(box) for box in drawn.boxes}
    assert found.pop("block2") == [True] * 5 + [False] * 2 + [True] * 3
    assert all(all(known) for known in found.values())


def test_the_picture_that_the_readme_shows_is_what_is_drawn():
    root, name = pathlib.Path(__file__).parents[3], "docs/pictures/evanet_k400_a.svg"
    assert name in (root / "README.md").read_text(encoding="utf-8")
    drawn = (root / name).read_text(encoding="utf-8")
    assert drawn == draw(FOUND["evanet_k400_a"])

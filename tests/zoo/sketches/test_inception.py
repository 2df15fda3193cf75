import dataclasses
import itertools

import pytest

from zoo.drawing import draw
from zoo.genotypes.inception import InceptionGenotype, InceptionModule
from zoo.genotypes.space_time import SpaceTimeConv
from zoo.sketch import sketch
from zoo.sketches.partners import pair
from zoo.sketches.parts import walk

ITGM, FULL = SpaceTimeConv("itgm", 9), SpaceTimeConv("conv3d", 3)
PARTS = SpaceTimeConv("conv2plus1d", 5)
PLAIN = InceptionModule((FULL,), (PARTS,), (7,))
MIXED = InceptionModule((FULL, ITGM), (PARTS,), (7, 1, 11))
STEM = (PARTS, SpaceTimeConv("conv3d", 1), ITGM)
NETWORK = InceptionGenotype(STEM, (*[PLAIN] * 4, MIXED, *[PLAIN] * 4))
POINT = ("point", "1")


def boxes(genotype):
    return {box.name: box for box in sketch(genotype).boxes}


def layers(box):
    return [(cell.kind, cell.text) for cell in walk(box.layers)]


def changed(index, module):
    modules = list(NETWORK.modules)
    modules[index] = module
    return dataclasses.replace(NETWORK, modules=tuple(modules))


def test_boxes_are_the_parts_of_the_network_in_order():
    drawn = sketch(NETWORK)
    threes, fives = ["module3b", "module3c"], ["pool5a", "module5b", "module5c"]
    fours = ["pool4a", *(f"module4{letter}" for letter in "bcdef")]
    names = ["clip", "stem", *threes, *fours, *fives, "head"]
    assert [box.name for box in drawn.boxes] == names
    assert drawn.edges == tuple(itertools.pairwise(names))
    shapes = {box.title: box.shape for box in drawn.boxes}
    assert shapes["Stem"] == "32x28x28x192"
    assert shapes["Module 3b"] == "32x28x28x256"
    assert shapes["Pool 4a"] == "16x14x14x480"
    assert shapes["Module 5c"] == "8x7x7x1024"


def test_every_layer_is_a_cell_with_its_frames():
    drawn = boxes(NETWORK)
    stem = [("conv2plus1d", "5"), ("pool", "1"), POINT, ("itgm", "9"), ("pool", "1")]
    assert layers(drawn["stem"]) == stem
    assert layers(drawn["pool4a"]) == [("pool", "3")]
    assert layers(drawn["pool5a"]) == [("pool", "2")]
    narrow, concat = [POINT, ("conv2plus1d", "5")], ("concat", "concat")
    plain = [POINT, POINT, ("conv3d", "3"), *narrow, ("pool", "7"), POINT, concat]
    assert layers(drawn["module3b"]) == layers(drawn["module5c"]) == plain
    wide = [POINT, ("conv3d", "3"), POINT, ("itgm", "9"), ("mean", "mean")]
    pools = [("pool", "7"), POINT, ("pool", "1"), POINT, ("pool", "11"), POINT]
    mixed = [POINT, *wide, *narrow, *pools, ("mean", "mean"), concat]
    assert layers(drawn["module4d"]) == mixed


def test_titles_are_words():
    drawn = boxes(NETWORK)
    assert [cell.title for cell in walk(drawn["stem"].layers)] == [
        "(2+1)D convolution of 5 frames and 7x7 pixels to 64 channels, stride 2",
        "Max pool of 1 frame and 3x3 pixels, stride 1x2",
        "1x1x1 convolution to 64 channels",
        "iTGM convolution of 9 frames and 3x3 pixels to 192 channels",
        "Max pool of 1 frame and 3x3 pixels, stride 1x2",
    ]
    titles = [cell.title for cell in walk(drawn["module4d"].layers)]
    assert titles[3] == "1x1x1 convolution to 128 channels"
    assert titles[4] == "iTGM convolution of 9 frames and 3x3 pixels to 256 channels"
    assert titles[5] == "Average of the 2 layers above"
    assert titles[-1] == "Concatenation to 512 channels"


@pytest.mark.parametrize(
    "fields",
    [
        {"stem": (FULL, *STEM[1:])},
        {"stem": (*STEM[:1], PARTS, *STEM[2:])},
        {"stem": (*STEM[:2], FULL)},
        {"inner_norm": True},
        {"padding": "symmetric"},
        {"gaussians": 2},
        {"width": 0.5},
        *[{"modules": (*[PLAIN] * i, MIXED, *[PLAIN] * (8 - i))} for i in (0, 3, 8)],
        {"modules": changed(4, dataclasses.replace(MIXED, wide=(FULL,))).modules},
        {"modules": changed(4, dataclasses.replace(MIXED, narrow=(ITGM,))).modules},
        {"modules": changed(4, dataclasses.replace(MIXED, pools=(7, 1))).modules},
    ],
)
def test_every_gene_shows(fields):
    assert draw(dataclasses.replace(NETWORK, **fields)) != draw(NETWORK)


@pytest.mark.parametrize(
    ("module", "marked"),
    [
        (dataclasses.replace(MIXED, narrow=(FULL,)), ["conv3d"]),
        (
            dataclasses.replace(MIXED, wide=(FULL, ITGM, PARTS)),
            ["point", "conv2plus1d"],
        ),
        (dataclasses.replace(MIXED, pools=(7, 1, 3)), ["pool"]),
    ],
)
def test_of_a_module_s_change_only_that_is_marked(module, marked):
    drawn = sketch(changed(4, module))
    partners = pair(drawn, sketch(NETWORK))
    styles = {box.name: partners.style(box) for box in drawn.boxes}
    assert {name for name, style in styles.items() if style} == {"module4d"}
    box = next(box for box in drawn.boxes if box.name == "module4d")
    known = partners.known_layers(box)
    cells = list(walk(box.layers))
    found = [c.kind for c, same in zip(cells, known, strict=True) if not same]
    assert [kind for kind in found if kind != "mean"] == marked

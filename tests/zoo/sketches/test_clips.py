import dataclasses

import pytest

from zoo.genotypes import FOUND, ClipSpec
from zoo.sketch import sketch

CLIP = ClipSpec(frames=16, rate=3.0, height=96, width=128)
# The first of each family.
NAMES = sorted({g.family: name for name, g in reversed(FOUND.items())}.values())


def shapes(genotype, clip=None):
    return [box.shape for box in sketch(genotype, clip).boxes if box.shape]


@pytest.mark.parametrize("name", NAMES)
def test_shapes_are_those_of_the_clip(name):
    genotype = FOUND[name]
    own, other = shapes(genotype), shapes(genotype, CLIP)
    assert shapes(genotype, genotype.clip_spec) == own
    assert len(own) == len(other)
    assert all(a != b for a, b in zip(own, other, strict=True))
    channels = [[shape.split("x")[-1] for shape in part] for part in (own, other)]
    assert channels[0] == channels[1]


@pytest.mark.parametrize("name", [n for n in NAMES if n != "assemblenet50"])
def test_the_clip_says_its_size_and_rate(name):
    clip = sketch(FOUND[name], CLIP).boxes[0]
    assert clip.lines == ("16 frames of 128x96", "3 a second")
    assert clip.shape == "16x96x128x3"


def test_a_graph_tells_of_its_clip_below():
    drawn = sketch(FOUND["assemblenet50"], CLIP)
    assert drawn.note.startswith("Reads 16 frames of 128x96 pixels.")
    assert drawn.boxes[0].shape.startswith("24x32x")


@pytest.mark.parametrize("name", [n for n in NAMES if n != "assemblenet50"])
def test_segments_are_told(name):
    clip = dataclasses.replace(CLIP, segments=8)
    assert sketch(FOUND[name], clip).boxes[0].lines[1] == "2 of each of 8 parts"

import dataclasses
import itertools
import xml.etree.ElementTree as ElementTree

import pytest

from zoo import drawing
from zoo.genotypes import FOUND
from zoo.genotypes.base import Genotype
from zoo.genotypes.tiny_video import (
    SpatialLayer,
    Stream,
    TinyVideoBlock,
    TinyVideoGenotype,
)
from zoo.sketch import Box, Sketch

SVG = "{http://www.w3.org/2000/svg}"
PARENT = FOUND["tvn1"]
SIDES = ("width", "height")


def block(filters, *inputs):
    spatial = SpatialLayer("conv", 3, 2)
    return TinyVideoBlock(filters, 2, spatial=spatial, inputs=inputs)


TWO_STREAMS = TinyVideoGenotype(
    (Stream(16, 10.0, 112), Stream(4, 2.5, 224)),
    (
        block(32, "stream0"),
        block(32, "stream1"),
        block(64, "block0"),
        block(64, "block0", "block1", "stream0"),
        block(128, "block3", "block2", "block1"),
    ),
)


def boxes(svg):
    """Each box's style and texts by its title."""
    groups = ElementTree.fromstring(svg).iter(f"{SVG}g")
    return {
        texts[0]: (group.get("class"), texts[1:])
        for group in groups
        for texts in [[text.text for text in group.iter(f"{SVG}text")]]
    }


def rectangles(svg):
    names = ("x", "y", "width", "height")
    for item in ElementTree.fromstring(svg).iter(f"{SVG}rect"):
        x, y, width, height = (float(item.get(name)) for name in names)
        yield x, y, x + width, y + height


def replaced(genotype, index, **changes):
    blocks = list(genotype.blocks)
    blocks[index] = dataclasses.replace(blocks[index], **changes)
    return dataclasses.replace(genotype, blocks=tuple(blocks))


@pytest.mark.parametrize("name", FOUND)
def test_shows_each_block_with_the_shape_that_leaves_it(name):
    drawn = boxes(drawing.draw(FOUND[name]))
    for index, (_, instances) in enumerate(FOUND[name].block_inputs()):
        style, lines = drawn[f"Block {index}"]
        sides = dataclasses.astuple(instances[-1].output)
        assert style == "same"
        assert lines[-1] == "x".join(map(str, sides)) + " out"
    clip = FOUND[name].clip_spec
    assert drawn["Clip"][1][-1] == "x".join(map(str, clip.shape)) + " out"


def test_shows_a_block_s_layers_in_their_order():
    assert boxes(drawing.draw(PARENT))["Block 0"][1] == [
        "2 times",
        "1x1 to 64 channels",
        "conv 4x4, stride 2",
        "time: max pool 2, stride 2 (every second time)",
        "1x1 to 256 channels",
        "context gate",
        "1x112x112x256 out",
    ]


def test_highlights_the_block_that_differs_and_no_other():
    child = replaced(PARENT, 2, filters=96)
    drawn = boxes(drawing.draw(child, PARENT))
    assert {title for title, (style, _) in drawn.items() if style == "changed"} == {
        "Block 2"
    }
    assert "was: 2 times; 1x1 to 128" in drawing.draw(child, PARENT)
    assert drawing.draw(PARENT, PARENT) == drawing.draw(PARENT)


def test_highlights_the_block_that_was_put_in_and_its_edges():
    blocks = (*PARENT.blocks[:1], block(24), *PARENT.blocks[1:])
    child = dataclasses.replace(PARENT, blocks=blocks)
    drawn = boxes(drawing.draw(child, PARENT))
    styles = [style for style, _ in drawn.values()]
    assert styles == ["same", "same", "new", "same", "same", "same", "same"]
    edges = ElementTree.fromstring(drawing.draw(child, PARENT)).findall(f"{SVG}path")
    assert [e.get("stroke") for e in edges].count("#c77700") == 2


def test_highlights_the_edge_in_place_of_a_block_that_was_taken_out():
    child = dataclasses.replace(PARENT, blocks=PARENT.blocks[:1] + PARENT.blocks[2:])
    edges = ElementTree.fromstring(drawing.draw(child, PARENT)).findall(f"{SVG}path")
    assert [e.get("stroke") for e in edges].count("#c77700") == 1
    assert {style for style, _ in boxes(drawing.draw(child, PARENT)).values()} == {
        "same"
    }


def test_boxes_and_passing_edges_keep_apart():
    drawn = drawing.draw(TWO_STREAMS)
    found = list(rectangles(drawn))
    assert len(found) == 8
    width, height = (float(ElementTree.fromstring(drawn).get(n)) for n in SIDES)
    for left, top, right, bottom in found:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
    for one, two in itertools.combinations(found, 2):
        apart = one[2] < two[0] or two[2] < one[0]
        assert apart or one[3] < two[1] or two[3] < one[1]


def test_an_edge_past_a_row_has_a_lane_of_its_own():
    edges = ElementTree.fromstring(drawing.draw(TWO_STREAMS)).findall(f"{SVG}path")
    passing = [e.get("d") for e in edges if "V" in e.get("d")]
    assert len(passing) == 2  # Stream 0 to block 3, block 1 to block 4.
    for path in passing:
        lane, bottom = path.partition("V")[0].split()[-2:], path.split("V")[1]
        x, top = map(float, lane)
        bottom = float(bottom.partition("C")[0])
        for left, upper, right, lower in rectangles(drawing.draw(TWO_STREAMS)):
            assert not (left <= x <= right and upper < bottom and top < lower)
            assert top != upper or bottom >= lower  # Straight down the whole row.


def test_labels_are_escaped():
    sketch = Sketch((Box("a", "<b>", ("<script>alert(1)</script> & more",)),), ())
    drawn = drawing.picture(sketch, drawing.Partners({"a": None}))
    assert "<script" not in drawn
    assert boxes(drawn) == {"<b>": ("new", ["<script>alert(1)</script> & more"])}


def test_an_unknown_family_is_refused():
    class Other(Genotype):
        clip_spec = cost = None

    with pytest.raises(ValueError, match="`genotype` must be one of"):
        drawing.draw(Other())

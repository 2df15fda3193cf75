import dataclasses
import itertools
import xml.etree.ElementTree as ElementTree

import pytest

import zoo
from zoo import drawing
from zoo.genotypes import FOUND
from zoo.genotypes.base import Genotype
from zoo.genotypes.tiny_video import (
    SpatialLayer,
    Stream,
    TinyVideoBlock,
    TinyVideoGenotype,
)
from zoo.sketch import sketch
from zoo.sketches.partners import Partners
from zoo.sketches.parts import Box, Cell, Sketch, Split, walk
from zoo.sketches.squares import KINDS

SVG = "{http://www.w3.org/2000/svg}"
PARENT = FOUND["tvn1"]
SIDES = ("width", "height")
TINY = [n for n, genotype in FOUND.items() if isinstance(genotype, TinyVideoGenotype)]


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


def root(svg):
    return ElementTree.fromstring(svg)


def boxes(svg):
    """Each box's style and lines by its title."""
    return {
        lines[0].text: (group.get("class"), [line.text for line in lines[1:]])
        for group in root(svg).findall(f"{SVG}g")
        for lines in [group.findall(f"{SVG}text")]
        if group.get("class") != "legend"
    }


def layers(svg, title=None):
    """The group of every layer, or of those in the box of this title."""
    return [
        layer
        for group in root(svg).findall(f"{SVG}g")
        if title in (None, getattr(group.find(f"{SVG}text"), "text", ""))
        for layer in group.findall(f"{SVG}g")
    ]


def words(layer):
    """What a layer says in its title, inside its square, and beside it."""
    return tuple(item.text for item in layer if item.tag != f"{SVG}rect")


def corners(rectangle):
    """Its left, top, right and bottom."""
    names = ("x", "y", "width", "height")
    x, y, width, height = (float(rectangle.get(name)) for name in names)
    return x, y, x + width, y + height


def rectangles(svg):
    """The corners of all boxes."""
    for item in root(svg).findall(f"{SVG}g/{SVG}rect"):
        if item.get("rx") == "5":
            yield corners(item)


def edges(svg):
    return root(svg).findall(f"{SVG}path")


def replaced(genotype, index, **changes):
    blocks = list(genotype.blocks)
    blocks[index] = dataclasses.replace(blocks[index], **changes)
    return dataclasses.replace(genotype, blocks=tuple(blocks))


@pytest.mark.parametrize("name", FOUND)
def test_every_layer_of_every_network_is_a_square_in_the_colour_of_its_kind(name):
    drawn = layers(drawing.draw(FOUND[name]))
    cells = [cell for box in sketch(FOUND[name]).boxes for cell in walk(box.layers)]
    titles = [layer.find(f"{SVG}title").text for layer in drawn]
    assert sorted(titles) == sorted(cell.title for cell in cells)
    assert all(" " in title for title in titles)  # In words.
    kinds = [layer.get("class").removeprefix("layer ") for layer in drawn]
    assert sorted(kinds) == sorted(cell.kind for cell in cells)
    fills = [layer.find(f"{SVG}rect").get("fill") for layer in drawn]
    assert fills == [KINDS[kind].fill for kind in kinds]


@pytest.mark.parametrize("name", FOUND)
def test_squares_keep_apart_and_inside_their_boxes(name):
    tree = root(drawing.draw(FOUND[name]))
    for group in tree.findall(f"{SVG}g"):
        if group.get("class") == "legend":
            continue
        outer = corners(group.find(f"{SVG}rect"))
        inner = [corners(g.find(f"{SVG}rect")) for g in group.findall(f"{SVG}g")]
        for left, top, right, bottom in inner:
            assert outer[0] < left < right < outer[2]
            assert outer[1] < top < bottom < outer[3]
        for one, two in itertools.combinations(inner, 2):
            apart = one[2] <= two[0] or two[2] <= one[0]
            assert apart or one[3] <= two[1] or two[3] <= one[1]


@pytest.mark.parametrize("name", FOUND)
def test_a_network_fits_a_page(name):
    drawn = root(drawing.draw(FOUND[name]))
    assert float(drawn.get("width")) <= 800
    for item in drawn.iter(f"{SVG}text"):
        centred = item.get("text-anchor") == "middle"
        width = 6.5 * len(item.text) * (0.5 if centred else 1)
        assert float(item.get("x")) + width < float(drawn.get("width"))


@pytest.mark.parametrize("name", TINY)
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
    drawn = drawing.draw(PARENT)
    assert boxes(drawn)["Block 0"][1] == ["2 times", "1x112x112x256 out"]
    assert [words(layer)[1:] for layer in layers(drawn, "Block 0")] == [
        ("1", "1x1 to 64 channels"),
        ("4x4", "conv 4x4, stride 2"),
        ("2", "time: max pool 2, stride 2, every 2nd time"),
        ("1", "1x1 to 256 channels"),
        ("CG", "context gate"),
    ]
    squares = [corners(g.find(f"{SVG}rect")) for g in layers(drawn, "Block 0")]
    assert squares == sorted(squares, key=lambda corner: corner[1])
    assert len({left + right for left, _, right, _ in squares}) == 1  # One axis.


def test_branches_stand_side_by_side_above_what_joins_them():
    point, wide = Cell("point", "a"), Cell("conv3d", "b", "3")
    mean = Split(((point, wide), (point, wide)), Cell("mean", "c", "mean"))
    concat = Split(((point,), (mean,), ()), Cell("concat", "d", "concat"))
    box = Box("module", "Module", layers=(concat,))
    drawn = drawing.picture(Sketch((box,), ()), Partners())
    found = [
        (g.find(f"{SVG}title").text, *corners(g.find(f"{SVG}rect")))
        for g in layers(drawn)
    ]
    assert "".join(title for title, *_ in found) == "aababcd"
    alone, *branches, mean, concat = found
    tops = [corner[2] for corner in branches]
    assert tops[:2] == tops[2:]
    assert tops[0] < tops[1] < mean[2] < concat[2]
    assert (mean[1], mean[3]) == (branches[0][1], branches[-1][3])
    assert concat[1] == alone[1] < mean[1] < mean[3] < concat[3]  # To the empty one.


def test_the_legend_tells_of_the_kinds_that_are_drawn_and_of_no_others():
    def legend(*args, **kwargs):
        found = root(drawing.draw(*args, **kwargs)).find(f"{SVG}g[@class='legend']")
        return [item.text for item in found.findall(f"{SVG}text")]

    small = replaced(PARENT, 0, context_gate=False)
    small = dataclasses.replace(small, blocks=small.blocks[:1])
    expected = ["pool", "1x1x1 convolution", "convolution over space", "dense layer"]
    assert legend(small)[:-1] == expected
    assert "gate" in legend(PARENT)
    assert legend(small, other=PARENT)[-2] == "not in the other network"


def test_highlights_the_block_that_differs_and_no_other():
    child = replaced(PARENT, 2, filters=96)
    svg = drawing.draw(child, other=PARENT)
    styles = {title: style for title, (style, _) in boxes(svg).items()}
    assert [title for title in styles if styles[title] == "changed"] == ["Block 2"]
    assert "was: 2 times; 1x1x1 convolution around" in svg
    assert drawing.draw(PARENT, other=PARENT) == drawing.draw(PARENT)


def test_marks_the_layers_that_differ_and_no_others():
    gates = {"context_gate": False, "squeeze_ratio": 0.5}
    units = "squeeze-excite, 1024 units"
    child = replaced(replaced(PARENT, 2, filters=96), 3, **gates)
    svg = drawing.draw(child, other=PARENT)
    marked = [layer for layer in layers(svg) if "differs" in layer.get("class")]
    assert [words(layer) for layer in marked] == [
        ("1x1x1 convolution to 96 channels (differs)", "1", "1x1 to 96 channels"),
        ("1x1x1 convolution to 384 channels (differs)", "1", "1x1 to 384 channels"),
        (f"{units.capitalize()} (differs)", "SE", units),
    ]
    for layer in layers(svg):
        marked = layer.find(f"{SVG}rect").get("stroke") == "#c77700"
        assert marked == ("differs" in layer.get("class"))


def test_highlights_the_block_that_was_put_in_and_its_edges():
    blocks = (*PARENT.blocks[:1], block(24), *PARENT.blocks[1:])
    child = dataclasses.replace(PARENT, blocks=blocks)
    svg = drawing.draw(child, other=PARENT)
    styles = [style for style, _ in boxes(svg).values()]
    assert styles == ["same", "same", "new", "same", "same", "same", "same"]
    assert [e.get("stroke") for e in edges(svg)].count("#c77700") == 2
    assert all("differs" in g.get("class") for g in layers(svg, "Block 1"))


def test_highlights_the_edge_in_place_of_a_block_that_was_taken_out():
    child = dataclasses.replace(PARENT, blocks=PARENT.blocks[:1] + PARENT.blocks[2:])
    svg = drawing.draw(child, other=PARENT)
    assert [e.get("stroke") for e in edges(svg)].count("#c77700") == 1
    assert {style for style, _ in boxes(svg).values()} == {"same"}


def test_boxes_and_passing_edges_keep_apart():
    drawn = drawing.draw(TWO_STREAMS)
    found = list(rectangles(drawn))
    assert len(found) == 8
    width, height = (float(root(drawn).get(name)) for name in SIDES)
    for left, top, right, bottom in found:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
    for one, two in itertools.combinations(found, 2):
        apart = one[2] < two[0] or two[2] < one[0]
        assert apart or one[3] < two[1] or two[3] < one[1]


def test_an_edge_past_a_row_has_a_lane_of_its_own():
    passing = [e.get("d") for e in edges(drawing.draw(TWO_STREAMS))]
    passing = [path for path in passing if "V" in path]
    assert len(passing) == 2  # Stream 0 to block 3, block 1 to block 4.
    for path in passing:
        lane, bottom = path.partition("V")[0].split()[-2:], path.split("V")[1]
        x, top = map(float, lane)
        bottom = float(bottom.partition("C")[0])
        for left, upper, right, lower in rectangles(drawing.draw(TWO_STREAMS)):
            assert not (left <= x <= right and upper < bottom and top < lower)
            assert top != upper or bottom >= lower  # Straight down the whole row.


def test_texts_are_escaped():
    evil = "<script>alert(1)</script> & more"
    box = Box("a", "<b>", (evil,), layers=(Cell("pool", evil, evil, evil),))
    drawn = drawing.picture(Sketch((box,), ()), Partners({"a": None}), '<"&')
    assert "<script" not in drawn
    assert boxes(drawn) == {"<b>": ("new", [evil])}
    assert words(layers(drawn)[0]) == (f"{evil} (differs)", evil, evil)
    assert root(drawn).get("aria-label") == '<"&'


def test_writes_the_picture_to_a_file(tmp_path):
    path = tmp_path / "net.svg"
    drawn = zoo.draw(PARENT, path)
    assert path.read_text(encoding="utf-8") == drawn == zoo.draw(PARENT)
    zoo.draw(TWO_STREAMS, str(path), other=PARENT)
    assert path.read_text(encoding="utf-8") == zoo.draw(TWO_STREAMS, other=PARENT)
    assert [file.name for file in tmp_path.iterdir()] == ["net.svg"]


@pytest.mark.parametrize("name", ["net.png", "net", "net.svg.txt"])
def test_refuses_to_write_another_kind_of_file(tmp_path, name):
    with pytest.raises(ValueError, match=r"`path` must be the name of an \.svg file"):
        drawing.draw(PARENT, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_refuses_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="`path` must be in a folder that exists"):
        drawing.draw(PARENT, tmp_path / "missing" / "net.svg")


def test_an_unknown_family_is_refused():
    class Other(Genotype):
        clip_spec = cost = None

    with pytest.raises(ValueError, match="`genotype` must be one of"):
        drawing.draw(Other())

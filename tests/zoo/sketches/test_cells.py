import random
from collections import Counter
from xml.etree import ElementTree

from cells import random_genotype, uniform

from zoo.drawing import draw
from zoo.genotypes.cells import Cell, Edge
from zoo.genotypes.pseudo3d import Pseudo3DGenotype
from zoo.genotypes.pvnas import PVNASGenotype
from zoo.sketch import sketch
from zoo.sketches.partners import pair
from zoo.sketches.parts import walk

CELL = Cell(
    (
        (Edge(0, "separable3"), Edge(1, "max_pool3")),
        (Edge(1, "skip"), Edge(2, "dilated3")),
        (Edge(3, "conv1"),),
    )
)
NETWORK = Pseudo3DGenotype(CELL)


def boxes(genotype):
    return {box.name: box for box in sketch(genotype).boxes}


def layers(box):
    return [(cell.kind, cell.text) for cell in walk(box.layers)]


def test_nodes_read_what_the_cell_says():
    drawn = sketch(NETWORK)
    into = [edge for edge in drawn.edges if edge[1].startswith("cell_node")]
    assert into == [
        ("cell_input0", "cell_node0"),
        ("cell_input1", "cell_node0"),
        ("cell_input1", "cell_node1"),
        ("cell_node0", "cell_node1"),
        ("cell_node1", "cell_node2"),
    ]
    outputs = [source for source, target in drawn.edges if target == "cell"]
    assert outputs == ["cell_node0", "cell_node1", "cell_node2"]
    assert ("cell", "head") in drawn.edges


def test_operations_are_told_and_drawn():
    found = boxes(NETWORK)
    node = found["cell_node0"]
    assert node.lines == ("separable3 of input 0", "max pool3 of input 1")
    assert layers(node) == [
        ("temporal", "3"),
        ("spatial", "3x1"),
        ("spatial", "1x3"),
        ("pool", "3x3"),
        ("pool", "3"),
        ("sum", "sum"),
    ]
    node = found["cell_node1"]
    assert node.lines == ("skip of input 1", "dilated3 of node 0")
    titles = [cell.title for cell in walk(node.layers)]
    assert titles[0] == "Convolution of 3x3 pixels, 2 apart"
    assert layers(found["cell_node2"]) == [("point", "1")]  # Of one edge no sum.


def test_each_kind_is_drawn_once():
    genotype = random_genotype(PVNASGenotype, random.Random(0))
    found = boxes(genotype)
    assert len(found) == 3 + 4 * (2 + 4 + 1)
    assert found["spatial_normal"].lines == ("all nodes", "at 0 of 7")
    assert found["temporal_normal"].lines == ("all nodes", "at 2, 4, 6 of 7")
    assert found["temporal_normal"].shape == "8x28x28x512"
    assert layers(found["temporal_normal_input0"]) == [("point", "1")]
    assert boxes(NETWORK)["cell"].lines == ("all nodes", "all 6 cells")


def test_the_clip_is_told_by_its_parts():
    assert boxes(NETWORK)["clip"].lines == (
        "8 frames of 112x112",
        "2 of each of 4 parts",
    )
    skips = uniform("skip", 1)
    other = PVNASGenotype(skips, skips, skips, skips)
    assert boxes(other)["clip"].lines[1] == "3.75 a second"


def test_what_differs_is_marked():
    nodes = (*CELL.nodes[:2], (Edge(3, "conv3"),))
    drawn, other = sketch(NETWORK), sketch(Pseudo3DGenotype(Cell(nodes)))
    partners = pair(drawn, other)
    styles = {box.name: partners.style(box) for box in drawn.boxes}
    assert {name for name, style in styles.items() if style} == {"cell_node2"}


def test_both_families_are_drawn():
    rng = random.Random(0)
    for family in (Pseudo3DGenotype, PVNASGenotype):
        genotype = random_genotype(family, rng)
        svg = draw(genotype, other=random_genotype(family, rng))
        assert "Node 3" in svg
        # No row has more than two boxes, so that it fits a page.
        assert max(Counter(sketch(genotype).ranks).values()) == 2
        assert float(ElementTree.fromstring(svg).get("width")) <= 800

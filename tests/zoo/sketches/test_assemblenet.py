import dataclasses
import xml.etree.ElementTree as ElementTree

from zoo import drawing
from zoo.genotypes import FOUND
from zoo.genotypes.assemblenet import AssembleNetGenotype, Node
from zoo.genotypes.found.assemblenet import block
from zoo.sketch import sketch

SVG = "{http://www.w3.org/2000/svg}"
NODES = (
    Node("rgb", 8, dilation=4),
    Node("flow", 8),
    Node("object", 5),
    block(1, (0, 1, 2), 8, 2, (0.2, 0.5, 0.9)),
    block(2, (3,), 16),
    block(3, (4, 0), 16, weights=(0.7, 0.05)),
    block(4, (5,), 32, 8),
)
GRAPH = AssembleNetGenotype(NODES, (1, 2, 3, 4))


def boxes(genotype):
    return {box.name: box for box in sketch(genotype).boxes}


def drawn_edges(genotype, **options):
    root = ElementTree.fromstring(drawing.draw(genotype, **options))
    return [path for path in root.findall(f"{SVG}path") if path.get("fill") == "none"]


def test_boxes_are_sources_and_blocks_by_their_levels():
    drawn = sketch(GRAPH)
    assert [box.title for box in drawn.boxes] == [
        *("RGB", "Flow", "Objects"),
        *("Node 3", "Node 4", "Node 5", "Node 6", "Head"),
    ]
    assert drawn.levels == (0, 0, 0, 1, 2, 3, 4, 5)
    assert [box.shape for box in drawn.boxes] == [
        *("56x56x8", "56x56x8", "56x56x5"),
        *("56x56x32", "28x28x64", "14x14x64", "7x7x128", ""),
    ]


def test_edges_lead_from_each_input_and_to_the_head():
    edges = [(f"node{a}", f"node{b}") for a, b in GRAPH.edges]
    assert sketch(GRAPH).edges == (*edges, ("node6", "head"))


def test_a_box_tells_of_channels_dilation_and_modules():
    found = boxes(GRAPH)
    assert found["node0"].lines == ("8 channels", "dilation 4")
    assert found["node1"].lines == ("8 channels",)
    assert found["node3"].lines == ("8 channels", "dilation 2", "1 module")
    assert found["node6"].lines == ("32 channels", "dilation 8", "4 modules")
    assert found["head"].lines == ("mean", "dense")


def test_a_stride_that_is_not_the_usual_one_is_told():
    nodes = [dataclasses.replace(node, stride=1) for node in NODES]
    nodes[3] = dataclasses.replace(nodes[3], stride=2)
    found = boxes(AssembleNetGenotype(tuple(nodes)))
    assert found["node3"].lines[-1] == "stride 2"
    assert found["node4"].lines[-1] == "stride 1"
    assert not any("stride" in line for line in boxes(GRAPH)["node4"].lines)


def test_inner_channels_that_are_not_the_usual_ones_are_told():
    genotype = dataclasses.replace(GRAPH, inner=(16, 24, 32, 40))
    found = boxes(genotype)
    assert found["node3"].lines[-1] == "16 inside"
    assert found["node6"].lines[-1] == "40 inside"
    assert not any("inside" in line for line in boxes(GRAPH)["node3"].lines)
    assert 'class="changed"' in drawing.draw(genotype, other=GRAPH)


def test_several_last_nodes_are_joined_in_the_head():
    found = boxes(FOUND["two_stream_late_fusion"])
    assert found["head"].lines == ("2 nodes", "joined", "mean", "dense")


def test_edges_are_as_dark_as_they_weigh():
    opacities = {}
    for path in drawn_edges(GRAPH):
        opacities[path.find(f"{SVG}title").text] = path.get("opacity")
    assert opacities == {
        "weight 0.050": "0.050",
        "weight 0.200": "0.200",
        "weight 0.500": "0.500",
        "weight 0.700": "0.700",
        "weight 0.900": "0.900",
        "weight 1.000": "1.000",  # Those that have none.
    }
    given = [float(path.get("opacity")) for path in drawn_edges(GRAPH)]
    assert given == sorted(given)  # The darkest above the others.
    assert "The darker an edge" in drawing.draw(GRAPH)


def test_without_weights_all_edges_are_alike():
    plain = GRAPH.without_weights()
    assert {path.get("opacity") for path in drawn_edges(plain)} == {None}
    assert "darker" not in drawing.draw(plain)


def test_the_clip_is_told_of():
    assert "Reads 32 frames of 224x224 pixels." in drawing.draw(GRAPH)


def test_attention_is_told_of():
    told = {
        attention: sketch(dataclasses.replace(GRAPH, attention=attention)).note
        for attention in ("none", "self", "peer")
    }
    assert "attends to itself" in told["self"]
    assert "attends to all nodes at lower levels" in told["peer"]
    assert "attend" not in told["none"]


def test_the_lite_form_is_told_of():
    lite = FOUND["assemblenet_plus_lite"]
    expected = ("1x1 to 432", "1x1 to 2048", "mean", "dense")
    found = boxes(lite)
    assert found["head"].lines == expected
    assert found["node2"].lines == ("12 channels", "dilation 1", "3 modules")
    assert "inverted bottlenecks" in sketch(lite).note
    assert "inverted" not in sketch(GRAPH).note
    assert "Node 10" in drawing.draw(lite)


def test_highlights_a_node_that_differs_and_an_edge_that_is_new():
    nodes = list(NODES)
    nodes[4] = block(2, (3, 1), 16)
    nodes[6] = dataclasses.replace(nodes[6], dilation=2)
    svg = drawing.draw(dataclasses.replace(GRAPH, nodes=tuple(nodes)), other=GRAPH)
    root = ElementTree.fromstring(svg)
    changed = [
        group.find(f"{SVG}text").text
        for group in root.findall(f"{SVG}g")
        if group.get("class") == "changed"
    ]
    assert changed == ["Node 6"]
    new = [p for p in root.findall(f"{SVG}path") if p.get("stroke") == "#c77700"]
    assert len(new) == 1
    assert "not in the other network" in svg

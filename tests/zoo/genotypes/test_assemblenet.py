import dataclasses
import json
import random

import pytest

from zoo.genotypes import from_json
from zoo.genotypes.assemblenet import DEPTHS, INNER, AssembleNetGenotype, Node
from zoo.genotypes.found.assemblenet import FOUND, block
from zoo.genotypes.found.assemblenet_plus import ASNP50
from zoo.genotypes.found.assemblenet_plus import FOUND as PLUS

# Trainable weights by number of classes, of the release and of another count of it.
CLASSES = (51, 101, 157, 339, 400, 600)
PARAMETERS = {
    "assemblenet50": (
        *(36_683_791, 36_786_241, 36_900_985),
        *(37_273_903, 37_398_892, 37_808_692),
    ),
    "assemblenet101": (
        *(53_014_287, 53_065_537, 53_122_937),
        *(53_309_487, 53_372_012, 53_577_012),
    ),
}
# With 339 classes: the published graphs with the modules of other depths.
DEPTHS_OF_50 = {
    26: 20_530_735,
    38: 27_169_327,
    50: 37_273_903,
    68: 53_825_839,
    77: 61_577_519,
    101: 83_646_767,
}
NARROW_AT_50 = 21_769_519
# With 157 classes: the Keras port of AssembleNet++ (tensorflow/models), whose fusion
# forgets one input of node 9, and with it an affine map; its shares of peers, for each
# edge and peer, are constants.
ATTENTION = {
    "self": 39_506_937 + (32 * 32 + 32),
    "peer": 44_557_817 + (128 * 32 + 32) + (8 * 4 + 14 * 8 + 6 * 12 + 2 * 14),
}
# Of the networks designed by hand, and billions of multiply-accumulates.
BY_HAND = {
    "two_stream_late_fusion": (55_658_003, 314.58),
    "two_stream_late_fusion_256": (36_154_899, 282.10),
    "two_stream_fusion_at_4": (38_596_117, 285.39),
    "two_stream_flow_to_rgb": (38_596_123, 285.39),
    "two_stream_fully_fuse_at_4": (38_596_129, 285.39),
    "four_stream_fully_fuse_at_4": (33_036_615, 226.61),
}
GMACS = {
    "assemblenet50": {
        (32, 224): 250.453,
        (36, 256): 368.012,
        (128, 256): 1308.489,
    },
    "assemblenet101": {
        (32, 224): 397.195,
        (36, 256): 583.633,
        (128, 256): 2075.14,
    },
}
# Of AssembleNet++ lite by level: channels within a module, that leave it, modules.
LITE = ((27, 12, 3), (54, 24, 5), (152, 68, 11), (432, 192, 7))
RGB, FLOW = Node("rgb", 4, dilation=2), Node("flow", 4)
NODES = (
    RGB,
    FLOW,
    block(1, (0, 1), 4, 2, (0.25, 0.5)),
    block(2, (2,), 4),
    block(3, (2, 3), 4),
    block(4, (0, 4), 4),
)


def network(*nodes, **fields):
    return AssembleNetGenotype(nodes or NODES, **fields)


def changed(index, **fields):
    nodes = list(NODES)
    nodes[index] = dataclasses.replace(nodes[index], **fields)
    return network(*nodes)


def shapes(genotype, side, frames=4):
    plan = genotype.plan((frames, side, side, 3))
    return [(part.output.height, part.output.channels) for part in plan.parts]


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_parameters_by_number_of_classes(name):
    counted = tuple(FOUND[name].cost(n).parameters for n in CLASSES)
    assert counted == PARAMETERS[name]


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_networks_by_hand_cost_what_another_count_has(name):
    cost = FOUND[name].cost(339)
    assert (cost.parameters, round(cost.macs / 1e9, 2)) == BY_HAND[name]


@pytest.mark.parametrize("name", sorted(GMACS))
def test_operations_are_those_of_another_count(name):
    for (frames, size), expected in GMACS[name].items():
        cost = FOUND[name].cost(339, (frames, size, size, 3))
        head = FOUND[name].plan().output.channels * 339
        assert round((cost.macs - head) / 1e9, 3) == expected


@pytest.mark.parametrize("depth", sorted(DEPTHS))
def test_parameters_by_depth(depth):
    genotype = dataclasses.replace(FOUND["assemblenet50"], modules=DEPTHS[depth])
    assert genotype.cost(339).parameters == DEPTHS_OF_50[depth]


@pytest.mark.parametrize("attention", sorted(ATTENTION))
def test_parameters_with_attention(attention):
    genotype = dataclasses.replace(FOUND["assemblenet50"], attention=attention)
    assert genotype.cost(157).parameters == ATTENTION[attention]
    peer = PLUS["assemblenet50_peer"]
    assert (genotype == peer) == (attention == "peer")


def test_the_graph_of_101_layers_is_narrower():
    genotype = dataclasses.replace(FOUND["assemblenet101"], modules=DEPTHS[50])
    assert genotype.cost(339).parameters == NARROW_AT_50
    one, other = (FOUND[name].nodes for name in sorted(PARAMETERS))
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    assert [(b.channels, a.channels) for a, b in pairs] == [
        *[(256, 192)] * 2,
        (512, 256),
    ]
    for a, b in pairs:
        assert dataclasses.replace(a, channels=b.channels) == b


def lite_block(width, inner, output, modules):
    """Weights of a block's modules, with two of a norm for each channel."""
    first = width * inner + 9 * inner**2 + 3 * inner**2 + inner * output
    first += width * output + 2 * (3 * inner + 2 * output)
    other = 2 * output * inner + 27 * inner**2 + 2 * (2 * inner + output)
    return first + (modules - 1) * other


def lite_fusion(inputs, peers):
    """Weights before a block: attention, gates and projections."""
    widest, width = max(inputs), max(peers)
    attention = sum((peer + 1) * width for peer in peers)
    attention += sum((width + 1) * x + len(peers) for x in inputs)
    return attention + len(inputs) + sum(x * widest for x in {*inputs} - {widest})


def test_parameters_of_the_lite_form():
    stems = sum(9 * c * 24 + 3 * 24 * 24 + 2 * 2 * 24 for c in (3, 2))
    one, two, three = [24] * 2, [12] * 2, [24] * 4
    below = [one, one + two, one + two + three, one + two + three + [68] * 2]
    read = [*below[:3], below[3][2:]]
    total = stems + 192 * 432 + 432 * 2048 + 2 * (432 + 2048)
    for nodes, level, inputs, peers in zip(
        (2, 4, 2, 1), LITE, read, below, strict=True
    ):
        total += nodes * (lite_fusion(inputs, peers) + lite_block(max(inputs), *level))
    lite = PLUS["assemblenet_plus_lite"]
    for classes in CLASSES:
        assert lite.cost(classes).parameters == total + 2049 * classes


def test_the_lite_form_strides_at_every_level():
    plan = PLUS["assemblenet_plus_lite"].plan()
    sides = [part.output.height for part in plan.parts]
    assert sides == [112, 112, 56, 56, *[28] * 4, 14, 14, 7]
    assert [layer.kind for layer in plan.parts[0].stem] == ["space", "time"]
    first, second, *_ = plan.parts[3].modules
    kinds = [[layer.kind for layer in module.layers] for module in (first, second)]
    assert kinds == [
        ["space", "space", "time", "space"],
        ["space", "space_time", "space"],
    ]
    assert [first.layers[2].dilation, second.layers[1].dilation] == [4, 4]
    assert [len(module.shortcut) for module in (first, second)] == [1, 0]
    assert [layer.output.channels for layer in plan.head] == [432, 2048]
    assert plan.joined.channels == 192


def test_depths_are_those_that_the_paper_counts():
    for depth, modules in DEPTHS.items():
        assert 2 + 3 * sum(modules) == depth


def test_shapes_on_the_way():
    expected = [(56, 32)] * 4 + [(56, 128)] * 4 + [(28, 256)] * 4
    expected += [(14, 1024)] * 2 + [(7, 2048)]
    assert shapes(FOUND["assemblenet50"], 224) == expected


def test_28_edges_of_the_found_graph_have_weights():
    assert sum(len(node.weights) for node in FOUND["assemblenet50"].nodes) == 28
    assert sum(len(node.weights) for node in ASNP50.nodes) == 45
    assert len(list(FOUND["assemblenet50"].edges)) == 30


def test_without_weights_only_what_was_learned_goes():
    genotype = FOUND["assemblenet50"].without_weights()
    assert not any(node.weights for node in genotype.nodes)
    assert list(genotype.edges) == list(FOUND["assemblenet50"].edges)
    assert genotype.cost(5) == FOUND["assemblenet50"].cost(5)
    assert genotype.without_weights() == genotype


def test_the_clip_is_that_of_the_paper():
    assert FOUND["assemblenet50"].clip_spec.shape == (32, 224, 224, 3)
    assert FOUND["assemblenet50"].clip_spec.rate == 12.5


@pytest.mark.parametrize("side", [8, 9, 24, 40, 56, 72, 75])
def test_what_meets_is_of_one_size_at_every_size_of_clip(side):
    chain = [block(level, (level,), 4) for level in (2, 3)]
    last = Node("block", 4, 4, inputs=(0, 1, 2, 3, 4))
    nodes = (RGB, FLOW, block(1, (0, 1), 4), *chain, last)
    plan = network(*nodes).plan((2, side, side + 1, 3))
    fusion, output = plan.parts[-1].fusion, plan.parts[-1].output
    assert [pool is None for pool in fusion.pools] == [False] * 4 + [True]
    for pool in fusion.pools[:4]:
        size = (pool.output.height, pool.output.width)
        assert size == (output.height, output.width)


def test_what_is_narrower_is_projected_as_a_sum():
    genotype = network(RGB, FLOW, block(1, (0,), 4), block(2, (0, 2, 1), 4), *NODES[4:])
    fusion = genotype.plan((2, 16, 16, 3)).parts[3].fusion
    assert [group.positions for group in fusion.groups] == [(0, 2), (1,)]
    narrow, wide = fusion.groups
    assert narrow.projection.output.channels == 16
    assert wide.projection is None
    assert (narrow.output.channels, fusion.output.channels) == (4, 16)


def test_nothing_is_projected_to_the_channels_of_objects():
    nodes = (RGB, FLOW, Node("object", 9), block(1, (0, 1, 2), 4), *NODES[3:5])
    nodes = [dataclasses.replace(n, inputs=(i - 1,)) if i > 3 else n
             for i, n in enumerate(nodes)]  # fmt: skip
    genotype = network(*nodes, block(4, (2, 5), 4))
    parts = genotype.plan((2, 16, 16, 3)).parts
    assert parts[3].fusion.output.channels == 4
    _, objects = parts[3].fusion.groups
    assert (objects.output.channels, objects.projection.output.channels) == (9, 4)
    only = network(*nodes[:4], block(4, (2,), 4), block(4, (3,), 4))
    assert only.plan((2, 16, 16, 3)).parts[4].modules[0].layers[0].input.channels == 9


def test_peers_are_all_nodes_at_lower_levels():
    plan = dataclasses.replace(network(), attention="peer").plan((2, 16, 16, 3))
    assert [len(plan.peers(level)) for level in (1, 2, 3, 4)] == [2, 3, 4, 5]
    attention = plan.parts[5].attention
    assert [shape.channels for shape in attention.inputs] == [4, 16]
    assert [shape.channels for shape in attention.peers] == [4, 4, 16, 16, 16]
    own = dataclasses.replace(network(), attention="self").plan((2, 16, 16, 3))
    assert own.parts[5].attention.peers == ()
    assert network().plan().parts[5].attention is None


def test_a_node_that_only_attention_reads_may_be_there():
    nodes = (*NODES[:5], block(4, (0, 3), 4))
    assert network(*nodes, attention="peer").nodes == nodes
    with pytest.raises(ValueError, match="each is read"):
        network(*nodes, attention="self")


def test_a_lone_input_has_no_weight():
    fusion = network().plan((2, 16, 16, 3)).parts[3].fusion
    assert fusion.groups == ()


def test_several_last_nodes_are_averaged_or_concatenated():
    one, two = block(4, (0, 4), 4), block(4, (4,), 4)
    assert network(*NODES[:5], one, two).plan().output.channels == 16
    wide = block(4, (4,), 6)
    assert network(*NODES[:5], one, wide).plan().output.channels == 16 + 24


def test_every_second_module_sees_time():
    layers = network().plan((4, 16, 16, 3)).parts[2].modules
    kinds = [[layer.kind for layer in module.layers] for module in layers]
    assert kinds == [["space"] * 3, ["time", "space", "space"], ["space"] * 3]
    assert layers[1].layers[0].dilation == 2
    assert [len(module.shortcut) for module in layers] == [1, 0, 0]


def test_a_clip_of_one_frame_has_no_flow():
    with pytest.raises(ValueError, match="`input_shape` must be of at least two fra"):
        network().cost(5, (1, 16, 16, 3))
    nodes = (RGB, RGB, *NODES[2:])
    assert network(*nodes).cost(5, (1, 16, 16, 3)).macs > 0


def test_is_its_own_json():
    assert len(PLUS) == 3
    for genotype in (*FOUND.values(), *PLUS.values(), network(modules=(1, 2, 3, 4))):
        assert from_json(genotype.to_json()) == genotype


def test_a_random_graph_is_its_own_json():
    rng = random.Random(0)
    for _ in range(50):
        sources = [rng.choice([RGB, FLOW]) for _ in range(rng.randint(1, 4))]
        nodes, above = [*sources], range(len(sources))
        for level in range(1, 5):
            count = len(above)
            weights = tuple(rng.random() for _ in above) if count > 1 else ()
            nodes.append(block(level, tuple(above), rng.randint(1, 9), 2, weights))
            above = range(len(nodes) - 1, len(nodes))
        inner = tuple(rng.randint(1, 9) for _ in range(4))
        genotype = network(*nodes, modules=DEPTHS[26], inner=inner)
        assert AssembleNetGenotype.from_json(genotype.to_json()) == genotype


def test_the_json_is_readable():
    fields = json.loads(network().to_json())
    assert fields["family"] == "assemblenet"
    assert fields["inner"] == list(INNER)
    assert fields["nodes"][2] == {
        "kind": "block",
        "channels": 4,
        "level": 1,
        "dilation": 2,
        "stride": 1,
        "inputs": [0, 1],
        "weights": [0.25, 0.5],
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Node("audio", 4), "`kind` must be one of"),
        (lambda: Node("rgb", 0), "`channels` must be a whole number"),
        (lambda: Node("rgb", 4.0), "`channels` must be of type int"),
        (lambda: Node("rgb", 4, dilation=0), "`dilation` must be a whole number"),
        (lambda: Node("flow", 4, dilation=2), "`dilation` must be 1 for flow"),
        (lambda: Node("object", 4, dilation=2), "`dilation` must be 1 for object"),
        (lambda: Node("rgb", 4, stride=2), "`stride` must be 1 for a source"),
        (lambda: Node("rgb", 4, 1), "`level` must be 0 for a source"),
        (lambda: Node("rgb", 4, inputs=(0,)), "`inputs` must be none for a source"),
        (
            lambda: Node("rgb", 4, weights=(0.5,)),
            "`weights` must be none, or 0: only sums of several inputs have them",
        ),
        (lambda: Node("block", 4, 0, inputs=(0,)), "`level` must be 1 to 4"),
        (lambda: Node("block", 4, 5, inputs=(0,)), "`level` must be 1 to 4"),
        (lambda: Node("block", 4, 1), "`inputs` must be at least one"),
        (lambda: block(1, (0, 0), 4), r"`inputs` must be distinct. Got: \(0, 0\)"),
        (lambda: block(1, [0, 1], 4), "`inputs` must be of type"),
        (lambda: changed(2, stride=3), "`stride` must be 1 or 2"),
        (lambda: changed(2, stride=True), "`stride` must be of type int"),
        (lambda: changed(2, weights=(0.5,)), "`weights` must be none, or 2"),
        (lambda: changed(3, weights=(0.5,)), "`weights` must be none, or 0"),
        (lambda: changed(2, weights=(0.0, 0.5)), "`weights` must be between 0 and 1"),
        (lambda: changed(2, weights=(0.5, 1.0)), "`weights` must be between 0 and 1"),
        (
            lambda: changed(2, inputs=(0, 4)),
            r"`nodes\[2\].inputs` must be of nodes at a lower",
        ),
        (
            lambda: changed(2, inputs=(0, 2)),
            r"`nodes\[2\].inputs` must be of nodes at a lower",
        ),
        (
            lambda: changed(2, inputs=(0, 9)),
            r"`nodes\[2\].inputs` must be numbers of nodes, 0 to",
        ),
        (
            lambda: changed(2, inputs=(0, -1)),
            r"`nodes\[2\].inputs` must be numbers of nodes, 0 to",
        ),
        (lambda: network(*NODES[::-1]), "`nodes` must be in the order of their leve"),
        (lambda: network(*NODES[:5]), "`nodes` must be with a block of level 4"),
        (
            lambda: network(Node("object", 4), Node("object", 4), *NODES[2:]),
            r"`nodes` must be with a source of RGB or flow. Got: \('object',\)",
        ),
        (
            lambda: network(
                *(RGB, Node("object", 4), Node("object", 5)),
                *(block(1, (0, 1, 2), 4), block(2, (3,), 4), block(3, (4,), 4)),
                block(4, (5,), 4),
            ),
            "`nodes` must be with one number of channels for all",
        ),
        (
            lambda: changed(2, inputs=(0,), weights=()),
            r"each is read. Got: 'unread \[1\]",
        ),
        (lambda: changed(5, inputs=(0, 3)), r"such that each is read. Got: 'unread "),
        (lambda: AssembleNetGenotype(()), "nodes"),
        (lambda: AssembleNetGenotype([*NODES]), "`nodes` must be of type"),
        (lambda: network(modules=(3, 4, 6)), "`modules` must be 4, one a level"),
        (lambda: network(modules=(3, 4, 6, 0)), "`modules` must be a whole number"),
        (lambda: network(attention="channel"), "`attention` must be one of"),
        (lambda: network(attention=None), "`attention` must be of type str"),
        (lambda: network(lite=1), "`lite` must be of type bool"),
        (
            lambda: network(RGB, Node("object", 4), *NODES[2:], lite=True),
            "`nodes` must be without objects where `lite` is set",
        ),
        (lambda: network(inner=(4,) * 5), "`inner` must be 4, one a level"),
        (lambda: network(inner=(4, 4, 4, 0)), "`inner` must be a whole number"),
        (lambda: network(inner=(4, 4, 4, 0.5)), "`inner` must be of type"),
    ],
)
def test_refuses_nonsense(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)

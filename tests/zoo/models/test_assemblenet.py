import dataclasses
import json
import pathlib
import random

import keras
import numpy as np
import pytest
from helpers import fill, known_clip, without_weights
from keras import ops

import zoo
from zoo import cost, inference, registry
from zoo.genotypes import FOUND
from zoo.genotypes.assemblenet import AssembleNetGenotype, Node
from zoo.genotypes.found.assemblenet import block
from zoo.layers.flow import RepresentationFlow

FOLDER = pathlib.Path(__file__).parent
GOLDEN = json.loads((FOLDER / "golden_assemblenet.json").read_text())
# Trainable weights with 339 classes: of the release, and for the others of another
# count; those of AssembleNet++ are ours.
PARAMETERS = {
    "assemblenet50": 37_273_903,
    "assemblenet101": 53_309_487,
    "assemblenet_plus50": 48_427_136,
    "assemblenet_plus_lite": 50_415_543,
    "assemblenet50_peer": 44_562_189 + 182 * 2049,  # As with 157 classes.
    "two_stream_late_fusion": 55_658_003,
    "two_stream_late_fusion_256": 36_154_899,
    "two_stream_fusion_at_4": 38_596_117,
    "two_stream_flow_to_rgb": 38_596_123,
    "two_stream_fully_fuse_at_4": 38_596_129,
    "four_stream_fully_fuse_at_4": 33_036_615,
}
SHAPE = (3, 16, 16, 3)
THIN = {"modules": (2, 1, 1, 1), "inner": (3, 3, 4, 4)}
NODES = (
    Node("rgb", 4, dilation=2),
    Node("flow", 3),
    block(1, (0,), 2, 2),
    block(2, (0, 1, 2), 2, weights=(0.25, 0.5, 0.75)),
    block(3, (2, 3), 2, weights=(0.2, 0.9)),
    block(4, (4, 1), 2, weights=(0.6, 0.3)),
)
TINY = AssembleNetGenotype(NODES, **THIN)
STRIDES = (1, 1, 2, 2, 1, 2)  # Of the nodes of the lite form.
LITE = AssembleNetGenotype(
    tuple(
        dataclasses.replace(node, stride=stride)
        for node, stride in zip(NODES, STRIDES, strict=True)
    ),
    lite=True,
    **THIN,
)
RGB = AssembleNetGenotype((NODES[0], Node("rgb", 3), *NODES[2:]), **THIN)


def changed(index, **fields):
    nodes = list(NODES)
    nodes[index] = dataclasses.replace(nodes[index], **fields)
    return dataclasses.replace(TINY, nodes=tuple(nodes))


def build(genotype=TINY, input_shape=SHAPE, num_classes=5, **options):
    return zoo.build(genotype, input_shape, num_classes, **options)


def outline(genotype, input_shape=SHAPE, **options):
    """The network without values of its weights."""
    with without_weights():
        return build(genotype, input_shape, **options)


def smooth_clip(shape):
    places = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    b, t, h, w, c = places
    waves = np.sin(0.35 * w + 0.21 * h + 0.6 * t + 0.4 * c + 0.9 * b)
    return (0.5 + 0.5 * waves).astype("float32")


def values(tensor):
    return ops.convert_to_numpy(tensor)


def logits(model, clip):
    """Compiled, as flow takes long operation by operation."""
    return inference.compiled(model)(clip)


@pytest.fixture(scope="module")
def rgb():
    model = build(RGB)
    fill(model)
    return model


@pytest.fixture(scope="module")
def known_flow():
    """The network of `TINY` that is given its flow."""
    model = build(flow="input")
    fill(model)
    return model


@pytest.fixture(scope="module")
def genes_config():
    return outline(TINY, flow="input").get_config()


def test_every_named_model_has_its_parameter_count():
    names = zoo.list_models("assemblenet*") + zoo.list_models("*_stream_*")
    assert sorted(PARAMETERS) == sorted(names)
    for name, parameters in PARAMETERS.items():
        assert FOUND[name].cost(339).parameters == parameters


@pytest.mark.model
def test_forward_pass_is_the_released_one():
    model = zoo.assemblenet50(num_classes=339, input_shape=(4, 64, 64, 3))
    fill(model)
    names = [f"node{index}" for index in range(15)]
    ends = {name: model.get_layer(name).output for name in names}
    outputs = keras.Model(model.input, {**ends, "logits": model.output})
    found = outputs(smooth_clip((1, 4, 64, 64, 3)))
    for name, golden in zip(found, [*GOLDEN["nodes"], GOLDEN["logits"]], strict=True):
        given = values(found[name])
        folded = given.reshape(-1, *given.shape[2:]) if given.ndim == 5 else given
        assert list(folded.shape) == golden["shape"]
        facts = [given.mean(dtype="float64"), given.std(dtype="float64")]
        facts += [np.abs(given).max(), *given.ravel()[:6]]
        known = [golden[key] for key in ("mean", "std", "absmax")] + golden["first"]
        close(facts, known, golden["absmax"])
    last = values(found["logits"])[0]
    close(last[:10], GOLDEN["logits_first10"], GOLDEN["logits"]["absmax"])
    assert last.argmax() == GOLDEN["argmax"]


def close(actual, expected, scale):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.model
@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_named_models_cost_what_they_cost_on_paper(name):
    shape = (2, 40, 56, 3)
    model = outline(FOUND[name], shape)
    assert cost.count(model) == FOUND[name].cost(5, shape)


@pytest.mark.model
def test_frozen_the_published_network_has_28_weights_less():
    genotype = dataclasses.replace(FOUND["assemblenet50"], modules=(1,) * 4)
    frozen = cost.count(outline(genotype, (2, 32, 32, 3), edges="frozen"))
    assert frozen.parameters == genotype.cost(5).parameters - 28


def random_graph(rng: random.Random) -> AssembleNetGenotype:
    """Sources of one kind or two, and some blocks at each level, all of them read."""
    kinds = [rng.choice(["rgb", "flow"]) for _ in range(rng.randint(1, 3))]
    nodes = [Node(kind, rng.choice([2, 8])) for kind in kinds]
    below, unread = list(range(len(nodes))), set(range(len(nodes)))
    for level in range(1, 5):
        count = len(nodes)
        for _ in range(rng.randint(1, 2)):
            inputs = {i for i in below if rng.random() < 0.5} or {below[-1]}
            if len(nodes) == count:
                inputs |= unread if level == 4 else set()
            stride = rng.choice([1, 2])
            width = rng.choice([2, 3])
            nodes.append(
                Node("block", width, level, rng.choice([1, 4]), stride, (*inputs,))
            )
            unread -= inputs
        new = range(count, len(nodes))
        below += new
        unread |= set(new)
    return AssembleNetGenotype(tuple(nodes), (1, 2, 1, 1), (2, 3, 4, 5))


@pytest.mark.model
def test_random_graphs_cost_what_they_cost_on_paper():
    rng = random.Random(0)
    for _ in range(12):
        genotype = random_graph(rng)
        shape = (rng.randint(2, 5), rng.randint(5, 70), rng.randint(5, 70), 3)
        model = outline(genotype, shape)
        assert cost.count(model) == genotype.cost(5, shape), genotype


def test_costs_what_it_costs_on_paper(rgb):
    assert cost.count(rgb) == RGB.cost(5, SHAPE)


@pytest.mark.model
def test_with_flow_inside_it_costs_what_it_costs_on_paper():
    for flow in ("representation", "tvl1"):
        assert cost.count(outline(TINY, flow=flow)) == TINY.cost(5, SHAPE)


@pytest.mark.model
@pytest.mark.parametrize("attention", ["self", "peer"])
def test_with_attention_it_costs_what_it_costs_on_paper(attention):
    lone = [
        dataclasses.replace(n, inputs=(i,), weights=()) for i, n in enumerate(NODES[2:])
    ]
    single = AssembleNetGenotype((NODES[0], *lone), attention=attention, **THIN)
    for genotype in (dataclasses.replace(TINY, attention=attention), single):
        assert cost.count(outline(genotype)) == genotype.cost(5, SHAPE)


@pytest.mark.model
def test_peers_decide_what_a_block_reads():
    model = build(dataclasses.replace(RGB, attention="peer"))
    names = [layer.name for layer in model.layers]
    blocks = [f"node{index}_attention" for index in (2, 3, 4, 5)]
    assert [name for name in names if "attention" in name] == blocks
    means = sorted(name for name in names if name.endswith("_mean"))
    assert means == [f"node{index}_mean" for index in range(5)]
    fill(model)
    for name in blocks:
        for weight in model.get_layer(name).weights:
            weight.assign(known_clip(weight.shape))
    ends = keras.Model(model.input, [model.get_layer(n).output for n in blocks[:1]])
    clip = known_clip((1, *SHAPE))
    before = values(ends(clip)[0])
    # Node 2 reads node 0 alone, and attends to node 1, too.
    kernel = model.get_layer("node1_conv").kernel
    kernel.assign(3 * kernel)
    assert np.abs(values(ends(clip)[0]) - before).max() > 1e-4


def test_layers_are_named_by_their_place(rgb):
    names = [layer.name for layer in rgb.layers]
    assert sorted(zoo.endpoints(rgb)) == [f"node{index}" for index in range(6)]
    for name in (
        "node0_conv_pad",
        "node0_conv",
        "node0_conv_norm",
        "node0_conv_activation",
        "node0_time",
        "node2_module0_reduce",
        "node2_module0_shortcut",
        "node2_module0_output",
        "node2_module1_time",
        "node3_gates",
        "node3_project3",
        "node3_project4",
        "node3_fused",
        "node4_input0_pool",
        "node4_module0_space_pad",
        "node4_module0_expand_norm",
        "node4_module0_add",
    ):
        assert name in names
    assert "node2_gates" not in names  # One input.


@pytest.mark.model
def test_equal_genotypes_build_equal_models(rgb):
    again = build(AssembleNetGenotype.from_json(RGB.to_json()))
    fill(again)
    clip = known_clip((2, *SHAPE))
    np.testing.assert_array_equal(again(clip), rgb(clip))


def test_edges_begin_as_they_were_found(rgb):
    gates = registry.feedback(RGB, rgb)
    expected = {"0>3": 0.25, "1>3": 0.5, "2>3": 0.75, "2>4": 0.2, "3>4": 0.9}
    expected |= {"4>5": 0.6, "1>5": 0.3}
    assert list(gates) == list(expected)
    assert gates == pytest.approx(expected, abs=1e-6)


@pytest.mark.model
def test_edges_can_stay_or_begin_anew(rgb):
    frozen, new = build(RGB, edges="frozen"), build(RGB, edges="new")
    trained = sum(node.name == "logits" for node in rgb.trainable_weights)
    assert trained == sum(w.name == "logits" for w in new.trainable_weights) == 3
    assert not any(w.name == "logits" for w in frozen.trainable_weights)
    found = registry.feedback(RGB, rgb)
    assert registry.feedback(RGB, frozen)["2>3"] == found["2>3"]
    bare = build(RGB.without_weights())
    for model in (new, bare):
        for gate in registry.feedback(RGB, model).values():
            assert gate == pytest.approx(0.5, abs=0.025)


def test_reads_flow_that_is_given(known_flow):
    assert [tuple(x.shape) for x in known_flow.inputs] == [
        (None, 3, 16, 16, 3),
        (None, 3, 16, 16, 2),
    ]
    assert not {"clip", "flow"} & set(zoo.endpoints(known_flow))
    clip, flow = known_clip((2, *SHAPE)), known_clip((2, 3, 16, 16, 2))
    before = values(known_flow([clip, flow]))
    assert before.shape == (2, 5)
    assert np.abs(values(known_flow([clip, 2 * flow])) - before).max() > 1e-3


def test_refuses_flow_of_another_size(known_flow):
    clip = known_clip((1, *SHAPE))
    for shape in [(1, 3, 16, 16, 3), (1, 3, 8, 16, 2), (1, 2, 16, 16, 2)]:
        with pytest.raises(ValueError, match="flow"):
            known_flow([clip, known_clip(shape)])


@pytest.mark.model
def test_flow_is_that_of_the_clip(known_flow):
    clip = smooth_clip((1, *SHAPE))
    flow = values(RepresentationFlow()(clip))
    inside = build(flow="representation")
    fill(inside)
    expected = values(known_flow([clip, flow]))
    np.testing.assert_allclose(logits(inside, clip), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.model
def test_flow_by_the_algorithm_of_the_paper_runs():
    model = build(flow="tvl1", input_shape=(2, 16, 16, 3))
    fill(model)
    assert np.isfinite(logits(model, smooth_clip((1, 2, 16, 16, 3)))).all()
    assert model.get_layer("flow").bound == 20.0


def test_flow_alone_needs_no_clip():
    genotype = AssembleNetGenotype(
        (Node("flow", 3), *(block(level, (level - 1,), 2) for level in range(1, 5))),
        **THIN,
    )
    model = outline(genotype, flow="input")
    assert [x.name for x in model.inputs] == ["flow"]
    assert [x.name for x in outline(genotype).inputs] == ["clip"]


@pytest.mark.parametrize("flow", ["representation", "tvl1", "input"])
def test_refuses_a_clip_of_one_frame(flow):
    with pytest.raises(ValueError, match="`input_shape` must be of at least two fra"):
        build(input_shape=(1, 16, 16, 3), flow=flow)


def test_without_flow_a_clip_may_be_one_frame():
    assert outline(RGB, (1, 16, 16, 3)).output_shape == (None, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flow": "farneback"}, "`flow` must be one of"),
        ({"edges": "old"}, "`edges` must be one of"),
        ({"objects": 3}, "`objects` must be one of"),
        ({"classes": 3}, "`options` must be some of"),
    ],
)
def test_refuses_unknown_options(options, message):
    with pytest.raises(ValueError, match=message):
        build(RGB, **options)


@pytest.mark.model
@pytest.mark.parametrize("widths", [(2, 2), (2, 3)])
def test_several_last_nodes_are_joined(widths):
    last = [block(4, (4,), width) for width in widths]
    genotype = dataclasses.replace(RGB, nodes=(*RGB.nodes[:5], *last))
    model = build(genotype, include_top=False)
    fill(model)
    ends = [model.get_layer(f"node{i}").output for i in (5, 6)]
    *nodes, joined = keras.Model(model.input, [*ends, model.output])(
        known_clip((1, *SHAPE))
    )
    means = [values(x).mean(axis=(2, 3), keepdims=True) for x in nodes]
    equal = widths[0] == widths[1]
    expected = sum(means) / 2 if equal else np.concatenate(means, axis=-1)
    np.testing.assert_allclose(joined, expected, rtol=1e-5, atol=1e-6)
    assert cost.count(outline(genotype)) == genotype.cost(5, SHAPE)


def test_without_top_the_features_come_out():
    assert outline(RGB, include_top=False).output_shape == (None, 3, 1, 1, 8)


@pytest.mark.model
def test_reads_objects_too():
    genotype = dataclasses.replace(FOUND["assemblenet_plus50"], modules=(1,) * 4)
    model = outline(genotype, (4, 32, 32, 3))
    assert [tuple(x.shape[1:]) for x in model.inputs] == [
        (4, 32, 32, 3),
        (4, 32, 32),
    ]
    assert model.inputs[1].dtype == "uint8"
    given = outline(genotype, (4, 32, 32, 3), flow="input", objects="channels")
    assert [x.name for x in given.inputs] == ["clip", "flow", "objects"]
    assert tuple(given.inputs[2].shape[1:]) == (4, 32, 32, 151)


@pytest.mark.model
def test_maps_of_objects_say_what_channels_do():
    nodes = (NODES[0], Node("object", 5), *NODES[2:])
    genotype = AssembleNetGenotype(nodes, **THIN)
    shape = (3, 18, 13, 3)  # Not of whole squares.
    clip, maps = known_clip((2, *shape)), np.arange(2 * 3 * 18 * 13) % 7
    maps = maps.reshape(2, *shape[:3]).astype("uint8")
    channels = np.eye(7, dtype="float32")[maps][..., :5]
    outputs = []
    for objects, given in {"maps": maps, "channels": channels}.items():
        model = build(genotype, shape, objects=objects)
        assert cost.count(model) == genotype.cost(5, shape)
        fill(model)
        says = inference.compiled(model)
        outputs.append(says([clip, given]))
    np.testing.assert_allclose(*outputs, rtol=1e-5, atol=1e-6)
    assert np.abs(says([clip, 0 * channels]) - outputs[1]).max() > 1e-3


@pytest.mark.model
def test_the_lite_form_costs_what_it_costs_on_paper():
    nodes = (*LITE.nodes, dataclasses.replace(LITE.nodes[-1], channels=3))
    two = dataclasses.replace(LITE, nodes=nodes, attention="peer")
    for genotype in (LITE, two):
        for shape in ((2, 19, 24, 3), (3, 32, 17, 3)):
            model = outline(genotype, shape)
            assert cost.count(model) == genotype.cost(5, shape)


@pytest.mark.model
def test_layers_of_the_lite_form():
    model = outline(LITE, (3, 19, 24, 3), flow="representation", include_top=False)
    assert model.get_layer("flow").iterations == 20
    assert model.output_shape == (None, 3, 2, 2, 2048)
    space, time = (model.get_layer(f"node0_{part}") for part in ("conv", "time"))
    assert (space.kernel.shape, space.padding) == ((3, 3, 3, 4), "same")
    assert space.output.shape[1:] == (3, 10, 12, 4)
    assert time.kernel.shape[0] == 3
    assert time.dilation_rate[0] == 2
    both = model.get_layer("node2_module1_conv")
    assert both.kernel.shape == (3, 3, 3, 3, 3)
    assert both.dilation_rate == (2, 1, 1)
    names = [layer.name for layer in model.layers]
    assert "node2_module0_conv" not in names  # Strides, so space and time are apart.
    assert "node4_module0_conv" in names
    assert model.get_layer("node2").output.shape[1:] == (3, 5, 6, 2)


@pytest.mark.model
def test_every_weight_of_the_lite_form_trains():
    nodes = (LITE.nodes[0], Node("rgb", 3), *LITE.nodes[2:])
    model = build(dataclasses.replace(LITE, nodes=nodes))
    fill(model)
    before = [values(weight) for weight in model.trainable_weights]
    model.compile("sgd", "mse")
    model.train_on_batch(smooth_clip((2, *SHAPE)), np.ones((2, 5)))
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.abs(values(weight) - old).max() > 0, weight.path


@pytest.mark.model
def test_runs_in_half_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build()
    finally:
        keras.config.set_dtype_policy(policy)
    fill(model)
    clip = smooth_clip((1, *SHAPE))
    half = logits(model, clip)
    assert half.dtype == "float32"
    assert model.get_layer("node5").output.dtype == "bfloat16"
    assert model.get_layer("flow").output.dtype == "float32"
    whole = build()
    fill(whole)
    expected = logits(whole, clip)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(half, expected, rtol=0, atol=0.1 * scale)


@pytest.mark.model
def test_every_weight_trains():
    model = build(dataclasses.replace(RGB, attention="peer"))
    fill(model)
    before = [values(weight) for weight in model.trainable_weights]
    model.compile("sgd", "mse")
    model.train_on_batch(smooth_clip((2, *SHAPE)), np.ones((2, 5)))
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.abs(values(weight) - old).max() > 0, weight.path


@pytest.mark.model
@pytest.mark.parametrize(
    "genotype",
    [
        changed(0, channels=5),
        changed(0, dilation=1),
        changed(1, channels=4),
        changed(1, kind="rgb"),
        changed(2, channels=3),
        changed(2, dilation=1),
        changed(3, stride=1),
        changed(3, weights=(0.25, 0.5, 0.7)),
        changed(3, weights=()),
        changed(3, inputs=(1, 0, 2)),
        changed(4, inputs=(3,), weights=()),
        changed(5, inputs=(4, 2)),
        changed(5, channels=3),
        dataclasses.replace(TINY, modules=(3, 1, 1, 1)),
        dataclasses.replace(TINY, inner=(3, 3, 4, 5)),
        dataclasses.replace(TINY, attention="self"),
        dataclasses.replace(TINY, attention="peer"),
        dataclasses.replace(TINY, lite=True),
    ],
)
def test_every_gene_is_read(genotype, genes_config):
    assert outline(genotype, flow="input").get_config() != genes_config

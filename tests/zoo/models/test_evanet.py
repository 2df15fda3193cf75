import dataclasses
import json
import pathlib
import random

import keras
import numpy as np
import pytest
from helpers import fill, known_clip
from keras import ops

import zoo
from zoo import cost
from zoo.fusing import fuse
from zoo.genotypes import FOUND
from zoo.genotypes.evanet import (
    BRANCH_TYPES,
    PROFILES,
    Branch,
    EvaNetBlock,
    EvaNetGenotype,
)
from zoo.genotypes.space_time import CONV_TYPES, TIME_SIZES, SpaceTimeConv

GOLDEN = json.loads(pathlib.Path(__file__).with_name("golden_evanet.json").read_text())
# Trainable weights with 400 classes, and shapes of endpoints, as released.
PARAMETERS = {"evanet_k400_a": 32_804_188, "evanet_k400_b": 40_296_514}
SHAPES = {
    "evanet_k400_a": {
        "conv1": (32, 112, 112, 64),
        "pool1": (16, 56, 56, 64),
        "block2": (16, 56, 56, 256),
        "pool2": (16, 28, 28, 256),
        "block3": (16, 28, 28, 510),
        "pool3": (16, 14, 14, 510),
        "block4": (16, 14, 14, 1024),
        "pool4": (16, 7, 7, 1024),
        "block5": (16, 7, 7, 2046),
    },
    "evanet_k400_b": {
        "conv1": (32, 112, 112, 64),
        "pool1": (16, 56, 56, 64),
        "block2": (16, 56, 56, 255),
        "pool2": (16, 28, 28, 255),
        "block3": (16, 28, 28, 510),
        "pool3": (16, 14, 14, 510),
        "block4": (16, 14, 14, 1023),
        "pool4": (16, 7, 7, 1023),
        "block5": (16, 7, 7, 2048),
    },
}
SHAPE = (8, 16, 16, 3)
CONV, FACTORISED = SpaceTimeConv("conv3d", 3), SpaceTimeConv("conv2plus1d", 3)
MIXTURE, POINT = SpaceTimeConv("itgm", 3), Branch("point")
TINY = EvaNetGenotype(
    stem=FACTORISED,
    pool_times=(3,),
    blocks=(EvaNetBlock(9, 1, (Branch("conv", (FACTORISED,)), POINT)),),
)
FULL = EvaNetGenotype(
    stem=CONV,
    pool_times=(1, 3),
    blocks=(
        EvaNetBlock(8, 1, (Branch("pool", pool_time=5),)),
        EvaNetBlock(
            25,
            2,
            (
                Branch("conv", (MIXTURE,)),
                Branch("conv_conv", (CONV, FACTORISED)),
                POINT,
            ),
        ),
    ),
)


def close(actual, expected, scale):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.model
def test_forward_pass_is_the_released_one():
    model = zoo.evanet_k400_a(input_shape=(8, 64, 64, 3))
    fill(model)
    clip = known_clip((1, 8, 64, 64, 3))
    outputs = zoo.features(model)(clip)
    assert list(outputs) == list(GOLDEN["endpoints"])
    logits = model(clip)
    results = [(outputs[name], known) for name, known in GOLDEN["endpoints"].items()]
    for tensor, expected in [*results, (logits, GOLDEN["logits"])]:
        values = ops.convert_to_numpy(tensor)
        assert list(values.shape) == expected["shape"]
        scale = expected["absmax"]
        close(values.mean(), expected["mean"], scale)
        close(values.std(), expected["std"], scale)
        close(np.abs(values).max(), expected["absmax"], scale)
        close(values.ravel()[:6], expected["first"], scale)
    logits = ops.convert_to_numpy(logits)[0]
    close(logits[:10], GOLDEN["logits_first10"], GOLDEN["logits"]["absmax"])
    assert logits.argmax() == GOLDEN["argmax"]


def test_every_named_model_has_its_parameter_count():
    assert sorted(PARAMETERS) == zoo.list_models("evanet*")
    for name, parameters in PARAMETERS.items():
        assert FOUND[name].cost(400).parameters == parameters


@pytest.mark.model
@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_named_models_are_as_on_paper_and_as_released(name):
    model = zoo.create(name)
    assert cost.count(model) == FOUND[name].cost(400)
    assert zoo.endpoints(model) == list(SHAPES[name])
    for endpoint, shape in SHAPES[name].items():
        assert model.get_layer(endpoint).output.shape[1:] == shape


def random_genotype(rng: random.Random) -> EvaNetGenotype:
    def conv():
        return SpaceTimeConv(rng.choice(CONV_TYPES), rng.choice(TIME_SIZES))

    def branch():
        kind = rng.choice(list(BRANCH_TYPES))
        time = rng.choice(TIME_SIZES) if kind == "pool" else None
        return Branch(kind, tuple(conv() for _ in range(BRANCH_TYPES[kind])), time)

    block = EvaNetBlock(
        width=rng.randint(8, 24),
        repeats=rng.randint(1, 2),
        branches=tuple(branch() for _ in range(rng.randint(1, 2))),
    )
    return EvaNetGenotype(
        stem=conv(),
        pool_times=(rng.choice(TIME_SIZES),),
        blocks=(block,),
        profile=rng.choice(PROFILES),
        gaussians=rng.randint(1, 5),
    )


@pytest.mark.model
def test_random_genotypes_cost_what_they_cost_on_paper():
    rng = random.Random(0)
    for _ in range(40):
        genotype = random_genotype(rng)
        shape = (rng.randint(1, 9), rng.randint(5, 20), 16, rng.choice([2, 3]))
        model = zoo.build(genotype, shape, num_classes=7)
        assert cost.count(model) == genotype.cost(7, shape), genotype
        keras.utils.clear_session()


@pytest.fixture(scope="module")
def tiny():
    return zoo.build(TINY, SHAPE, num_classes=5)


@pytest.fixture(scope="module")
def full():
    return zoo.build(FULL, SHAPE, num_classes=5)


def test_costs_what_it_costs_on_paper(tiny):
    assert cost.count(tiny) == TINY.cost(5, SHAPE)


@pytest.mark.model
def test_several_blocks_cost_what_they_cost_on_paper(full):
    assert cost.count(full) == FULL.cost(5, SHAPE)


def test_layers_are_named_by_their_place(tiny):
    names = [layer.name for layer in tiny.layers]
    assert names[:9] == [
        "clip",
        "conv1_temporal",
        "conv1_temporal_norm",
        "conv1_temporal_activation",
        "conv1_spatial",
        "conv1_norm",
        "conv1",
        "pool1_space",
        "pool1",
    ]
    assert {
        "block2_repeat0_branch0_lead",
        "block2_repeat0_branch0_first_temporal",
        "block2_repeat0_branch0_first_spatial",
        "block2_repeat0_branch0_first_norm",
        "block2_repeat0_branch1_point",
        "block2_repeat0_concat",
        "block2_repeat0_shortcut",
        "block2_repeat0_add",
    } <= set(names)
    assert names[-2:] == ["block2", "head"]


@pytest.mark.model
def test_a_block_of_one_branch_has_nothing_to_concatenate(full):
    names = [layer.name for layer in full.layers]
    assert [name for name in names if "concat" in name] == [
        "block3_repeat0_concat",
        "block3_repeat1_concat",
    ]
    assert zoo.endpoints(full) == ["conv1", "pool1", "block2", "pool2", "block3"]
    assert "block3_repeat0_output" in names
    assert "block2_repeat0_branch0_time" in names
    assert "block3_repeat0_branch0_first_conv" in names
    assert "block3_repeat0_branch1_second_temporal" in names


def test_reads_optical_flow_too():
    shape = (8, 16, 16, 2)
    model = zoo.build(TINY, shape, num_classes=5)
    assert model.input_shape == (None, *shape)
    assert cost.count(model) == TINY.cost(5, shape)


def test_without_top_the_features_come_out():
    model = zoo.build(TINY, SHAPE, include_top=False)
    assert model.output_shape == (None, 2, 4, 4, 8)


def statistics(model, inner: bool):
    return [
        np.array(ops.convert_to_numpy(layer.moving_mean))
        for layer in model.layers
        if layer.name.endswith("_norm") and ("temporal" in layer.name) == inner
    ]


@pytest.mark.model
@pytest.mark.parametrize("release", [False, True])
def test_the_released_norm_within_a_factorised_convolution_keeps_its_statistics(
    release,
):
    model = zoo.build(TINY, SHAPE, num_classes=5, release=release)
    model(known_clip((2, *SHAPE)), training=True)
    inner, outer = statistics(model, inner=True), statistics(model, inner=False)
    assert len(inner) == 2  # The stem's and the block's.
    assert all(mean.any() for mean in outer)
    assert all(mean.any() != release for mean in inner)
    count = TINY.cost(5, SHAPE).parameters
    assert cost.count(model).parameters == count


@pytest.mark.model
def test_equal_genotypes_build_equal_models(full):
    again = zoo.build(EvaNetGenotype.from_json(FULL.to_json()), SHAPE, num_classes=5)
    fill(full)
    fill(again)
    clip = known_clip((2, *SHAPE))
    np.testing.assert_array_equal(again(clip), full(clip))


@pytest.mark.model
def test_fused_it_says_the_same(full):
    fill(full)
    clip = known_clip((2, *SHAPE))
    np.testing.assert_allclose(fuse(full)(clip), full(clip), rtol=1e-3, atol=1e-4)


@pytest.mark.model
def test_the_weights_of_every_gene_train():
    model = zoo.build(FULL, SHAPE, num_classes=5, dropout=0.0)
    before = [np.array(ops.convert_to_numpy(w)) for w in model.trainable_weights]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False)
    model.train_on_batch(known_clip((4, *SHAPE)), np.arange(4))
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.abs(ops.convert_to_numpy(weight) - old).max() > 0, weight.path


def variant(block: int, **fields) -> EvaNetGenotype:
    blocks = list(FULL.blocks)
    blocks[block] = dataclasses.replace(blocks[block], **fields)
    return dataclasses.replace(FULL, blocks=tuple(blocks))


def branched(index: int, branch: Branch) -> EvaNetGenotype:
    branches = list(FULL.blocks[1].branches)
    branches[index] = branch
    return variant(1, branches=tuple(branches))


@pytest.mark.model
@pytest.mark.parametrize(
    "changed",
    [
        dataclasses.replace(FULL, stem=FACTORISED),
        dataclasses.replace(FULL, stem=SpaceTimeConv("conv3d", 5)),
        dataclasses.replace(FULL, pool_times=(3, 3)),
        dataclasses.replace(FULL, pool_times=(1, 5)),
        dataclasses.replace(FULL, blocks=FULL.blocks[::-1]),
        dataclasses.replace(FULL, profile="gaussian"),
        dataclasses.replace(FULL, gaussians=3),
        variant(0, width=9),
        variant(0, repeats=2),
        variant(0, branches=(Branch("pool", pool_time=3),)),
        branched(0, Branch("conv", (SpaceTimeConv("itgm", 5),))),
        branched(0, Branch("conv", (CONV,))),
        branched(1, Branch("conv_conv", (MIXTURE, FACTORISED))),
        branched(1, Branch("conv_conv", (CONV, SpaceTimeConv("conv2plus1d", 1)))),
        branched(2, Branch("pool", pool_time=1)),
    ],
)
def test_every_gene_is_read(changed, full):
    model = zoo.build(changed, SHAPE, num_classes=5)
    assert model.get_config()["layers"] != full.get_config()["layers"]

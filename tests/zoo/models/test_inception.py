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
from search.spaces.evanet import EvaNetSpace
from zoo import cost
from zoo.genotypes import FOUND
from zoo.genotypes.found.inception import uniform
from zoo.genotypes.inception import InceptionGenotype, InceptionModule
from zoo.genotypes.space_time import CONV_TYPES, TIME_SIZES, SpaceTimeConv

GOLDEN = json.loads(pathlib.Path(__file__).with_name("golden_s3d.json").read_text())
# Trainable weights with 400 classes.
PARAMETERS = {
    "i3d": 12_697_264,
    "inception_3d": 12_659_632,
    "inception_2plus1d": 8_297_008,
    "inception_itgm": 6_023_376,
    "inception_2d": 6_009_904,
    "s3d": 8_320_048,  # As torchvision's.
}
CONV3D = SpaceTimeConv("conv3d", 3)
CONV2PLUS1D = SpaceTimeConv("conv2plus1d", 3)
ITGM = SpaceTimeConv("itgm", 5)
# Every kind of layer, alone and in parallel, in a network of few channels.
MIXED = InceptionGenotype(
    stem=(CONV2PLUS1D, ITGM, CONV3D),
    modules=(
        InceptionModule((CONV3D, ITGM), (CONV2PLUS1D,), (1, 3)),
        *(InceptionModule((CONV3D,), (SpaceTimeConv("itgm", 1),), (3,)),) * 8,
    ),
    width=0.05,
)
SHAPE = (8, 32, 32, 3)


def build(genotype, input_shape=SHAPE, **options):
    return zoo.build(genotype, input_shape=input_shape, num_classes=5, **options)


def changed(index=0, **fields):
    modules = list(MIXED.modules)
    modules[index] = dataclasses.replace(modules[index], **fields)
    return dataclasses.replace(MIXED, modules=tuple(modules))


@pytest.fixture(scope="module", autouse=True)
def _no_random_kernels():
    """For a draw of each new shape JAX compiles for seconds; tests fill the weights."""
    with pytest.MonkeyPatch.context() as patch:
        zeros = keras.initializers.Zeros()
        for name in ("VarianceScaling", "RandomNormal", "TruncatedNormal"):
            initializer = getattr(keras.initializers, name)
            patch.setattr(initializer, "__call__", staticmethod(zeros))
        yield


@pytest.fixture(scope="module")
def mixed():
    return build(MIXED)


def test_every_named_model_has_its_parameter_count():
    names = [n for n, g in FOUND.items() if isinstance(g, InceptionGenotype)]
    assert sorted(PARAMETERS) == sorted(names)
    for name, parameters in PARAMETERS.items():
        assert FOUND[name].cost(400).parameters == parameters


@pytest.mark.model
@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_named_models_cost_what_they_cost_on_paper(name):
    model = zoo.create(name)
    assert cost.count(model) == FOUND[name].cost(400)


@pytest.mark.model
def test_s3d_is_torchvisions():
    model = zoo.s3d(input_shape=(16, 64, 64, 3))
    fill(model)
    clip = known_clip((1, 16, 64, 64, 3))
    outputs = {**zoo.features(model)(clip), "logits": model(clip)}
    expected = {**GOLDEN["endpoints"], "logits": GOLDEN["logits"]}
    assert list(outputs) == list(expected)
    for name, golden in expected.items():
        values = ops.convert_to_numpy(outputs[name])
        assert list(values.shape) == golden["shape"]
        facts = [values.mean(dtype="float64"), values.std(dtype="float64")]
        facts += [np.abs(values).max(), *values.ravel()[:6]]
        known = [golden[key] for key in ("mean", "std", "absmax")] + golden["first"]
        close(facts, known, golden["absmax"])
    logits = ops.convert_to_numpy(outputs["logits"])[0]
    close(logits[:10], GOLDEN["logits_first10"], GOLDEN["logits"]["absmax"])
    assert logits.argmax() == GOLDEN["argmax"]


def close(actual, expected, scale):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.model
def test_costs_what_it_costs_on_paper(mixed):
    assert cost.count(mixed) == MIXED.cost(5, SHAPE)
    for padding in ("same", "symmetric"):
        genotype = dataclasses.replace(MIXED, padding=padding, inner_norm=True)
        shape = (17, 37, 50, 2)  # Flow, and odd.
        assert cost.count(build(genotype, shape)) == genotype.cost(5, shape)


@pytest.mark.model
def test_every_gene_of_the_space_costs_what_it_costs_on_paper():
    convs = tuple(SpaceTimeConv(t, time) for t in CONV_TYPES for time in TIME_SIZES)
    module = InceptionModule(convs, convs, TIME_SIZES)
    genotype = dataclasses.replace(MIXED, modules=(module,) * 9)
    assert cost.count(build(genotype)) == genotype.cost(5, SHAPE)


@pytest.mark.parametrize(
    "networks",  # Each takes seconds to build.
    [
        pytest.param(8, marks=pytest.mark.model),
        pytest.param(200, marks=pytest.mark.slow),
    ],
)
def test_random_genotypes_cost_what_they_cost_on_paper(networks):
    rng = random.Random(networks)
    for number in range(networks):
        space = EvaNetSpace(width=0.03, inner_norm=number % 2 == 0)
        genotype = space.sample(rng)
        if number % 3 == 0:
            genotype = dataclasses.replace(genotype, padding="symmetric")
        shape = (rng.randint(8, 24), *rng.sample(range(32, 80), 2), rng.choice([2, 3]))
        model = build(genotype, shape)
        assert cost.count(model) == genotype.cost(5, shape), genotype
        keras.utils.clear_session()


@pytest.mark.model
def test_layers_are_named_by_their_place(mixed):
    names = [layer.name for layer in mixed.layers]
    module = [name for name in names if name.startswith("module3b")]
    convolutions = ["module3b_point", "module3b_pool0_project"]
    convolutions += ["module3b_wide0_lead", "module3b_wide0_conv"]
    convolutions += ["module3b_wide1_lead", "module3b_wide1_conv"]
    convolutions += ["module3b_narrow0_lead", "module3b_narrow0_temporal"]
    convolutions += ["module3b_pool1_project"]
    parts = ("norm", "activation")
    followed = [f"{name}_{part}" for name in convolutions for part in parts]
    pools = ["module3b_pool0_space", "module3b_pool1_space", "module3b_pool1_time"]
    means = ["module3b_wide_mean", "module3b_pool_mean", "module3b"]
    spatial = ["module3b_narrow0_spatial"]  # No norm within a (2+1)D by default.
    assert sorted(module) == sorted(convolutions + followed + pools + means + spatial)
    assert zoo.endpoints(mixed) == list(GOLDEN["endpoints"])


@pytest.mark.model
def test_parallel_layers_are_averaged_and_slots_concatenated(mixed):
    fill(mixed)
    clip = known_clip((1, *SHAPE))
    parts = ["module3b_point_activation", "module3b_wide0_conv_activation"]
    parts += ["module3b_wide1_conv_activation", "module3b_narrow0_temporal_activation"]
    parts += [f"module3b_pool{i}_project_activation" for i in (0, 1)]
    outputs = {name: mixed.get_layer(name).output for name in [*parts, "module3b"]}
    values = keras.Model(mixed.input, outputs)(clip)
    point, wide0, wide1, narrow, pool0, pool1 = (np.asarray(values[n]) for n in parts)
    slots = [point, (wide0 + wide1) / 2, narrow, (pool0 + pool1) / 2]
    expected = np.concatenate(slots, axis=-1)
    np.testing.assert_allclose(values["module3b"], expected, rtol=1e-6)
    assert not np.allclose(wide0, wide1)


@pytest.mark.model
def test_a_2d_network_sees_no_motion():
    genotype = dataclasses.replace(uniform("conv3d", 1), width=0.05)
    model = build(genotype, include_top=False)
    fill(model)
    clip = known_clip((1, *SHAPE))
    features = zoo.features(model, ["module3c"])
    before = np.asarray(features(clip)["module3c"])
    clip[:, 2] += 1.0
    after = np.asarray(features(clip)["module3c"])
    different = np.abs(after - before).max(axis=(0, 2, 3, 4)) > 0
    assert different.tolist() == [False, True, False, False]


@pytest.mark.model
def test_without_top_the_features_come_out():
    model = build(MIXED, include_top=False)
    assert model.output_shape == (None, 1, 1, 1, MIXED.stages()[-1].output.channels)


GENES = [
    dataclasses.replace(MIXED, stem=(ITGM, ITGM, CONV3D)),
    dataclasses.replace(MIXED, stem=(CONV2PLUS1D, CONV3D, CONV3D)),
    dataclasses.replace(MIXED, stem=(CONV2PLUS1D, ITGM, CONV2PLUS1D)),
    dataclasses.replace(MIXED, inner_norm=True),
    dataclasses.replace(MIXED, padding="symmetric"),
    dataclasses.replace(MIXED, gaussians=5),
    dataclasses.replace(MIXED, width=0.06),
    changed(wide=(CONV3D,)),
    changed(wide=(CONV3D, SpaceTimeConv("itgm", 7))),
    changed(narrow=(CONV3D,)),
    changed(narrow=(SpaceTimeConv("conv2plus1d", 1),)),
    changed(pools=(3, 3)),
    changed(pools=(1,)),
    changed(8, narrow=(SpaceTimeConv("conv3d", 3),)),
]


@pytest.mark.parametrize("genotype", GENES)
def test_every_gene_is_in_the_plan(genotype):
    assert genotype.stages(SHAPE) != MIXED.stages(SHAPE)


@pytest.mark.model
@pytest.mark.parametrize("genotype", GENES[3:11:2] + GENES[-1:])
def test_the_plan_of_every_gene_is_read(genotype, mixed):
    assert layers(build(genotype)) != layers(mixed)


def layers(model):
    return model.get_config()["layers"]


@pytest.mark.model
def test_an_itgm_of_one_frame_is_a_convolution_of_one_frame(mixed):
    assert MIXED.simplified() != MIXED
    assert layers(build(MIXED.simplified())) == layers(mixed)

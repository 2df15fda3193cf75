import dataclasses
import json
import pathlib
import random

import keras
import numpy as np
import pytest
from helpers import filled, known_clip, outputs_of, without_weights

import zoo
from search.spaces.tiny_video import TinyVideoSpace
from zoo import cost
from zoo.genotypes import FOUND
from zoo.genotypes.tiny_video import (
    NonLocal,
    SpatialLayer,
    Stream,
    TemporalLayer,
    TinyVideoBlock,
    TinyVideoGenotype,
)

GOLDEN = json.loads(
    pathlib.Path(__file__).with_name("golden_tiny_video.json").read_text()
)
# Trainable weights with 339 classes: TVN-1 to TVN-4 as released, ours for the rest.
PARAMETERS = {
    "tvn1": 26_414_721,
    "tvn2": 109_438_487,
    "tvn3": 67_709_221,
    "tvn4": 43_669_005,
    "tvn1_en": 94_505_977,
    "tvn_mobile1": 4_987_167,
    "tvn_mobile2": 3_754_380,
}
TINY = TinyVideoGenotype(
    streams=(Stream(frames=4, rate=8.0, size=16),),
    blocks=(
        TinyVideoBlock(
            filters=4,
            expand=2,
            repeats=2,
            spatial=SpatialLayer("conv", kernel=3, stride=2),
            temporal=TemporalLayer("conv", kernel=2, stride=2),
            skip=True,
        ),
        TinyVideoBlock(
            filters=6,
            expand=2,
            spatial=SpatialLayer("depthwise", 3, 1, "hard_swish"),
            temporal=TemporalLayer("average_pool", kernel=2, stride=1),
            inverted=True,
            squeeze_ratio=0.5,
            context_gate=True,
            non_local=NonLocal(bottleneck=3, pooled_size=4),
        ),
    ),
)
TWO_STREAMS = TinyVideoGenotype(
    streams=(Stream(2, 4.0, 16), Stream(6, 12.0, 8)),
    blocks=(
        TinyVideoBlock(filters=4, expand=1, spatial=SpatialLayer("conv", 3, 2)),
        TinyVideoBlock(filters=4, expand=2, inputs=("stream1",)),
        TinyVideoBlock(filters=8, expand=1, inputs=("block0", "block1")),
    ),
)


# Two blocks, of which the second has every gene.
GENES = dataclasses.replace(
    TINY,
    blocks=(
        TinyVideoBlock(filters=4, expand=2, spatial=SpatialLayer("conv", 3, 2)),
        TINY.blocks[1],
    ),
)


@pytest.fixture(scope="module")
def tiny():
    """The network of `TINY`, with known weights."""
    return filled(zoo.build, TINY, num_classes=5)


@pytest.fixture(scope="module")
def genes_config():
    return outline(GENES, num_classes=5).get_config()


def outline(genotype, **options):
    """The network without values of its weights."""
    with without_weights():
        return zoo.build(genotype, **options)


def close(actual, expected, scale):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.model
@pytest.mark.parametrize("name", ["tvn1", "tvn3"])
def test_forward_pass_is_the_released_one(name):
    golden = GOLDEN[name.upper()]
    frames = FOUND[name].clip_spec.frames
    shape = (frames, 64, 64, 3)
    model = filled(zoo.create, name, num_classes=157, input_shape=shape)
    outputs = {**zoo.features(model).output, "logits": model.output}
    outputs = outputs_of(keras.Model(model.input, outputs), known_clip((1, *shape)))
    names = [f"block{i}" for i in range(len(golden["blocks"]))]
    assert list(outputs) == [*names, "logits"]
    results = zip(outputs.values(), [*golden["blocks"], golden["logits"]], strict=True)
    for values, expected in results:
        folded = values.reshape(-1, *values.shape[2:]) if values.ndim == 5 else values
        assert list(folded.shape) == expected["shape"]
        scale = expected["absmax"]
        close(values.mean(), expected["mean"], scale)
        close(values.std(), expected["std"], scale)
        close(np.abs(values).max(), expected["absmax"], scale)
        close(values.ravel()[:6], expected["first"], scale)
    logits = outputs["logits"][0]
    close(logits[:10], golden["logits_first10"], golden["logits"]["absmax"])
    assert logits.argmax() == golden["argmax"]


def test_every_named_model_has_its_parameter_count():
    assert sorted(PARAMETERS) == zoo.list_models("tvn*")
    for name, parameters in PARAMETERS.items():
        assert FOUND[name].cost(339).parameters == parameters


@pytest.mark.model
@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_named_models_cost_what_they_cost_on_paper(name):
    model = outline(FOUND[name], num_classes=339)
    assert cost.count(model) == FOUND[name].cost(339)


@pytest.mark.model
def test_random_genotypes_cost_what_they_cost_on_paper():
    rng = random.Random(0)
    space = TinyVideoSpace(
        frames=(1, 16),
        sizes=(8, 64),
        blocks=(2, 2),
        repeats=(1, 2),
        filters=(8, 16),
        expands=(1, 4),
    )
    for _ in range(200):
        genotype = space.sample(rng)
        model = outline(genotype, num_classes=7)
        assert cost.count(model) == genotype.cost(7), genotype


@pytest.mark.parametrize("genotype", [TINY, TWO_STREAMS], ids=["tiny", "two_streams"])
def test_costs_what_it_costs_on_paper(genotype):
    assert cost.count(outline(genotype, num_classes=5)) == genotype.cost(5)


def test_another_input_shape_costs_what_it_costs_on_paper():
    shape = (3, 24, 20, 3)
    model = outline(TINY, input_shape=shape, num_classes=5)
    assert cost.count(model) == TINY.cost(5, input_shape=shape)


def test_layers_are_named_by_their_place(tiny):
    names = [layer.name for layer in tiny.layers]
    assert names[:4] == [
        "clip",
        "block0_repeat0_lead",
        "block0_repeat0_lead_norm",
        "block0_repeat0_lead_activation",
    ]
    assert zoo.endpoints(tiny) == ["block0", "block1"]


def test_equal_genotypes_build_equal_models(tiny):
    second = filled(zoo.build, dataclasses.replace(TINY), num_classes=5)
    clip = known_clip((2, 4, 16, 16, 3))
    first, second = (outputs_of(model, clip) for model in (tiny, second))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("pooling", ["average", "max", "softmax"])
def test_every_head_gives_logits(pooling):
    genotype = dataclasses.replace(GENES, blocks=GENES.blocks[:1])
    model = filled(zoo.build, genotype, num_classes=5, pooling=pooling)
    assert outputs_of(model, known_clip((2, 4, 16, 16, 3))).shape == (2, 5)
    assert cost.count(model).parameters == genotype.cost(5).parameters


def test_without_top_the_features_come_out():
    model = outline(TINY, include_top=False)
    assert model.output_shape == (None, 2, 8, 8, 6)


def test_every_stream_reads_its_own_frames():
    model = filled(zoo.build, TWO_STREAMS, num_classes=3)
    assert model.input_shape == (None, 6, 16, 16, 3)
    clip = known_clip((1, 6, 16, 16, 3))
    features = zoo.features(model, ["block0", "block1"])
    before = outputs_of(features, clip)
    clip[:, 1] += 1.0  # The slow stream reads frames 0 and 3.
    after = outputs_of(features, clip)
    np.testing.assert_array_equal(after["block0"], before["block0"])
    assert not np.allclose(after["block1"], before["block1"])


def test_several_streams_refuse_another_input_shape():
    with pytest.raises(ValueError, match="input_shape"):
        zoo.build(TWO_STREAMS, input_shape=(4, 16, 16, 3))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("filters", 5),
        ("expand", 3),
        ("repeats", 3),
        ("inverted", False),
        ("squeeze_ratio", 0.9),
        ("context_gate", False),
        ("non_local", NonLocal(bottleneck=4, pooled_size=4)),
        ("non_local", NonLocal(bottleneck=3, pooled_size=8)),
        ("skip", True),
        ("activation", "hard_swish"),
        ("spatial", SpatialLayer("depthwise", 5, 1, "hard_swish")),
        ("spatial", SpatialLayer("depthwise", 3, 1, "relu")),
        ("spatial", SpatialLayer("depthwise", 3, 2, "hard_swish")),
        ("spatial", SpatialLayer("max_pool", 3, 1)),
        ("temporal", TemporalLayer("average_pool", kernel=3, stride=1)),
        ("temporal", TemporalLayer("average_pool", kernel=2, stride=2)),
        ("temporal", TemporalLayer("conv", 2, 1)),
        ("inputs", ("block0", "stream0")),
    ],
)
def test_every_gene_is_read(field, value, genes_config):
    block = dataclasses.replace(GENES.blocks[1], **{field: value})
    changed = dataclasses.replace(GENES, blocks=(GENES.blocks[0], block))
    layers = outline(changed, num_classes=5).get_config()["layers"]
    assert layers != genes_config["layers"]

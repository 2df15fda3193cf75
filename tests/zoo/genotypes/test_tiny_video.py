import dataclasses
import random

import pytest

from zoo.genotypes.found.inception import FOUND as INCEPTION
from zoo.genotypes.found.tiny_video import FOUND, TVN1, compound_scale, scale
from zoo.genotypes.tiny_video import (
    NonLocal,
    SpatialLayer,
    Stream,
    TemporalLayer,
    TinyVideoBlock,
    TinyVideoGenotype,
)

# Multiply-accumulates with 339 classes, as two independent countings of the release.
MACS = {
    "tvn1": 4_326_160_640,
    "tvn2": 34_613_795_640,
    "tvn3": 53_639_220_992,
    "tvn4": 25_918_137_344,
}
# Trainable weights by number of classes.
TVN1_PARAMETERS = {8: 25_736_502, 51: 25_824_609, 101: 25_927_059, 400: 26_539_710}


STREAM = Stream(frames=4, rate=8.0, size=16)


def network(*blocks, streams=(STREAM,)):
    return TinyVideoGenotype(streams=streams, blocks=blocks)


@pytest.mark.parametrize("name", sorted(MACS))
def test_operations_equal_the_released_networks(name):
    assert FOUND[name].cost(339).macs == MACS[name]


def test_parameters_by_number_of_classes():
    for classes, parameters in TVN1_PARAMETERS.items():
        assert TVN1.cost(classes).parameters == parameters


def test_a_residual_is_lost_where_the_frames_change():
    block = TinyVideoBlock(4, 1, 3, None, TemporalLayer("conv", 2, 2), skip=True)
    [(_, instances)] = network(block).block_inputs()
    assert [instance.skip for instance in instances] == [False, True, True]
    assert [instance.output.frames for instance in instances] == [2, 2, 2]


def test_every_second_instance_has_no_temporal_layer():
    block = TinyVideoBlock(4, 1, 4, None, TemporalLayer("conv", 2, 1))
    [(_, instances)] = network(block).block_inputs()
    assert [i.temporal is not None for i in instances] == [True, False, True, False]


def test_strides_belong_to_the_first_instance():
    block = TinyVideoBlock(4, 1, 3, SpatialLayer("conv", 3, 3))
    [(_, instances)] = network(block).block_inputs()
    assert [instance.output.height for instance in instances] == [6, 6, 6]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"spatial": SpatialLayer("conv", 3, 8)}, {"spatial.stride": 4}),
        ({"spatial": SpatialLayer("max_pool", 3, 8)}, {"spatial.stride": 4}),
        ({"temporal": TemporalLayer("conv", 3, 8)}, {"temporal.stride": 2}),
        (
            {"temporal": TemporalLayer("max_pool", 3, 2), "skip": True},
            {"temporal.stride": 2, "skip": False},
        ),
        ({"non_local": NonLocal(4, 3)}, {"non_local.pooled_size": 2}),
        ({"non_local": NonLocal(4, 9)}, {"non_local.pooled_size": 4}),
    ],
)
def test_simplified_drops_what_changes_nothing(given, kept):
    stream = Stream(frames=2, rate=8.0, size=4)
    genotype = network(TinyVideoBlock(4, 1, **given), streams=(stream,))
    block = genotype.simplified().blocks[0]
    for path, value in kept.items():
        found = block
        for name in path.split("."):
            found = getattr(found, name)
        assert found == value
    assert genotype.cost(3) == genotype.simplified().cost(3)
    assert genotype.simplified().simplified() == genotype.simplified()


def test_simplified_drops_layers_of_a_single_place():
    block = TinyVideoBlock(
        filters=4,
        expand=1,
        repeats=3,
        spatial=SpatialLayer("max_pool", 3, 1),
        temporal=TemporalLayer("conv", 3, 1),
        non_local=NonLocal(4, 4),
    )
    single = network(block, streams=(Stream(1, 8.0, 1),)).simplified()
    assert single.blocks[0].spatial is None
    assert single.blocks[0].temporal is None
    assert single.blocks[0].non_local is None


def test_streams_share_a_clip():
    genotype = network(
        TinyVideoBlock(4, 1),
        TinyVideoBlock(4, 1, inputs=("stream1",)),
        TinyVideoBlock(4, 1, inputs=("block0", "block1")),
        streams=(Stream(2, 4.0, 16), Stream(6, 12.0, 8)),
    )
    spec = genotype.clip_spec
    assert (spec.frames, spec.rate, spec.height, spec.width) == (6, 12.0, 16, 16)
    assert genotype.frames_of(0) == [0, 3]
    assert genotype.frames_of(1) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stream(0, 1.0, 8), "frames"),
        (lambda: Stream(1, 0.0, 8), "rate"),
        (lambda: Stream(1, 1.0, 0), "size"),
        (lambda: SpatialLayer("conv3d", 3, 1), "spatial type"),
        (lambda: SpatialLayer("conv", 1, 1), "spatial kernel"),
        (lambda: SpatialLayer("conv", 3, 0), "spatial stride"),
        (lambda: SpatialLayer("conv", 3, 1, "gelu"), "activation"),
        (lambda: SpatialLayer("max_pool", 3, 1, "hard_swish"), "activation"),
        (lambda: TemporalLayer("depthwise", 3, 1), "temporal type"),
        (lambda: NonLocal(0, 1), "bottleneck"),
        (lambda: NonLocal(1, 0), "pooled_size"),
        (lambda: Stream(1, float("inf"), 8), "rate"),
        (lambda: Stream(1, "3", 8), "rate"),
        (lambda: TinyVideoBlock(0, 1), "filters"),
        (lambda: TinyVideoBlock(1, 1, spatial="conv"), "spatial"),
        (lambda: TinyVideoBlock(1, 1, context_gate="no"), "context_gate"),
        (lambda: TinyVideoBlock(1, 1, skip=1), "skip"),
        (lambda: TinyVideoBlock(1, 1, inverted=None), "inverted"),
        (lambda: TinyVideoBlock(1, 1, inputs=["stream0"]), "inputs"),
        (lambda: network(streams=[STREAM]), "streams"),
        (lambda: TinyVideoBlock(1, 0), "expand"),
        (lambda: TinyVideoBlock(1, 1, 0), "repeats"),
        (lambda: TinyVideoBlock(1, 1, squeeze_ratio=1.5), "squeeze_ratio"),
        (lambda: TinyVideoBlock(1, 1, activation="tanh"), "activation"),
        (lambda: network(), "blocks"),
        (lambda: network(TinyVideoBlock(1, 1), streams=()), "streams"),
        (lambda: network(TinyVideoBlock(1, 1, inputs=("block0",))), "inputs"),
        (
            lambda: network(TinyVideoBlock(1, 1, inputs=("stream0", "stream0"))),
            "distinct",
        ),
        (
            lambda: network(
                TinyVideoBlock(1, 1), TinyVideoBlock(1, 1, inputs=("stream0",))
            ),
            "unread",
        ),
    ],
)
def test_refuses_nonsense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_scale_multiplies_each_dimension():
    scaled = scale(TVN1, resolution=0.5, width=1.1, depth=1.2)
    assert scaled.clip_spec.shape == (2, 112, 112, 3)
    assert [block.filters for block in scaled.blocks] == [72, 144, 144, 280]
    assert [block.repeats for block in scaled.blocks] == [3, 2, 3, 3]


def test_scale_by_one_changes_nothing():
    for genotype in FOUND.values():
        assert scale(genotype) == genotype


def test_compound_scale_is_the_three_factors():
    scaled = compound_scale(TVN1, 2)
    assert scaled == scale(TVN1, 1.15**2, 1.1**2, 1.2**2)
    assert scaled.cost(339).macs > 3 * TVN1.cost(339).macs


@pytest.mark.parametrize("name", ["resolution", "width", "depth"])
@pytest.mark.parametrize("factor", [0, float("nan"), float("inf")])
def test_scale_refuses_what_is_no_factor(name, factor):
    with pytest.raises(ValueError, match=name):
        scale(TVN1, **{name: factor})


def test_scale_leaves_at_least_one_of_all():
    scaled = scale(TVN1, 1e-9, 1e-9, 1e-9)
    assert scaled.clip_spec.shape == (2, 1, 1, 3)
    assert {(block.filters, block.repeats) for block in scaled.blocks} == {(8, 1)}


def test_scale_refuses_another_family():
    with pytest.raises(ValueError, match="`genotype` must be a TinyVideoGenotype"):
        scale(INCEPTION["i3d"])


def test_a_random_network_is_its_own_json():
    rng = random.Random(0)
    for _ in range(50):
        block = TinyVideoBlock(
            filters=rng.randint(1, 64),
            expand=rng.randint(1, 8),
            squeeze_ratio=rng.random(),
            non_local=rng.choice([None, NonLocal(rng.randint(1, 9), 4)]),
        )
        genotype = network(dataclasses.replace(block, skip=rng.random() < 0.5))
        assert TinyVideoGenotype.from_json(genotype.to_json()) == genotype

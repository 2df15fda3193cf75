import dataclasses
import random
import subprocess
import sys

import pytest

from search.spaces.tiny_video import TinyVideoSpace
from zoo.genotypes import FOUND, from_json
from zoo.genotypes.tiny_video import (
    NonLocal,
    SpatialLayer,
    Stream,
    TemporalLayer,
    TinyVideoBlock,
    TinyVideoGenotype,
)

SMALL = TinyVideoSpace(
    frames=(1, 4), sizes=(16, 32), blocks=(1, 3), repeats=(1, 2), filters=(8, 32)
)


def network(genotype):
    """All that a builder reads, with the released code's rules worked out."""
    instances = [
        (
            instance.name,
            instance.input,
            instance.output,
            instance.lead,
            instance.spatial,
            instance.temporal,
            instance.squeeze_units,
            instance.block.context_gate,
            instance.block.inverted,
            instance.block.activation,
            instance.skip,
            instance.block.non_local and instance.block.non_local.bottleneck,
            instance.block.non_local and instance.pool_size,
        )
        for _, block in genotype.block_inputs()
        for instance in block
    ]
    return genotype.clip_spec, instances


def single(**block):
    blocks = (TinyVideoBlock(filters=16, expand=1, **block),)
    return TinyVideoGenotype((Stream(4, 8.0, 16),), blocks)


def test_samples_lie_within_the_ranges():
    space = TinyVideoSpace(
        frames=(2, 9), rates=(3, 4), sizes=(64, 96), blocks=(3, 5), filters=(24, 72)
    )
    rng = random.Random(0)
    samples = [space.sample(rng) for _ in range(100)]
    streams = [genotype.streams[0] for genotype in samples]
    blocks = [block for genotype in samples for block in genotype.blocks]
    assert {stream.frames for stream in streams} == set(range(2, 10))
    assert {stream.size for stream in streams} == {64, 72, 80, 88, 96}
    assert {len(genotype.blocks) for genotype in samples} == {3, 4, 5}
    assert {block.filters for block in blocks} == {24, 32, 40, 48, 56, 64, 72}
    assert {block.repeats for block in blocks} == set(range(1, 9))
    assert {b.spatial.kernel for b in blocks if b.spatial} == set(range(2, 9))
    assert all(3 <= stream.rate <= 4 for stream in streams)


def test_every_layer_of_the_paper_appears():
    rng = random.Random(0)
    samples = [TinyVideoSpace().sample(rng) for _ in range(50)]
    blocks = [block for genotype in samples for block in genotype.blocks]
    spatial = {block.spatial and block.spatial.type for block in blocks}
    temporal = {block.temporal and block.temporal.type for block in blocks}
    assert spatial == {None, "conv", "depthwise", "max_pool", "average_pool"}
    assert temporal == {None, "conv", "max_pool", "average_pool"}
    for name in ("context_gate", "skip"):
        assert {getattr(block, name) for block in blocks} == {True, False}
    assert {block.non_local is None for block in blocks} == {True, False}
    assert {block.squeeze_ratio > 0 for block in blocks} == {True, False}


def test_a_share_of_zero_takes_a_layer_out_and_of_one_puts_it_everywhere():
    shares = {"squeeze": 0, "non_local": 1, "inverted": 1}
    layers = {"strides": (1, 1), "pooled_sizes": (2, 9), "activations": ["relu"]}
    space = TinyVideoSpace(**layers, **shares)
    rng = random.Random(0)
    genotype = space.sample(rng)
    for _ in range(30):
        genotype = space.mutate(genotype, rng)
        for block in genotype.blocks:
            assert block.squeeze_ratio == 0
            assert block.non_local
            assert block.inverted


def test_draws_depend_on_the_seed_alone():
    def draw(seed):
        rng = random.Random(seed)
        genotype = TinyVideoSpace().sample(rng)
        return genotype.to_json(), TinyVideoSpace().mutate(genotype, rng).to_json()

    assert draw("0/7") == draw("0/7")
    assert draw("0/7") != draw("0/8")


@pytest.mark.parametrize("parent", ["sample", "tvn1", "tvn4", "tvn_mobile2"])
def test_children_are_valid_and_differ_from_their_parent(parent):
    rng = random.Random(parent)
    parent = SMALL.sample(rng) if parent == "sample" else FOUND[parent]
    expected = network(parent)
    for _ in range(60):
        child = SMALL.mutate(parent, rng)
        assert from_json(child.to_json()) == child
        assert network(child) != expected
        assert child.simplified() == child


@pytest.mark.slow
@pytest.mark.parametrize("space", [SMALL, TinyVideoSpace(activations=("hard_swish",))])
def test_a_thousand_children_in_a_line_are_valid_and_differ(space):
    rng = random.Random(1)
    parent = space.sample(rng)
    for _ in range(1000):
        child = space.mutate(parent, rng)
        assert from_json(child.to_json()) == child
        assert network(child) != network(parent)
        parent = child


def test_a_mutation_redraws_one_part():
    # What a change elsewhere may take with it: strides beyond the size that is left,
    # the layers that then see one place or frame, and the rate of a single frame.
    derived = ("spatial", "temporal", "non_local", "skip")
    parent, rng, space = FOUND["tvn1"], random.Random(0), TinyVideoSpace()
    for _ in range(60):
        child = space.mutate(parent, rng)
        changes = [len(child.blocks) != len(parent.blocks)]
        changes.append(child.streams != parent.streams)
        if not changes[0]:
            for old, new in zip(parent.blocks, child.blocks, strict=True):
                old, new = dataclasses.asdict(old), dataclasses.asdict(new)
                own = set(old) - {*derived, "squeeze_ratio"}
                changes += [old[name] != new[name] for name in own]
        assert sum(changes) <= 1


def test_every_gene_of_a_block_can_mutate():
    parent = SMALL._settled(
        single(
            spatial=SpatialLayer("conv", 3, 1),
            temporal=TemporalLayer("conv", 3, 1),
            squeeze_ratio=1.0,
            non_local=NonLocal(8, 4),
        )
    )
    rng = random.Random(0)
    space = dataclasses.replace(
        SMALL, inverted=0.5, activations=("relu", "hard_swish"), bottlenecks=(8, 32)
    )
    before, changed = dataclasses.asdict(parent.blocks[0]), set()
    for _ in range(400):
        child = space.mutate(parent, rng)
        if child.streams != parent.streams or len(child.blocks) > 1:
            continue
        after = dataclasses.asdict(child.blocks[0])
        for name, value in after.items():
            if not isinstance(value, dict):
                changed |= {name} if value != before[name] else set()
                continue
            changed |= {f"{name}.{k}" for k in value if value[k] != before[name][k]}
    layer = {"type", "kernel", "stride", "activation"}
    expected = set(before) - {"inputs"} - {"spatial"}
    expected |= {f"spatial.{name}" for name in layer}
    expected |= {f"temporal.{name}" for name in layer}
    expected |= {"non_local.bottleneck", "non_local.pooled_size", "spatial"}
    assert changed >= expected - {"stream"}


def test_a_squeeze_ratio_is_the_smallest_hundredth_with_its_units():
    block = SMALL._settled(single(squeeze_ratio=0.5)).blocks[0]
    assert block.squeeze_ratio == 0.01  # 8 units are the least, of 16 channels.
    block = SMALL._settled(single(squeeze_ratio=0.9)).blocks[0]
    assert block.squeeze_ratio == 0.88  # 14 units.


def test_a_pool_has_the_smallest_kernel_that_covers_all():
    genotype = single(
        spatial=SpatialLayer("max_pool", 3, 8), temporal=TemporalLayer("conv", 8, 2)
    )
    deep = dataclasses.replace(
        genotype,
        blocks=genotype.blocks
        + single(
            spatial=SpatialLayer("average_pool", 8, 1),
            temporal=TemporalLayer("max_pool", 7, 1),
        ).blocks,
    )
    first, last = SMALL._settled(deep).blocks
    assert (first.spatial.kernel, first.temporal.kernel) == (3, 8)
    assert (last.spatial.kernel, last.temporal.kernel) == (3, 3)  # 2x2x2 places.


def test_one_frame_has_one_rate():
    space = dataclasses.replace(SMALL, frames=(1, 1), rates=(5, 20))
    rng = random.Random(0)
    assert {space.sample(rng).streams[0].rate for _ in range(20)} == {5.0}


def test_a_parent_of_another_family_is_refused():
    with pytest.raises(ValueError, match="`parent` must be one stream"):
        SMALL.mutate(FOUND["i3d"], random.Random(0))


def test_a_parent_of_several_streams_is_refused():
    blocks = (TinyVideoBlock(8, 1, inputs=("stream0", "stream1")),)
    parent = TinyVideoGenotype((Stream(2, 4.0, 16), Stream(4, 8.0, 16)), blocks)
    with pytest.raises(ValueError, match="`parent` must be one stream"):
        SMALL.mutate(parent, random.Random(0))


def test_a_space_of_one_network_has_no_mutations():
    one = TinyVideoSpace(
        frames=(2, 2),
        rates=(4, 4),
        sizes=(16, 16),
        blocks=(1, 1),
        repeats=(1, 1),
        filters=(12, 12),
        expands=(1, 1),
        kernels=(1, 1),
        temporal_kernels=(1, 1),
        squeeze=0,
        context_gate=1,
        non_local=0,
        skip=1,
    )
    only = one.sample(random.Random(0))
    assert only.blocks[0].filters == 12
    with pytest.raises(ValueError, match="`space` must hold another network"):
        one.mutate(only, random.Random(0))


@pytest.mark.parametrize(
    "bad",
    [
        {"frames": (0, 4)},
        {"sizes": (64, 32)},
        {"blocks": 3},
        {"repeats": (1, 2, 3)},
        {"filters": (8.0, 16.0)},
        {"kernels": ("1", "2")},
        {"rates": (0, 25)},
        {"spatial_types": ("conv3d",)},
        {"temporal_types": ()},
        {"activations": "relu"},
        {"skip": 1.5},
        {"squeeze": "half"},
    ],
)
def test_a_bad_range_is_refused(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        TinyVideoSpace(**bad)


def test_imports_no_keras():
    code = "import sys, search.spaces.tiny_video; print('keras' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr

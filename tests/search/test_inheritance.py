import dataclasses
import random

import keras
import keras_tuner
import numpy as np
import pytest
from helpers import filled, known_clip
from keras import layers, ops
from keras_tuner.src.engine import tuner_utils

from search.inheritance import inherit
from search.spaces.tiny_video import TinyVideoSpace
from zoo import registry
from zoo.genotypes.tiny_video import (
    NonLocal,
    SpatialLayer,
    Stream,
    TemporalLayer,
    TinyVideoBlock,
    TinyVideoGenotype,
)
from zoo.layers.convolution import SpatialConv, SpatialDepthwiseConv, TemporalConv

SPACE = TinyVideoSpace(
    frames=(2, 5),
    sizes=(16, 32),
    blocks=(1, 3),
    repeats=(1, 2),
    filters=(8, 16),
    expands=(1, 2),
    kernels=(1, 5),
    strides=(1, 2),
    temporal_kernels=(1, 5),
    temporal_strides=(1, 2),
    bottlenecks=(8, 16),
    pooled_sizes=(1, 4),
    non_local=0.3,
    inverted=0.3,
)
CONV, POOL = SpatialLayer("conv", 3, 2), SpatialLayer("max_pool", 2, 2)
FIRST = TinyVideoBlock(8, expand=2, spatial=CONV, repeats=2, squeeze_ratio=0.5)
TIME = TemporalLayer("conv", 3, 1)
SECOND = TinyVideoBlock(16, 1, spatial=POOL, temporal=TIME, non_local=NonLocal(8, 2))
PARENT = TinyVideoGenotype((Stream(4, 4.0, 32),), (FIRST, SECOND, FIRST))
SHAPE = (4, 32, 32, 3)


def build(genotype):
    return registry.build(genotype, SHAPE, num_classes=3)


def with_blocks(*blocks):
    return dataclasses.replace(PARENT, blocks=blocks)


@pytest.fixture(scope="module")
def trained():
    """The parent, with weights that differ in all layers."""
    model, rng = filled(build, PARENT), np.random.default_rng(0)
    for weight in model.weights:
        noise = rng.normal(0, 0.01, weight.shape)
        weight.assign(ops.convert_to_numpy(weight) + noise)
    return model


@pytest.fixture(scope="module")
def path(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("parent") / "checkpoint.weights.h5"
    trained.save_weights(path)
    return path


def logits(model):
    return ops.convert_to_numpy(model(known_clip((2, *SHAPE)), training=False))


def same(child, parent, names=None):
    """Whether layers of the child, and of the parent, by name, have equal weights."""
    names = names or {layer.name: layer.name for layer in child.layers}
    pairs = [
        zip(child.get_layer(a).weights, parent.get_layer(b).weights, strict=True)
        for a, b in names.items()
    ]
    return all(
        np.array_equal(*map(ops.convert_to_numpy, pair))
        for row in pairs
        for pair in row
    )


def test_without_a_file_nothing_is_inherited(tmp_path):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    before = model.get_weights()
    assert inherit(model, tmp_path / "none.weights.h5") == 0.0
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize("damage", ["cut", "other", "text"])
def test_a_damaged_file_is_refused_and_changes_nothing(tmp_path, damage):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, name="head")])
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    whole = path.read_bytes()
    bad = {"cut": whole[:-99], "text": b"weights"}
    path.write_bytes(bad.get(damage, whole.replace(b"layers", b"LAYERS")))
    before = model.get_weights()
    with pytest.raises(
        ValueError, match="`path` must be a file of Keras' weights"
    ) as e:
        inherit(model, path)
    assert "\n" not in str(e.value)
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.model
def test_what_has_no_weights_changes_nothing(trained, path):
    stream = Stream(frames=3, rate=2.0, size=24)
    pools = dataclasses.replace(SECOND, spatial=SpatialLayer("max_pool", 3, 2))
    child = build(TinyVideoGenotype((stream,), (FIRST, pools, FIRST)))
    assert inherit(child, path) == 1.0
    assert same(child, trained)
    child = build(dataclasses.replace(PARENT, streams=(stream,)))
    assert inherit(child, path) == 1.0
    np.testing.assert_array_equal(logits(child), logits(trained))


@pytest.mark.model
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_an_inserted_block_leaves_the_rest(trained, path, place):
    new = TinyVideoBlock(8, expand=2, spatial=SpatialLayer("depthwise", 3, 1))
    blocks = [FIRST, SECOND, FIRST]
    child = build(with_blocks(*blocks[:place], new, *blocks[place:]))
    share = inherit(child, path)
    names = {}
    for layer in child.layers:
        block, _, rest = layer.name.partition("_")
        index = int(block[5:]) if block.startswith("block") else -1
        # The layer that reads the new block reads other channels than before.
        reads = index == place + 1 and rest.startswith(
            ("repeat0_lead", "repeat0_expand")
        )
        if index != place and not reads and layer.weights:
            old = f"block{index - (index > place)}"
            names[layer.name] = f"{old}_{rest}" if rest else "head"
    if place == 3:  # The head reads the new block.
        del names["head"]
    assert len(names) > 15
    assert same(child, trained, names)
    assert 0.4 < share < 1


@pytest.mark.model
def test_a_lost_block_leaves_the_rest(trained, path):
    child = build(with_blocks(SECOND, FIRST))
    assert 0.5 < inherit(child, path) < 1
    names = {"block0_repeat0_expand_norm": "block1_repeat0_expand_norm"}
    names["block1_repeat1_squeeze"] = "block2_repeat1_squeeze"
    assert same(child, trained, {**names, "head": "head"})


@pytest.mark.model
def test_share_counts_what_trains(trained, path):
    child = build(with_blocks(FIRST, SECOND, dataclasses.replace(FIRST, repeats=3)))
    share = inherit(child, path)
    assert share == pytest.approx(_trainable(trained) / _trainable(child))


def _trainable(model):
    return sum(np.prod(weight.shape) for weight in model.trainable_weights)


@pytest.mark.model
def test_a_kernel_that_grew_computes_the_same(trained, path):
    spatial = dataclasses.replace(FIRST, spatial=SpatialLayer("conv", 5, 2))
    temporal = dataclasses.replace(SECOND, temporal=TemporalLayer("conv", 4, 1))
    child = build(with_blocks(spatial, temporal, FIRST))
    share = inherit(child, path)
    assert share == pytest.approx(_trainable(trained) / _trainable(child))
    np.testing.assert_allclose(logits(child), logits(trained), rtol=1e-4, atol=1e-5)


KINDS = {
    "conv": lambda k, s: SpatialConv(2, k, s, padding="same", name="a"),
    "depthwise": lambda k, s: SpatialDepthwiseConv(k, s, padding="same", name="a"),
    "temporal": lambda k, s: TemporalConv(2, k, s, padding="same", name="a"),
    "3d": lambda k, s: layers.Conv3D(2, k, s, padding="same", name="a"),
    "valid": lambda k, s: layers.Conv3D(2, k, s, padding="valid", name="a"),
}


def one_layer(kind, kernel, stride):
    clip = keras.Input((6, 7, 7, 2))
    return keras.Model(clip, KINDS[kind](kernel, stride)(clip))


@pytest.mark.model
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("old", [1, 2, 3])
def test_kernels_grow_only_where_that_is_exact(tmp_path, kind, stride, old):
    parent = one_layer(kind, old, stride)
    parent.save_weights(tmp_path / "a.weights.h5")
    clip = known_clip((1, 6, 7, 7, 2))
    for new in (old + 1, old + 2):
        child = one_layer(kind, new, stride)
        share = inherit(child, tmp_path / "a.weights.h5")
        exact = stride == 1 or (stride <= old and new == old + 2)
        assert (share > 0) == (kind != "valid" and exact)
        if share:
            np.testing.assert_allclose(child(clip), parent(clip), atol=1e-5)


def test_a_kernel_that_shrank_is_new(tmp_path):
    one_layer("conv", 3, 1).save_weights(tmp_path / "a.weights.h5")
    assert inherit(one_layer("conv", 1, 1), tmp_path / "a.weights.h5") == 0.0


def test_layers_of_other_classes_do_not_inherit(tmp_path):
    clip = keras.Input((8, 2))
    norms = layers.LayerNormalization(name="a"), layers.GroupNormalization(1, name="a")
    parent, child = (keras.Model(clip, norm(clip)) for norm in norms)
    parent.save_weights(tmp_path / "a.weights.h5")
    assert inherit(child, tmp_path / "a.weights.h5") == 0.0
    assert inherit(parent, tmp_path / "a.weights.h5") == 1.0


def test_layers_without_weights_tell_blocks_apart(tmp_path):
    def network(pools):
        clip = x = keras.Input((8, 2))
        for index, pool in enumerate(pools):
            x = pool(2, name=f"block{index}_pool")(x)
            x = layers.Dense(2, name=f"block{index}_dense")(x)
        return keras.Model(clip, x)

    pools = layers.MaxPooling1D, layers.AveragePooling1D
    parent = network(pools)
    parent.save_weights(tmp_path / "a.weights.h5")
    for index, pool in enumerate(pools):
        child = network([pool])
        assert inherit(child, tmp_path / "a.weights.h5") == 1.0
        assert same(child, parent, {"block0_dense": f"block{index}_dense"})


def test_numbers_within_blocks_are_aligned_too(tmp_path):
    def network(paths):
        clip, ends = keras.Input((3,)), []
        for index, units in enumerate(paths):
            x = layers.Dense(units, name=f"block0_path{index}_time")(clip)
            ends.append(layers.Dense(2, name=f"block0_path{index}_out")(x))
        return keras.Model(clip, layers.Add(name="block0")(ends))

    parent, child = network([4, 5, 6]), network([4, 7, 5, 6])
    parent.save_weights(tmp_path / "a.weights.h5")
    inherit(child, tmp_path / "a.weights.h5")
    for new, old in [(0, 0), (2, 1), (3, 2)]:
        ends = ("time", "out")
        names = {f"block0_path{new}_{end}": f"block0_path{old}_{end}" for end in ends}
        assert same(child, parent, names)


@pytest.mark.slow
def test_any_child_can_inherit(tmp_path):
    rng, shares = random.Random(0), []
    genotype = SPACE.sample(rng)
    model = registry.build(genotype, num_classes=3)
    for _ in range(50):
        model.save_weights(tmp_path / "a.weights.h5")
        genotype = SPACE.mutate(genotype, rng)
        model = registry.build(genotype, num_classes=3)
        shares.append(inherit(model, tmp_path / "a.weights.h5"))
    assert all(0 <= share <= 1 for share in shares)
    assert 1.0 in shares
    assert np.mean(shares) > 0.5


@pytest.mark.model
def test_what_keras_tuner_saves_can_be_inherited(trained, tmp_path):
    path = tmp_path / "checkpoint.weights.h5"
    objective = keras_tuner.Objective("fitness", "max")
    saver = tuner_utils.SaveBestEpoch(objective, str(path))
    saver.set_model(trained)
    saver.on_epoch_end(0, {"fitness": 0.5})
    child, copy = build(PARENT), build(PARENT)
    assert inherit(child, path) == 1.0
    copy.load_weights(path)
    assert same(child, trained)
    assert same(copy, trained)

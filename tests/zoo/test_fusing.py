import keras
import numpy as np
import pytest
from helpers import fill, filled, known_clip
from keras import layers

import zoo
from zoo.fusing import fuse
from zoo.genotypes.tiny_video import (
    NonLocal,
    SpatialLayer,
    Stream,
    TemporalLayer,
    TinyVideoBlock,
    TinyVideoGenotype,
)
from zoo.layers.convolution import SpatialConv
from zoo.layers.frame_mixture import FrameMixture
from zoo.layers.fusion import GatedSum
from zoo.layers.gaussian import InflatedTGM
from zoo.layers.normalization import BatchNorm

GENOTYPE = TinyVideoGenotype(
    streams=(Stream(4, 8.0, 8), Stream(2, 4.0, 8)),
    blocks=(
        TinyVideoBlock(
            filters=4,
            expand=2,
            repeats=2,
            spatial=SpatialLayer("conv", 3, 2),
            temporal=TemporalLayer("conv", 2, 1),
            squeeze_ratio=0.5,
            skip=True,
        ),
        TinyVideoBlock(
            filters=6,
            expand=2,
            spatial=SpatialLayer("depthwise", 3, 1, "hard_swish"),
            context_gate=True,
            inverted=True,
            inputs=("stream1",),
        ),
        TinyVideoBlock(
            filters=6,
            expand=2,
            non_local=NonLocal(2, 2),
            inputs=("block0", "block1"),
        ),
    ),
)


@pytest.fixture(scope="module")
def pair():
    """A network, and the same fused."""
    model = filled(zoo.build, GENOTYPE, num_classes=5)
    return model, fuse(model)


def test_networks_within_a_network_are_fused_too():
    x = source = keras.Input((4, 4, 3))
    x = layers.BatchNormalization()(layers.Conv2D(2, 1, use_bias=False)(x))
    x = layers.Activation("relu")(x)
    inner = keras.Model(source, x, name="stream")
    fill(inner)
    image = keras.Input((4, 4, 3))
    outer = fuse(keras.Model(image, inner(layers.Rescaling(0.5)(image))))
    assert len(outer.layers[-1].layers) == 2
    noise = known_clip((2, 4, 4, 3))
    np.testing.assert_allclose(outer(noise), inner(noise / 2), atol=1e-5)


def test_the_fused_network_is_the_network(pair):
    model, fused = pair
    clip = known_clip((2, *model.input_shape[1:]))
    np.testing.assert_allclose(fused(clip), model(clip), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("widths", [(2, 2), (2, 3, 2)])
def test_a_layer_of_several_outputs_stays_as_it_is(widths):
    clip = keras.Input((2, 4, 4, 3))
    convs = [SpatialConv(width, 1, use_bias=False)(clip) for width in widths]
    sums = GatedSum()([BatchNorm()(x) for x in convs])
    model = keras.Model(clip, layers.Concatenate()(sums) if sums[1:] else sums[0])
    fill(model)
    x = known_clip((2, *model.input_shape[1:]))
    np.testing.assert_allclose(fuse(model)(x), model(x), rtol=1e-4, atol=1e-5)


def test_no_norm_is_left_outside_other_layers(pair):
    fused = pair[1]
    kinds = {type(layer) for layer in fused.layers}
    assert keras.layers.BatchNormalization not in kinds
    assert zoo.endpoints(fused) == ["block0", "block1", "block2"]


def test_fusing_copies(pair):
    model, fused = pair
    clip = known_clip((1, *model.input_shape[1:]))
    before, weights = np.array(fused(clip)), model.get_weights()
    model.set_weights([2 * weight + 1 for weight in weights])
    after = np.array(fused(clip))
    model.set_weights(weights)
    np.testing.assert_array_equal(after, before)


def kinds_of(model):
    return [type(layer) for layer in model.layers[1:]]


def assert_fuses_to(kinds, outputs, clip):
    """Both have the same outputs, and the fused network has these layers alone."""
    model = keras.Model(clip, outputs)
    fill(model)
    fused = fuse(model)
    assert kinds_of(fused) == kinds
    values = known_clip((2, *clip.shape[1:]))
    np.testing.assert_allclose(fused(values), model(values), rtol=1e-5, atol=1e-5)
    return fused


def plain(**arguments):
    return layers.Conv3D(5, 3, padding="same", use_bias=False, **arguments)


SEPARATE = [SpatialConv, FrameMixture]
CONVOLUTIONS = [
    (layers.Conv3D(5, 3, (2, 1, 1), padding="same", use_bias=False), [layers.Conv3D]),
    (InflatedTGM(5, (3, 3, 3), (2, 2, 1)), [layers.Conv3D]),
    (InflatedTGM(5, (5, 3, 3), profile="cauchy", padding="valid"), [layers.Conv3D]),
    (InflatedTGM(5, (1, 3, 3), (1, 2, 2)), [SpatialConv]),
    (InflatedTGM(5, (1, 3, 3), (2, 1, 1)), [layers.Conv3D]),
    (InflatedTGM(5, (3, 3, 3), (1, 2, 1)), SEPARATE),
    (InflatedTGM(5, (5, 1, 1), (1, 2, 2), padding="valid"), SEPARATE),
    (InflatedTGM(5, (15, 3, 3)), SEPARATE),
]
IDS = ["conv3d", "itgm", "cauchy", "flat", "flat-strided", "separate", "valid", "long"]


@pytest.mark.parametrize(("conv", "kinds"), CONVOLUTIONS, ids=IDS)
def test_a_space_time_convolution_merges(conv, kinds):
    clip = keras.Input((6, 6, 5, 3))
    conv = type(conv).from_config(conv.get_config())
    x = layers.Activation("relu", name="end")(BatchNorm()(conv(clip)))
    fused = assert_fuses_to(kinds, x, clip)
    assert fused.layers[-1].name == "end"


@pytest.mark.parametrize(("conv", "kinds"), CONVOLUTIONS[1:], ids=IDS[1:])
def test_a_mixture_folds_by_itself(conv, kinds):
    clip = keras.Input((6, 6, 5, 3))
    conv = type(conv).from_config({**conv.get_config(), "name": "alone"})
    pooled = layers.MaxPooling3D(2)
    fused = assert_fuses_to([*kinds, layers.MaxPooling3D], pooled(conv(clip)), clip)
    assert fused.layers[-2].name == "alone"
    assert zoo.endpoints(fused)[0] == "alone"


@pytest.mark.parametrize("profile", ["gaussian", "cauchy"])
@pytest.mark.parametrize(("frames", "length"), [(1, 1), (2, 3), (4, 7), (6, 9)])
def test_a_mixture_is_no_longer_than_what_its_clip_lets_it_see(profile, frames, length):
    clip = keras.Input((frames, 6, 5, 3))
    conv = InflatedTGM(5, (9, 3, 3), profile=profile)
    kinds = [SpatialConv] if frames == 1 else [layers.Conv3D]
    if profile == "gaussian" and frames > 1:
        kinds = SEPARATE
    fused = assert_fuses_to(kinds, BatchNorm()(conv(clip)), clip)
    if frames > 1:
        assert fused.layers[-1].kernel.shape[0] == length


@pytest.mark.parametrize("parts", [{"scale": False}, {"center": False}], ids=str)
def test_norms_without_scale_or_centre_merge(parts):
    clip = keras.Input((4, 5, 5, 3))
    conv = layers.Conv3D(5, 3, use_bias=False)
    assert_fuses_to([layers.Conv3D], BatchNorm(**parts)(conv(clip)), clip)


@pytest.mark.parametrize(
    "build",
    [
        # Something between the convolution and the norm.
        lambda x: BatchNorm()(layers.ZeroPadding3D(1)(plain()(x))),
        lambda x: BatchNorm()(layers.MaxPooling3D(2)(plain()(x))),
        # The convolution is not linear, or the norm not of its channels.
        lambda x: BatchNorm()(plain(activation="relu")(x)),
        lambda x: layers.BatchNormalization(axis=1)(plain()(x)),
        lambda x: layers.Activation("relu")(plain()(x)),
    ],
    ids=["padding", "pool", "activated", "other-axis", "no-norm"],
)
def test_what_can_not_merge_stays(build):
    clip = keras.Input((4, 5, 5, 3))
    outputs = build(clip)
    assert_fuses_to(kinds_of(keras.Model(clip, outputs)), outputs, clip)


def test_a_norm_that_is_not_the_only_reader_stays():
    clip = keras.Input((4, 5, 5, 3))
    x = InflatedTGM(5, (3, 3, 3))(clip)
    outputs = layers.Add()([x, BatchNorm()(x)])
    assert_fuses_to([*SEPARATE, BatchNorm, layers.Add], outputs, clip)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("tvn1", (4, 32, 32, 3)),
        ("i3d", (8, 32, 32, 3)),
        ("evanet_k400_a", (8, 64, 64, 3)),
        ("assemblenet50", (4, 64, 64, 3)),
        ("pseudo3d", (4, 32, 32, 3)),
        ("pvnas_l", (4, 32, 32, 3)),
        ("resnet2plus1d_18", (4, 32, 32, 3)),
    ],
)
def test_batch_norm_folds_in_every_family(name, shape):
    model = filled(zoo.create, name, num_classes=5, input_shape=shape)
    folded = zoo.fold_batch_norm(model)
    clip = known_clip((1, *shape)) / 2 + 0.5
    expected = np.array(model(clip))
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(folded(clip) / scale, expected / scale, atol=1e-5)
    norms, left = (
        sum(isinstance(x, layers.BatchNormalization) for x in network.layers)
        for network in (model, folded)
    )
    assert left < norms / 2
    # A mixture that folds is two layers.
    added = sum(isinstance(x, InflatedTGM) for x in model.layers)
    assert len(folded.layers) <= len(model.layers) - (norms - left) + added


@pytest.mark.parametrize("model", [keras.Sequential(), keras.Model(), 5])
def test_what_is_no_functional_model_is_refused(model):
    with pytest.raises(ValueError, match="`model` must be a functional model"):
        fuse(model)


def test_inputs_keep_their_types():
    clip = keras.Input((2, 4, 4, 3), name="clip")
    objects = keras.Input((2, 4, 4), dtype="uint8", name="objects")
    x = layers.Concatenate()([clip, layers.Embedding(4, 2)(objects)])
    model = keras.Model([clip, objects], SpatialConv(2, 1)(x))
    assert [t.dtype for t in fuse(model).inputs] == ["float32", "uint8"]

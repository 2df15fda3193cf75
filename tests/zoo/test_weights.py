import functools
import pathlib
import shutil

import keras
import numpy as np
import pytest
from clip_sources import TINY, tiny_network
from helpers import fill, known_clip
from keras import layers

from zoo import registry, weights
from zoo.genotypes import FOUND
from zoo.genotypes.base import revised
from zoo.genotypes.inception import InceptionModule
from zoo.genotypes.space_time import SpaceTimeConv
from zoo.layers.convolution import SpatialConv, TemporalConv
from zoo.layers.gaussian import InflatedTGM
from zoo.layers.head import VideoHead
from zoo.layers.normalization import BatchNorm
from zoo.layers.scaling import ClipScale

PLAIN = {"padding": "same", "use_bias": False}
FRAME = np.abs(known_clip((2, 1, 6, 6, 3)))


def path_in(folder):
    return folder / "a.weights.h5"


def equal(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return [bool(np.array_equal(*pair)) for pair in pairs]


def test_loaded_weights_are_the_saved_ones(tmp_path):
    saved, loaded = tiny_network(seed=1), tiny_network(seed=2)
    weights.save(saved, path_in(tmp_path))
    weights.load(loaded, path_in(tmp_path))
    assert all(equal(saved, loaded))
    assert [path.name for path in tmp_path.iterdir()] == ["a.weights.h5"]


def test_a_disk_without_room_keeps_what_is_there(tmp_path, monkeypatch):
    saved = tiny_network(seed=1)
    weights.save(saved, path_in(tmp_path))
    content = path_in(tmp_path).read_bytes()
    least = len(content)
    assert least < weights.file_bytes(saved.weights)
    usage = shutil.disk_usage(tmp_path)._replace(free=least)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match="No space left on device"):
        weights.save(tiny_network(seed=2), path_in(tmp_path))
    assert path_in(tmp_path).read_bytes() == content


def test_head_may_keep_its_own_weights(tmp_path):
    saved, other = tiny_network(seed=1), tiny_network(classes=5, seed=2)
    head = other.get_layer("head").get_weights()
    weights.save(saved, path_in(tmp_path))
    weights.load(other, path_in(tmp_path), skip_head=True)
    assert all(equal(saved, other)[:-2])
    kept = other.get_layer("head").get_weights()
    assert all(map(np.array_equal, head, kept))


def test_first_layer_that_differs_is_named_and_nothing_changes(tmp_path):
    weights.save(tiny_network(), path_in(tmp_path))
    other = tiny_network(classes=5, seed=2)
    before = keras.models.clone_model(other)
    before.set_weights(other.get_weights())
    rule = r"of this model.*'head/kernel' is \(8, 3\), in the model \(8, 5\)"
    with pytest.raises(ValueError, match=rule):
        weights.load(other, path_in(tmp_path))
    assert all(equal(before, other))


def test_model_with_more_layers_is_refused(tmp_path):
    weights.save(tiny_network(), path_in(tmp_path))
    clip = keras.Input(TINY.shape)
    x = tiny_network()(clip)
    deeper = keras.Model(clip, keras.layers.Dense(2, name="head")(x))
    with pytest.raises(ValueError, match="`weights` must be of this model"):
        weights.load(deeper, path_in(tmp_path))


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all"])
def test_damaged_file_is_refused(content, tmp_path):
    path_in(tmp_path).write_bytes(content)
    with pytest.raises(ValueError, match=r"which can not be read"):
        weights.load(tiny_network(), path_in(tmp_path))


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`weights` must be a file that exists"):
        weights.load(tiny_network(), path_in(tmp_path))


def test_other_endings_are_refused(tmp_path):
    for use in (weights.save, weights.load):
        with pytest.raises(ValueError, match=r"a \.weights\.h5 file\. Got: "):
            use(tiny_network(), tmp_path / "a.keras")


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = path_in(tmp_path)
    path.write_text("old")

    def fail(self, place):
        pathlib.Path(place).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save_weights", fail)
    with pytest.raises(OSError, match="No space left"):
        weights.save(tiny_network(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def slot_network(forms, frames=5, classes=4, inner_norm=False, **norm):
    """A network of one slot, which averages convolutions of some forms, by name."""
    clip = keras.Input((frames, 6, 6, 3), name="clip")
    outputs = []
    for index, form in enumerate(forms):
        name = f"module_wide{index}"
        x = _unit(clip, form, name, inner_norm, norm)
        outputs.append(x)
    x = layers.Average(name="module_wide_mean")(outputs) if outputs[1:] else outputs[0]
    return keras.Model(clip, VideoHead(classes, "pairs", name="head")(x))


def _unit(x, form, name, inner_norm, norm):
    last = f"{name}_conv"
    if form == "2d":
        x = SpatialConv(4, 3, name=last, **PLAIN)(x)
    elif form == "3d":
        x = layers.Conv3D(4, 3, name=last, **PLAIN)(x)
    elif form == "itgm":
        x = InflatedTGM(4, (3, 3, 3), name=last)(x)
    else:
        last = f"{name}_temporal"
        x = SpatialConv(4, 3, name=f"{name}_spatial", **PLAIN)(x)
        if inner_norm:
            x = BatchNorm(epsilon=1e-3, name=f"{name}_spatial_norm")(x)
            x = layers.Activation("relu")(x)
        x = TemporalConv(4, 3, name=last, **PLAIN)(x)
    x = BatchNorm(**{"epsilon": 1e-3, **norm}, name=f"{last}_norm")(x)
    return layers.Activation("relu")(x)


def image_network(**options):
    model = slot_network(["2d"], frames=1, **options)
    fill(model)
    return model


def before_head(model, clip):
    inner = keras.Model(model.input, model.get_layer("head").input)
    return np.asarray(inner(clip))


def inflated(image, forms, **options):
    """Features of a still video, and the image's."""
    video = slot_network(forms, **options)
    weights.inflate(image, video)
    return before_head(video, np.repeat(FRAME, 5, axis=1)), before_head(image, FRAME)


@pytest.mark.parametrize("form", ["3d", "itgm"])
def test_kernel_over_time_sums_to_the_image_kernel(form):
    image, video = image_network(), slot_network([form])
    weights.inflate(image, video)
    conv = video.get_layer("module_wide0_conv")
    kernel = conv.inflated_kernel() if form == "itgm" else conv.kernel
    expected = np.asarray(image.get_layer("module_wide0_conv").kernel)
    total = np.sum(np.asarray(kernel), axis=0)
    np.testing.assert_allclose(total, expected, rtol=1e-5, atol=1e-6)
    if form == "3d":
        np.testing.assert_allclose(kernel[0], kernel[2])


@pytest.mark.parametrize("form", ["3d", "itgm"])
def test_still_video_equals_its_frame_but_at_the_ends_of_the_clip(form):
    video, image = inflated(image_network(), [form])
    for frame in (1, 2, 3):
        np.testing.assert_allclose(video[:, frame], image[:, 0], rtol=1e-4, atol=1e-5)
    assert np.abs(video[:, 0] - image[:, 0]).max() > 1e-2


@pytest.mark.parametrize("inner_norm", [False, True])
def test_still_video_equals_its_frame_in_all_frames_of_2plus1d(inner_norm):
    video, image = inflated(image_network(), ["2plus1d"], inner_norm=inner_norm)
    for frame in range(5):
        np.testing.assert_allclose(video[:, frame], image[:, 0], rtol=1e-5, atol=1e-5)


def test_all_layers_of_a_slot_begin_as_its_first():
    video, image = inflated(image_network(), ["2plus1d", "3d", "itgm", "2d"])
    np.testing.assert_allclose(video[:, 2], image[:, 0], rtol=1e-4, atol=1e-5)


def test_layer_of_the_same_name_comes_first():
    image = slot_network(["2d", "2d"], frames=1)
    for index, layer in enumerate(w for w in image.layers if "conv" in w.name):
        for weight in layer.weights:
            weight.assign(weight + index)
    video = slot_network(["2d", "2d"])
    weights.inflate(image, video)
    assert all(equal(image, video))


@pytest.mark.parametrize(
    "norm", [{"scale": False}, {"center": False}, {"epsilon": 1e-1}, {"epsilon": 0.0}]
)
def test_norms_may_differ_in_what_they_hold(norm):
    image = slot_network(["2d"], frames=1, **norm)
    image.get_layer("module_wide0_conv_norm").moving_variance.assign([0.5, 1, 2, 3])
    video, image = inflated(image, ["2plus1d"])
    np.testing.assert_allclose(video[:, 2], image[:, 0], rtol=1e-5, atol=1e-6)


def test_image_network_may_be_any_of_the_same_names():
    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3, name="module_wide0_conv", **PLAIN)(image)
    x = layers.BatchNormalization(name="module_wide0_conv_norm")(x)
    x = layers.GlobalAveragePooling2D()(layers.Activation("relu")(x))
    model = keras.Model(image, layers.Dense(4, name="head")(x))
    fill(model)
    video = slot_network(["2plus1d"])
    weights.inflate(model, video)
    clip = np.repeat(FRAME, 5, axis=1)
    np.testing.assert_allclose(video(clip), model(FRAME[:, 0]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scaled", [False, True])
def test_scale_of_clips_is_copied_where_there_is_one(scaled):
    def network(form, scale):
        clip = keras.Input((5 if form == "3d" else 1, 6, 6, 3))
        x = ClipScale(name="clip_scale")(clip) if scale else clip
        return keras.Model(clip, _unit(x, form, "module_wide0", False, {}))

    image, video = network("2d", scaled), network("3d", True)
    if scaled:
        image.get_layer("clip_scale").offset.assign([1.0, 2.0, 3.0])
    else:
        video.get_layer("clip_scale").offset.assign([1.0, 2.0, 3.0])
    weights.inflate(image, video)
    np.testing.assert_array_equal(video.get_layer("clip_scale").offset, [1, 2, 3])


def test_head_of_other_classes_is_left_where_asked():
    image, video = image_network(), slot_network(["3d"], classes=9)
    before = video.get_weights()
    with pytest.raises(
        ValueError, match=r"'head/dense/bias' is \(4,\).*skip_head=True"
    ):
        weights.inflate(image, video)
    assert all(map(np.array_equal, before, video.get_weights()))
    weights.inflate(image, video, skip_head=True)
    head = video.get_layer("head").get_weights()
    assert np.array_equal(head[0], before[-2])
    assert not np.array_equal(video.get_weights()[0], before[0])


def test_networks_that_do_not_fit_are_refused_with_a_list():
    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(5, 3, name="module_wide0_conv")(image)
    model = keras.Model(image, layers.Dense(2, name="other")(x))
    video = slot_network(["3d"])
    before = video.get_weights()
    with pytest.raises(ValueError, match="`model_2d` must be an image net") as error:
        weights.inflate(model, video)
    message = str(error.value)
    assert "lacks 6 weights ('head/dense/bias'" in message
    assert "has 3 left over ('module_wide0_conv/bias', 'other/bias'" in message
    assert "'module_wide0_conv/kernel' is (3, 3, 3, 3, 5), in the" in message
    assert all(map(np.array_equal, before, video.get_weights()))


def conv(type, time):
    return SpaceTimeConv(type, time)


MIXED = revised(
    FOUND["i3d"],
    stem=(conv("itgm", 5), conv("conv2plus1d", 1), conv("conv2plus1d", 3)),
    modules=(
        InceptionModule(
            (conv("conv3d", 1), conv("itgm", 3)), (conv("conv2plus1d", 5),), (1, 3)
        ),
        *FOUND["i3d"].modules[1:],
    ),
)


@functools.cache
def image_features(padding):
    """A 2D network, a frame, and the features of it: a few frames of still video."""
    image = revised(FOUND["inception_2d"], padding=padding, width=0.125)
    image = registry.build(image, (16, 32, 32, 3), 5)
    fill(image)
    frame = np.abs(known_clip((1, 1, 32, 32, 3)))
    return image, frame, before_head(image, np.repeat(frame, 16, axis=1))[:, 1]


@pytest.mark.model
@pytest.mark.parametrize(
    ("genotype", "exact"),
    [(FOUND["i3d"], (6, 7)), (MIXED, (6, 7)), (FOUND["s3d"], range(14))],
    ids=["i3d", "mixed", "s3d"],
)
def test_inflated_network_on_a_still_video_equals_its_2d_network(genotype, exact):
    image, frame, expected = image_features(genotype.padding)
    # So long that the middle frames of the features see neither end of the clip.
    video = registry.build(revised(genotype, width=0.125), (112, 32, 32, 3), 5)
    weights.inflate(image, video)
    features = before_head(video, np.repeat(frame, 112, axis=1))
    assert features.shape[1] == 14
    for index in exact:
        np.testing.assert_allclose(features[:, index], expected, rtol=1e-4, atol=1e-4)
    assert np.abs(expected).max() > 0.1

import sys

import keras
import numpy as np
import pytest
import safetensors.numpy
from helpers import known_clip
from keras import layers, ops
from published_files import (
    i3d_logits,
    i3d_variables,
    kernel_of,
    s3d_logits,
    s3d_state,
    vector,
    write_checkpoint,
)

import zoo
from zoo import published, registry, weights
from zoo.genotypes import FOUND
from zoo.genotypes.base import revised
from zoo.layers.head import VideoHead
from zoo.layers.normalization import BatchNorm
from zoo.layers.scaling import ClipScale

MEAN, DEVIATION = [0.43216, 0.394666, 0.37645], [0.22803, 0.22145, 0.216989]
KERNEL, SCALE = "conv1a_conv/kernel", "clip_scale/scale"


def small(channels=3, classes=5, include_top=True):
    """The first layer of I3D and its head, of few filters."""
    clip = keras.Input((4, 8, 8, channels), name="clip")
    x = ClipScale(name="clip_scale")(clip)
    x = layers.Conv3D(6, 7, 2, "same", use_bias=False, name="conv1a_conv")(x)
    x = BatchNorm(epsilon=1e-3, name="conv1a_conv_norm")(x)
    if include_top:
        x = VideoHead(classes, "pairs", name="head")(x)
    return keras.Model(clip, x)


def small_variables(channels=3, classes=5):
    rng = np.random.default_rng(2)
    return {
        "Conv3d_1a_7x7/conv_3d/w": kernel_of(rng, (7, 7, 7, channels, 6)),
        "Conv3d_1a_7x7/batch_norm/beta": vector(rng, (1, 1, 1, 1, 6)),
        "Conv3d_1a_7x7/batch_norm/moving_mean": vector(rng, (1, 1, 1, 1, 6)),
        "Conv3d_1a_7x7/batch_norm/moving_variance": vector(rng, (1, 1, 1, 1, 6), 1.0),
        "Logits/Conv3d_0c_1x1/conv_3d/w": kernel_of(rng, (1, 1, 1, 6, classes)),
        "Logits/Conv3d_0c_1x1/conv_3d/b": vector(rng, (classes,)),
    }


def npz(folder, arrays, name="a.npz"):
    np.savez(folder / name, **arrays)
    return folder / name


def values_of(model):
    return {weight.path: ops.convert_to_numpy(weight) for weight in model.weights}


def thin(name, **options):
    return registry.build(revised(FOUND[name], width=0.125), **options)


def refused(model, path, **options):
    """The error of a file that does not fit, which must change nothing."""
    before = values_of(model)
    with pytest.raises(ValueError, match="`weights` must be") as error:
        weights.load(model, path, **options)
    for name, value in values_of(model).items():
        np.testing.assert_array_equal(value, before[name])
    return str(error.value)


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001"])
def test_checkpoint_may_be_named_by_its_prefix_or_a_file(ending, tmp_path):
    variables = small_variables()
    momentum = {f"{name}/Momentum": 0 * array for name, array in variables.items()}
    prefix = write_checkpoint(tmp_path / "model.ckpt", {**variables, **momentum})
    values = published.read(f"{prefix}{ending}")
    assert set(values) == set(values_of(small()))
    kernel = variables["Conv3d_1a_7x7/conv_3d/w"]
    np.testing.assert_array_equal(values[KERNEL], kernel)
    np.testing.assert_array_equal(
        values["conv1a_conv_norm/gamma"], np.ones((1,) * 4 + (6,))
    )


@pytest.mark.parametrize("prefix", ["", "RGB/inception_i3d/", "Flow/inception_i3d/"])
def test_loaded_values_are_those_of_the_file(prefix, tmp_path):
    channels = 2 if "Flow" in prefix else 3
    variables = small_variables(channels)
    path = npz(tmp_path, {prefix + name: array for name, array in variables.items()})
    model = small(channels)
    weights.load(model, path)
    values = values_of(model)
    scale, offset = (1, 0) if channels == 2 else (2, -1)
    np.testing.assert_array_equal(values[SCALE], [scale] * channels)
    np.testing.assert_array_equal(values["clip_scale/offset"], [offset] * channels)
    beta = variables["Conv3d_1a_7x7/batch_norm/beta"]
    np.testing.assert_array_equal(values["conv1a_conv_norm/beta"], beta.ravel())
    kernel = variables["Logits/Conv3d_0c_1x1/conv_3d/w"]
    np.testing.assert_array_equal(values["head/dense/kernel"], kernel[0, 0, 0])


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_state_dict_has_keras_axes_and_names(ending, tmp_path):
    state = {n: np.ascontiguousarray(a) for n, a in s3d_state(5, width=0.05).items()}
    path = tmp_path / f"s3d.{ending}"
    if ending == "npz":
        np.savez(path, **state)
    else:
        safetensors.numpy.save_file(state, path)
    values = published.read(path)
    assert not any("num_batches" in name or "features" in name for name in values)
    kernel = values["module3b_wide0_temporal/kernel"]
    stored = state["features.5.branch1.1.1.0.weight"]
    np.testing.assert_array_equal(
        kernel[:, 0, 0], stored[:, :, :, 0, 0].transpose(2, 1, 0)
    )
    mean = values["module5c_pool0_project_norm/moving_mean"]
    np.testing.assert_array_equal(mean, state["features.15.branch3.1.1.running_mean"])
    clip = np.array([[0.1, 0.2, 0.3]])
    scaled = clip * values[SCALE] + values["clip_scale/offset"]
    np.testing.assert_allclose(scaled, (clip - MEAN) / DEVIATION)


def test_clips_from_0_to_1_give_what_theirs_give(tmp_path):
    variables, clip = small_variables(), np.abs(known_clip((2, 4, 8, 8, 3)))
    model = small(include_top=False)
    weights.load(model, npz(tmp_path, variables))
    # Zeros around a clip are those of its own range: only so is it exact at its border.
    kernel = variables["Conv3d_1a_7x7/conv_3d/w"]
    expected = ops.conv(2 * clip - 1, kernel, 2, "same")
    np.testing.assert_allclose(
        model.get_layer("conv1a_conv")(model.get_layer("clip_scale")(clip)),
        expected,
        rtol=1e-5,
        atol=1e-5,
    )


def test_what_differs_is_listed_and_nothing_changes(tmp_path):
    variables = small_variables()
    del variables["Conv3d_1a_7x7/batch_norm/beta"]
    variables["Conv3d_1a_7x7/conv_3d/w"] = np.ones((3, 7, 7, 3, 6), "float32")
    variables |= {f"Mixed_{i:02}/w": np.ones(2) for i in range(12)}
    message = refused(small(), npz(tmp_path, variables))
    assert (
        "lacks 2 weights ('conv1a_conv_norm/beta', 'conv1a_conv_norm/gamma')" in message
    )
    assert "has 12 left over ('Mixed_00/w', 'Mixed_01/w'" in message
    assert "'Mixed_09/w', ...)" in message
    assert (
        "'conv1a_conv/kernel' is (3, 7, 7, 3, 6), in the model (7, 7, 7, 3, 6)"
        in message
    )
    assert "head" not in message


def test_two_arrays_for_one_weight_are_refused(tmp_path):
    arrays = {
        "Conv3d_1a_7x7/conv_3d/w": np.ones(2),
        "Mixed_5b/Branch_2/Conv3d_0a_3x3/conv_3d/w": np.ones(3),
        "Mixed_5b/Branch_2/Conv3d_0b_3x3/conv_3d/w": np.ones(4),
    }
    message = refused(small(), npz(tmp_path, arrays))
    assert "'Mixed_5b/Branch_2/Conv3d_0b_3x3/conv_3d/w'" in message


def test_other_classes_are_refused_unless_the_head_is_left(tmp_path):
    path, model = npz(tmp_path, small_variables(classes=7)), small(classes=5)
    message = refused(model, path)
    assert "'head/dense/bias' is (7,), in the model (5,)" in message
    assert "skip_head=True" in message
    assert "new_head=True" in message
    head = model.get_layer("head").get_weights()
    weights.load(model, path, skip_head=True)
    np.testing.assert_array_equal(head[0], model.get_layer("head").get_weights()[0])
    np.testing.assert_array_equal(values_of(model)[SCALE], [2, 2, 2])


def test_model_without_head_leaves_that_of_the_file(tmp_path):
    model = small(include_top=False)
    weights.load(model, npz(tmp_path, small_variables()))
    np.testing.assert_array_equal(values_of(model)[SCALE], [2, 2, 2])


def test_other_networks_are_refused(tmp_path):
    message = refused(small(), npz(tmp_path, {"block0/kernel": np.ones(3)}))
    assert "of I3D or S3D" in message
    assert "which holds 'block0/kernel'" in message


@pytest.mark.parametrize("ending", [".pt", ".pth", ".pth.tar"])
def test_pickles_are_refused_with_the_way_out(ending, tmp_path):
    message = refused(small(), tmp_path / f"s3d{ending}")
    assert "numpy.savez('s3d.npz', **torch.load('s3d.pth'" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors", "a.ckpt.index"])
@pytest.mark.parametrize("content", [b"", b"no weights at all"])
def test_damaged_files_are_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert "can not be read" in refused(small(), tmp_path / name)


def test_checkpoint_without_its_data_is_refused(tmp_path):
    prefix = write_checkpoint(tmp_path / "model.ckpt", small_variables())
    (tmp_path / "model.ckpt.data-00000-of-00001").unlink()
    assert "can not be read" in refused(small(), prefix)


def test_pickles_within_a_file_are_not_run(tmp_path):
    path = npz(tmp_path, {"Conv3d_1a_7x7/conv_3d/w": np.array([{}], dtype=object)})
    assert "can not be read" in refused(small(), path)


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors"])
def test_missing_files_are_refused(name, tmp_path):
    assert "a file that exists" in refused(small(), tmp_path / name)


@pytest.mark.parametrize(
    ("library", "name"),
    [("tensorflow", "a.ckpt.index"), ("safetensors", "a.safetensors")],
)
def test_missing_library_is_one_line(library, name, tmp_path, monkeypatch):
    (tmp_path / name).touch()
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, f"{library}.numpy", None)
    with pytest.raises(ValueError, match=f"an .npz file where {library}") as error:
        published.read(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.model
def test_i3d_reads_its_public_checkpoint(tmp_path):
    prefix = "RGB/inception_i3d/"
    variables = i3d_variables(400, prefix)
    assert len(variables) == 230
    path = write_checkpoint(tmp_path / "model.ckpt", variables)
    model = zoo.i3d(input_shape=(16, 32, 32, 3), weights=str(path))
    clip = np.abs(known_clip((1, 16, 32, 32, 3)))
    expected = i3d_logits(2 * clip - 1, variables, prefix)
    np.testing.assert_allclose(model(clip), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.model
@pytest.mark.parametrize(
    ("prefix", "options"),
    [
        ("Flow/inception_i3d/", {"channels": 2}),
        ("", {"norm_axes": 4, "momentum": True}),  # Of 600 classes.
    ],
)
def test_i3d_reads_the_other_layouts(prefix, options, tmp_path):
    channels = options.get("channels", 3)
    variables = i3d_variables(11, prefix, width=0.125, **options)
    path = write_checkpoint(tmp_path / "model.ckpt", variables)
    shape = (16, 32, 32, channels)
    model = thin("i3d", input_shape=shape, num_classes=11, weights=str(path))
    clip = known_clip((1, *shape))
    theirs = clip if channels == 2 else 2 * clip - 1
    expected = i3d_logits(theirs, variables, prefix)
    np.testing.assert_allclose(model(clip), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.model
def test_s3d_reads_the_state_dict_of_torchvision(tmp_path):
    state = s3d_state(400)
    trained = [n for n in state if n.endswith((".weight", ".bias"))]
    assert sum(state[name].size for name in trained) == 8_320_048
    path = npz(tmp_path, state, "s3d.npz")
    shape = (16, 48, 40, 3)
    model = zoo.s3d(input_shape=shape, weights=str(path))
    clip = np.abs(known_clip((1, *shape)))
    expected = s3d_logits((clip - MEAN) / DEVIATION, state)
    np.testing.assert_allclose(model(clip), expected, rtol=1e-3, atol=1e-3)

import keras
import numpy as np
import pytest
from clip_sources import TINY, tiny_genotype
from synthesis import write_video

import zoo
from datasets import clips
from datasets.decode import Video
from datasets.viewing import Viewer
from zoo import ensemble, inference, predictor
from zoo.genotypes import ClipSpec

NAMES = ("dark", "light", "wet")
ABOUT = inference.Description(tiny_genotype(), NAMES, "single", TINY)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return inference.Run(ABOUT.build(), NAMES, "single", TINY, folder)


@pytest.fixture(scope="module")
def ready(run):
    return zoo.Predictor(run)


def frames_of(count, height=16, width=16):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, height, width, 3), "uint8")


def test_frames_of_the_clip_s_size_go_straight_in(run, ready):
    frames = frames_of(2)
    expected = run.predict(frames.astype("float32") / 255)
    np.testing.assert_array_equal(ready(frames), expected)
    (first, chance), (_, other) = ready.best(frames, top=2)
    assert first == NAMES[expected.argmax()]
    assert chance == expected.max() >= other


def test_frames_of_a_video_are_chosen_scaled_and_cropped_as_in_evaluation(
    run, ready, tmp_path
):
    path = tmp_path / "a.mp4"
    write_video(path, frames=24, rate=20)
    with Video(str(path)) as video:
        frames = np.stack(video.frames(range(24)))
    expected = Viewer().read(str(path), TINY)[0]
    seen = predictor.fitted(frames[predictor.chosen(24, 20, TINY)], 16, 16)
    assert abs(seen / 255 - expected).max() < 0.03  # The video is not in RGB.
    np.testing.assert_allclose(ready(frames, 20), run.predict(expected), atol=0.01)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 25, 100])
@pytest.mark.parametrize("rate", [2.0, 10.0, 25.0, 29.97])
@pytest.mark.parametrize("holds", [False, True])
def test_choice_is_that_of_the_data(count, rate, holds):
    short = "hold" if holds else "loop"
    times = np.arange(count) / rate
    for spec in (ClipSpec(8, 10.0, 4, 4), ClipSpec(3, 4.0, 4, 4), TINY):
        for uniform in (False, True):
            known = clips.chosen(times, spec, 0.5, None, uniform, short)
            found = predictor.chosen(count, rate, spec, uniform, holds)
            np.testing.assert_array_equal(found, known)
    spec = ClipSpec(8, 10.0, 4, 4, segments=4)
    known = clips.chosen(times, spec, short=short)
    np.testing.assert_array_equal(
        predictor.chosen(count, rate, spec, holds=holds), known
    )


@pytest.mark.parametrize("size", [(32, 48), (48, 32), (12, 20), (17, 16)])
def test_the_centre_is_cropped(size):
    frames = np.zeros((2, *size, 3), "uint8")
    middle = [slice(side // 2 - 1, side - side // 2 + 1) for side in size]
    frames[:, *middle] = 255
    clip = predictor.fitted(frames, 16, 16)
    assert clip.shape == (2, 16, 16, 3)
    weights = clip[0, ..., 0].astype(float)
    for axis in (0, 1):
        centre = (weights.sum(axis=1 - axis) @ np.arange(16)) / weights.sum()
        assert centre == pytest.approx(7.5, abs=0.6)


def test_a_run_s_config_says_which_frames(run, ready, monkeypatch):
    settings = {"evaluation": "uniform", "short": "hold"}
    monkeypatch.setattr(predictor, "settings_of_clips", lambda *a: settings)
    frames = frames_of(9)
    for whole in (zoo.Predictor(run), ready):
        numbers = predictor.chosen(9, 4.0, TINY, whole is not ready, whole is not ready)
        np.testing.assert_array_equal(whole(frames), ready(frames[numbers]))


def test_a_network_alone_has_numbers_for_classes(run):
    alone = zoo.Predictor(run.model)
    frames = frames_of(2)
    np.testing.assert_array_equal(alone(frames), run.predict(frames / np.float32(255)))
    assert alone.classes == ("0", "1", "2")
    with pytest.raises(ValueError, match="`rate` must be left out"):
        alone(frames, rate=4.0)
    named = zoo.Predictor(run.model, NAMES, "multi", rate=4.0)
    assert named.best(frames, top=1)[0][0] in NAMES
    np.testing.assert_array_equal(named(frames_of(9), 4.0), named(frames_of(9)[3:5]))


def test_ensembles_of_one_clip_predict(run, tmp_path):
    both = zoo.Predictor(ensemble.Ensemble({"a": run, "b": run}, tmp_path))
    frames = frames_of(2)
    expected = run.predict(frames / np.float32(255))
    np.testing.assert_allclose(both(frames), expected, atol=1e-6)


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((2, 16, 16, 3), "float32"),
        np.zeros((16, 16, 3), "uint8"),
        np.zeros((2, 16, 16, 1), "uint8"),
        np.zeros((0, 16, 16, 3), "uint8"),
    ],
)
def test_rejects_what_is_no_video(ready, frames):
    with pytest.raises(ValueError, match="`frames` must be uint8 of"):
        ready(frames)


def test_rejects_networks_of_something_else(run, tmp_path):
    clip = keras.Input((2, 16, 16, 3))
    images = keras.Model(clip, keras.layers.ReLU()(clip))
    with pytest.raises(ValueError, match="`model` must be one from a clip to logits"):
        zoo.Predictor(images)
    with pytest.raises(ValueError, match="`model` must be one from a clip to logits"):
        zoo.Predictor(keras.Sequential())
    with pytest.raises(ValueError, match="`classes` must be 3 names"):
        zoo.Predictor(run.model, ["a"])
    wide = ClipSpec(frames=2, rate=4.0, height=16, width=24)
    other = inference.Run(None, NAMES, "single", wide, tmp_path)
    both = ensemble.Ensemble({"a": run, "b": other}, tmp_path)
    object.__setattr__(other, "model", keras.Model(clip, images(clip)))
    with pytest.raises(ValueError, match="`model` must be one that reads one clip"):
        zoo.Predictor(both)

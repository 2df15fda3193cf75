import io

import keras
import numpy as np
import pytest

from zoo import boards, monitor


@pytest.fixture
def events(tmp_path):
    return monitor.event_file(tmp_path, 0)


def written(events):
    from tensorboard.backend.event_processing import event_file_loader

    last = list(event_file_loader.LegacyEventFileLoader(str(events.path)).Load())[-1]
    return last.step, {value.tag: value for value in last.summary.value}


def test_pictures_are_png():
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype("uint8")
    opened = Image.open(io.BytesIO(boards.png(pixels)))
    assert (opened.format, opened.mode) == ("PNG", "RGB")
    np.testing.assert_array_equal(np.asarray(opened), pixels)


def test_frames_stand_side_by_side():
    clip = np.zeros((3, 4, 2, 3), "float32")
    clip[1], clip[2] = 0.5, 1.5
    row = boards.filmstrip(clip)
    assert (row.dtype, row.shape) == ("uint8", (4, 6, 3))
    assert row[0, ::2, 0].tolist() == [0, 128, 255]


def test_long_and_large_clips_are_thinned():
    clip = np.arange(64, dtype="float32")[:, None, None, None] / 64
    row = boards.filmstrip(np.broadcast_to(clip, (64, 224, 320, 3)))
    assert row.shape == (112, 8 * 160, 3)
    assert row[0, ::160, 0].tolist() == [0, 36, 72, 108, 143, 179, 215, 251]


@pytest.mark.parametrize("name", [None, "clip"])
def test_first_clips_of_a_batch_are_shown(name, events):
    batch = np.full((6, 2, 8, 10, 3), 0.5, "float32")
    boards.add_clips(events, 3, batch if name is None else {name: batch})
    step, values = written(events)
    assert (step, sorted(values)) == (3, [f"clips/{n}" for n in range(4)])
    image = values["clips/0"].image
    assert (image.width, image.height) == (20, 8)
    assert image.encoded_image_string.startswith(b"\x89PNG")


@pytest.mark.parametrize("batch", [{"flow": np.ones(2)}, np.ones((2, 3, 4, 4, 2))])
def test_what_is_no_picture_is_left_out(batch, events):
    before = events.path.read_bytes()
    boards.add_clips(events, 3, batch)
    assert events.path.read_bytes() == before


def test_each_class_has_a_curve(events):
    boards.add_classes(events, 7, ("run", "sit", "eat"), np.array([0.5, np.nan, 1]))
    step, values = written(events)
    assert step == 7
    scores = {tag: value.simple_value for tag, value in values.items()}
    assert scores == {"class/run": 0.5, "class/eat": 1.0}


def test_many_classes_are_summed_up(events):
    names = [str(number) for number in range(101)]
    boards.add_classes(events, 7, names, np.linspace(0.2, 0.8, 101))
    _, values = written(events)
    assert values.keys() == {"classes/mean", "classes/worst", "classes/all"}
    assert values["classes/mean"].simple_value == pytest.approx(0.5)
    assert values["classes/worst"].simple_value == pytest.approx(0.2)
    histogram = values["classes/all"].histo
    assert (histogram.num, sum(histogram.bucket)) == (101, 101)
    assert len(histogram.bucket) == len(histogram.bucket_limit)


def test_classes_without_clips_are_no_event(events):
    before = events.path.read_bytes()
    boards.add_classes(events, 7, ("run", "sit"), np.array([np.nan, np.nan]))
    assert events.path.read_bytes() == before


@pytest.mark.parametrize("steps", ["10", "0:4", "5:4", "a:b", "1:2:3", 7])
def test_nonsense_is_no_profile(steps):
    with pytest.raises(ValueError, match="`profile` must be FIRST:LAST"):
        boards.check_profile(steps)


def test_profile_begins_and_ends_with_its_steps(monkeypatch):
    calls = []

    class Profiler:
        def start(self, folder):
            calls.append(folder)

        def stop(self):
            calls.append("stop")

    monkeypatch.setattr(boards, "_profiler", Profiler)
    profile, said = boards.Profile("2:3", "there"), []
    for step in range(1, 6):
        profile.begin(step)
        said.append(profile.end(step))
    profile.close()
    assert calls == ["there", "stop"]
    assert said == [False, False, True, False, False]
    late = boards.Profile("2:9", "there")  # A run that resumes, and ends, in between.
    late.begin(5)
    late.close()
    assert calls == ["there", "stop"] * 2


@pytest.mark.model
def test_profiler_of_the_backend_writes(tmp_path):
    profile = boards.Profile("1:1", tmp_path)
    profile.begin(1)
    keras.ops.convert_to_numpy(keras.ops.ones(3) + 1)
    assert profile.end(1)
    assert list(tmp_path.glob("plugins/profile/*/*.xplane.pb"))

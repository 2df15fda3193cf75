import functools

import numpy as np
import pytest
from synthesis import number, write_video

from datasets import clips
from datasets.augment import Augmentation
from datasets.decode import Video
from datasets.order import draws
from zoo.genotypes.base import ClipSpec

SECOND = np.arange(24) / 24  # One second at 24 frames per second.


@pytest.mark.parametrize(
    ("frames", "rate", "place", "expected"),
    [
        (4, 24, 0, [0, 1, 2, 3]),
        (4, 24, 1, [20, 21, 22, 23]),
        (4, 12, 0, [0, 2, 4, 6]),
        (3, 12, 0.5, [9, 11, 13]),
        (3, 48, 0, [0, 0, 1]),
        (1, 1, 0.5, [11]),
        (4, 3, 0, [0, 8, 16, 0]),
        (5, 2, 1, [0, 12, 0, 12, 0]),
    ],
)
def test_samples_by_the_models_own_rate(frames, rate, place, expected):
    assert clips.sample(SECOND, frames, rate, place).tolist() == expected


@pytest.mark.parametrize(
    ("count", "frames", "place", "expected"),
    [
        (24, 4, 0.5, [3, 9, 15, 21]),
        (24, 8, 0.5, [1, 4, 7, 10, 13, 16, 19, 22]),
        (24, 4, 0.0, [0, 6, 12, 18]),
        (24, 4, 1.0, [5, 11, 17, 23]),
        (10, 4, 0.5, [1, 3, 6, 8]),
        (8, 8, 0.5, [0, 1, 2, 3, 4, 5, 6, 7]),
        (3, 4, 0.5, [0, 2, 0, 2]),  # It loops, as one of six frames.
        (1, 4, 1.0, [0, 0, 0, 0]),
    ],
)
def test_segments_give_their_centres(count, frames, place, expected):
    found = clips.sample_segments(count, frames, 4, place=place)
    assert found.tolist() == expected


@pytest.mark.parametrize("count", [8, 11, 24])
def test_segments_give_random_frames_in_order(count):
    drawn = [clips.sample_segments(count, 8, 4, draws(0, 0, i)) for i in range(50)]
    edges = [part * count // 4 for part in range(5)]
    for found in drawn:
        assert (np.diff(found) > 0).all()
        parts = np.searchsorted(edges, found, side="right") - 1
        assert parts.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert set(np.concatenate(drawn)) == set(range(count))
    again = clips.sample_segments(count, 8, 4, draws(0, 0, 7))
    np.testing.assert_array_equal(again, drawn[7])


@pytest.mark.parametrize("count", [1, 3, 7])
def test_segments_of_a_short_video_loop(count):
    for index in range(20):
        found = clips.sample_segments(count, 8, 4, draws(0, 0, index))
        assert found.shape == (8,)
        assert 0 <= found.min() <= found.max() < count


@pytest.mark.parametrize(
    ("frames", "rate", "place", "expected"),
    [
        (4, 3, 0, [0, 8, 16, 23]),
        (5, 2, 1, [0, 12, 23, 23, 23]),
        (4, 24, 1, [20, 21, 22, 23]),
    ],
)
def test_a_short_video_can_hold_its_last_frame(frames, rate, place, expected):
    found = clips.sample(SECOND, frames, rate, place, short="hold")
    assert found.tolist() == expected


def test_segments_of_a_short_video_can_hold_its_last_frame():
    found = clips.sample_segments(3, 8, 4, short="hold")
    assert found.tolist() == [0, 1, 2, 2, 2, 2, 2, 2]
    drawn = clips.sample_segments(3, 8, 4, draws(0, 0, 0), short="hold")
    assert drawn.tolist() == [0, 1, 2, 2, 2, 2, 2, 2]
    long = clips.sample_segments(24, 4, 4, short="hold")
    assert long.tolist() == [3, 9, 15, 21]


def test_uniform_clips_are_of_the_whole_video():
    spec = ClipSpec(4, 24, 48, 64)
    chosen = functools.partial(clips.chosen, SECOND, spec, uniform=True)
    assert chosen().tolist() == [3, 9, 15, 21]
    assert chosen(place=0.0).tolist() == [0, 6, 12, 18]
    drawn = np.stack([chosen(rng=draws(0, 0, i)) for i in range(50)])
    for part, column in enumerate(drawn.T):
        assert set(column) == set(range(6 * part, 6 * part + 6))
    parts = ClipSpec(4, 24, 48, 64, segments=2)
    both = [clips.chosen(SECOND, parts, uniform=u).tolist() for u in (False, True)]
    assert both[0] == both[1]


def test_how_short_a_video_may_be_depends_on_its_sampling():
    spec = ClipSpec(8, 4, 48, 64)
    assert clips.is_too_short(SECOND, spec)
    assert not clips.is_too_short(SECOND, spec, uniform=True)
    assert clips.is_too_short(SECOND[:7], spec, uniform=True)


def test_8_frames_of_a_window_of_64_are_those_of_an_eighth_of_the_rate():
    times = np.arange(300) / 30
    for place in (0, 0.5, 1):
        found = clips.sample(times, 8, 30 * 8 / 64, place)
        np.testing.assert_array_equal(np.diff(found), 8)
    assert found[-1] == 299


def test_samples_uneven_frames_by_their_times():
    times = np.array([0.0, 0.01, 0.02, 0.5, 0.98, 1.0])
    assert clips.sample(times, 3, 2, 0).tolist() == [0, 3, 5]


def test_equal_rates_give_each_frame_once_though_times_are_rounded():
    times = np.round(np.arange(300) / 30, 3)
    for place in np.linspace(0, 1, 13):
        steps = np.diff(clips.sample(times, 30, 30, place))
        np.testing.assert_array_equal(steps, 1)


def test_knows_which_videos_are_short():
    assert not clips.is_short(SECOND, 24, 24)
    assert clips.is_short(SECOND, 25, 24)
    assert clips.is_short(np.array([0.0]), 2, 12)
    assert not clips.is_short(np.array([0.0]), 1, 12)


def test_one_picture_fills_a_clip():
    assert clips.sample(np.array([0.0]), 3, 12, 0.5).tolist() == [0, 0, 0]


def test_covers_the_clip_and_keeps_the_proportions():
    assert clips.cover((240, 320), (112, 112)) == (112, 149)
    assert clips.cover((240, 320), (112, 112), 1.25) == (140, 187)
    assert clips.cover((240, 320), (48, 128)) == (96, 128)
    assert clips.cover((100, 100), (33, 33)) == (33, 33)


def read(video, spec, rng=None, resize=(1.0, 1.25), flip=False):
    view = clips.View()
    if rng is not None:
        view = Augmentation().view(rng, resize, flip)
    wanted = clips.chosen(video.times, spec, view.place, rng)
    return clips.read(video, spec, wanted, [view])[0]


@pytest.fixture
def video(tmp_path):
    with Video(write_video(tmp_path / "a.mp4")) as opened:
        yield opened


def test_evaluation_reads_the_centre(video):
    clip = read(video, ClipSpec(5, 10, 48, 64))
    assert clip.dtype == np.uint8
    assert clip.shape == (5, 48, 64, 3)
    assert [number(image) for image in clip] == [15, 17, 19, 21, 23]
    square = read(video, ClipSpec(1, 10, 48, 48))
    whole = read(video, ClipSpec(1, 10, 48, 64))
    np.testing.assert_array_equal(square, whole[:, :, 8:56])


def test_reads_segments(video):
    spec = ClipSpec(4, 10, 48, 64, segments=2)
    clip = read(video, spec)
    assert [number(image) for image in clip] == [5, 15, 25, 35]
    drawn = [read(video, spec, draws(0, 0, i), (1.0, 1.0)) for i in range(3)]
    numbers = [[number(image) for image in clip] for clip in drawn]
    assert len({*map(tuple, numbers)}) == 3
    for first, second, third, fourth in numbers:
        assert first < second < 20 <= third < fourth


def test_training_draws_moment_scale_place_and_flip(video):
    spec = ClipSpec(2, 10, 32, 32)
    first = read(video, spec, draws(0, 0, 0), flip=True)
    again = read(video, spec, draws(0, 0, 0), flip=True)
    np.testing.assert_array_equal(first, again)
    drawn = [read(video, spec, draws(0, 0, i), flip=True) for i in range(12)]
    assert len({clip.tobytes() for clip in drawn}) == 12
    # Red grows from left to right, unless the clip is mirrored.
    mirrored = [clip[0, -1, 0, 0] > clip[0, -1, -1, 0] for clip in drawn]
    assert 0 < sum(mirrored) < 12
    plain = [read(video, spec, draws(0, 0, i)) for i in range(12)]
    assert all(clip[0, -1, 0, 0] < clip[0, -1, -1, 0] for clip in plain)


def test_scale_is_drawn_from_its_range(video):
    wide = ClipSpec(1, 10, 48, 64)
    whole = read(video, wide, draws(0, 0, 1), resize=(1.0, 1.0))
    close = read(video, wide, draws(0, 0, 1), resize=(2.0, 2.0))
    assert np.ptp(whole[0, -1, :, 0].astype(int)) > 200
    assert np.ptp(close[0, -1, :, 0].astype(int)) < 150


def test_the_crop_is_drawn_in_both_directions(video):
    tall, wide = ClipSpec(1, 10, 48, 24), ClipSpec(1, 10, 12, 64)
    for spec in (tall, wide):
        crops = []
        for index in range(8):
            rng = draws(0, 0, index)
            # The last frame alone: what differs is the crop.
            video.times = video.times[-1:]
            video._stamps = video._stamps[-1:]
            crops.append(read(video, spec, rng, resize=(1.0, 1.0)).tobytes())
        assert len(set(crops)) > 4


def test_reads_crops_of_the_same_frames_at_once(video, monkeypatch):
    spec, asked = ClipSpec(2, 10, 48, 32), []
    frames = video.frames
    monkeypatch.setattr(video, "frames", lambda *a: asked.append(a) or frames(*a))
    views = [clips.View(x=x) for x in (0.0, 0.5, 1.0)]
    crops = clips.read(video, spec, np.array([3, 5]), views)
    whole = clips.read(video, ClipSpec(2, 10, 48, 64), np.array([3, 5]))[0]
    assert len(asked) == 2
    for crop, left in zip(crops, (0, 16, 32), strict=True):
        np.testing.assert_array_equal(crop, whole[:, :, left : left + 32])

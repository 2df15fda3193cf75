import itertools
import subprocess
import sys

import numpy as np
import pytest

from datasets.moving_shapes import MovingShapes
from datasets.order import draws
from zoo.genotypes.base import ClipSpec

SPEC = ClipSpec(frames=6, rate=8, height=24, width=32)


def take(count, *args, source=None, **kwargs):
    batches = (source or MovingShapes()).batches(SPEC, *args, **kwargs)
    return list(itertools.islice(batches, count))


def test_gives_the_clips_a_model_wants():
    (clip, label), *_ = take(1, "train", 3)
    assert clip.shape == (3, 6, 24, 32, 3)
    assert clip.dtype == np.float32
    assert 0 <= clip.min() < clip.max() <= 1
    assert label.dtype == np.int32
    assert label.shape == (3,)


def test_evaluation_is_one_pass_with_keys_and_a_short_last_batch():
    source = MovingShapes(videos_per_class=5)
    batches = list(source.batches(SPEC, "validation", 5))
    assert [len(clip) for clip, _, _ in batches] == [5, 5, 2]
    labels = np.concatenate([label for _, label, _ in batches])
    np.testing.assert_array_equal(np.bincount(labels), 1)
    assert batches[0][2][1] == "moving_shapes/validation/00001"


def test_resume_gives_the_same_batches():
    source = MovingShapes(videos_per_class=1)
    whole = take(8, "train", 5, source=source)
    resumed = take(3, "train", 5, start=5, source=source)
    for expected, given in zip(whole[5:], resumed, strict=True):
        np.testing.assert_array_equal(expected[0], given[0])
        np.testing.assert_array_equal(expected[1], given[1])


def test_epochs_and_seeds_show_other_moments():
    source = MovingShapes(videos_per_class=1, actions=("grow", "shrink"))
    epochs = [clip for clip, _ in take(3, "train", 2, source=source)]
    other = take(1, "train", 2, source=source, seed=1)[0][0]
    means = [tuple(np.sort(clip.mean(axis=(1, 2, 3, 4)))) for clip in [*epochs, other]]
    assert len(set(means)) == 4


def test_halves_share_no_video_and_both_have_all_others():
    source = MovingShapes(videos_per_class=1)
    whole = {i: source.clip(SPEC, "train", i, 0.0)[1] for i in range(12)}
    parts = source.halves(seed=3)
    videos = [[part.video(place) for place in range(6)] for part in parts]
    assert sorted([*videos[0], *videos[1]]) == list(range(12))
    for part, half in zip(parts, videos, strict=True):
        assert (part.size("train"), part.size("validation")) == (6, 12)
        [(_, labels)] = take(1, "train", 6, source=part)
        assert sorted(labels) == sorted(whole[i] for i in half)
    assert source.size("train") == 12


def test_splits_and_seeds_differ():
    clips = [MovingShapes().clip(SPEC, split, 0)[0] for split in ("train", "test")]
    clips.append(MovingShapes(seed=1).clip(SPEC, "train", 0)[0])
    assert all(np.abs(a - b).max() > 0.1 for a, b in itertools.combinations(clips, 2))


def test_actions_unfold_in_seconds_whatever_the_rate():
    source = MovingShapes(noise=0)
    fast = source.clip(ClipSpec(9, 8, 32, 32), "train", 1, start=0.5)[0]
    slow = source.clip(ClipSpec(3, 2, 32, 32), "train", 1, start=0.5)[0]
    np.testing.assert_allclose(fast[::4], slow, atol=1e-6)


def test_segments_span_the_whole_video():
    source = MovingShapes(noise=0, seconds=4.0)
    spec = ClipSpec(4, 8, 32, 32, segments=2)
    centres = source.clip(spec, "test", 3)[0]
    even = source.clip(ClipSpec(4, 1, 32, 32), "test", 3, start=0.5)[0]
    np.testing.assert_allclose(centres, even, atol=1e-6)
    moments = [source._moments(spec, None, draws(0, 0, i))[0] for i in range(30)]
    for times in moments:
        assert 0 <= times[0] <= times[1] <= 2 <= times[2] <= times[3] <= 4
    assert np.ptp(moments, axis=0).min() > 1
    batches = [
        list(itertools.islice(source.batches(spec, "train", 2, start=start), 3 - start))
        for start in (0, 2)
    ]
    np.testing.assert_array_equal(batches[0][2][0], batches[1][0][0])
    assert np.abs(batches[0][0][0] - batches[0][1][0]).max() > 0.1


def test_labels_of_segments_are_those_of_what_they_stand_for():
    source = MovingShapes(task="multi", noise=0)
    whole = ClipSpec(frames=32, rate=4, height=8, width=8)
    parts = ClipSpec(frames=32, rate=25, height=8, width=8, segments=8)
    for index in range(10):
        labels = [source.clip(s, "train", index)[1] for s in (whole, parts)]
        np.testing.assert_array_equal(*labels)


def test_two_frames_show_the_direction():
    source = MovingShapes(noise=0, actions=("move_left", "move_right"))
    for index, sign in enumerate((1, -1)):
        clip, label = source.clip(ClipSpec(2, 12, 64, 64), "train", index)
        assert label == index
        back = [
            np.abs(np.roll(clip[1], shift, axis=1) - clip[0]).sum()
            for shift in (2 * sign, -2 * sign)
        ]
        assert back[0] < back[1]


def test_multi_label_clips_name_what_they_show():
    source = MovingShapes(task="multi", noise=0)
    whole = ClipSpec(frames=32, rate=4, height=16, width=16)
    labels = np.stack([source.clip(whole, "train", i)[1] for i in range(30)])
    assert labels.dtype == np.float32
    assert set(np.unique(labels)) == {0, 1}
    assert (labels.sum(axis=1) > 1).mean() > 0.8
    part = ClipSpec(frames=4, rate=4, height=16, width=16)
    parts = np.stack([source.clip(part, "train", i, start=0)[1] for i in range(30)])
    assert (parts <= labels).all()
    assert parts.sum() < labels.sum()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"actions": ("grow",)}, "actions"),
        ({"actions": ("grow", "fly")}, "actions"),
        ({"task": "both"}, "task"),
        ({"actions": ("grow", "grow")}, "actions"),
        ({"videos_per_class": 0}, "videos_per_class"),
        ({"seconds": 0.0}, "seconds"),
        ({"noise": -0.1}, "noise"),
        ({"seed": -1}, "seed"),
    ],
)
def test_rejects_nonsense(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        MovingShapes(**arguments)


def test_needs_numpy_alone():
    check = "import sys, datasets.moving_shapes; assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)


def images(clip, label, *_):
    """A clip's first frame and the differences of its frames, as channels."""
    changes = np.concatenate([clip[:, :1], np.diff(clip, axis=1)], axis=1)
    return np.moveaxis(changes, 1, 3).reshape(*clip.shape[:1], 32, 32, -1), label


def accuracy(frames, steps=80):
    """Of a small network that was trained on a few frames."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((32, 32, 3 * frames))])
    for filters in (32, 48, 64):
        model.add(layers.Conv2D(filters, 5, 2, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(12))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, jit_compile=False)
    source, spec = MovingShapes(videos_per_class=64), ClipSpec(frames, 8, 32, 32)
    for batch in itertools.islice(source.batches(spec, "train", 32), steps):
        model.train_on_batch(*images(*batch))
    (test,) = source.batches(spec, "test", source.size("test"))
    clip, label = images(*test)
    return (model.predict_on_batch(clip).argmax(axis=-1) == label).mean()


@pytest.mark.model
def test_one_frame_stays_at_chance_and_several_do_not():
    # Chance is 0.083, with a standard deviation of 0.02 on the 192 test clips.
    assert accuracy(frames=1) < 0.15
    assert accuracy(frames=6) > 0.3


def test_views_of_a_video_are_evenly_over_its_time():
    source = MovingShapes(videos_per_class=4, actions=("move_left", "grow"))
    spec = ClipSpec(frames=2, rate=4, height=12, width=12)
    parts = list(source.views(spec, "test", 4, 3, 1))
    clips, labels, keys = (np.concatenate(part) for part in zip(*parts, strict=True))
    assert [len(part[1]) for part in parts] == [4, 2]
    assert keys.tolist() == [source.key("test", k) for k in (0, 0, 0, 1, 1, 1)]
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    for view, start in enumerate((0.25, 0.75, 1.25)):
        expected, _ = source.clip(spec, "test", 0, start)
        np.testing.assert_array_equal(clips[view], expected)
    ((one, *_),) = source.views(spec, "test", 9, 1)
    ((centre, *_),) = source.batches(spec, "test", 9)
    np.testing.assert_array_equal(one, centre)


@pytest.mark.parametrize("wrong", [{"split": "train"}, {"clips": 0}, {"crops": 3}])
def test_rejects_views_that_it_can_not_show(wrong):
    spec = ClipSpec(frames=2, rate=4, height=12, width=12)
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be"):
        MovingShapes().views(spec, **{"split": "test", "batch_size": 2, **wrong})

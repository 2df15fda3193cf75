import functools
import itertools

import numpy as np
import pytest
from synthesis import number, write_video

from datasets import clips
from datasets.decode import BrokenVideoError
from datasets.folder import VideoFolder
from zoo.genotypes.base import ClipSpec


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two classes in split folders; video k has 6 + k frames."""
    root = tmp_path_factory.mktemp("videos")
    for split, count in (("train", 4), ("validation", 3), ("test", 1)):
        for name, k in itertools.product("ab", range(count)):
            write_video(root / split / name / f"{k}.mp4", frames=6 + k)
    return root


def test_training_can_take_the_whole_video_or_its_centre(root):
    spec = ClipSpec(frames=2, rate=20, height=48, width=64)
    expected = {"dense": {1}, "uniform": {1, 2, 3, 4, 5, 6, 7, 8}, "centre": {1}}
    for sampling, steps in expected.items():
        source = VideoFolder(root, sampling=sampling, resize=(1, 1), flip=False)
        firsts, found = {}, set()
        for position in range(32):
            clip, index, _ = source.training_clip(spec, 0, position)
            first, second = (number(image) for image in clip[0])
            firsts.setdefault(index, set()).add(first)
            found.add(second - first)
        assert found <= steps
        assert (len(found) > 2) == (sampling == "uniform")
        once = all(len(f) == 1 for f in firsts.values())
        assert once == (sampling == "centre")
    # A video of 6 frames has its centre at 2, one of 7 too.
    assert firsts[0] == {2}


def test_evaluation_can_take_the_whole_video_or_a_random_stretch(root):
    spec = ClipSpec(frames=2, rate=20, height=48, width=64)

    def shown(evaluation, seed=0):
        source = VideoFolder(root, evaluation=evaluation)
        read = functools.partial(source.evaluation_clips, spec, "validation", seed)
        return [[number(image) for image in read((1, 1), k)[0][0]] for k in range(6)]

    assert shown("centre")[0] == [2, 3]
    assert shown("uniform")[0] == [1, 4]
    drawn = [shown("dense", seed) for seed in range(4)]
    assert drawn[1] == shown("dense", 1)
    assert len({str(d) for d in drawn}) > 1
    assert all(second - first == 1 for first, second in drawn[0])


def test_views_of_a_video_follow_each_other_whatever_the_batch(root):
    source = VideoFolder(root)
    spec = ClipSpec(frames=2, rate=20, height=48, width=32)
    ((clips, labels, keys),) = source.views(spec, "validation", 99, 3, 3)
    assert clips.shape == (6 * 9, *spec.shape)
    names = [f"{root}/validation/{name}/{k}.mp4" for name in "ab" for k in range(3)]
    assert keys.tolist() == [key for key in names for _ in range(9)]
    assert labels.tolist() == [0] * 27 + [1] * 27
    # Three crops of each clip show the left, the middle and the right of its frames.
    np.testing.assert_array_equal(clips[0][:, :, 16:], clips[1][:, :, :16])
    np.testing.assert_array_equal(clips[1][:, :, 16:], clips[2][:, :, :16])
    assert clips[0][0, -1, 0, 0] < 0.1
    assert clips[2][0, -1, -1, 0] > 0.9
    parts = list(source.views(spec, "validation", 10, 3, 3))
    assert [len(part[1]) for part in parts] == [10, 10, 10, 10, 10, 4]
    for whole, place in ((clips, 0), (labels, 1), (keys, 2)):
        again = np.concatenate([part[place] for part in parts])
        np.testing.assert_array_equal(again, whole)


def test_clips_of_a_view_are_evenly_over_the_video(root):
    spec = ClipSpec(frames=2, rate=20, height=48, width=64)
    ((clips, *_),) = VideoFolder(root).views(spec, "validation", 99, 2, 1)
    firsts = [number(clip[0] * 255) for clip in clips[:4]]
    assert firsts == [1, 3, 1, 4]  # A quarter and three quarters of 4 and of 5.
    ((one, *_),) = VideoFolder(root).views(spec, "validation", 99, 1, 1)
    ((centre, *_),) = VideoFolder(root).batches(spec, "validation", 99)
    np.testing.assert_array_equal(one, centre)


def test_five_crops_are_the_corners_and_the_centre(root):
    spec = ClipSpec(frames=1, rate=20, height=42, width=42)
    ((clips, *_),) = VideoFolder(root).views(spec, "test", 99, 1, 5)
    first = clips[:5, 0]
    np.testing.assert_array_equal(first[0][6:], first[3][:-6])  # 48 high, crops of 42.
    np.testing.assert_array_equal(first[1][6:], first[4][:-6])
    np.testing.assert_array_equal(first[0][3:, 11:], first[2][:-3, :-11])
    np.testing.assert_array_equal(first[2][3:, 11:], first[4][:-3, :-11])


def test_a_video_has_all_of_its_views_or_none(root, monkeypatch):
    read = clips.read

    def fail(video, spec, wanted, *rest):
        if wanted[0] > 2 or len(video.times) == 6:
            raise BrokenVideoError("a.mp4", "why")
        return read(video, spec, wanted, *rest)

    monkeypatch.setattr(clips, "read", fail)
    spec = ClipSpec(frames=1, rate=20, height=48, width=64)
    source = VideoFolder(root, max_bad_fraction=0.5)
    ((views, _, keys),) = source.views(spec, "validation", 99, 4, 1)
    assert len(views) == 4 * 4  # Of the two videos of 6 frames there are none.
    assert len(set(keys[:4])) == 1
    # Of 7 frames the third is at 4 and fails, as does the last: the first serves.
    assert [number(view[0] * 255) for view in views[:4]] == [1, 2, 1, 1]
    assert len(source.health.bad) == 2

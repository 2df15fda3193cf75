import shutil

import numpy as np
import pytest
from synthesis import scramble, write_video

from datasets import cache
from datasets.cache import Cache
from datasets.decode import Video


def read(opened, wanted=(7, 3, 3), fit=lambda *_: (24, 32)):
    with opened as video:
        return np.stack(video.frames(wanted, fit)), video.times


@pytest.fixture
def count(monkeypatch):
    """Counts the videos that are opened."""
    opened = []

    def count_and_open(*arguments):
        opened.append(arguments)
        return Video(*arguments)

    monkeypatch.setattr(cache, "Video", count_and_open)
    return opened


@pytest.mark.parametrize("kind", ["a.mp4", "a.avi"])
@pytest.mark.parametrize("part", [(0.0, None), (0.5, 1.0)])
def test_a_held_video_gives_the_same_frames(tmp_path, count, kind, part):
    path = str(
        write_video(tmp_path / kind, gop=8, rotation=90 if kind[2:] == "mp4" else None)
    )
    videos = Cache(1 << 24)
    expected = read(Video(path, *part))
    for _ in range(2):
        frames, times = read(videos.open(path, *part))
        np.testing.assert_array_equal(frames, expected[0])
        np.testing.assert_array_equal(times, expected[1])
    assert len(count) == 1


def test_holds_no_more_than_its_limit(tmp_path, count):
    video = write_video(tmp_path / "0.mp4", frames=10)
    paths = [str(shutil.copy(video, tmp_path / f"{i}.mp4")) for i in range(1, 41)]
    read(Cache(1 << 24).open(paths[0]))
    unlimited = Cache(1 << 24)
    read(unlimited.open(paths[0]))
    videos = Cache(17 * unlimited.size)
    count.clear()
    for path in 2 * paths:
        read(videos.open(path))
    assert 0 < videos.size <= 18 * unlimited.size
    assert 40 < len(count) < 80


def test_holds_neither_large_nor_damaged_videos(tmp_path, count):
    large = str(write_video(tmp_path / "large.mp4"))
    damaged = str(scramble(write_video(tmp_path / "hurt.mp4", frames=120, gop=12)))
    for path, videos in ((large, Cache(1 << 20)), (damaged, Cache(1 << 26))):
        before = len(count)
        for _ in range(2):
            read(videos.open(path))
        assert len(count) == before + 2
        assert videos.size == 0
        again = read(videos.open(path))[0]
        np.testing.assert_array_equal(again, read(Video(path))[0])


def test_zero_holds_nothing(tmp_path, count):
    path = str(write_video(tmp_path / "a.mp4", frames=2))
    videos = Cache(0)
    for _ in range(2):
        read(videos.open(path), wanted=[0])
    assert (len(count), videos.size) == (2, 0)

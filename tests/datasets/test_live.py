import numpy as np
import pytest
from synthesis import number, write_video

from datasets.clips import cover
from datasets.decode import BrokenVideoError, Video
from datasets.live import Live, fit
from zoo.genotypes import ClipSpec

SPEC = ClipSpec(frames=2, rate=4.0, height=32, width=32)


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv"])
def test_frames_of_a_file_come_in_order_with_their_times(tmp_path, name):
    write_video(tmp_path / name, frames=30, rate=20)
    source = Live(str(tmp_path / name))
    assert not source.is_live
    times, frames = zip(*source.frames(), strict=True)
    np.testing.assert_allclose(times, np.arange(30) / 20, atol=2e-3)
    assert [number(frame.to_ndarray(format="rgb24")) for frame in frames] == [
        *range(30)
    ]


@pytest.mark.parametrize("rotation", [None, 90])
def test_pictures_are_those_of_the_clips(tmp_path, rotation):
    path = tmp_path / "a.mp4"
    write_video(path, frames=3, rotation=rotation)
    picture = fit(SPEC)
    found = [picture(frame) for _, frame in Live(str(path)).frames()]
    with Video(str(path)) as video:
        images = video.frames(range(3), lambda *shape: cover(shape, (32, 32)))
    top, left = (round((side - 32) / 2) for side in images[0].shape[:2])
    known = [image[top : top + 32, left : left + 32] for image in images]
    np.testing.assert_array_equal(found, known)
    assert found[0].base is None  # Not a view of a larger picture.


def test_damaged_packets_cost_their_frames_alone(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, frames=30, gop=5)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 60] = bytes(60)
    path.write_bytes(content)
    times = [now for now, _ in Live(str(path)).frames()]
    assert len(times) > 20
    assert times == sorted(times)


@pytest.mark.parametrize("path", ["gone.mp4", "/dev/video99", "http://127.0.0.1:9/a"])
def test_what_is_not_there_is_named(path):
    with pytest.raises(BrokenVideoError, match=path):
        Live(path)


def test_a_file_without_video_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(BrokenVideoError, match=r"a\.mp4"):
        Live(str(tmp_path / "a.mp4"))


def test_cameras_are_timed_as_frames_come(tmp_path):
    write_video(tmp_path / "a.mp4", frames=3)
    source = Live(str(tmp_path / "a.mp4"))
    source.is_live = True
    clock = iter([100.0, 100.5, 103.0])
    assert [now for now, _ in source.frames(lambda: next(clock))] == [0.0, 0.5, 3.0]

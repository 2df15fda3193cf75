import av
import numpy as np
import pytest
from synthesis import audio_only, number, scramble, write_video

from datasets import decode
from datasets.decode import BrokenVideoError, Video
from datasets.live import Live

# Pictures between two key frames refer to both.
OPEN = "open-gop=1:bframes=3:b-adapt=0:scenecut=0"
KINDS = {
    "b_frames.mp4": {"options": {"bf": "3", "b-pyramid": "normal"}},
    "short_gop.mp4": {"gop": 8, "options": {"bf": "2"}},
    "open_gop.mp4": {"gop": 8, "options": {"x264-params": OPEN}},
    "no_count.mkv": {},
    "vp8.webm": {"codec": "libvpx"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "animation.gif": {"codec": "gif"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "h264.avi": {"options": {"bf": "2"}},
}


def numbers(video, wanted):
    return [number(image) for image in video.frames(wanted)]


@pytest.mark.parametrize("kind", KINDS)
def test_reads_exactly_the_wanted_frames(tmp_path, kind):
    path = write_video(tmp_path / kind, **KINDS[kind])
    with Video(path) as video:
        assert len(video.times) == 40
        np.testing.assert_allclose(video.times, np.arange(40) / 20, atol=1e-3)
        for wanted in ([0], [39], [17, 3, 3, 30], list(range(40))):
            assert numbers(video, wanted) == wanted


@pytest.mark.parametrize("kind", ["b_frames.mp4", "short_gop.mp4", "h264.avi"])
def test_reads_a_file_too_large_to_hold(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(decode, "HELD_BYTES", 100)
    with Video(write_video(tmp_path / kind, **KINDS[kind])) as video:
        assert numbers(video, [30, 9, 17]) == [30, 9, 17]
        assert numbers(video, [1]) == [1]


def test_jumps_to_a_key_frame_only_where_that_skips_work(tmp_path):
    path = write_video(tmp_path / "a.mp4", gop=8, options={"bf": "0"})
    with Video(path) as video:
        assert video._runs(video._stamps[[1, 2, 20, 23]].tolist()) == [[0, 2], [16, 23]]
        assert video._runs(video._stamps[[7, 8]].tolist()) == [[0, 8]]


def test_reads_pictures_that_refer_past_a_key_frame(tmp_path):
    path = write_video(tmp_path / "a.mp4", **KINDS["open_gop.mp4"])
    with Video(path) as video:
        after_key = video._order[video._keys[1] :]
        assert min(after_key) < after_key[0]
        assert [numbers(video, [i])[0] for i in range(40)] == list(range(40))


def test_pictures_equal_those_of_plain_decoding(tmp_path):
    path = write_video(tmp_path / "a.mp4", **KINDS["b_frames.mp4"])
    with av.open(str(path)) as container:
        plain = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    with Video(path) as video:
        for index in (5, 22, 38):
            np.testing.assert_array_equal(video.frames([index])[0], plain[index])


def test_uneven_times_are_the_files_own(tmp_path):
    stamps = np.cumsum([0, *[20, 90] * 19, 20]).tolist()
    with Video(write_video(tmp_path / "vfr.mp4", stamps=stamps)) as video:
        np.testing.assert_allclose(video.times * 1000, stamps, atol=0.5)
        assert numbers(video, [21]) == [21]


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_sets_rotated_video_upright(tmp_path, degrees):
    still = write_video(tmp_path / "still.mp4", frames=2)
    turned = write_video(tmp_path / "turned.mp4", frames=2, rotation=degrees)
    with Video(still) as video:
        expected = np.rot90(video.frames([1])[0], degrees // 90)
    with Video(turned) as video:
        np.testing.assert_array_equal(video.frames([1])[0], expected)
        shapes = []
        video.frames([1], lambda *shape: shapes.append(shape) or (16, 24))
        assert shapes == [expected.shape[:2]]
        assert video.frames([1], lambda *_: (16, 24))[0].shape == (16, 24, 3)


def test_chooses_the_largest_video_stream(tmp_path):
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        for size in ((32, 32), (64, 48), (16, 16)):
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height = size
        for stream in container.streams.video:
            frame = av.VideoFrame(stream.width, stream.height, "yuv420p")
            container.mux([*stream.encode(frame), *stream.encode(None)])
    with Video(path) as video:
        assert video.frames([0])[0].shape == (48, 64, 3)


def test_reads_a_part(tmp_path):
    path = write_video(tmp_path / "a.mp4", gop=8)
    with Video(path, 0.5, 1.0) as video:
        assert len(video.times) == 10
        assert numbers(video, [0, 9]) == [10, 19]


@pytest.mark.parametrize("kind", ["b_frames.mp4", "no_count.mkv", "mpeg4.avi"])
def test_seeks_a_late_part(tmp_path, kind):
    arguments = {"gop": 10, **KINDS[kind]}
    path = write_video(tmp_path / kind, frames=120, rate=5, **arguments)
    with Video(path, 12.0, 14.0) as video:
        np.testing.assert_allclose(video.times, 12 + np.arange(10) / 5, atol=2e-3)
        assert numbers(video, [0, 9]) == [60, 69]


@pytest.mark.parametrize(("start", "end"), [(5.0, None), (30.0, 40.0)])
def test_a_part_beyond_the_end_is_broken(tmp_path, start, end):
    path = write_video(tmp_path / "a.mp4")
    with pytest.raises(BrokenVideoError, match="no frames after"):
        Video(path, start, end)


def test_a_truncated_file_gives_what_it_has(tmp_path):
    path = write_video(tmp_path / "a.mkv", frames=120)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with Video(path) as video:
        count = len(video.times)
        assert 20 < count < 110
        assert numbers(video, [count - 1])[0] in range(count - 3, count + 4)
        assert numbers(video, [4]) == [4]


def test_damage_costs_few_frames(tmp_path):
    path = scramble(write_video(tmp_path / "a.mp4", frames=120, gop=12))
    with Video(path) as video:
        assert len(video.times) == 120
        got = np.array(numbers(video, range(120)))
        assert video.bad > 0
        assert (got == np.arange(120)).mean() > 0.6


def test_lost_frames_repeat_the_one_before(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", options={"bf": "0"})
    with Video(path) as video:
        whole = video._decode
        lost = set(video._stamps[[0, 11, 12, 38, 39]].tolist())
        monkeypatch.setattr(
            video,
            "_decode",
            lambda stamps: (p for p in whole(stamps) if p[0] not in lost),
        )
        expected = [1, *range(1, 11), 10, 10, *range(13, 38), 37, 37]
        assert numbers(video, range(40)) == expected
        with pytest.raises(BrokenVideoError, match="1 of 3 wanted frames decode"):
            video.frames([11, 12, 13])


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", bytes(range(256)) * 8])
def test_what_is_no_video_is_broken(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(BrokenVideoError, match=r"a\.mp4: .*[Ii]nvalid data"):
        Video(path)


def test_sound_alone_is_broken(tmp_path):
    with pytest.raises(BrokenVideoError, match="no video stream"):
        Video(audio_only(tmp_path / "a.mp4"))


def test_a_name_may_begin_as_that_of_a_protocol(tmp_path, monkeypatch):
    write_video(tmp_path / "12:30.mp4", frames=3)
    monkeypatch.chdir(tmp_path)
    with Video("12:30.mp4") as video:
        assert len(video.times) == 3
        assert video.path == "12:30.mp4"
    assert len([*Live("12:30.mp4").frames()]) == 3


def test_a_missing_file_is_broken(tmp_path):
    with pytest.raises(BrokenVideoError, match="No such file"):
        Video(tmp_path / "a.mp4")

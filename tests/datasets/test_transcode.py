import io

import av
import numpy as np
import pytest
from synthesis import audio_only, number, write_video

from datasets import transcode
from datasets.decode import BrokenVideoError, Video
from datasets.transcode import Form, jpegs, video_bytes


def test_a_file_that_is_not_encoded_anew_stays_as_it_is(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=4)
    assert Form().codec is None
    assert video_bytes(path, Form()) == path.read_bytes()


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_encodes_small_videos_of_short_jumps(tmp_path, codec, monkeypatch):
    monkeypatch.setattr(transcode, "VIDEO_CODECS", (codec,))
    stamps = np.cumsum([0, *[20, 90] * 10]).tolist()
    path = write_video(tmp_path / "a.mp4", frames=21, stamps=stamps)
    form = Form(short_side=32, gop=8)
    content = video_bytes(path, form)
    assert content == video_bytes(path, form)
    with Video("a", content=content) as video:
        np.testing.assert_allclose(video.times * 1000, stamps, atol=0.5)
        pictures = video.frames(range(21))
        assert [number(image) for image in pictures] == [*range(21)]
        assert pictures[0].shape == (32, 42, 3)
        assert video._keys == [0, 8, 16]
        assert video._order == sorted(video._order)  # So a jump reads no more.


def test_key_frames_are_not_those_of_the_old_file(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=20, gop=5)
    with Video("a", content=video_bytes(path, Form(gop=8))) as video:
        assert video._keys == [0, 8, 16]


def test_pictures_are_never_enlarged_and_stay_even():
    assert Form(short_side=256).shape(240, 320) == (240, 320)
    assert Form(short_side=256).shape(1080, 1920) == (256, 456)
    assert Form(short_side=256).shape(1920, 1080) == (456, 256)
    assert Form().shape(243, 321) == (244, 320)


def test_a_form_says_what_it_is():
    assert Form(gop=8).words == f"encoded by {Form(gop=8).codec}"
    flow = "the optical flow from each frame to the next (TV-L1), as PNG pictures"
    assert Form(flow=True).words == flow


def test_keeps_some_frames_of_a_fast_video(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=20, rate=20)
    with Video("a", content=video_bytes(path, Form(fps=8))) as video:
        numbers = [number(image) for image in video.frames(range(8))]
        assert numbers == [0, 2, 5, 7, 10, 12, 15, 17]
        np.testing.assert_allclose(video.times, np.array(numbers) / 20)
    times, _, _ = jpegs(path, Form(frames=True, fps=100))
    assert len(times) == 20


def test_sets_upright_what_it_encodes(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=1, rotation=90)
    with Video(path) as turned:
        expected = turned.frames([0])[0].astype(int)
    assert expected.shape == (64, 48, 3)
    with Video("a", content=video_bytes(path, Form(gop=1))) as video:
        assert np.abs(video.frames([0])[0] - expected).mean() < 4
    _, (picture,), shape = jpegs(path, Form(frames=True))
    assert shape == (64, 48)
    assert np.abs(decoded(picture) - expected).mean() < 4


def decoded(picture):
    with av.open(io.BytesIO(picture)) as container:
        frame = next(container.decode(video=0))
        return frame.to_ndarray(format="rgb24")


def test_jpegs_are_files_of_their_own(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=20)
    times, files, shape = jpegs(path, Form(frames=True, short_side=32), 0.2, 0.5)
    np.testing.assert_allclose(times, np.arange(4, 10) / 20, atol=1e-3)
    assert shape == (32, 42)
    assert [number(decoded(file)) for file in files] == [*range(4, 10)]


@pytest.mark.parametrize("form", [Form(), Form(gop=8)])
def test_names_what_is_no_video(tmp_path, form):
    (tmp_path / "a.mp4").write_text("<html>")
    for path in (
        tmp_path / "a.mp4",
        tmp_path / "b.mp4",
        audio_only(tmp_path / "c.mp4"),
    ):
        with pytest.raises(BrokenVideoError):
            video_bytes(path, form)


@pytest.mark.parametrize("form", [Form(), Form(gop=8), Form(frames=True)])
def test_a_video_of_which_nothing_decodes_is_broken(tmp_path, form, monkeypatch):
    path = write_video(tmp_path / "a.mp4", frames=2)
    monkeypatch.setattr(Video, "_try", lambda self, packet: [])
    with pytest.raises(BrokenVideoError, match="no frame decodes"):
        (jpegs if form.frames else video_bytes)(path, form)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"short_side": 0}, "`short_side` must be at least 16. Got: 0"),
        ({"gop": 0}, "`gop` must be at least 1. Got: 0"),
        ({"gop": 8, "frames": True}, "`gop` must be left out with frames. Got: 8"),
        ({"fps": 0.0}, "`fps` must be above 0. Got: 0.0"),
    ],
)
def test_says_in_a_line_what_form_makes_no_sense(settings, message):
    with pytest.raises(ValueError, match=message):
        Form(**settings)

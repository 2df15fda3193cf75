import numpy as np
import pytest
from synthesis import number, write_video

from datasets.decode import BrokenVideoError
from datasets.folder import VideoFolder
from datasets.viewing import Viewer
from zoo.genotypes.base import ClipSpec

SPEC = ClipSpec(frames=4, rate=10, height=32, width=32)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two classes in split folders; the video of b is shorter than a clip."""
    root = tmp_path_factory.mktemp("videos")
    for split in ("train", "test"):
        write_video(root / split / "a/0.mp4", frames=24)
        write_video(root / split / "b/1.mp4", frames=5)
    return root


@pytest.mark.parametrize("views", [(1, 1), (3, 1), (1, 3), (2, 5)])
@pytest.mark.parametrize("short", ["loop", "hold"])
@pytest.mark.parametrize("evaluation", ["centre", "uniform", "dense"])
def test_reads_what_an_evaluation_sees(root, evaluation, short, views):
    source = VideoFolder(root, evaluation=evaluation, short=short, cache_bytes=0)
    viewer = Viewer(evaluation, short)
    for place, item in enumerate(source.items("test")):
        seen = [
            source.evaluation_clips(SPEC, "test", 0, views, place * views[0] + k)[0]
            for k in range(views[0])
        ]
        read = viewer.read(item.path, SPEC, *views, number=place)
        assert read.dtype == "float32"
        np.testing.assert_array_equal(
            read, np.concatenate(seen).astype("float32") / 255
        )


def test_segments_are_read_as_they_are_evaluated(root):
    spec = ClipSpec(frames=4, rate=1, height=48, width=64, segments=2)
    path = root / "test/a/0.mp4"
    read = Viewer("dense").read(path, spec)[0]
    assert [number(255 * image) for image in read] == [3, 9, 15, 21]


def test_a_clip_that_does_not_decode_is_replaced_by_the_next(root, monkeypatch):
    path = str(root / "test/a/0.mp4")
    good = Viewer().read(path, SPEC, clips=4)
    read = Viewer._clip

    def some(self, video, clip_spec, place, crops):
        if not 0.2 < place < 0.5:
            return BrokenVideoError(video.path, "lost")
        return read(self, video, clip_spec, place, crops)

    monkeypatch.setattr(Viewer, "_clip", some)
    np.testing.assert_array_equal(Viewer().read(path, SPEC, clips=4), good[[1] * 4])
    with pytest.raises(BrokenVideoError, match=r"0.mp4: lost"):
        Viewer().read(path, SPEC)


def test_the_first_short_video_is_named(root, caplog):
    viewer = Viewer(short="hold")
    for _ in range(2):
        viewer.read(root / "test/b/1.mp4", SPEC)
        viewer.read(root / "test/a/0.mp4", SPEC)
    assert caplog.text.count("is shorter than the clip (0.4 s)") == 1
    assert "hold their last frame" in caplog.text


@pytest.mark.parametrize("name", ["evaluation", "short"])
def test_rejects_settings_that_no_source_has(name):
    with pytest.raises(ValueError, match=f"`{name}` must be one of .* Got: 'x'"):
        Viewer(**{name: "x"})


def test_rejects_views_that_no_source_has(root):
    with pytest.raises(ValueError, match=r"`crops` must be 1, 3 or 5. Got: 2"):
        Viewer().read(root / "test/a/0.mp4", SPEC, crops=2)
    with pytest.raises(ValueError, match=r"`clips` must be at least 1. Got: 0"):
        Viewer().read(root / "test/a/0.mp4", SPEC, clips=0)

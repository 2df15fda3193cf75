"""Whatever annotations and videos hold, they are read, or one line says why not."""

import av
import official
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import done, examples, is_clear
from synthesis import write_video

import datasets
from datasets import catalog
from datasets.decode import Video

ENDINGS = {".csv", ".json", ".txt"}
JUNK = st.sampled_from([b"", b"\n", b",,,", b'"', b"\x00", b"\xff\xfe", b"-1", b"[{}]"])


def changed(data, text):
    """A file that was cut off, lost a part, or got junk in its midst."""
    first = data.draw(st.integers(0, len(text)))
    last = min(len(text), first + data.draw(st.sampled_from([0, 1, 20, len(text)])))
    return text[:first] + data.draw(JUNK) + text[last:]


@pytest.fixture(scope="module", params=catalog.OFFICIAL)
def official_set(request, tmp_path_factory):
    root = getattr(official, request.param)(tmp_path_factory.mktemp(request.param))
    kinds = [path for path in sorted(root.rglob("*")) if path.suffix in ENDINGS]
    return request.param, root, kinds


@examples(12)
@given(data=st.data())
def test_spoilt_annotations_are_read_or_one_line(official_set, data):
    name, root, files = official_set
    path = data.draw(st.sampled_from(files))
    text = path.read_bytes()
    spoilt = changed(data, text)
    try:
        path.write_bytes(spoilt)
        found = done(lambda: datasets.load(name, data_dir=root).classes)
    finally:
        path.write_bytes(text)
    if isinstance(found, str):
        assert is_clear(found, *(file.name for file in files)), found
    else:
        assert len(found) > 0


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    kinds = [("a.mp4", {}), ("b.mkv", {}), ("c.avi", {"codec": "mpeg4"})]
    return [write_video(folder / name, 12, **how) for name, how in kinds]


@examples(30)
@given(data=st.data())
def test_spoilt_videos_are_read_or_refused(videos, data):
    path = data.draw(st.sampled_from(videos))
    spoilt = path.with_name(f"spoilt{path.suffix}")
    spoilt.write_bytes(changed(data, path.read_bytes()))
    frames = done(lambda: ends(spoilt), av.FFmpegError, OSError)
    if isinstance(frames, str):
        assert is_clear(frames, spoilt.name), frames
    else:
        assert len(frames) == 2


def ends(path):
    """The first frame and the last."""
    with Video(str(path)) as video:
        return video.frames([0, len(video.times) - 1])

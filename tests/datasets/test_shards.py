import itertools
import json

import numpy as np
import pytest
from synthesis import number, write_video

import datasets
from datasets import jpegs, sharding
from datasets.decode import BrokenVideoError, Video
from datasets.folder import VideoFolder
from datasets.jpegs import StoredFrames
from datasets.shards import VideoShards, read_index
from datasets.table import VideoTable
from datasets.transcode import Form
from zoo import flags
from zoo.genotypes.base import ClipSpec

SPEC = ClipSpec(frames=2, rate=20, height=24, width=32)
TRAIN = "train-00000-of-00001.tfrecord"


def write(source, root, out, form=None, **settings):
    form = form or Form()
    sharding.write(source, "folder", str(root), out, form, workers=1, **settings)
    return out


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two classes in split folders; video k has 6 + k frames."""
    root = tmp_path_factory.mktemp("videos")
    for split, count in (("train", 3), ("validation", 2), ("test", 1)):
        for name, k in itertools.product("ab", range(count)):
            write_video(root / split / name / f"{k}.mp4", frames=6 + k)
    return root


@pytest.fixture(scope="module")
def files(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("files")
    return write(VideoFolder(root), root, out, shard_bytes=9_000)


@pytest.fixture(scope="module")
def frames(root, tmp_path_factory):
    return write(
        VideoFolder(root), root, tmp_path_factory.mktemp("j"), Form(frames=True)
    )


@pytest.fixture
def copy(files, tmp_path):
    for path in files.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_batches_are_those_of_the_source(root, files):
    assert len([*files.glob("train-*.tfrecord")]) > 1
    source, shards = VideoFolder(root), datasets.load("shards", data_dir=files)
    assert isinstance(shards, VideoShards)
    assert (shards.classes, shards.task) == (source.classes, source.task)
    for start in (0, 2):
        pair = (
            s.batches(SPEC, "train", 3, seed=1, start=start) for s in (source, shards)
        )
        for expected, given in itertools.islice(zip(*pair, strict=True), 3):
            for part, same in zip(expected, given, strict=True):
                np.testing.assert_array_equal(part, same)
    (_, label, keys), *_ = shards.batches(SPEC, "validation", 4)
    assert label.tolist() == [0, 0, 1, 1]
    assert keys.tolist() == [f"validation/{c}/{k}.mp4" for c in "ab" for k in range(2)]


def test_views_and_one_split(files):
    shards = datasets.load("shards", split="test", data_dir=files)
    assert (shards.size("train"), shards.size("test")) == (0, 2)
    views = [*shards.views(SPEC, "test", 6, clips=2, crops=3)]
    assert [len(clip) for clip, _, _ in views] == [6, 6]


def test_reads_only_the_frames_of_a_clip(root, frames, monkeypatch):
    shards, read = VideoShards(frames), []
    original = jpegs.ShardFile.read
    monkeypatch.setattr(
        jpegs.ShardFile,
        "read",
        lambda self, *place: read.append(place) or original(self, *place),
    )
    (clip, _, keys), _ = shards.batches(SPEC, "validation", 3)
    (expected, _, _), _ = VideoFolder(root).batches(SPEC, "validation", 3)
    assert keys[0] == "validation/a/0.mp4"
    # The head of each record, and two frames.
    assert len(read) == (1 + 2) * 4
    assert 0 < np.abs(clip - expected).mean() < 0.02


def test_stored_frames_are_like_a_video(root, frames):
    shards = VideoShards(frames)
    path = "train/a/2.mp4"
    with shards._open(path) as stored, Video(root / path) as video:
        np.testing.assert_allclose(stored.times, video.times, atol=1e-6)
        assert stored.stored_shape == video.stored_shape
        wanted = [7, 0, 0, 3]
        assert [number(image) for image in stored.frames(wanted)] == wanted
        assert stored.frames([1], lambda *_: (16, 24))[0].shape == (16, 24, 3)
        assert len([*stored.all_frames()]) == 8


@pytest.mark.parametrize("form", [Form(), Form(frames=True)])
def test_parts_of_videos(tmp_path, form):
    write_video(tmp_path / "a.mp4", frames=40)
    table = tmp_path / "t.csv"
    rows = ["a.mp4,x|y,1,1.5,train", "a.mp4,y,1.75,,train", "a.mp4,x,1.5,,test"]
    table.write_text("\n".join(["path,labels,start,end,split", *rows]))
    source = VideoTable(table)
    shards = VideoShards(write(source, tmp_path, tmp_path / "out", form))
    assert shards.task == "multi"
    np.testing.assert_array_equal(shards.labels("train"), [[1, 1], [0, 1]])
    assert [i.key for i in shards.items("train")] == ["a.mp4#1-1.5", "a.mp4#1.75-"]
    with shards._open("a.mp4", 1.0, 1.5) as video:
        assert len(video.times) == 10
        assert number(video.frames([3])[0]) == 23
    with shards._open("a.mp4") as video:  # Frames are stored where there are clips.
        assert len(video.times) == (20 if form.frames else 40)
    with pytest.raises(BrokenVideoError, match="no frames after 9"):
        shards._open("a.mp4", 9.0)


def test_leaves_out_what_is_excluded(files, tmp_path):
    (tmp_path / "list.txt").write_text("train/a/1.mp4\n")
    shards = VideoShards(files, exclude=str(tmp_path / "list.txt"))
    paths = [item.path for item in shards.items("train")]
    assert paths == [f"train/{n}.mp4" for n in ("a/0", "a/2", "b/0", "b/1", "b/2")]


def test_a_truncated_shard_is_named(copy):
    path = sorted(copy.glob("train-*.tfrecord"))[0]
    size = path.stat().st_size
    shards = VideoShards(copy, max_bad_fraction=1)
    path.write_bytes(path.read_bytes()[:-100])
    rule = rf"`{path}` must have {size} bytes: delete it, .* Got: {size - 100} bytes"
    with pytest.raises(ValueError, match=rule):
        VideoShards(copy)
    path.write_bytes(b"")
    with pytest.raises(
        ValueError, match=rf"`{path}` must be as it .* its end at byte 0"
    ):
        next(iter(shards.batches(SPEC, "train", 6)))
    path.unlink()
    with pytest.raises(ValueError, match=rf"`{path}` must have .* Got: no such file"):
        VideoShards(copy)
    with pytest.raises(
        ValueError, match=rf"`{path}` must be as it .* Got: No such file"
    ):
        next(iter(shards.batches(SPEC, "train", 6)))


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def changed(path, key):
    rule = "must be as it was written: delete it, and run datasets.prepare again"
    return rf"`{path}` {rule}. Got: other bytes of {key}, by their checksum"


def test_a_changed_byte_of_a_video_is_named(copy):
    path = sorted(copy.glob("train-*.tfrecord"))[0]
    key, offset, length, *_ = read_index(copy / f"{path.name}.index")[1][0]
    shards = VideoShards(copy, max_bad_fraction=1)
    flip(path, offset + length - 1)
    with pytest.raises(ValueError, match=changed(path, key)):
        next(iter(shards.batches(SPEC, "train", 6)))
    flip(path, offset + length - 1)
    assert next(iter(shards.batches(SPEC, "train", 6)))


def test_a_changed_byte_of_a_picture_is_named(frames, tmp_path):
    for file in frames.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / TRAIN
    key, offset, length, *_ = read_index(tmp_path / f"{TRAIN}.index")[1][0]
    shards = VideoShards(tmp_path)
    with shards._open(key) as video:
        place, size, _ = video._places[1]
        flip(path, place + size - 1)
        assert video.frames([0, 2])
        with pytest.raises(ValueError, match=changed(path, key)):
            video.frames([1])
    flip(path, offset + length - 20)  # Of what is before the pictures.
    with pytest.raises(ValueError, match=changed(path, key)):
        shards._open(key)


def test_a_damaged_index_is_named(copy):
    path = sorted(copy.glob("train-*.index"))[0]
    path.write_text(path.read_text()[:-20])
    with pytest.raises(
        ValueError, match=rf"`{path}` must be as it was written: delete"
    ):
        VideoShards(copy)


def test_what_was_not_prepared_to_the_end_is_no_data(copy, tmp_path_factory):
    meta = json.loads((copy / "meta.json").read_text())
    (copy / "meta.json").write_text(json.dumps(meta | {"format": 9}))
    with pytest.raises(ValueError, match=r"must have format 2, which .* Got: 9"):
        VideoShards(copy)
    (copy / "meta.json").write_text("{")
    with pytest.raises(ValueError, match="must be readable JSON"):
        VideoShards(copy)
    (copy / "meta.json").unlink()
    with pytest.raises(ValueError, match="`data_dir` must be prepared to the end: run"):
        VideoShards(copy)
    with pytest.raises(ValueError, match="`data_dir` must be a folder that `python -m"):
        VideoShards(tmp_path_factory.mktemp("empty"))


def test_the_flag_data_takes_shards(files, tmp_path):
    expected = ("shards.VideoShards", "data_dir", str(files))
    assert flags.clip_source(f"shards:{files}") == expected
    flags._check_data(f"shards:{files}")
    with pytest.raises(
        ValueError, match="`data` must be shards:FOLDER, a folder that e"
    ):
        flags._check_data(f"shards:{tmp_path}/nothing")


def test_a_closed_video_holds_no_file(frames):
    shards = VideoShards(frames)
    with shards._open("train/a/0.mp4") as video:
        assert isinstance(video, StoredFrames)
    with pytest.raises(OSError, match="Bad file descriptor"):
        video.frames([0])

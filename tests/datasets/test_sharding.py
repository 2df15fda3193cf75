import errno
import json
import os
import zlib

import pytest
from synthesis import write_video

from datasets import sharding, tfrecord, transcode
from datasets.folder import VideoFolder
from datasets.records import list_records
from datasets.shards import read_index
from datasets.table import VideoTable
from datasets.transcode import Form

SMALL = 1  # Bytes of a shard: each holds one video.


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Six videos to train on, and two each of the other splits."""
    root = tmp_path_factory.mktemp("videos")
    for split, count in (("train", 3), ("validation", 1), ("test", 1)):
        for name in "ab":
            for k in range(count):
                write_video(
                    root / split / name / f"{k}.mp4", frames=2 + k, size=(16, 16)
                )
    return root


def write(root, out, form=None, source=None, **settings):
    settings = {"max_bad_fraction": 0.5, "workers": 2, **settings}
    source = source or VideoFolder(root)
    return sharding.write(source, "folder", str(root), out, form or Form(), **settings)


def examples(folder):
    """Keys and features of all records, by shard."""
    found = {}
    for path in sorted(folder.glob("*.tfrecord")):
        data, place, found[path.name] = path.read_bytes(), 0, []
        while place < len(data):
            length, _ = tfrecord.HEADER.unpack_from(data, place)
            place += tfrecord.HEADER.size
            features = tfrecord.decode(data[place : place + length])
            found[path.name].append((features["key"][0].decode(), features))
            place += length + tfrecord.FOOTER.size
    return found


def test_each_video_is_a_record(root, tmp_path):
    meta = write(root, tmp_path)
    assert json.loads((tmp_path / "meta.json").read_text()) == meta
    assert meta["classes"] == ["a", "b"]
    assert meta["splits"]["train"] == {"videos": 6, "clips": 6}
    assert [shard["videos"] for shard in meta["shards"]] == [6, 2, 2]
    found = examples(tmp_path)
    names = [f"{split}-00000-of-00001.tfrecord" for split in meta["splits"]]
    assert [*found] == sorted(names)
    (key, features), _ = found["validation-00000-of-00001.tfrecord"]
    assert key == "validation/a/0.mp4"
    assert features["video"] == [(root / key).read_bytes()]
    assert (features["labels"], features["label_counts"]) == ([0], [1])
    assert (features["start"], features["end"]) == ([0.0], [-1.0])
    train = [key for key, _ in found["train-00000-of-00001.tfrecord"]]
    assert sorted(train) != train  # What reads in order meets classes mixed.


def test_the_index_says_where_each_file_lies(root, tmp_path):
    write(root, tmp_path)
    path = tmp_path / "test-00000-of-00001.tfrecord"
    _, rows = read_index(tmp_path / f"{path.name}.index")
    for key, offset, length, checksum, clips in rows:
        content = (root / key).read_bytes()
        assert path.read_bytes()[offset : offset + length] == content
        assert checksum == zlib.crc32(content)
        assert clips == [["test", int("/b/" in key), [int("/b/" in key)]]]


def test_goes_on_where_it_stopped(root, tmp_path, monkeypatch):
    whole, out = tmp_path / "whole", tmp_path / "out"
    write(root, whole, shard_bytes=SMALL)
    assert len([*whole.glob("train-*.tfrecord")]) == 6
    kept, original = [], sharding._write_shard

    def dies(path, stored):
        if len(kept) == 2:
            next(iter(stored))
            (out / ".other.tfrecord.part").write_bytes(b"half")
            raise KeyboardInterrupt
        original(path, stored)
        kept.append(path)

    monkeypatch.setattr(sharding, "_write_shard", dies)
    with pytest.raises(KeyboardInterrupt):
        write(root, out, shard_bytes=SMALL)
    assert sorted(out.glob("*.tfrecord")) == kept
    assert not (out / "meta.json").exists()
    times = [path.stat().st_mtime_ns for path in kept]
    monkeypatch.setattr(sharding, "_write_shard", original)
    write(root, out, shard_bytes=SMALL, workers=1)
    assert [path.stat().st_mtime_ns for path in kept] == times
    files = sorted(path.name for path in whole.iterdir())
    assert sorted(path.name for path in out.iterdir()) == files
    assert all((out / n).read_bytes() == (whole / n).read_bytes() for n in files)


def test_all_clips_of_a_file_are_in_its_record(root, tmp_path):
    rows = [
        "path,labels,start,end,split",
        "train/a/0.mp4,x|y,0,0.05,train",
        "train/a/0.mp4,y,0.05,,train",
        "train/a/1.mp4,x,,,train",
        "train/a/1.mp4,x,,,test",
    ]
    table = root / "table.csv"
    table.write_text("\n".join(rows))
    write(root, tmp_path, source=VideoTable(table))
    table.unlink()
    ((_, first), (_, second)) = sorted(
        next(iter(examples(tmp_path).values())), key=lambda pair: pair[0]
    )
    assert first["labels"] == [0, 1, 1]
    assert first["label_counts"] == [2, 1]
    assert first["end"] == pytest.approx([0.05, -1])
    assert second["splits"] == [b"train", b"test"]


def test_broken_videos_are_named_counted_and_left_out(root, tmp_path, caplog):
    videos = tmp_path / "videos"
    for path in root.rglob("*.mp4"):
        copy = videos / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    source = VideoFolder(videos)
    (videos / "train/a/1.mp4").write_text("<html>")
    (videos / "test/b/0.mp4").unlink()
    out = tmp_path / "out"
    meta = write(videos, out, source=source)
    assert [key for key, _ in meta["broken"]] == ["train/a/1.mp4", "test/b/0.mp4"]
    assert "train/a/1.mp4 is broken and left out: Invalid data" in caplog.text
    assert meta["splits"]["test"] == {"videos": 1, "clips": 1}
    # What is there already counts, too.
    (out / "test-00000-of-00001.tfrecord").unlink()
    with pytest.raises(ValueError, match=r"at most 1 videos may be broken .* Got: 2"):
        write(videos, out, source=source, max_bad_fraction=0.15)
    assert not (out / "test-00000-of-00001.tfrecord").exists()
    # None may be broken, as in a source, where the user says so.
    with pytest.raises(ValueError, match=r"at most 0 videos may be broken .* Got: 1"):
        write(videos, tmp_path / "none", source=source, max_bad_fraction=0)
    with pytest.raises(ValueError, match="`max_bad_fraction` must be in "):
        write(videos, tmp_path / "none", source=source, max_bad_fraction=-0.1)


def test_a_full_disk_leaves_no_half_shard(root, tmp_path, monkeypatch):
    part = tmp_path / ".train-00000-of-00001.tfrecord.part"
    write(root, tmp_path)
    (tmp_path / "train-00000-of-00001.tfrecord").unlink()

    def full(path, mode="r", **options):
        return open("/dev/full" if path == part else path, mode, **options)

    with monkeypatch.context() as patch:
        patch.setattr(sharding, "open", full, raising=False)
        with pytest.raises(ValueError, match="`out` must have room: the disk is full"):
            write(root, tmp_path)
    assert not [*tmp_path.glob("train*.tfrecord"), *tmp_path.glob(".*part")]
    assert write(root, tmp_path)["shards"][0]["videos"] == 6


def test_other_errors_of_the_disk_are_not_hidden(root, tmp_path, monkeypatch):
    def fails(file):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="Input/output error"):
        write(root, tmp_path)
    assert os.listdir(tmp_path) == [".lock"]


def test_two_runs_never_write_to_one_folder(root, tmp_path):
    with (
        sharding.locked(tmp_path),
        pytest.raises(ValueError, match="in which no other process prepares"),
    ):
        write(root, tmp_path)
    assert not (tmp_path / "plan.json").exists()
    write(root, tmp_path)


def test_never_mixes_settings_or_files(root, tmp_path):
    out = tmp_path / "out"
    write(root, out)
    rule = "hold folder of the same settings. Got: .*, with form .*'gop': None"
    with pytest.raises(ValueError, match=rule):
        write(root, out, Form(gop=8))
    with pytest.raises(ValueError, match="with index "):
        write(root / "train", out, source=VideoFolder(root / "train"))
    with pytest.raises(
        ValueError, match=r"`out` must be new or empty. Got: .*, with ou"
    ):
        write(root, tmp_path)
    with pytest.raises(ValueError, match="`out` must be a folder that can be written"):
        write(root, out / "meta.json")


def test_shards_are_about_as_large_as_asked(root, tmp_path):
    size = (root / "train/a/0.mp4").stat().st_size
    meta = write(root, tmp_path, shard_bytes=int(2.5 * size))
    assert [shard["videos"] for shard in meta["shards"]] == [2, 2, 2, 2, 2]


def test_training_videos_are_shuffled_the_same_each_time(root):
    groups = [list_records(VideoFolder(root), str(root)) for _ in range(2)]
    assert groups[0] == groups[1]
    assert [record.key for record in groups[0]["test"]] == [
        "test/a/0.mp4",
        "test/b/0.mp4",
    ]


def test_keys_do_not_depend_on_how_the_folder_is_spelt(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    for spelt in (root.name, f"./{root.name}", f"{root}/", f"/{root}"):
        groups = list_records(VideoFolder(spelt), spelt)
        assert {r.key for r in groups["test"]} == {"test/a/0.mp4", "test/b/0.mp4"}


def test_reads_no_more_than_a_few_videos_ahead():
    taken = []
    items = (taken.append(number) or number for number in range(100))
    results = sharding.ahead(str, items, workers=2)
    assert [next(results) for _ in range(3)] == ["0", "1", "2"]
    assert len(taken) <= 8
    results.close()


def test_says_with_what_it_has_encoded(root, tmp_path, monkeypatch):
    monkeypatch.setattr(transcode, "VIDEO_CODECS", ("nothing", "mpeg4"))
    meta = write(root, tmp_path, Form(gop=2))
    assert (meta["codec"], meta["form"]["gop"]) == ("mpeg4", 2)

import json

import numpy as np
import pytest
from synthesis import number, write_video

import datasets
from datasets import tfds_shards, tfrecord
from datasets.tfds_shards import TFDSVideos
from datasets.transcode import Form, jpegs
from zoo import flags
from zoo.genotypes.base import ClipSpec

SPEC = ClipSpec(frames=2, rate=20, height=24, width=32)
SIZES = {"train": 4, "validation": 2}


def write(root, form, label="label", version="1.0.0"):
    """Writes what a builder of TensorFlow Datasets does, two shards a split."""
    folder = root / "ucf101" / form / version
    folder.mkdir(parents=True)
    path = write_video(root / "a.mp4", frames=6)
    times, files, _ = jpegs(path, Form(frames=True))
    content = {"video": [path.read_bytes()]}
    if form == "frames":
        content = {"frames": files, "times": times}
    splits = []
    for split, count in SIZES.items():
        for shard in range(2):
            name = f"ucf101-{split}.tfrecord-{shard:05}-of-00002"
            with open(folder / name, "wb") as file:
                for n in range(shard, count, 2):
                    labels = [n % 2] if label == "label" else [0, 1][: n % 3]
                    key = f"{split}/{n}.mp4".encode()
                    example = {**content, "key": [key], label: labels}
                    tfrecord.write_record(file, tfrecord.encode(example))
        splits.append({"name": split, "shardLengths": [count // 2] * 2})
    info = {"name": "ucf101", "configName": form, "fileFormat": "tfrecord"}
    (folder / "dataset_info.json").write_text(json.dumps(info | {"splits": splits}))
    (folder / f"{label}.labels.txt").write_text("jump\nrun fast\n")
    return folder


@pytest.mark.parametrize("form", ["encoded", "frames"])
def test_reads_what_a_builder_has_written(tmp_path, form):
    folder = write(tmp_path, form)
    source = datasets.load("tfds", data_dir=tmp_path, builder=f"ucf101/{form}")
    assert (source.classes, source.task) == (("jump", "run fast"), "single")
    assert [item.key for item in source.items("train")] == [
        f"train/{n}.mp4" for n in (0, 2, 1, 3)
    ]
    assert source.labels("train").tolist() == [0, 0, 1, 1]
    assert source.items("test") == source.items("validation")
    with source._open("train/3.mp4", 0.1, 0.2) as video:
        np.testing.assert_allclose(video.times, [0.1, 0.15], atol=1e-6)
        assert [number(image) for image in video.frames([1, 0])] == [3, 2]
        assert video.stored_shape == (48, 64)
    (clip, label, key), *_ = TFDSVideos(folder).batches(SPEC, "validation", 2)
    assert clip.shape == (2, *SPEC.shape)
    assert label.tolist() == [0, 1]
    assert key.tolist() == ["validation/0.mp4", "validation/1.mp4"]


def test_several_labels_or_none(tmp_path):
    source = TFDSVideos(write(tmp_path, "encoded", "labels"))
    assert source.task == "multi"
    assert [item.labels for item in source.items("train")] == [(), (0, 1), (0,), ()]


def test_reads_the_last_version(tmp_path):
    for version in ("1.10.0", "1.9.0"):
        folder = write(tmp_path, "encoded", version=version)
    source = TFDSVideos(tmp_path, "ucf101/encoded")
    assert "/1.10.0/" in source._places["train/0.mp4"][0]
    assert TFDSVideos(folder)._places["train/0.mp4"][0].startswith(str(folder))


def test_the_files_are_looked_through_once(tmp_path, monkeypatch):
    folder, scanned, scan = write(tmp_path, "encoded"), [], tfds_shards.scan
    monkeypatch.setattr(
        tfds_shards, "scan", lambda path: scanned.append(path) or scan(path)
    )
    first = TFDSVideos(folder)
    assert len(scanned) == 4
    assert TFDSVideos(folder)._places == first._places
    assert len(scanned) == 4
    name = folder / "ucf101-train.tfrecord-00000-of-00002"
    name.write_bytes(name.read_bytes())
    TFDSVideos(folder)
    assert len(scanned) == 8


def test_a_truncated_shard_is_named(tmp_path):
    folder = write(tmp_path, "encoded")
    name = folder / "ucf101-train.tfrecord-00001-of-00002"
    name.write_bytes(name.read_bytes()[:-3])
    with pytest.raises(ValueError, match=rf"`{name}` must be as it was written"):
        TFDSVideos(folder)
    assert not (folder / ".index").exists()
    name.unlink()
    with pytest.raises(
        ValueError, match=rf"`data_dir` must hold {name.name}, as datas"
    ):
        TFDSVideos(folder)


def test_what_is_not_ours_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"must hold dataset_info.json, or NAME/CONFIG/"
    ):
        TFDSVideos(tmp_path, "ucf101/encoded")
    folder = write(tmp_path, "encoded")
    with open(folder / "ucf101-train.tfrecord-00000-of-00002", "wb") as file:
        tfrecord.write_record(file, tfrecord.encode({"image": [b"a"]}))
    with pytest.raises(
        ValueError, match=r"must have the features of datasets.builders: k"
    ):
        TFDSVideos(folder)
    (folder / "label.labels.txt").unlink()
    with pytest.raises(
        ValueError, match=r"be written by datasets.builders, with label"
    ):
        TFDSVideos(folder)


def test_the_flag_data_takes_its_folder(tmp_path):
    expected = ("tfds_shards.TFDSVideos", "data_dir", str(tmp_path))
    assert flags.clip_source(f"tfds:{tmp_path}") == expected

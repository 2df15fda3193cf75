import logging

import numpy as np
import official
import pytest
import tensorflow_datasets as tfds
from synthesis import number, write_video
from tensorflow_datasets.core import registered

from datasets import builders, catalog
from datasets.decode import Video
from datasets.transcode import Form

COUNTS = {"hmdb51": 6, "ucf101": 6}  # Three folds, in two forms.


def build(name, root, config="encoded"):
    """A builder, and what makes examples of a tiny official data set, by split."""
    builder = builders.BUILDERS[name](data_dir=root / "tfds", config=config)
    manager = type("Manager", (), {"manual_dir": root})()
    splits = builder._split_generators(manager)
    return builder, splits


def fill(root, **options):
    """Makes videos of the empty files that a tiny official data set has."""
    options = {"frames": 3, "size": (16, 32), "codec": "mpeg4", **options}
    content = write_video(root / "a.avi", **options).read_bytes()
    (root / "a.avi").unlink()
    for path in root.rglob("*.*"):
        if path.suffix in (".avi", ".mp4", ".webm"):
            path.write_bytes(content)
    return content


@pytest.mark.parametrize("name", catalog.OFFICIAL)
def test_every_data_set_has_a_builder(tmp_path, name):
    root = getattr(official, name)(tmp_path)
    content = fill(root)
    builder, splits = build(name, root)
    splits = {split: list(examples) for split, examples in splits.items()}
    assert (builder.name, str(builder.version)) == (name, "1.0.0")
    assert len(builder.BUILDER_CONFIGS) == COUNTS.get(name, 2)
    source = catalog.load(name, data_dir=root)
    assert splits["train"]
    for split, examples in splits.items():
        assert [f"{root}/{key}" for key, _ in examples] == [
            item.path for item in source.items(split)
        ]
        labels = [
            example.get("labels", [example.get("label")]) for _, example in examples
        ]
        assert labels == [list(item.labels) for item in source.items(split)]
    example = splits["train"][0][1]
    assert example["video"] == content
    builder.info.features.encode_example(example)  # Raises on what does not fit.
    feature = builder.info.features["label" if source.task == "single" else "labels"]
    assert tuple(getattr(feature, "feature", feature).names) == source.classes


@pytest.mark.parametrize("name", catalog.OFFICIAL)
def test_builders_say_what_they_build(name):
    kind = builders.BUILDERS[name]
    info = kind(config="frames").info
    assert info.homepage.startswith(("https://arxiv.org/abs/", "https://doi.org/10."))
    assert info.homepage in info.citation
    assert info.homepage in info.description
    assert "`manual_dir` holds" in kind.MANUAL_DOWNLOAD_INSTRUCTIONS
    assert "Args" not in kind.MANUAL_DOWNLOAD_INSTRUCTIONS


def test_lists_that_are_the_same_are_one_split(tmp_path):
    root = official.something_something_v2(tmp_path)
    fill(root)
    assert [*build("something_something_v2", root)[1]] == ["train", "validation"]


def test_a_config_may_choose_fold_frames_and_size(tmp_path):
    root = official.hmdb51(tmp_path)
    fill(root)
    source = catalog.load("hmdb51", data_dir=root, fold=3)
    form = Form(frames=True, short_side=16, fps=10)
    config = builders.VideoConfig(name="few", form=form, fold=3)
    for chosen, count in (("frames_fold3", 3), (config, 2)):
        builder, splits = build("hmdb51", root, chosen)
        key, example = next(splits["test"])
        assert f"{root}/{key}" == source.items("test")[0].path
        assert len(example["frames"]) == len(example["times"]) == count
        builder.info.features.encode_example(example)


def test_broken_videos_are_named_and_left_out(tmp_path, caplog):
    root = official.ucf101(tmp_path)
    fill(root)
    broken = "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi"
    (root / broken).write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert len(list(build("ucf101", root)[1]["test"])) == 27
    assert f"{broken} is broken and left out: Invalid data" in caplog.text


def test_the_names_are_ours_and_registries_know_nothing():
    assert tfds.builder_cls("ucf101") is builders.BUILDERS["ucf101"]
    assert not registered._DATASET_REGISTRY.get("kinetics400")
    assert builders.BUILDERS.keys() == builders.PAPERS.keys() == catalog.OFFICIAL.keys()
    with pytest.raises(
        ValueError, match="`name` must be a data set such as kinetics400"
    ):
        catalog.data_set_class("kinetics")


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "label"), [("ucf101", "label"), ("charades", "labels")]
)
def test_writes_and_reads_back(tmp_path, name, label):
    root = getattr(official, name)(tmp_path / name)
    content = fill(root, size=(48, 64))
    source = catalog.load(name, data_dir=root)
    config = tfds.download.DownloadConfig(manual_dir=root)
    for form in ("encoded", "frames"):
        settings = {"data_dir": tmp_path / "tfds", "split": "validation"}
        rows = tfds.load(
            f"{name}/{form}",
            download_and_prepare_kwargs={"download_config": config},
            **settings,
        )
        found = {row["key"].decode(): row for row in tfds.as_numpy(rows)}
        items = {i.path.removeprefix(f"{root}/"): i for i in source.items("validation")}
        assert found.keys() == items.keys()
        for key, row in found.items():
            assert np.ravel(row[label]).tolist() == list(items[key].labels)
        if form == "encoded":
            assert row["video"] == content
            with Video("a", content=row["video"]) as video:
                assert number(video.frames([2])[0]) == 2
        else:
            assert [number(frame) for frame in row["frames"]] == [0, 1, 2]
        shards = catalog.load(
            "tfds", data_dir=settings["data_dir"], builder=f"{name}/{form}"
        )
        assert (shards.classes, shards.task) == (source.classes, source.task)
        for split in ("train", "validation", "test"):
            found = {item.path: item.labels for item in shards.items(split)}
            items = source.items(split)
            assert found == {i.path.removeprefix(f"{root}/"): i.labels for i in items}
        with shards._open(shards.items("test")[0].path) as video:
            assert [number(frame) for frame in video.frames([2, 0])] == [2, 0]
        # What is there tells the names of the classes.
        feature = tfds.builder(
            f"{name}/{form}", data_dir=tmp_path / "tfds"
        ).info.features
        names = getattr(feature[label], "feature", feature[label]).names
        assert tuple(names) == source.classes

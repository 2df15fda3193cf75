import copy
import subprocess
import sys

import official
import pytest
import toy_job
from synthesis import write_video

import datasets
from datasets import catalog
from zoo import flags, launch
from zoo.genotypes.base import ClipSpec

TINY = ClipSpec(frames=2, rate=4.0, height=16, width=16)


def test_names():
    assert datasets.list_datasets() == [
        "charades",
        "folder",
        "hmdb51",
        "kinetics400",
        "mlb_continuous",
        "mlb_youtube",
        "moments",
        "moving_shapes",
        "multi_moments",
        "shards",
        "something_something_v2",
        "table",
        "tfds",
        "ucf101",
    ]
    assert flags.OFFICIAL == catalog.OFFICIAL
    assert flags.NAMED.items() <= catalog.SOURCES.items()


@pytest.mark.parametrize("name", catalog.OFFICIAL)
def test_loads_every_official_data_set(tmp_path, name):
    root = getattr(official, name)(tmp_path)
    source = datasets.load(name, data_dir=root)
    module, _, kind = catalog.OFFICIAL[name].partition(".")
    assert type(source).__module__ == f"datasets.{module}"
    assert type(source).__name__ == kind
    assert all(source.size(split) for split in ("train", "validation", "test"))
    test = datasets.load(name, split="test", data_dir=str(root))
    assert test.items("test") == source.items("test")
    assert (test.size("train"), test.items("validation")) == (0, [])
    assert (test.classes, test.task) == (source.classes, source.task)


def test_options_reach_the_source(tmp_path):
    source = datasets.load(
        "hmdb51", data_dir=official.hmdb51(tmp_path), fold=2, held_out=False, workers=3
    )
    assert source.workers == 3
    assert source.items("validation") == source.items("test")
    with pytest.raises(TypeError, match="fould"):
        datasets.load("hmdb51", data_dir=tmp_path, fould=2)


def test_decodes_what_it_has_listed(tmp_path):
    root = official.something_something_v2(tmp_path, "labels/")
    for video in (5000, 5001, 5002, 5003):
        path = root / f"videos/{video}.webm"
        write_video(path, frames=4, codec="libvpx", size=(16, 16))
    source = datasets.load("something_something_v2", split="validation", data_dir=root)
    (clip, label, key), rest = source.batches(TINY, "validation", 3)
    assert clip.shape == (3, 2, 16, 16, 3)
    assert label.tolist() == [1, 0, 1]
    assert key[0] == f"{root}/videos/5000.webm"
    assert len(rest[0]) == 1


def test_folders_and_tables_have_names_too(tmp_path):
    official.plant(tmp_path, *(f"{c}/{i}.mp4" for c in "ab" for i in range(9)))
    assert datasets.load("folder", data_dir=tmp_path).classes == ("a", "b")
    table = official.write(tmp_path / "t.csv", "path,labels\na/1.mp4,x\nb/1.mp4,y\n")
    assert datasets.load("table", data_dir=table).classes == ("x", "y")


def test_one_split_of_moving_shapes():
    source = datasets.load("moving_shapes", split="validation", videos_per_class=4)
    assert source.size("validation") == len(source.classes)
    assert source.size("test") == 0
    clips, labels, _ = next(iter(source.batches(TINY, "validation", 2)))
    assert clips.shape[0] == len(labels) == 2
    with pytest.raises(ValueError, match=r"`split` must be validation, as loaded. Got"):
        source.batches(TINY, "train", 2)
    assert copy.copy(source).size("validation") == source.size("validation")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "kinetics"},
            "`name` must be a data set such as kinetics400. Got: 'ki",
        ),
        (
            {"name": "xyz"},
            "`name` must be a data set such as charades, folder, hmd",
        ),
        ({"name": "ucf101"}, "`data_dir` must be given for ucf101. Got: None"),
        (
            {"name": "ucf101", "split": "val"},
            "`split` must be one of train, validation",
        ),
        (
            {"name": "moving_shapes", "data_dir": "a"},
            "`data_dir` must be None for movi",
        ),
    ],
)
def test_says_in_a_line_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.load(**arguments)


def test_the_command_line_takes_a_name_and_a_folder(tmp_path):
    root = official.ucf101(tmp_path / "ucf101")
    flag = "--gin_bindings=ucf101.UCF101.held_out=False"
    argv = [f"--workdir={tmp_path / 'run'}", f"--data=ucf101:{root}", flag]
    launch.run("toy_job.work", argv)
    assert toy_job.CALLS[-1]["clips"].size("train") == 72


def test_importing_the_package_imports_nothing_heavy():
    script = "import sys, datasets; print({'numpy', 'av', 'keras'} & {*sys.modules})"
    shown = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert shown.strip() == "set()"


def test_parts_of_one_split_have_no_others():
    source = catalog.load("moving_shapes", split="test", videos_per_class=4)
    part = source.shard(0, 2)
    assert (part.size("train"), part.size("test")) == (0, source.size("test") // 2)
    train = catalog.load("moving_shapes", split="train", videos_per_class=4)
    for half in train.halves(0):
        assert (half.size("train"), half.size("test")) == (train.size("train") // 2, 0)
    with pytest.raises(ValueError, match="`split` must be test, as loaded"):
        source.halves(0)


def test_only_some_data_sets_have_videos_without_labels():
    rule = "`name` must be of a data set with a test list without labels. Got: 'ucf101"
    with pytest.raises(ValueError, match=rule):
        catalog.list_unlabelled("ucf101", "x")
    with pytest.raises(ValueError, match="`name` must be a data set such as ucf101"):
        catalog.list_unlabelled("ucf10", "x")

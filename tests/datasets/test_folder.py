import pytest
from official import plant

from datasets.decode import EXTENSIONS
from datasets.folder import VideoFolder, index_folder, list_videos
from datasets.items import hashed_split

PINNED = [
    "train",
    "train",
    "test",
    "train",
    "train",
    "train",
    "train",
    "train",
    "validation",
    "validation",
    "train",
    "train",
]


def many(root, count=60):
    names = [f"{name}/{i:03d}.mp4" for name in ("fall", "jump") for i in range(count)]
    return plant(root, *names)


def names(index, root, split):
    return {item.path.removeprefix(f"{root}/") for item in index.splits[split]}


def test_classes_are_folders_and_splits_a_hash(tmp_path):
    index = index_folder(many(tmp_path))
    assert index.classes == ("fall", "jump")
    sizes = {split: len(items) for split, items in index.splits.items()}
    assert sum(sizes.values()) == 120
    assert 80 <= sizes["train"] <= 110
    assert min(sizes.values()) >= 4
    for split, items in index.splits.items():
        for item in items:
            assert item.labels == (int("jump" in item.path),)
            assert hashed_split(item.path.removeprefix(f"{tmp_path}/")) == split


def test_a_group_is_never_parted(tmp_path, caplog):
    files = [f"{c}/s{s}_{i}.mp4" for c in ("a", "b") for s in range(60) for i in "xy"]
    index = index_folder(plant(tmp_path, *files), group=r"s(\d+)_")
    splits = {}
    for split, items in index.splits.items():
        for item in items:
            splits.setdefault(item.path.split("/")[-1].split("_")[0], set()).add(split)
    assert len(splits) == 60
    assert all(len(found) == 1 for found in splits.values())
    assert set.union(*splits.values()) == {"train", "validation", "test"}
    plant(tmp_path, "a/odd.mp4")
    index_folder(tmp_path, group=r"s(\d+)_")
    assert "1 of 241 videos are of no `group`, such as a/odd.mp4" in caplog.text
    with pytest.raises(ValueError, match="`group` must be found in paths such as"):
        index_folder(tmp_path, group=r"t\d")
    with pytest.raises(ValueError, match=r"`group` must be a regular expression"):
        index_folder(tmp_path, group="(")


def test_added_files_never_move_others(tmp_path):
    before = index_folder(many(tmp_path))
    plant(tmp_path, *(f"fall/new{i}.mkv" for i in range(50)), "aaa/1.mp4")
    after = index_folder(many(tmp_path))
    for split in before.splits:
        assert names(before, tmp_path, split) <= names(after, tmp_path, split)


def test_splits_are_pinned():
    assert [hashed_split(f"jump/{i:03d}.mp4") for i in range(12)] == PINNED
    assert hashed_split("a\\b.mp4") in ("train", "validation", "test")


@pytest.mark.parametrize("validation", ["validation", "val", "valid"])
def test_split_folders(tmp_path, validation):
    plant(tmp_path, *(f"train/{c}/{i}.avi" for c in "ab" for i in range(9)))
    plant(tmp_path, f"{validation}/a/1.mov", "test/b/1.gif", "test/b/2.WEBM")
    index = index_folder(tmp_path)
    assert {split: len(items) for split, items in index.splits.items()} == {
        "train": 18,
        "validation": 1,
        "test": 2,
    }
    assert index.splits["test"][0].labels == (1,)


def test_without_a_validation_folder_a_tenth_of_training_serves(tmp_path):
    plant(tmp_path, *(f"train/{c}/{i}.mp4" for c in "ab" for i in range(60)))
    index = index_folder(tmp_path)
    assert 4 <= len(index.splits["validation"]) <= 24
    assert not names(index, tmp_path, "train") & names(index, tmp_path, "validation")
    source = VideoFolder(tmp_path)
    with pytest.raises(ValueError, match="`split` must be one of train, validation"):
        source.batches(None, "test", 1)


def test_few_training_videos_serve_for_validation_too(tmp_path, caplog):
    assert hashed_split("train/b/10.mp4") == "validation"
    index = index_folder(plant(tmp_path, "train/a/1.mp4", "train/b/10.mp4"))
    paths = names(index, tmp_path, "train")
    assert paths == {"train/a/1.mp4", "train/b/10.mp4"}
    assert names(index, tmp_path, "validation") == paths
    assert not index.splits["test"]
    assert "of some classes: 1 are trained on" in caplog.text
    assert "Too few videos for a validation split" in caplog.text


def test_a_class_may_be_called_train(tmp_path):
    index = index_folder(plant(tmp_path, "train/1.mp4", "plane/1.mp4"))
    assert index.classes == ("plane", "train")


def test_few_videos_serve_twice_with_a_warning(tmp_path, caplog):
    index = index_folder(plant(tmp_path, "jump/001.mp4", "fall/x.mp4"))
    assert {label for item in index.splits["train"] for label in item.labels} == {0, 1}
    assert all(index.splits.values())
    assert "Too few videos" in caplog.text


def test_other_files_and_hidden_ones_are_no_videos(tmp_path):
    plant(tmp_path, *(f"{c}/1{end}" for c in "ab" for end in (*EXTENSIONS, ".MP4")))
    plant(tmp_path, "a/notes.txt", "a/._1.mp4", ".git/x.mp4", "unseen.mp4")
    splits = index_folder(tmp_path).splits.values()
    assert len({item.path for items in splits for item in items}) == 16
    assert len(list_videos(tmp_path)) == 18


def test_an_exclude_list_leaves_files_out(tmp_path):
    many(tmp_path)
    listed = tmp_path / "broken.txt"
    listed.write_text(f"fall/000.mp4\n{tmp_path}/fall/001.mp4\n\n")
    splits = index_folder(tmp_path, listed).splits.values()
    paths = {item.path for items in splits for item in items}
    assert len(paths) == 118
    assert not paths & {f"{tmp_path}/fall/000.mp4", f"{tmp_path}/fall/001.mp4"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "must have two classes or more. Got: none"),
        (["a/1.mp4"], "must have two classes or more. Got: a"),
        (["a/1.mp4", "b/1.txt"], "videos .* in every class folder. Got none in: b"),
        (["train/a/1.mp4", "training/b/1.mp4"], "named train, .* Got: training"),
        (["test/a/1.mp4", "test/b/1.mp4"], "a training video. Got: none in a, b"),
    ],
)
def test_rejects_what_is_no_data_set(tmp_path, files, message):
    plant(tmp_path, *files)
    with pytest.raises(ValueError, match=message):
        VideoFolder(tmp_path)


def test_rejects_missing_paths(tmp_path):
    with pytest.raises(ValueError, match="`root` must be a folder of videos"):
        VideoFolder(tmp_path / "none")
    with pytest.raises(ValueError, match="`exclude` must be a readable file"):
        VideoFolder(many(tmp_path), exclude="none.txt")

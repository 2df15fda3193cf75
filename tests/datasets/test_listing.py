import gc
import json
import os

import pytest
from official import change, hmdb51, kinetics400, plant

from datasets import listing
from datasets.hmdb51 import HMDB51
from datasets.kinetics import OFFICIAL, Kinetics400

FILE = ".index/kinetics400.jsonl"


@pytest.fixture
def root(tmp_path):
    return kinetics400(tmp_path / "k400")


@pytest.fixture
def builds(monkeypatch):
    """How often an index was built."""
    made, build = [], listing.Official.build

    def counted(self, *args, **layout):
        made.append(layout)
        return build(self, *args, **layout)

    monkeypatch.setattr(listing.Official, "build", counted)
    return made


def test_an_index_is_built_once(root, builds):
    first, second = Kinetics400(root), Kinetics400(str(root))
    assert len(builds) == 1
    assert first.classes == second.classes
    for split in ("train", "validation", "test"):
        assert first.items(split) == second.items(split)


def test_missing_videos_are_counted_from_the_cache_too(root, caplog):
    next((root / "val").iterdir()).unlink()
    Kinetics400(root)
    caplog.clear()
    assert Kinetics400(root).size("test") == 11
    assert "1 of 102 videos of kinetics400 are missing" in caplog.text


def test_options_of_the_reader_have_files_of_their_own(tmp_path, builds):
    hmdb51(tmp_path)
    for fold in (1, 2, 1, 2):
        HMDB51(tmp_path, fold=fold)
    assert builds == [{"fold": 1}, {"fold": 2}]


def test_what_is_chosen_from_the_index_is_not_cached(root, builds, tmp_path):
    sizes = [Kinetics400(root, held_out=held).size("train") for held in (True, False)]
    assert sizes[0] < sizes[1] == 90
    name = next((root / "train").iterdir()).name
    (tmp_path / "list.txt").write_text(f"train/{name}\n{root}/val/none.mp4\n")
    assert Kinetics400(root, exclude=tmp_path / "list.txt").size("train") == 89
    assert len(builds) == 1


def test_a_moved_data_set_keeps_its_index(root, builds, tmp_path):
    Kinetics400(root)
    root.rename(tmp_path / "other")
    path = Kinetics400(tmp_path / "other").items("train")[0].path
    assert path.startswith(f"{tmp_path}/other/train/")
    assert len(builds) == 1


def age(path):
    """Sets a time of before, so that a change is seen however coarse the clock."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**9))


@pytest.mark.parametrize("name", ["train", "annotations/train.csv"])
def test_what_is_read_is_watched(root, builds, name):
    Kinetics400(root)
    age(root / name)
    Kinetics400(root)
    assert len(builds) == 2


def test_videos_that_come_later_are_seen(root):
    age(root / "val")
    path = sorted((root / "val").iterdir())[0]
    path.rename(root / "aside.mp4")
    assert Kinetics400(root).size("test") == 11
    age(root / "val")
    (root / "aside.mp4").rename(path)
    assert Kinetics400(root).size("test") == 12


def test_a_folder_that_would_go_first_is_seen(root, builds):
    Kinetics400(root)
    plant(root, "replacement_for_corrupted_k400/x.mp4")
    Kinetics400(root)
    assert len(builds) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: "{}",
        lambda text: text[: len(text) // 2],
        lambda text: text.rpartition("\n")[0].rpartition("\n")[0],
        lambda text: text.replace('"format":', '"format":9'),
    ],
)
def test_a_cache_that_is_not_whole_is_built_anew(root, builds, spoil):
    Kinetics400(root)
    (root / FILE).write_text(spoil((root / FILE).read_text()))
    assert Kinetics400(root).size("train") == 90
    assert len(builds) == 2


def test_a_cache_is_lines_of_json(root):
    Kinetics400(root)
    head, first, *rest = (root / FILE).read_text().splitlines()
    assert json.loads(head)["classes"][0] == "air drumming"
    path = "train/-_T_000000x_000000_000010.mp4"
    assert json.loads(first) == ["train", path, [0]]
    assert len(rest) == 101
    assert os.listdir(root / ".index") == ["kinetics400.jsonl"]


def test_without_leave_to_write_the_cache_is_the_users(root, builds, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(root.parent / "cache"))
    (root / ".index").touch()  # No folder can be made there.
    for _ in range(2):
        assert Kinetics400(root).size("train") == 90
    assert len(builds) == 1
    assert len(list((root.parent / "cache").rglob("kinetics400.jsonl"))) == 1


def test_without_any_cache_it_works_and_says_so(root, builds, monkeypatch, caplog):
    monkeypatch.setattr(listing, "_is_made", lambda folder: False)
    for _ in range(2):
        assert Kinetics400(root).size("train") == 90
    assert len(builds) == 2
    assert "is read anew each time, for it can not be cached" in caplog.text


def test_a_full_disk_leaves_no_half_cache(root, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(listing.os, "replace", full)
    assert Kinetics400(root).size("train") == 90
    assert "No space left on device" in caplog.text
    assert os.listdir(root / ".index") == []


def test_a_mistake_is_not_cached(root):
    change(root / "annotations/train.csv", ",1,11,", ",11,1,")
    for _ in range(2):
        with pytest.raises(ValueError, match="ascending"):
            Kinetics400(root)
    assert os.listdir(root / ".index") == []


def test_names_with_other_letters_and_line_ends_come_back(tmp_path):
    names = ["train/ü\n x.mp4", "train/\udce9 #.mp4"]
    built = listing.Listing(("a", "b"))
    for name in names:
        built.add("test", name, name, (1,), name)
    tree = type("Tree", (), {"watched": {}})
    listing.store(built, tree, tmp_path / "a.jsonl")
    rows = listing.load(tmp_path / "a.jsonl", str(tmp_path)).rows
    assert [row[1] for row in rows] == names


def test_too_few_videos_are_not_held_out(caplog):
    built = listing.Listing(("a", "b"))
    groups = [g for g in map(str, range(99)) if listing.is_held(g)]
    built.add("train", "x.mp4", "", (0,), groups[0])
    built.add("train", "y.mp4", "", (1,), "other")
    splits = built.index(".", held_out=True).splits
    assert [item.path for item in splits["train"]] == ["y.mp4", "x.mp4"]
    assert splits["validation"] == splits["train"]
    assert splits["test"] == []
    assert caplog.text.count("Too few videos") == 2


def test_garbage_is_collected_again_afterwards(root):
    Kinetics400(root)
    assert gc.isenabled()
    (root / "annotations/train.csv").unlink()
    with pytest.raises(ValueError, match=r"train.csv"):
        Kinetics400(root)
    assert gc.isenabled()


@pytest.mark.parametrize("name", ["none", "file"])
def test_rejects_what_is_no_folder(tmp_path, name, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "file").touch()
    with pytest.raises(
        ValueError, match=rf"`data_dir` must be a folder. Got: .*{name}"
    ):
        Kinetics400(tmp_path / name)
    with pytest.raises(ValueError, match="`data_dir` must be a folder"):
        OFFICIAL.build(tmp_path / name)
    assert os.listdir(tmp_path) == ["file"]

import pytest
from official import change, hmdb51, plant

from datasets.hmdb51 import HMDB51

SPLITS = "testTrainMulti_7030_splits"


def names(source, split):
    return [item.path.rpartition("/")[2] for item in source.items(split)]


def sizes(source):
    return {split: source.size(split) for split in ("train", "validation", "test")}


@pytest.mark.parametrize("folder", ["", "hmdb51_org/", "videos/"])
def test_reads_a_fold(tmp_path, folder):
    source = HMDB51(hmdb51(tmp_path, folder), held_out=False)
    assert source.classes == ("jump", "kick_ball")
    assert source.task == "single"
    assert sizes(source) == {"train": 60, "validation": 28, "test": 28}
    # The trailing space is none of the name's, the two within are.
    assert names(source, "test")[0] == "#2 (a) & b_jump_f_nm_np1_fr_med_0.avi"
    for item in source.items("train"):
        assert item.labels == (int("kick_ball" in item.path),)
        assert item.path.startswith(f"{tmp_path}/{folder}")


def test_a_fold_leaves_out_the_videos_marked_0(tmp_path):
    source = HMDB51(hmdb51(tmp_path), held_out=False)
    used = {*names(source, "train"), *names(source, "test")}
    left = {path.name for path in tmp_path.glob("*/*.avi")} - used
    assert left == {f"Film14_{c}_f_nm_np1_fr_med_0.avi" for c in ("jump", "kick_ball")}


def test_folds_differ(tmp_path):
    hmdb51(tmp_path)
    tests = [set(names(HMDB51(tmp_path, fold=fold), "test")) for fold in (1, 2, 3)]
    assert not tests[0] & tests[1]
    assert not tests[1] & tests[2]


def test_holds_out_a_tenth_by_film(tmp_path):
    source = HMDB51(hmdb51(tmp_path))
    whole = sizes(HMDB51(tmp_path, held_out=False))
    train, held = names(source, "train"), names(source, "validation")
    assert 0 < len(held) < 20
    assert len(train) + len(held) == whole["train"]
    assert sizes(source)["test"] == whole["test"]
    films = [{tuple(n.split("_")[:2]) for n in some} for some in (train, held)]
    assert not films[0] & films[1]


def test_archives_that_were_unpacked_into_folders_of_their_name(tmp_path):
    hmdb51(tmp_path)
    for label in ("jump", "kick_ball"):
        (tmp_path / label).rename(tmp_path / "aside")
        (tmp_path / label).mkdir()
        (tmp_path / "aside").rename(tmp_path / label / label)
    assert HMDB51(tmp_path).size("test") == 28


def test_archives_that_are_still_packed(tmp_path):
    hmdb51(tmp_path, folder="elsewhere/below/the/depth/")
    plant(tmp_path, "jump.rar")
    with pytest.raises(ValueError, match=r"unpacked: `unrar x` .* Got: jump.rar"):
        HMDB51(tmp_path)


@pytest.mark.parametrize("fold", [0, 4, "train"])
def test_there_are_three_folds(tmp_path, fold):
    with pytest.raises(ValueError, match=r"`fold` must be 1, 2 or 3. Got: "):
        HMDB51(tmp_path, fold=fold)


def test_a_missing_split_file_is_named(tmp_path):
    hmdb51(tmp_path)
    (tmp_path / SPLITS / "kick_ball_test_split2.txt").unlink()
    assert HMDB51(tmp_path, fold=1).classes == ("jump", "kick_ball")
    with pytest.raises(ValueError, match=r"kick_ball_test_split2.txt, which comes fr"):
        HMDB51(tmp_path, fold=2)


def test_without_any_split_file_one_is_named(tmp_path):
    with pytest.raises(ValueError, match=f"must hold {SPLITS}/.*Serre lab"):
        HMDB51(plant(tmp_path, "jump/a.avi"))


@pytest.mark.parametrize(("old", "new"), [("avi 1 ", "avi 3 "), ("avi 1 ", "avi ")])
def test_names_a_line_that_makes_no_sense(tmp_path, old, new):
    change(hmdb51(tmp_path) / SPLITS / "jump_test_split1.txt", old, new)
    with pytest.raises(
        ValueError, match=r"jump_test_split1.txt` line 2 must be a file"
    ):
        HMDB51(tmp_path)

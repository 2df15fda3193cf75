import re

import pytest
from official import change, ucf101

from datasets.ucf101 import UCF101

LISTS = "ucfTrainTestlist"


def groups(source, split):
    return {re.search(r"v_\w+_g\d+", item.path)[0] for item in source.items(split)}


@pytest.mark.parametrize("folder", ["UCF-101/", "videos/", ""])
def test_reads_a_fold(tmp_path, folder):
    source = UCF101(ucf101(tmp_path, folder), held_out=False)
    assert source.classes == ("ApplyEyeMakeup", "HandstandPushups")
    counts = [source.size(split) for split in ("train", "validation", "test")]
    assert counts == [72, 28, 28]
    for split in ("train", "test"):
        for item in source.items(split):
            assert item.labels == (int("Handstand" in item.path),)


def test_case_does_not_count(tmp_path):
    folder = ucf101(tmp_path) / "UCF-101/HandstandPushups"
    for path in folder.iterdir():  # As the list has them, and as the class is called.
        assert "v_HandStand" in path.name
        path.rename(folder / path.name.replace("HandStand", "Handstand"))
    paths = [item.path for item in UCF101(tmp_path).items("test")]
    assert len(paths) == 28
    assert sum("v_HandstandPushups_g01" in path for path in paths) == 2


def test_holds_out_whole_groups(tmp_path):
    source = UCF101(ucf101(tmp_path))
    train, held = groups(source, "train"), groups(source, "validation")
    assert 0 < len(held) < 12
    assert not train & held
    assert len(train) + len(held) == 36
    assert source.size("validation") == 2 * len(held)


def test_a_fold_whose_lists_are_missing(tmp_path):
    with pytest.raises(ValueError, match=r"trainlist02.txt, which comes from UCF101"):
        UCF101(ucf101(tmp_path), fold=2)


def test_a_missing_class_list_is_named(tmp_path):
    (ucf101(tmp_path) / LISTS / "classInd.txt").unlink()
    with pytest.raises(ValueError, match=r"must hold ucfTrainTestlist/classInd.txt, "):
        UCF101(tmp_path)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("trainlist01", "avi 1", "avi 3", "line 1 must have a number from 1 to 2. .*3"),
        ("trainlist01", "avi 1", "avi 0", "line 1 must have a number from 1 to 2. .*0"),
        ("trainlist01", "avi 1", "avi 2", "line 1 must have label 1, as classInd.txt"),
        ("trainlist01", "avi 1", "avi", "line 1 must be Class/file.avi and its label"),
        ("trainlist01", "avi 1", "avi 1 1", "line 1 must be Class/file.avi and its la"),
        ("testlist01", "ApplyEyeMakeup/", "Archery/", "line 1 must name a class of cl"),
        ("testlist01", "ApplyEyeMakeup/", "", "line 1 must be Class/file.avi. Got: 'v"),
        ("classInd", "1 Apply", "0 Apply", "line 1 must be a number from 1 on and a c"),
        ("classInd", "2 Hand", "3 Hand", "line 2 must be a number from 1 on and a cla"),
        ("classInd", "2 Hand", "Hand", "line 2 must be a number from 1 on and a class"),
    ],
)
def test_names_a_line_that_makes_no_sense(tmp_path, file, old, new, message):
    change(ucf101(tmp_path) / f"{LISTS}/{file}.txt", old, new)
    with pytest.raises(ValueError, match=rf"{file}.txt` {message}"):
        UCF101(tmp_path)

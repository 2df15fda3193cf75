import numpy as np
import pytest
from official import change, charades

from datasets.charades import Charades


@pytest.mark.parametrize("folder", ["Charades_v1_480/", "Charades_v1/"])
@pytest.mark.parametrize("place", ["", "Charades/"])
def test_reads_videos_with_several_labels(tmp_path, place, folder):
    source = Charades(charades(tmp_path, place, folder), held_out=False)
    assert source.classes[2] == "Walking through a door"
    assert source.task == "multi"
    assert [source.size(s) for s in ("train", "validation", "test")] == [30, 3, 3]
    assert [item.labels for item in source.items("test")] == [(0, 2), (1,), ()]
    np.testing.assert_array_equal(
        source.labels("test"), [[1, 0, 1], [0, 1, 0], [0] * 3]
    )
    assert {item.end for item in source.items("train")} == {None}


def test_the_smaller_videos_go_first(tmp_path):
    charades(charades(tmp_path), folder="Charades_v1/")
    assert "/Charades_v1_480/" in Charades(tmp_path).items("train")[0].path


def subjects(source, split):
    return {int(item.path[-7:-4]) // 2 for item in source.items(split)}


def test_holds_out_whole_subjects(tmp_path):
    source = Charades(charades(tmp_path))
    assert 0 < source.size("validation") < 10
    assert source.size("train") + source.size("validation") == 30
    assert not subjects(source, "train") & subjects(source, "validation")


def test_trains_on_intervals_if_asked(tmp_path):
    source = Charades(charades(tmp_path), intervals=True, held_out=False)
    first, second, third = source.items("train")[:3]
    assert (first.labels, first.start, first.end) == ((0, 2), 0.0, 9.9)
    # It ends with the video; by its middle the other action is over.
    assert (second.labels, second.start, second.end) == ((0,), 4.0, 30.5)
    assert (third.labels, third.start, third.end) == ((1,), 2.0, 3.0)
    assert source.size("train") == 30
    assert source.items("test")[0].end is None


def test_holds_out_whole_videos_of_the_intervals(tmp_path):
    whole = Charades(charades(tmp_path))
    source = Charades(tmp_path, intervals=True)
    assert source.items("validation") == whole.items("validation")
    assert subjects(source, "train") <= subjects(whole, "train")
    assert {item.end for item in source.items("train")} == {9.9, 30.5, 3.0}


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "train.csv",
            "c001 2",
            "c003 2",
            "line 5 must have a number from 0 to 2. .*003",
        ),
        ("train.csv", "c001 2", "sit 2", "line 5 must have actions such as c092"),
        ("train.csv", "2.00 3.00", "2.00", "line 5 must have actions such as c092"),
        ("train.csv", "2.00 3.00", "2.00 x", "line 5 must have seconds. Got: '2.00 x'"),
        ("train.csv", ",30.50", "", "line 3 must have 11 fields. Got: 10"),
        ("test.csv", "actions", "action", "line 1 must name the columns id, subject"),
        ("classes.txt", "c001", "c002", "line 2 must be c001 and the name of a class"),
    ],
)
def test_names_a_line_that_makes_no_sense(tmp_path, file, old, new, message):
    change(charades(tmp_path) / f"Charades_v1_{file}", old, new)
    with pytest.raises(ValueError, match=rf"Charades_v1_{file}` {message}"):
        Charades(tmp_path)


def test_a_missing_list_is_named(tmp_path):
    (charades(tmp_path) / "Charades_v1_test.csv").unlink()
    with pytest.raises(
        ValueError, match=r"must hold Charades_v1_test.csv, which comes"
    ):
        Charades(tmp_path)

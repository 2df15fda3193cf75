import pytest
from official import CATEGORIES, change, moments, write

from datasets.moments import Moments


@pytest.mark.parametrize(
    ("place", "folder"),
    [("", ""), ("Moments_in_Time_Raw/",) * 2, ("annotations/", "videos/")],
)
def test_reads_the_numbers_of_the_list(tmp_path, place, folder):
    source = Moments(moments(tmp_path, place, folder))
    assert source.classes == CATEGORIES[::-1]
    assert [source.size(s) for s in ("train", "validation", "test")] == [60, 4, 4]
    first = source.items("test")[0]
    assert first.path.endswith("validation/adult+female+singing/yt-000_0.mp4")
    assert first.labels == (1,)


@pytest.mark.parametrize("version", [None, 2])
def test_reads_version_2_whose_list_has_no_numbers(tmp_path, version):
    source = Moments(moments(tmp_path, version=2), version=version)
    assert source.classes == CATEGORIES


def test_a_list_of_version_2_may_have_the_older_name(tmp_path):
    assert Moments(moments(tmp_path), version=2).classes == CATEGORIES[::-1]


def test_the_version_is_to_be_told_where_both_lists_are_there(tmp_path):
    moments(moments(tmp_path), version=2)
    with pytest.raises(ValueError, match="`version` must be 1 or 2 where the categ"):
        Moments(tmp_path)
    assert Moments(tmp_path, version=1).classes == CATEGORIES[::-1]
    assert Moments(tmp_path, version=2).classes == CATEGORIES


def test_holds_out_whole_videos(tmp_path):
    source = Moments(moments(tmp_path), held_out=True)
    parts = [
        {item.path.rpartition("_")[0] for item in source.items(split)}
        for split in ("train", "validation")
    ]
    assert parts[1]
    names = [{part.rpartition("/")[2] for part in some} for some in parts]
    assert not names[0] & names[1]


def test_rows_may_have_the_path_alone(tmp_path):
    path = moments(tmp_path) / "validationSet.csv"
    write(path, path.read_text().replace(",adult+female+singing,3,1", ""))
    assert Moments(tmp_path).items("test")[0].labels == (1,)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "trainingSet.csv",
            ",clapping",
            ",waving",
            "line 2 must have the category cla",
        ),
        (
            "trainingSet.csv",
            "clapping/",
            "",
            "line 2 must begin with category/file.mp4",
        ),
        (
            "moments_categories.txt",
            "clapping,0",
            "clapping,2",
            "line 2 must have a num",
        ),
        (
            "moments_categories.txt",
            "clapping,0",
            "clapping,1",
            "line 2 must end a list",
        ),
        (
            "moments_categories.txt",
            "clapping,0",
            "clapping,",
            "line 2 must have a numb",
        ),
    ],
)
def test_names_a_line_that_makes_no_sense(tmp_path, file, old, new, message):
    change(moments(tmp_path) / file, old, new)
    with pytest.raises(ValueError, match=rf"{file}` {message}"):
        Moments(tmp_path)


def test_a_category_must_be_of_the_list(tmp_path):
    categories = moments(tmp_path) / "moments_categories.txt"
    change(categories, "clapping", "waving")
    with pytest.raises(
        ValueError, match=r"trainingSet.csv` line 2 must have a category"
    ):
        Moments(tmp_path)


def test_there_are_two_versions(tmp_path):
    with pytest.raises(ValueError, match=r"`version` must be 1, 2 or None. Got: 3"):
        Moments(tmp_path, version=3)


def test_a_missing_list_is_named(tmp_path):
    (moments(tmp_path) / "trainingSet.csv").unlink()
    with pytest.raises(
        ValueError, match=r"must hold trainingSet.csv, which comes from"
    ):
        Moments(tmp_path)

import pytest
from official import CATEGORIES, change, multi_moments, write

from datasets.multi_moments import MultiMoments


@pytest.mark.parametrize(
    ("place", "folder", "ending"),
    [
        ("", "videos/", "csv"),
        ("annotations/", "videos/", "txt"),
        ("", "{}/", "csv"),
        ("annotations/", "videos/{}/", "csv"),
        ("", "", "csv"),
    ],
)
def test_reads_clips_with_several_categories(tmp_path, place, folder, ending):
    source = MultiMoments(multi_moments(tmp_path, place, folder, ending))
    assert source.task == "multi"
    assert source.classes == CATEGORIES[::-1]
    assert [source.size(s) for s in ("train", "validation", "test")] == [30, 4, 4]
    assert [i.labels for i in source.items("test")] == [(0,), (1,), (0, 1), (0,)]
    path = folder.format("validation") + "adult+female+singing/yt-000_0.mp4"
    assert source.items("test")[0].path == f"{tmp_path}/{path}"


def test_reads_version_2_whose_list_has_no_numbers(tmp_path):
    (multi_moments(tmp_path) / "moments_categories.txt").unlink()
    write(tmp_path / "category_multi_momentsv2.txt", "\n".join(CATEGORIES))
    assert MultiMoments(tmp_path).classes == CATEGORIES


def test_holds_out_whole_videos(tmp_path):
    source = MultiMoments(multi_moments(tmp_path), held_out=True)
    names = [
        {item.path.rpartition("/")[2].rpartition("_")[0] for item in source.items(s)}
        for s in ("train", "validation")
    ]
    assert names[1]
    assert not names[0] & names[1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",1,0", ",1,2", "line 3 must have a number from 0 to 1. Got: '2'"),
        (",1,0", ",clapping", "line 3 must have a number from 0 to 1. Got: 'clap"),
        (",1,0", "", "line 3 must have a video, and numbers of categories"),
    ],
)
def test_names_a_line_that_makes_no_sense(tmp_path, old, new, message):
    change(multi_moments(tmp_path) / "trainingSet.csv", old, new)
    with pytest.raises(ValueError, match=rf"trainingSet.csv` {message}"):
        MultiMoments(tmp_path)


def test_a_missing_list_is_named(tmp_path):
    (multi_moments(tmp_path) / "validationSet.csv").unlink()
    with pytest.raises(ValueError, match=r"must hold validationSet.csv, which comes"):
        MultiMoments(tmp_path)

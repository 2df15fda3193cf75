import json

import pytest
from official import mlb_youtube, plant, write

from datasets.mlb_youtube import MLBYouTube

FILE = "data/mlb-youtube-segmented.json"


def total(source):
    return sum(source.size(split) for split in ("train", "validation", "test"))


@pytest.mark.parametrize("folder", ["videos/", "clips/", ""])
def test_reads_clips_with_several_activities(tmp_path, folder):
    source = MLBYouTube(mlb_youtube(tmp_path, folder), held_out=False)
    assert source.task == "multi"
    assert len(source.classes) == 8
    assert (source.size("train"), source.size("test")) == (24, 6)
    names = [[source.classes[n] for n in item.labels] for item in source.items("test")]
    assert names[:2] == [["ball"], ["swing", "strike", "hit", "foul"]]


def test_a_clip_at_a_negative_time_is_missing(tmp_path, caplog):
    MLBYouTube(mlb_youtube(tmp_path))
    assert "1 of 31 videos of mlb_youtube are missing" in caplog.text


def test_holds_out_a_tenth_of_the_training_list(tmp_path):
    source = MLBYouTube(mlb_youtube(tmp_path))
    assert 0 < source.size("validation") < 9
    assert total(source) == 30


def test_negative_clips_have_no_label_and_go_to_all_splits(tmp_path):
    source = MLBYouTube(mlb_youtube(tmp_path), negatives=True)
    assert total(source) == 90
    for split in ("train", "validation", "test"):
        labels = [item.labels for item in source.items(split) if "HWT7" in item.path]
        assert labels
        assert set(labels) == {()}


def test_pitches_are_one_label_of_those_clips_that_have_it(tmp_path):
    source = MLBYouTube(mlb_youtube(tmp_path), kind="pitches", held_out=False)
    assert source.task == "single"
    assert source.classes[:2] == ("fastball", "slider")
    assert (source.size("train"), source.size("test")) == (20, 5)
    assert source.labels("test").tolist() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("subset", "validation", "must be training or testing. Got: 'validation'"),
        ("labels", ["walk"], "must have labels of ball, swing, .* Got: 'walk'"),
        ("labels", "ball", "must have a list of labels. Got: 'ball'"),
        ("labels", None, "must have labels. Got: "),
    ],
)
def test_names_a_clip_that_makes_no_sense(tmp_path, field, value, message):
    path = mlb_youtube(tmp_path) / FILE
    clips = json.loads(path.read_text())
    clips["E40GRXPSL003"][field] = value
    if value is None:
        del clips["E40GRXPSL003"][field]
    write(path, clips)
    with pytest.raises(ValueError, match=rf"{FILE}` clip 'E40GRXPSL003' {message}"):
        MLBYouTube(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("[]", "line 1 must be a dict. Got: 'list'"), ('{"a":\n}', "line 2 must be JSON")],
)
def test_names_a_file_that_makes_no_sense(tmp_path, text, message):
    write(mlb_youtube(tmp_path) / FILE, text)
    with pytest.raises(ValueError, match=rf"{FILE}` {message}"):
        MLBYouTube(tmp_path)


def test_rejects_options_that_do_not_fit(tmp_path):
    with pytest.raises(ValueError, match="`kind` must be one of activities, pitches"):
        MLBYouTube(tmp_path, kind="speed")
    with pytest.raises(ValueError, match="`negatives` must be False for pitches"):
        MLBYouTube(tmp_path, kind="pitches", negatives=True)


def test_missing_files_are_named(tmp_path):
    (mlb_youtube(tmp_path) / "data/mlb-youtube-negative.json").unlink()
    assert MLBYouTube(tmp_path).size("test") == 6
    with pytest.raises(
        ValueError, match=r"data/mlb-youtube-negative.json, which comes"
    ):
        MLBYouTube(tmp_path, negatives=True)
    with pytest.raises(ValueError, match=r"must hold mlb-youtube-segmented.json, whic"):
        MLBYouTube(plant(tmp_path / "videos"))

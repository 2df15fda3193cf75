import json

import pytest
from official import mlb_continuous, write

from datasets.mlb_continuous import MLBContinuous

FILE = "data/mlb-youtube-continuous.json"


def names(source, split):
    return {tuple(source.classes[n] for n in i.labels) for i in source.items(split)}


@pytest.mark.parametrize("folder", ["continuous/", "videos/", ""])
def test_a_video_has_all_activities_that_are_in_it(tmp_path, folder):
    source = MLBContinuous(mlb_continuous(tmp_path, folder), held_out=False)
    assert source.task == "multi"
    assert (source.size("train"), source.size("test")) == (24, 6)
    assert names(source, "train") == {(), ("ball", "swing", "strike")}
    assert source.items("test")[0].path == f"{tmp_path}/{folder}377H4PC2N000.mp4"


def test_training_clips_can_be_drawn_from_intervals(tmp_path):
    source = MLBContinuous(mlb_continuous(tmp_path), intervals=True)
    assert names(source, "train") == {("swing", "strike"), ("strike",), ("ball",)}
    first = [(item.start, item.end) for item in source.items("train")[:3]]
    # The last activity ends with its video.
    assert first == [(11.25, 12.75), (11.75, 14.25), (89.5, 90.0)]
    for split in ("validation", "test"):
        assert names(source, split) <= {(), ("ball", "swing", "strike")}
        assert all(item.end is None for item in source.items(split))
    every = MLBContinuous(tmp_path, intervals=True, held_out=False)
    assert all(item.end for item in every.items("train"))
    whole = MLBContinuous(tmp_path)
    assert whole.items("validation") == source.items("validation")
    assert 0 < whole.size("validation") < 8


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("subset", "validation", "must be training or testing. Got: 'validation'"),
        ("start", "soon", "must have seconds. Got: 'soon"),
        ("annotations", {}, "must have a list of annotations. Got: {}"),
        ("annotations", [{"label": "hit"}], "must have segment. Got: "),
        (
            "annotations",
            [{"label": "walk", "segment": [1, 2]}],
            "must have labels of ball, swing, .* Got: 'walk'",
        ),
        (
            "annotations",
            [{"label": "hit", "segment": [1]}],
            r"must have segments of a start and an end. Got: \[1\]",
        ),
        ("end", None, "must have end. Got: "),
    ],
)
def test_names_a_video_that_makes_no_sense(tmp_path, field, value, message):
    path = mlb_continuous(tmp_path) / FILE
    videos = json.loads(path.read_text())
    videos["377H4PC2N003"][field] = value
    if value is None:
        del videos["377H4PC2N003"][field]
    write(path, videos)
    with pytest.raises(ValueError, match=rf"{FILE}` video '377H4PC2N003' {message}"):
        MLBContinuous(tmp_path)


def test_a_missing_list_is_named(tmp_path):
    (mlb_continuous(tmp_path) / FILE).unlink()
    with pytest.raises(
        ValueError, match=r"must hold mlb-youtube-continuous.json, whic"
    ):
        MLBContinuous(tmp_path)

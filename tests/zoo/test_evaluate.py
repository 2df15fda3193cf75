import csv
import json

import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_genotype

from zoo import evaluate, inference, weights

CLASSES = ("dark", "grey", "light")


@pytest.fixture
def trained(tmp_path, request):
    """A run whose network always says "grey", or in a table scores by class."""
    task = getattr(request, "param", "single")
    about = inference.Description(tiny_genotype(), CLASSES, task, TINY)
    model = about.build()
    for weight in model.weights:
        if weight.path.startswith("head"):
            weight.assign(np.zeros(weight.shape))
    bias = next(w for w in model.weights if w.path == "head/dense/bias")
    bias.assign([0.0, 2.0, 1.0])
    inference.describe(tmp_path, about)
    weights.save(model, tmp_path / "best.weights.h5")
    return str(tmp_path)


def table(folder, name):
    with open(f"{folder}/{name}.csv", newline="") as file:
        return list(csv.reader(file))


def test_scores_of_a_network_that_always_says_grey(trained, capsys):
    # The test clips are dark, grey, light, dark.
    scores = evaluate.evaluate(trained, ArrayClips(), batch_size=3)
    chances = np.exp([0, 2, 1]) / np.exp([0, 2, 1]).sum()
    assert scores["loss"] == pytest.approx(-np.log(chances[[0, 1, 2, 0]]).mean())
    assert (scores["top1"], scores["top5"], scores["clips"]) == (0.25, 1.0, 4)
    folder = f"{trained}/evaluation-test"
    with open(f"{folder}/evaluation.json") as file:
        assert json.load(file) == {"split": "test", **scores}
    shown = capsys.readouterr().out
    assert "4 clips of test\n  top-1  25.00 %\n  top-5 100.00 %\n" in shown
    assert folder in shown


def test_reports_name_classes_videos_and_confusions(trained):
    evaluate.evaluate(trained, ArrayClips())
    folder = f"{trained}/evaluation-test"
    assert table(folder, "classes")[1:] == [
        ["dark", "2", "0.0000"],
        ["grey", "1", "1.0000"],
        ["light", "1", "0.0000"],
    ]
    assert table(folder, "confusion")[1:] == [
        ["dark", "0", "2", "0"],
        ["grey", "0", "1", "0"],
        ["light", "0", "1", "0"],
    ]
    header, first, *_ = table(folder, "predictions")
    assert header == ["path", "label", *CLASSES]
    assert first == ["test/0.mp4", "dark", "0.09003", "0.6652", "0.2447"]
    with open(f"{folder}/confusion.png", "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("trained", ["multi"], indirect=True)
def test_many_labels_are_scored_by_precision(trained):
    scores = evaluate.evaluate(trained, ArrayClips("multi"), split="validation")
    assert scores.keys() == {"loss", "map", "clips"}
    # All scores are equal, so that the precision is the share: 2, 2 and 1 of 5.
    assert scores["map"] == pytest.approx((0.4 + 0.4 + 0.2) / 3)
    rows = table(f"{trained}/evaluation-validation", "classes")
    assert rows[0] == ["class", "clips", "average_precision"]
    assert rows[1] == ["dark", "2", "0.4000"]


def test_classes_are_matched_by_name(trained, tmp_path):
    clips = ArrayClips(classes=("light", "grey"))
    scores = evaluate.evaluate(trained, clips, out=str(tmp_path / "out"))
    assert scores["top1"] == 0.5
    labels = [row[1] for row in table(tmp_path / "out", "predictions")[1:]]
    assert labels == ["light", "grey", "light", "grey"]


def test_validation_stands_in_for_a_missing_test_split(trained, capsys):
    evaluate.evaluate(trained, ArrayClips(sizes={"test": 0}))
    assert "5 clips of validation" in capsys.readouterr().out


def test_unknown_classes_are_refused(trained):
    with pytest.raises(ValueError, match=r"classes that the network knows.*also red"):
        evaluate.evaluate(trained, ArrayClips(classes=("grey", "red")))


def test_another_task_is_refused(trained):
    with pytest.raises(ValueError, match="`clips` must be of a single-label task"):
        evaluate.evaluate(trained, ArrayClips("multi"))

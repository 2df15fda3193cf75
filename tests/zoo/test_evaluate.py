import csv
import dataclasses
import json
import pathlib
import re
import shutil
import types

import keras
import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_genotype
from keras import layers, ops

from zoo import ensemble, evaluate, flags, inference, launch, metrics, tables, weights

CLASSES = ("dark", "grey", "light")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The weights of a network that always says "grey"."""
    model = description("single").build()
    for weight in model.weights:
        if weight.path.startswith("head"):
            weight.assign(np.zeros(weight.shape))
    bias = next(w for w in model.weights if w.path == "head/dense/bias")
    bias.assign([0.0, 2.0, 1.0])
    path = tmp_path_factory.mktemp("saved") / "best.weights.h5"
    weights.save(model, path)
    return path


@pytest.fixture
def trained(saved, tmp_path, request):
    """A run whose network always says "grey", or in a table scores by class."""
    inference.describe(tmp_path, description(getattr(request, "param", "single")))
    shutil.copy(saved, tmp_path)
    return str(tmp_path)


@pytest.fixture
def spare(monkeypatch):
    """Neither compiles networks nor draws their confusions, which takes longest."""
    plain = lambda model: lambda clip: ops.convert_to_numpy(model(clip))  # noqa: E731
    monkeypatch.setattr(inference, "compiled", plain)
    monkeypatch.setattr(tables, "_draw_confusion", lambda *_: None)


def description(task):
    return inference.Description(tiny_genotype(), CLASSES, task, TINY)


def table(folder, name):
    with open(f"{folder}/{name}.csv", newline="") as file:
        return list(csv.reader(file))


def test_scores_of_a_network_that_always_says_grey(trained, spare, capsys):
    # The test clips are dark, grey, light, dark.
    scores = evaluate.evaluate(trained, ArrayClips(), batch_size=3)
    chances = np.exp([0, 2, 1]) / np.exp([0, 2, 1]).sum()
    assert scores["loss"] == pytest.approx(-np.log(chances[[0, 1, 2, 0]]).mean())
    assert (scores["top1"], scores["top5"], scores["clips"]) == (0.25, 1.0, 4)
    folder = f"{trained}/evaluation-test"
    with open(f"{folder}/evaluation.json") as file:
        assert json.load(file) == {"split": "test", **scores}
    shown = capsys.readouterr().out
    assert "4 clips of test\n  top-1     25.00 %\n  top-5    100.00 %\n" in shown
    assert folder in shown


@pytest.mark.usefixtures("spare")
def test_results_are_the_same_whatever_the_batch(tmp_path):
    inference.describe(tmp_path, description("single"))
    model, rng = description("single").build(), np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    weights.save(model, tmp_path / "best.weights.h5")
    found = []
    for size in (1, 3):
        out = tmp_path / str(size)
        given = {"split": "validation", "batch_size": size, "out": str(out)}
        scores = evaluate.evaluate(str(tmp_path), ArrayClips(), **given)
        with np.load(out / "predictions.npz") as file:
            found.append((scores, file["logits"]))
    (scores, logits), (again, others) = found
    assert np.ptp(logits, axis=0).min() > 1e-3  # Clips differ.
    assert again == pytest.approx(scores, rel=1e-5)
    np.testing.assert_allclose(others, logits, rtol=1e-5, atol=1e-5)


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


@pytest.mark.usefixtures("spare")
@pytest.mark.parametrize("trained", ["multi"], indirect=True)
def test_many_labels_are_scored_by_precision(trained):
    scores = evaluate.evaluate(trained, ArrayClips("multi"), split="validation")
    assert scores.keys() == {"loss", "map", "clips"}
    # All scores are equal, so that the precision is the share: 2, 2 and 1 of 5.
    assert scores["map"] == pytest.approx((0.4 + 0.4 + 0.2) / 3)
    rows = table(f"{trained}/evaluation-validation", "classes")
    assert rows[0] == ["class", "clips", "average_precision"]
    assert rows[1] == ["dark", "2", "0.4000"]


def test_classes_are_matched_by_name(trained, spare, tmp_path):
    clips = ArrayClips(classes=("light", "grey"))
    scores = evaluate.evaluate(trained, clips, out=str(tmp_path / "out"))
    assert scores["top1"] == 0.5
    labels = [row[1] for row in table(tmp_path / "out", "predictions")[1:]]
    assert labels == ["light", "grey", "light", "grey"]


def test_validation_stands_in_for_a_missing_test_split(trained, spare, capsys):
    evaluate.evaluate(trained, ArrayClips(sizes={"test": 0}))
    assert "5 clips of validation" in capsys.readouterr().out


class Rated(ArrayClips):
    """Clips whose last test clip can only be read at a low rate; in another order."""

    def _batches(self, spec, split, batch_size, seed, start):
        for clip, label, key in super()._batches(spec, split, batch_size, seed, start):
            if spec.rate > 4:
                kept = [i for i, name in enumerate(key) if name != "test/3.mp4"][::-1]
                clip, label, key = clip[kept], label[kept], key[kept]
            yield clip, label, key


def says(bias, spec=TINY, classes=CLASSES, task="single"):
    """A run whose network always says the same."""
    clip = keras.Input(spec.shape, name="clip")
    head = layers.Dense(len(bias), kernel_initializer="zeros", name="head")
    model = keras.Model(clip, head(layers.GlobalAveragePooling3D()(clip)))
    head.bias.assign(bias)
    return inference.Run(model, classes, task, spec, None)


class ByBrightness:
    """A network whose classes score higher the brighter a clip is."""

    inputs = ()

    def __call__(self, clip):
        return ops.repeat(ops.mean(clip, axis=(1, 2, 3, 4))[:, None], 3, axis=1)


@pytest.fixture
def runs(monkeypatch, spare, tmp_path):
    """Runs by their folder, as `inference.load` finds them; nothing is compiled."""
    known = {}
    monkeypatch.setattr(inference, "load", lambda name: known[str(name)])
    monkeypatch.chdir(tmp_path)
    return known


def test_a_place_that_can_not_be_written_to_is_told_first(runs, tmp_path):
    (tmp_path / "file").write_text("")
    runs["a"] = says([0.0, 2, 1])
    with pytest.raises(ValueError, match="`out` must be a folder that can be written"):
        evaluate.evaluate("a", None, out=f"{tmp_path}/file/new")


def test_unknown_classes_are_refused(runs):
    runs["a"] = says([0.0, 2, 1])
    with pytest.raises(ValueError, match=r"classes that the network knows.*also red"):
        evaluate.evaluate("a", ArrayClips(classes=("grey", "red")))


def test_another_task_is_refused(runs):
    runs["a"] = says([0.0, 2, 1])
    with pytest.raises(ValueError, match="`clips` must be of a single-label task"):
        evaluate.evaluate("a", ArrayClips("multi"))


def test_several_networks_are_scored_with_their_ensemble(runs, capsys):
    # The test clips are dark, grey, light, dark.
    runs["a"], runs["b"] = says([0.0, 2, 1]), says([3.0, 0, 0])
    result = evaluate.evaluate("a, b", ArrayClips(), batch_size=3)
    mean = metrics.fused("single", [[0, 2, 1], [3, 0, 0]])
    assert mean.argmax() == 0
    expected = {
        "loss": -np.log(mean[[0, 1, 2, 0]]).mean(),
        "top1": 0.5,
        "top5": 1,
        "mean_class": 1 / 3,
    }
    expected |= {"clips": 4, "any_right": 0.75}
    assert result == pytest.approx(expected, abs=1e-6)
    folder = "a/ensemble-test"
    with open(f"{folder}/evaluation.json") as file:
        written = json.load(file)
    assert (written["top1"], written["any_right"]) == (0.5, 0.75)
    scores = {name: row["top1"] for name, row in written["models"].items()}
    assert scores == {"a": 0.25, "b": 0.5}
    # Both are wrong on the light clip alone, each of the others one of them is.
    assert table(folder, "overlap") == [
        ["first", "second", "both_wrong", "either_wrong", "overlap"],
        ["a", "b", "1", "4", "0.2500"],
    ]
    assert table(folder, "confusion")[1] == ["dark", "2", "0", "0"]
    row = table(folder, "predictions")[1]
    np.testing.assert_allclose([float(cell) for cell in row[2:]], mean, rtol=1e-3)
    shown = capsys.readouterr().out
    assert re.search(r"\n  a +25\.00 % +100\.00 % +33\.33 % +1\.658\n", shown)
    assert re.search(r"\n  ensemble +50\.00 % ", shown)
    assert "At least one is right on 75.00 %" in shown
    assert "Errors of a and b overlap by 25.0 %: both are wrong on 1 of the 4" in shown


def test_a_single_network_has_no_overlap(runs):
    runs["a"] = says([0.0, 2, 1])
    assert "any_right" not in evaluate.evaluate(["a"], ArrayClips())
    assert not pathlib.Path("a/evaluation-test/overlap.csv").exists()


@pytest.mark.parametrize("weights", [None, (3, 1)])
def test_folder_of_an_ensemble_is_one_model(weights, runs, capsys):
    members = {"member0": says([0.0, 2, 1]), "member1": says([3.0, 0, 0])}
    runs["a,b"] = ensemble.Ensemble(members, pathlib.Path("a,b"), (1, 0))
    pathlib.Path("a,b").mkdir()
    result = evaluate.evaluate("a,b", ArrayClips(), weights=weights)
    chances = runs["a,b"].fused(np.array([[0, 2, 1], [3, 0, 0]]))
    if weights:
        chances = metrics.fused("single", [[0, 2, 1], [3, 0, 0]], weights)
    expected = -np.log(chances[[0, 1, 2, 0]]).mean()
    assert result["loss"] == pytest.approx(expected, abs=1e-6)
    assert table("a,b/evaluation-test", "overlap")[1][:2] == ["member0", "member1"]
    assert re.search(r"\n  member1 +50\.00 % ", capsys.readouterr().out)


def test_networks_of_several_clips_are_aligned_by_keys(runs):
    fast = dataclasses.replace(TINY, rate=8.0)
    runs["a"], runs["b"] = says([0.0, 2, 1]), says([3.0, 0, 0], fast)
    runs["c"] = says([0.0, 2, 1])
    clips = Rated()
    result = evaluate.evaluate(["a", "b", "c"], clips, batch_size=4)
    # Each kind of clip is read once, and the one that is missing in one counts nowhere.
    assert len(clips.asked) == 2
    assert (result["clips"], result["any_right"]) == (3, pytest.approx(2 / 3))
    rows = table("a/ensemble-test", "overlap")[1:]
    assert [row[:4] for row in rows] == [
        ["a", "b", "1", "3"],
        ["a", "c", "2", "2"],
        ["b", "c", "1", "3"],
    ]
    keys = [row[:2] for row in table("a/ensemble-test", "predictions")[1:]]
    assert keys == [[f"test/{i}.mp4", CLASSES[i]] for i in range(3)]


def test_many_labels_are_right_by_the_class_scored_highest(runs):
    runs["a"] = says([0.0, 2, 1], task="multi")
    runs["b"] = says([3.0, 0, 0], task="multi")
    result = evaluate.evaluate("a,b", ArrayClips("multi"))
    assert (result["any_right"], result["clips"]) == (0.75, 4)
    assert table("a/ensemble-test", "overlap")[1][2:] == ["1", "4", "0.2500"]


def test_saved_evaluations_are_fused_without_networks(runs):
    runs["rgb"], runs["flow"] = says([0.0, 2, 1]), says([3.0, 0, 0])
    together = evaluate.evaluate("rgb,flow", ArrayClips(), batch_size=3)
    for name in ("rgb", "flow"):
        evaluate.evaluate(name, ArrayClips())
    runs.clear()
    folders = "rgb/evaluation-test,flow/evaluation-test"
    later = evaluate.evaluate(folders, None, out="both", weights=(1, 1))
    assert later == pytest.approx(together, rel=1e-6)
    assert table("both", "overlap")[1] == [*folders.split(","), "1", "4", "0.2500"]
    # And what was fused may be fused again.
    again = evaluate.evaluate("both,rgb/evaluation-test", None, weights=(1, 0))
    assert again["loss"] == pytest.approx(together["loss"], rel=1e-5)


@pytest.mark.parametrize("root", ["videos", "videos/", "./videos", None])
def test_keys_are_the_same_on_any_machine(root):
    clips = types.SimpleNamespace(root=root)
    keys = ["videos/a b/ä.mp4", "videos2/a.mp4"]
    inside = keys[0] if root is None else "a b/ä.mp4"
    assert evaluate._relative(keys, clips) == [inside, "videos2/a.mp4"]


def test_classes_count_alike_in_their_mean(runs):
    runs["a"] = says([2.0, 0, 0])
    result = evaluate.evaluate("a", ArrayClips())  # Dark, grey, light, dark.
    assert (result["top1"], result["mean_class"]) == (0.5, pytest.approx(1 / 3))


class Unlabelled(ArrayClips):
    """The second test clip, which is grey, has no label."""

    def clip(self, spec, split, index, epoch=0):
        clip, label = super().clip(spec, split, index, epoch)
        return clip, label * (index != 1)


def test_videos_without_a_label_may_be_left_out(runs):
    runs["a"] = inference.Run(ByBrightness(), CLASSES, "multi", TINY, None)
    result = evaluate.evaluate("a", Unlabelled("multi"))
    # By brightness: light, grey, dark, dark. Dark is found at the places 3 and 4, or
    # without the grey one, as Charades' official script has it, at 2 and 3.
    assert result["map"] == pytest.approx(((1 / 3 + 2 / 4) / 2 + 1) / 2)
    assert result["map_labelled"] == pytest.approx(((1 / 2 + 2 / 3) / 2 + 1) / 2)


@pytest.mark.parametrize(
    ("model", "options", "reason"),
    [
        ("rgb,rgb/evaluation-test", {}, "folders of runs, or of evaluations"),
        ("rgb/evaluation-test", {}, "two evaluations or more"),
        ("rgb/evaluation-test,v", {}, "evaluations of the same split. Got: ..test"),
        ("rgb/evaluation-test,x", {"split": "validation"}, "`split` must be that of"),
        ("rgb/evaluation-test,x", {"views": 2}, "`views` must be left out"),
        ("rgb", {}, "`clips` must be given for folders of runs"),
    ],
)
def test_evaluations_that_can_not_be_fused_are_refused(model, options, reason, runs):
    runs["rgb"] = says([0.0, 2, 1])
    evaluate.evaluate("rgb", ArrayClips())
    evaluate.evaluate("rgb", ArrayClips(), out="x")
    evaluate.evaluate("rgb", ArrayClips(), "validation", out="v")
    with pytest.raises(ValueError, match=reason):
        evaluate.evaluate(model, None, **options)


@pytest.mark.parametrize(
    ("model", "options", "reason"),
    [
        ("a,a", {}, "`model` must be folders of training runs, each once"),
        ([], {}, "`model` must be folders"),
        ("a", {"average": "logits"}, "`average` must be left out where there is one"),
        ("a,b", {"weights": [1]}, "`weights` must be 2 finite numbers"),
        ("a,other", {}, r"same classes\. Got: 3 \(dark.*\) of a and 3 .* of other"),
        ("many,a", {}, r"same task\. Got: 'multi' of many and 'single' of a"),
    ],
)
def test_models_that_do_not_fit_are_refused(model, options, reason, runs):
    runs.update(a=says([0, 0, 0]), b=says([0, 0, 0]), many=says([0] * 3, task="multi"))
    runs["other"] = says([0, 0, 0], classes=("dark", "grey", "red"))
    with pytest.raises(ValueError, match=reason):
        evaluate.evaluate(model, ArrayClips(), **options)


def test_the_command_fuses_evaluations_without_clips(runs, capsys):
    for name, bias in (("rgb", [0.0, 2, 1]), ("flow", [3.0, 0, 0])):
        runs[name] = says(bias)
        evaluate.evaluate(name, ArrayClips())
        pathlib.Path(name, "config.gin").write_text("")  # Of the run: lends nothing.
    folders = "rgb/evaluation-test,flow/evaluation-test"
    scores = launch.run("zoo.evaluate.evaluate", [f"--model={folders}"])
    assert scores["top1"] == 0.5
    pathlib.Path("plain").mkdir()
    with pytest.raises(ValueError, match="`clips` must be given: --data"):
        launch.run("zoo.evaluate.evaluate", ["--model=plain"])


@pytest.mark.parametrize("model", ["{0}/no,{0}/b", "{0}/b", "{0}/b/member0"])
def test_clips_are_those_of_a_model_where_none_are_given(model, tmp_path):
    (tmp_path / "b").mkdir()
    lines = "from datasets import moving_shapes\nfrom zoo import train\n"
    bound = f"{lines}train.train.clips = @moving_shapes.MovingShapes()\n"
    (tmp_path / "b" / "config.gin").write_text(launch.REGISTER + "\n" + bound)
    argv = [f"--model={model.format(tmp_path)}"]
    values = flags.parse_flags("zoo.evaluate.evaluate", argv, {}, "")
    launch.configure("zoo.evaluate.evaluate", values, [])
    bound = launch.gin.query_parameter("zoo.evaluate.evaluate.clips")
    assert "MovingShapes" in str(bound)

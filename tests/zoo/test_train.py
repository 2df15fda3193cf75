import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from clip_sources import ArrayClips, tiny_genotype

import zoo
from zoo import flags, launch, monitor, train, training
from zoo.genotypes import FOUND, ClipSpec

RECIPE = training.Recipe(4, 4, 0.05)
OPTIONS = {"recipe": RECIPE, "save_every": 2, "log_every": 1, "verbose": False}


@pytest.fixture
def genotype(tmp_path):
    path = tmp_path / "best.json"
    path.write_text(tiny_genotype().to_json())
    return str(path)


def test_genotypes_come_by_name_file_or_folder(genotype, tmp_path):
    assert train.read_genotype("tvn1") == FOUND["tvn1"]
    assert train.read_genotype(genotype) == tiny_genotype()
    assert train.read_genotype(str(tmp_path)) == tiny_genotype()


def test_folder_named_like_a_model_does_not_hide_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tvn1").mkdir()
    assert train.read_genotype("tvn1") == FOUND["tvn1"]


def test_misspelt_option_leaves_no_folder(genotype, tmp_path):
    with pytest.raises(ValueError, match=r"`options` must be .*'dropuot'"):
        train.train(str(tmp_path / "run"), genotype, ArrayClips(), dropuot=0.2)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "must be JSON"), ('{"family": "tiny"}', "family"), ("[]", "a JSON object")],
)
def test_invalid_genotype_names_the_file(text, reason, tmp_path):
    path = tmp_path / "best.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"best\.json: .*{reason}"):
        train.read_genotype(str(path))


@pytest.mark.parametrize("model", ["tnv1", "no/best.json", "."])
def test_unknown_models_are_refused(model):
    with pytest.raises(ValueError, match="must be a"):
        train.read_genotype(model)


def test_one_class_is_refused(genotype, tmp_path):
    with pytest.raises(ValueError, match="`clips` must be of two classes or more"):
        train.train(str(tmp_path / "run"), genotype, ArrayClips(classes=("one",)))
    assert not (tmp_path / "run").exists()


@pytest.mark.model
@pytest.mark.parametrize("task", ["single", "multi"])
def test_run_leaves_what_it_promises(task, genotype, tmp_path, capsys):
    folder = tmp_path / "run"
    options = {**OPTIONS, "verbose": True, "dropout": 0.2}
    result = train.train(str(folder), genotype, ArrayClips(task), **options)
    assert result["step"] == 4
    names = {path.name for path in folder.iterdir()}
    files = {"model.json", "best.weights.h5", "checkpoint.npz", "metrics.csv"}
    assert files <= names
    assert [row["step"] for row in monitor.read_table(folder / "metrics.csv")] == [
        *range(1, 5)
    ]
    run = zoo.load(folder)
    assert (run.classes, run.task) == (("dark", "grey", "light"), task)
    assert run.model.get_layer("head").dropout == 0.2
    shown = capsys.readouterr()
    assert "12 training clips of 3 classes, 4 steps of 4" in shown.out
    assert f"python -m zoo.evaluate --model={folder}" in shown.out
    assert f"python -m zoo.predict --model={folder}" in shown.out
    assert "step 4/4  loss" in shown.err


@pytest.mark.model
def test_seed_decides_the_run(genotype, tmp_path):
    for name, seed in [("a", 3), ("b", 3), ("c", 4)]:
        train.train(str(tmp_path / name), genotype, ArrayClips(), seed=seed, **OPTIONS)
    first, same, other = (zoo.load(tmp_path / name).model for name in "abc")
    for one, two in zip(first.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])


@pytest.mark.model
def test_other_clips_than_the_genotypes(genotype, tmp_path):
    spec = ClipSpec(frames=3, rate=2.0, height=24, width=20)
    folder = tmp_path / "run"
    train.train(str(folder), genotype, ArrayClips(), clip_spec=spec, **OPTIONS)
    run = zoo.load(folder)
    assert run.clip_spec == spec
    assert run.model.input_shape == (None, 3, 24, 20, 3)


@pytest.mark.model
def test_training_begins_with_the_weights_of_another_run(genotype, tmp_path):
    train.train(str(tmp_path / "a"), genotype, ArrayClips(), **OPTIONS)
    classes = ArrayClips(classes=("dark", "light"))
    options = {**OPTIONS, "recipe": training.Recipe(1, 4, 1e-9)}
    options["weights"] = str(tmp_path / "a")
    with pytest.raises(ValueError, match=r"of this model.*head/dense/kernel"):
        train.train(str(tmp_path / "b"), genotype, classes, **options)
    assert not (tmp_path / "b").exists()
    train.train(str(tmp_path / "b"), genotype, classes, new_head=True, **options)
    old, new = (zoo.load(tmp_path / name).model.trainable_weights for name in "ab")
    np.testing.assert_allclose(old[0], new[0], atol=1e-6)
    assert old[-1].shape != new[-1].shape


@pytest.mark.model
def test_folder_of_another_network_is_refused(genotype, tmp_path):
    folder = tmp_path / "run"
    train.train(str(folder), genotype, ArrayClips(), **OPTIONS)
    before = (folder / "model.json").read_text()
    with pytest.raises(ValueError, match=r"`workdir` must be new, or .*same classes"):
        train.train(str(folder), genotype, ArrayClips(classes=("a", "b")), **OPTIONS)
    assert (folder / "model.json").read_text() == before


def command(genotype, workdir):
    """A small training on the embedded clips, which needs no video library."""
    bindings = (
        "training.Recipe.batch_size=2",
        "train.train.save_every=5",
        "train.train.validation_limit=4",
    )
    return [
        *(sys.executable, "-m", "zoo.train", "--data=moving_shapes", "--steps=60"),
        *(f"--model={genotype}", f"--workdir={workdir}"),
        *(f"--gin_bindings={binding}" for binding in bindings),
    ]


def wait_for_step(process, folder, step):
    while process.poll() is None:
        path = folder / "checkpoint.npz"
        if path.exists():
            with np.load(path) as file:
                if file["step"] >= step:
                    return
        time.sleep(0.01)
    raise AssertionError(process.communicate())


@pytest.mark.slow
def test_killed_run_goes_on_as_if_nothing_had_happened(genotype, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(genotype, whole), check=True, capture_output=True)
    for step in (5, 25):
        process = subprocess.Popen(
            command(genotype, killed), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        wait_for_step(process, killed, step)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.communicate()
    done = subprocess.run(command(genotype, killed), capture_output=True, text=True)
    assert done.returncode == 0
    assert "resumed at step" in done.stderr
    tables = [(folder / "metrics.csv").read_text() for folder in (whole, killed)]
    assert tables[0] == tables[1]
    files = [np.load(folder / "checkpoint.npz") for folder in (whole, killed)]
    assert all(
        np.array_equal(files[0][name], files[1][name]) for name in files[0].files
    )
    for file in files:
        file.close()


@pytest.mark.slow
def test_commands_lead_from_training_to_a_report(genotype, tmp_path):
    folder = tmp_path / "run"
    subprocess.run([*command(genotype, folder), "--smoke"], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "zoo.evaluate", f"--model={folder}", "--smoke"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "clips of test" in done.stdout
    assert json.loads((folder / "evaluation-test/evaluation.json").read_text())["clips"]


@pytest.mark.parametrize("name", sorted(FOUND))
def test_each_published_model_has_its_config(name, tmp_path):
    argv = [f"--gin_file=train/{name}.gin", f"--workdir={tmp_path}"]
    values = flags.parse_flags("zoo.train.train", argv, {}, "")
    launch.configure("zoo.train.train", values, [])
    assert launch.gin.query_parameter("zoo.train.train.model") == name
    assert launch.gin.query_parameter("zoo.training.Recipe.batch_size") == 128

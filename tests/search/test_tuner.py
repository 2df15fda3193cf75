import csv
import gc
import shutil

import keras
import numpy as np
import pytest

from search.budget import Budget
from search.history import Record
from search.proxy import ProxyTraining
from search.spaces.tiny_video import TinyVideoSpace
from search.stopping import Halving
from search.tournament import TournamentOracle
from search.tuner import ArchitectureTuner
from zoo import genotypes, registry, training
from zoo.genotypes import ClipSpec, TinyVideoGenotype
from zoo.training import Recipe

SPACE = TinyVideoSpace(
    frames=(2, 3), sizes=(16, 16), blocks=(1, 2), repeats=(1, 1), filters=(8, 16)
)
RECIPE = Recipe(steps=3, batch_size=4, learning_rate=0.05, warmup_steps=0)


class Blinks:
    """Clips that are bright in their first frame or their last."""

    classes, task = ("first", "last"), "single"

    def size(self, split):
        return 8

    def batches(self, clip_spec, split, batch_size, seed=0, start=0):
        rng, step = np.random.default_rng(seed), 0
        while split == "train" or step < 2:
            labels = np.arange(batch_size, dtype="int32") % 2
            clip = rng.random((batch_size, *clip_spec.shape), dtype="float32") / 4
            clip[labels == 0, 0] += 0.7
            clip[labels == 1, -1] += 0.7
            step += 1
            if split == "train":
                yield clip, labels
            else:
                yield clip, labels, [f"{step}/{i}" for i in range(batch_size)]


def tuner(folder, max_trials=3, budget=None, engine=(), training=None, **arguments):
    engine = {"max_trials": max_trials, **dict(engine)}
    oracle = TournamentOracle(
        SPACE, 2, budget, population_size=2, sample_size=2, **engine
    )
    return ArchitectureTuner(
        oracle,
        training or ProxyTraining(2, RECIPE),
        directory=str(folder.parent),
        project_name=folder.name,
        **{"latency_seconds": 0, **arguments},
    )


def rows(folder):
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_search_leaves_its_files(tmp_path, instant, capsys):
    work = tuner(tmp_path)
    work.search(Blinks())
    lines, table = capsys.readouterr().out.splitlines(), rows(tmp_path)
    assert [line[:3] for line in lines] == ["1/3", "2/3", "3/3"]
    assert [row["trial"] for row in table] == ["0000", "0001", "0002"]
    for row, record in zip(table, work.oracle.records(), strict=True):
        expected = genotypes.from_json(row["genotype"]).cost(2)
        assert int(row["parameters"]) == expected.parameters
        assert int(row["macs"]) == expected.macs
        assert float(row["fitness"]) == record.fitness
    winner = max(table, key=lambda row: float(row["fitness"]))
    assert (tmp_path / "best.json").read_text() == winner["genotype"] + "\n"
    kept = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert kept == {"journal.jsonl", "history.csv", "best.json"}


def test_a_training_s_folder_is_left_alone(tmp_path, instant):
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(ValueError, match="`project_name` must be a folder without a"):
        tuner(tmp_path).search(Blinks())
    assert [path.name for path in tmp_path.iterdir()] == ["model.json"]


def test_a_search_that_is_taken_up_again_says_where(tmp_path, instant, capsys):
    tuner(tmp_path, max_trials=2).search(Blinks(), verbose=False)
    assert capsys.readouterr().out == ""
    tuner(tmp_path, max_trials=3).search(Blinks())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Going on in {tmp_path} after 2 of 3 trials."
    assert [line[:3] for line in lines[1:]] == ["3/3"]
    tuner(tmp_path, max_trials=3).search(Blinks())
    told = f"The search in {tmp_path} is finished; nothing is run again.\n"
    assert capsys.readouterr().out == told


def test_what_is_measured_is_judged_by_the_memory_of_the_search(
    tmp_path, instant, monkeypatch
):
    tuner(tmp_path, max_trials=1).search(Blinks(), verbose=False)
    monkeypatch.setattr("search.budget.machine_memory", lambda: 1)
    work = tuner(tmp_path, max_trials=3)
    work.search(Blinks(), verbose=False)
    assert [record.status for record in work.oracle.records()] == ["completed"] * 3


def test_the_oracle_and_the_training_have_the_same_clips(tmp_path):
    clip_spec = ClipSpec(frames=4, rate=8.0, height=16, width=16)
    training = ProxyTraining(2, RECIPE, clip_spec=clip_spec)
    with pytest.raises(ValueError, match="clip_spec` must be None, as the oracle"):
        tuner(tmp_path, training=training)
    tuner(tmp_path, training=training, engine={"clip_spec": clip_spec})


def test_over_budget_networks_are_not_trained(tmp_path, instant, monkeypatch):
    monkeypatch.setattr(training, "fit", lambda *args, **kwargs: pytest.fail("trained"))
    work = tuner(tmp_path, budget=Budget(latency_ms=1.6))
    work.search(Blinks(), verbose=False)
    assert [record.merit for record in work.oracle.records()] == [(False, -0.25)] * 3
    assert {row["status"] for row in rows(tmp_path)} == {"over budget"}
    assert not (tmp_path / "best.json").exists()


def test_crashes_are_failed_trials_with_their_traceback(tmp_path, instant, monkeypatch):
    errors = iter([MemoryError("all of it"), None, KeyError("lost")])

    def fit(*args, callbacks, **kwargs):
        error = next(errors)
        if error:
            raise error
        callbacks[0].on_train_begin()

    monkeypatch.setattr(training, "fit", fit)
    work = tuner(tmp_path)
    work.search(Blinks(), verbose=False)
    assert [row["status"] for row in rows(tmp_path)] == [
        "failed",
        "completed",
        "failed",
    ]
    assert "Traceback" in rows(tmp_path)[0]["error"]
    assert "MemoryError: all of it" in rows(tmp_path)[0]["error"]
    assert (tmp_path / "best.json").read_text().strip() == rows(tmp_path)[1]["genotype"]


def test_a_training_that_diverged_is_no_crash(tmp_path, instant, monkeypatch):
    def fit(*args, **kwargs):
        raise training.TrainingDiverged("the loss is nan")

    monkeypatch.setattr(training, "fit", fit)
    work = tuner(tmp_path, max_trials=12)
    work.search(Blinks(), verbose=False)
    assert len(work.oracle.records()) == 12
    assert work.oracle.stop_reason is None
    assert rows(tmp_path)[0]["error"] == "the loss is nan"


def test_a_full_disk_ends_the_search_before_the_network_trains(
    tmp_path, instant, monkeypatch
):
    work = tuner(tmp_path)
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        full = usage._replace(free=-1)
        patch.setattr(shutil, "disk_usage", lambda path: full)
        with pytest.raises(ValueError, match=r"No space left .* the same command goes"):
            work.search(Blinks())
    assert not (tmp_path / "best.json").exists()
    tuner(tmp_path).search(Blinks())
    assert [row["trial"] for row in rows(tmp_path)] == ["0000", "0001", "0002"]
    assert {row["status"] for row in rows(tmp_path)} == {"completed"}


def test_an_interrupt_passes_through_and_the_trial_runs_again(
    tmp_path, instant, monkeypatch
):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "fit", interrupt)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                tuner(tmp_path / "parts").search(Blinks(), verbose=False)
    assert rows(tmp_path / "parts") == []
    tuner(tmp_path / "parts").search(Blinks(), verbose=False)
    tuner(tmp_path / "whole").search(Blinks(), verbose=False)
    for name in ("best.json",):
        parts, whole = (tmp_path / f / name for f in ("parts", "whole"))
        assert parts.read_text() == whole.read_text()
    assert len(rows(tmp_path / "parts")) == 3


@pytest.mark.parametrize(
    "bad", [{"trial_seconds": 0}, {"stall_seconds": -1}, {"trials_per_process": 0}]
)
def test_limits_that_nothing_keeps_are_refused(tmp_path, bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        tuner(tmp_path, **bad)


def test_a_worker_that_waits_for_a_command_does_not_stall(tmp_path, exported):
    budget = Budget(latency_ms=5, measure="true")
    rule = "`stall_seconds` must be at least 1200, or None, as a command"
    with pytest.raises(ValueError, match=rule):
        tuner(tmp_path, budget=budget, stall_seconds=1199)
    tuner(tmp_path, budget=budget, stall_seconds=1200)
    tuner(tmp_path, budget=budget, stall_seconds=None)
    tuner(tmp_path, stall_seconds=1)


def test_it_pauses_between_trials_and_goes_on(tmp_path, instant):
    paused = []
    for _ in range(3):
        work = tuner(tmp_path, max_trials=5, trials_per_process=2)
        work.search(Blinks(), verbose=False)
        paused.append((work.paused, len(rows(tmp_path))))
    assert paused == [(True, 2), (True, 4), (False, 5)]


def test_it_does_not_pause_where_nothing_is_left(tmp_path, instant):
    work = tuner(tmp_path, max_trials=2, trials_per_process=2)
    work.search(Blinks(), verbose=False)
    assert not work.paused


def test_what_training_taught_is_the_mean_of_its_executions(
    tmp_path, instant, monkeypatch
):
    weights = iter([0.1234567890123456, 0.5])
    read = {TinyVideoGenotype: lambda genotype, model: {"0>1": next(weights)}}
    monkeypatch.setattr(registry, "FEEDBACK", read)
    work = tuner(tmp_path, max_trials=1, executions_per_trial=2)
    work.search(Blinks(), verbose=False)
    (record,) = work.oracle.records()
    mean = (0.1234567890123456 + 0.5) / 2
    assert record.details["feedback"]["0>1"] == pytest.approx(mean, abs=1e-15)


def test_executions_are_averaged_and_have_seeds_of_their_own(
    tmp_path, instant, monkeypatch
):
    seeds, scores = [], iter([0.25, 0.75])
    score = {"loss": 1.0}
    monkeypatch.setattr(keras.utils, "set_random_seed", seeds.append)
    monkeypatch.setattr(
        training, "scorer", lambda *_: lambda: {**score, "top1": next(scores)}
    )
    work = tuner(tmp_path, max_trials=1, executions_per_trial=2)
    work.search(Blinks(), verbose=False)
    assert work.oracle.records()[0].fitness == 0.5
    assert len(set(seeds)) == 2


def test_feedback_that_is_too_much_fails_the_trial(tmp_path, instant, monkeypatch):
    monkeypatch.setattr("search.failures.MOST_DETAILS", 1000)
    much = dict.fromkeys(map(str, range(100)), 0.123456)
    read = {TinyVideoGenotype: lambda genotype, model: much}
    monkeypatch.setattr(registry, "FEEDBACK", read)
    work = tuner(tmp_path, max_trials=2)
    work.search(Blinks(), verbose=False)
    assert [record.status for record in work.oracle.records()] == ["failed"] * 2
    assert "at most 1,000 characters" in work.oracle.records()[0].details["error"]


@pytest.mark.model
def test_a_training_that_takes_too_long_has_failed(tmp_path):
    work = tuner(tmp_path, max_trials=1, trial_seconds=1e-6)
    work.search(Blinks(), verbose=False)
    (record,) = work.oracle.records()
    assert record.details["reason"] == "over time"
    assert record.details["error"] == "its training took more than 1e-06 s"


@pytest.mark.model
def test_children_inherit_and_hopeless_ones_end_early(tmp_path):
    engine = {"stopping": Halving(factor=2, stages=1)}
    work = tuner(tmp_path, max_trials=4, inherit=True, engine=engine)
    work.search(Blinks(), verbose=False)
    children = [record for record in work.oracle.records() if record.parent]
    assert len(children) == 2
    assert all(0 <= child.details["inherited"] <= 1 for child in children)
    assert any(child.details["inherited"] > 0.5 for child in children)
    statuses = {record.status for record in work.oracle.records()}
    assert statuses <= {"completed", "stopped"}
    kept = {path.parent.name for path in tmp_path.glob("trial_*/*.weights.h5")}
    assert f"trial_{work.oracle.get_best_trials()[0].trial_id}" in kept
    (model,) = work.get_best_models()
    assert model.output_shape == (None, 2)


@pytest.mark.model
def test_networks_are_freed_after_their_trial(tmp_path):
    def alive():
        return [o for o in gc.get_objects() if isinstance(o, keras.Model)]

    others = alive()  # Of other tests, as fixtures may hold some.
    tuner(tmp_path, max_trials=1).search(Blinks(), verbose=False)
    assert not [model for model in alive() if not any(model is o for o in others)]


@pytest.mark.model
def test_a_real_search_trains_and_scores(tmp_path):
    work = tuner(tmp_path)
    work.search(Blinks())
    for record in work.oracle.records():
        assert isinstance(record, Record)
        assert 0 <= record.fitness <= 1
        assert record.fitness == record.details["metrics"]["top1"]
        assert record.details["latency_ms"] > 0


@pytest.mark.model
def test_the_same_trial_scores_the_same(tmp_path):
    losses = []
    for name in ("a", "b"):
        work = tuner(tmp_path / name, max_trials=1)
        work.search(Blinks(), verbose=False)
        losses.append(work.oracle.records()[0].details["metrics"]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)

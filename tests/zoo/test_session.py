import errno
import os
import signal

import keras
import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_network
from keras import ops

from zoo import alarms, command, monitor, session, signals, training
from zoo.callbacks import Callbacks

RECIPE = training.Recipe(steps=6, batch_size=4, warmup_steps=2)
ROWS = "metrics.csv"


class KilledError(Exception):
    pass


class At(keras.callbacks.Callback):
    """Does something after a step."""

    def __init__(self, step, act):
        super().__init__()
        self.step, self.act = step, act

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.step:
            self.act()


def die():
    raise KilledError


def fit(workdir, seed=1, **options):
    network = tiny_network(seed=seed)
    options = {"save_every": 6, "log_every": 4, "verbose": False, **options}
    recipe = options.pop("recipe", RECIPE)
    result = training.fit(network, ArrayClips(), TINY, recipe, workdir, **options)
    return network, result


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing interrupts: its folder and its network."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, fit(folder)[0]


def saved(folder):
    with np.load(folder / "checkpoint.npz") as file:
        return file["step"], file["means"].size > 0


@pytest.mark.model
def test_stopped_and_killed_run_equals_the_uninterrupted_one(whole, tmp_path, capsys):
    ask = At(2, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with signals.Notice() as notice, pytest.raises(SystemExit) as caught:
        fit(tmp_path, notice=notice, callbacks=[ask])
    assert caught.value.code == 0
    # The signal came after the session had looked.
    line = "stopped at step 3 and saved: resume with the same command\n"
    assert capsys.readouterr().err == line
    assert saved(tmp_path) == (3, True)  # In the middle of a row.
    assert monitor.read_table(tmp_path / ROWS) == []
    with pytest.raises(KilledError):
        fit(tmp_path, seed=7, save_minutes=1e-9, callbacks=[At(2, die)])
    assert saved(tmp_path) == (5, True)
    network = fit(tmp_path, seed=5)[0]
    for one, other in zip(whole[1].variables, network.variables, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (one, other)))
    assert (tmp_path / ROWS).read_text() == (whole[0] / ROWS).read_text()


@pytest.mark.model
def test_run_that_is_asked_while_it_scores_goes_on_exactly(
    tmp_path, monkeypatch, capsys
):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    network, predictions = fit(whole, save_every=3)[0], training.outputs.predictions
    for step in (3, 6):
        notice = signals.Notice()

        def ask(*args, notice=notice, **options):
            notice.given = True
            return predictions(*args, **options)

        monkeypatch.setattr(training.outputs, "predictions", ask)
        with pytest.raises(signals.Stopped):
            fit(parts, save_every=3, notice=notice)
        assert f"stopped at step {step} and saved" in capsys.readouterr().err
        assert saved(parts) == (step, True)
        if step == 3:  # Scored now, and asked again while it scores the last step.
            monkeypatch.setattr(training.outputs, "predictions", predictions)
            with pytest.raises(KilledError):
                fit(parts, save_every=3, callbacks=[At(2, die)])
    monkeypatch.setattr(training.outputs, "predictions", predictions)
    other = fit(parts, seed=5, save_every=3)[0]
    for one, two in zip(network.variables, other.variables, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (one, two)))
    assert (parts / ROWS).read_text() == (whole / ROWS).read_text()
    weights = [(folder / "best.weights.h5").read_bytes() for folder in (whole, parts)]
    assert len(weights[0]) == len(weights[1])


@pytest.mark.model
def test_run_that_is_made_shorter_than_it_is_gets_scored(tmp_path):
    ask = signals.Notice()
    with pytest.raises(signals.Stopped):
        fit(
            tmp_path, notice=ask, callbacks=[At(2, lambda: setattr(ask, "given", True))]
        )
    assert saved(tmp_path) == (3, True)
    recipe = training.Recipe(steps=2, batch_size=4, learning_rate=0.05)
    result = fit(tmp_path, recipe=recipe)[1]
    assert result["step"] == 3
    assert {"loss", "validation_top1", "best_score"} <= result.keys()
    assert (tmp_path / "best.weights.h5").exists()
    assert fit(tmp_path, recipe=recipe)[1] == pytest.approx(result)


@pytest.mark.model
def test_run_that_is_asked_before_its_first_step_ends_there(tmp_path, capsys):
    notice = signals.Notice()
    notice.given = True
    with pytest.raises(signals.Stopped):
        fit(tmp_path, notice=notice)
    assert "stopped at step 0 before any: begin" in capsys.readouterr().err
    assert not (tmp_path / "checkpoint.npz").exists()


@pytest.mark.model
def test_full_disk_leaves_the_last_good_state(tmp_path, monkeypatch):
    saves, count = np.savez, []

    def save(path, **arrays):
        count.append(path)
        if len(count) == 2:
            path.write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")
        saves(path, **arrays)

    monkeypatch.setattr(session.checkpoints.np, "savez", save)
    with pytest.raises(alarms.NotSaved) as caught:
        fit(tmp_path, save_every=2)
    kept = tmp_path / "checkpoint.npz"
    assert command.mistake(caught.value) == (
        f"step 4 could not be saved in {tmp_path}: No space left on device; the last "
        f"good state is {kept}. Make room: the same command goes on"
    )
    with np.load(kept) as file:
        assert file["step"] == 2
    assert not list(tmp_path.glob(".writing-*"))


@pytest.mark.model
def test_folder_that_can_not_be_written_to_is_refused_before_any_step(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="`workdir` must be a folder that can be"):
        fit(tmp_path / "file" / "run")


@pytest.mark.model
def test_tensorboard_shows_clips_classes_and_speed(whole):
    from tensorboard.backend.event_processing import event_file_loader

    path = next((whole[0] / "tensorboard").glob("events*"))
    seen = {}
    for event in event_file_loader.LegacyEventFileLoader(str(path)).Load():
        for value in event.summary.value:
            seen.setdefault(value.tag, []).append(event.step)
    assert {f"clips/{number}" for number in range(4)} <= seen.keys()
    assert seen["class/dark"] == [6]
    assert seen["learning_rate"] == seen["clips_per_second"] == [4, 6]


@pytest.mark.model
def test_speed_is_beside_what_repeats(whole):
    rows = monitor.read_table(whole[0] / "speed.csv")
    assert [row["step"] for row in rows] == [4, 6]
    assert all(row["seconds"] > 0 for row in rows)
    assert rows[0]["clips_per_second"] == pytest.approx(12 / rows[0]["seconds"], 1e-4)
    assert "seconds" not in (whole[0] / ROWS).read_text()


def test_only_others_wait_for_numbers():
    class Keeps(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.logs = logs

    first, other = Keeps(), Keeps()
    logs = {"loss": ops.convert_to_tensor(0.5)}
    Callbacks(first, [other], None).on_train_batch_end(0, logs)
    assert first.logs is logs
    assert other.logs == {"loss": 0.5}
    assert type(other.logs["loss"]) is float


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"save_minutes": 0}, "save_minutes"),
        ({"profile": "5"}, "profile"),
        ({"validation_limit": 0}, "validation_limit"),
    ],
)
def test_nonsense_is_refused(wrong, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        training.fit(None, None, TINY, RECIPE, **wrong)

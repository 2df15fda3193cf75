import csv
import functools
import json
import os
import signal
import subprocess

import keras
import pytest
from clip_sources import ArrayClips, tiny_network
from keras_tuner.errors import FailedTrialError

from search import deployment, run
from search.budget import Budget
from search.failures import MeasurementError, failure
from search.spaces.tiny_video import TinyVideoSpace
from search.tournament import TournamentOracle
from zoo import conversion, cost, runtimes
from zoo.training import Recipe

TELLS = "print('{\"latency_ms\": 12.5}')"


@pytest.mark.parametrize(
    ("runtime", "form", "ending"),
    [(None, "litert", ".tflite"), ("onnx", "onnx", ".onnx")],
)
def test_a_command_gets_an_exported_file(exported, program, runtime, form, ending):
    check = "print('warm; $HOME'); assert open(sys.argv[-1]).read() == 'network'\n"
    line = program(f"{check}assert sys.argv[1] == '$HOME; x'\n{TELLS}") + " '$HOME; x'"
    budget = Budget(latency_ms=5, runtime=runtime, measure=line)
    assert deployment.latency_ms("model", budget, 0) == 12.5
    ((path, written),) = exported
    assert (path.suffix, written) == (ending, form)
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "sys.exit('no phone')",
            r"ends with 0\. Got: .*: it ended with 1, 'no phone'$",
        ),
        ("", r"whose last line is JSON such as .*: ''$"),
        (f"{TELLS}; print('done')", r"last line is JSON .*: 'done'$"),
        ("print([12.5])", r"last line is JSON .*: '\[12.5\]'$"),
        ("print('{\"latency_ms\": -1}')", "last line is JSON .* above 0"),
        ("print('{\"latency_ms\": NaN}')", "last line is JSON .* above 0"),
        ("print('{\"latency_ms\": true}')", "last line is JSON .* above 0"),
    ],
)
def test_a_command_that_tells_no_latency_is_named(exported, program, text, told):
    budget = Budget(latency_ms=5, measure=program(text))
    with pytest.raises(MeasurementError, match=told) as error:
        deployment.latency_ms("model", budget, 0)
    assert budget.measure in str(error.value)
    assert failure(error.value) == {
        "reason": "not measured",
        "error": str(error.value),
    }
    assert "\n" not in str(error.value)
    assert not exported[0][0].parent.exists()


def test_a_command_that_takes_too_long_ends_with_all_that_it_started(
    exported, monkeypatch
):
    killed, kill = [], os.killpg
    monkeypatch.setattr(deployment, "TIMEOUT", 0.05)
    monkeypatch.setattr(os, "killpg", lambda *how: killed.append(how) or kill(*how))
    budget = Budget(latency_ms=5, measure="sh -c 'sleep 60 & wait'")
    with pytest.raises(MeasurementError, match=r"ends within 0.05 s\. Got: sh -c 's"):
        deployment.latency_ms("model", budget, 0)
    assert [how for _, how in killed] == [signal.SIGKILL]


@pytest.mark.parametrize(("line", "code"), [("sleep 60", -signal.SIGKILL), ("true", 0)])
def test_an_interrupt_ends_the_command(exported, monkeypatch, line, code):
    waited, wait = [], subprocess.Popen.wait

    def interrupted(process, timeout=None):
        if timeout is not None:
            waited.append(process)
            if code == 0:  # It has been waited for already.
                wait(process)
            raise KeyboardInterrupt
        return wait(process)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    budget = Budget(latency_ms=5, measure=f"sh -c '{line}'")
    with pytest.raises(KeyboardInterrupt):
        deployment.latency_ms("model", budget, 0)
    assert waited[0].returncode == code


def test_a_long_last_line_is_read_whole(exported, program):
    told = json.dumps({"latency_ms": 12.5, "runs": [10.25] * 200})
    budget = Budget(latency_ms=5, measure=program(f"print({told!r})"))
    assert deployment.latency_ms("model", budget, 0) == 12.5


def test_a_long_last_line_is_shown_in_short(exported, program):
    budget = Budget(latency_ms=5, measure=program("print('x' * 5000)"))
    with pytest.raises(MeasurementError, match=r"'x{300} \.\.\.'$"):
        deployment.latency_ms("model", budget, 0)


def test_what_a_command_leaves_behind_is_not_waited_for(exported, monkeypatch):
    monkeypatch.setattr(deployment, "TIMEOUT", 3)
    tells = """sh -c 'sleep 6 & echo "{\\"latency_ms\\": 12.5}"'"""
    budget = Budget(latency_ms=5, measure=tells)
    assert deployment.latency_ms("model", budget, 0) == 12.5


def test_a_command_that_is_not_there_is_told_before_and_after(exported):
    budget = Budget(latency_ms=5, measure="/none/adb.sh --phone")
    with pytest.raises(ValueError, match="`measure` must be a command that is there"):
        deployment.check_ready(budget)
    with pytest.raises(MeasurementError, match=r"that can be run.*No such file"):
        deployment.latency_ms("model", budget, 0)


def test_a_command_for_onnx_needs_what_writes_it(exported, monkeypatch):
    needed = []
    monkeypatch.setattr(runtimes, "need", needed.append)
    for runtime in (None, "litert", "onnx"):
        deployment.check_ready(Budget(latency_ms=5, runtime=runtime, measure="true"))
    assert needed == ["tf2onnx"]


@pytest.mark.jax
def test_another_backend_does_not_export_for_a_command():
    with pytest.raises(ValueError, match="`backend` must be tensorflow to export"):
        deployment.check_ready(Budget(latency_ms=5, measure="true"))


@pytest.mark.parametrize("how", [{"runtime": "litert"}, {"measure": "true"}])
def test_a_network_that_can_not_be_exported_is_infeasible(exported, monkeypatch, how):
    def refuse(*arguments, **options):
        raise ValueError("`model` must be one that LiteRT has operations for")

    monkeypatch.setattr(conversion, "write", refuse)
    monkeypatch.setattr(cost, "latency_ms", refuse)
    with pytest.raises(FailedTrialError, match="LiteRT has operations for"):
        deployment.latency_ms("model", Budget(latency_ms=5, **how), 0)


def test_a_runtime_and_its_threads_are_those_of_the_budget(monkeypatch):
    given = []
    monkeypatch.setattr(cost, "latency_ms", lambda *x, **how: given.append(how) or 3.0)
    own = {"runtime": "litert", "threads": 4}
    for limits in ({}, own):
        assert deployment.latency_ms("model", Budget(latency_ms=5, **limits), 2) == 3
    assert given == [{"seconds": 2}, {"seconds": 2, **own}]


def test_a_runtime_that_is_not_usable_is_told_before(monkeypatch):
    used = []
    monkeypatch.setattr(runtimes, "check_usable", lambda *how: used.append(how))
    deployment.check_ready(Budget(latency_ms=5, runtime="onnx", threads=2))
    deployment.check_ready(Budget(latency_ms=5))
    assert used == [("onnx", 2)]


def test_a_device_has_a_name():
    budgets = [{"threads": 4}, {"threads": 1}, {}]
    names = [deployment.device(Budget(runtime="litert", **b)) for b in budgets]
    assert names == ["litert, 4 threads", "litert, 1 thread", "litert"]
    assert deployment.device(Budget()) == keras.backend.backend()
    assert deployment.device(Budget(latency_ms=1, measure="adb x")) == "adb x"


@pytest.mark.model
@pytest.mark.tensorflow
def test_a_command_gets_a_network_for_litert(program):
    checks = "assert open(sys.argv[1], 'rb').read()[4:8] == b'TFL3'"
    budget = Budget(latency_ms=5, measure=program(f"{checks}\n{TELLS}"))
    assert deployment.latency_ms(tiny_network(), budget, 0) == 12.5


@pytest.mark.model
@pytest.mark.tensorflow
def test_a_search_measures_what_the_runtime_takes(tmp_path, capsys):
    sizes = {"frames": (2, 2), "sizes": (16, 16), "filters": (4, 8)}
    space = TinyVideoSpace(blocks=(1, 1), repeats=(1, 1), **sizes)
    budget = Budget(latency_ms=1000, runtime="litert", threads=1)
    method = functools.partial(TournamentOracle, space, max_trials=1, budget=budget)
    recipe = Recipe(steps=1, batch_size=2, warmup_steps=0)
    clips = ArrayClips()
    winner = run.search(method, clips, str(tmp_path), recipe, latency_seconds=0.1)
    with (tmp_path / "history.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert 0 < float(row["latency_ms"]) == winner.details["latency_ms"] < 1000
    kept = json.loads((tmp_path / "promise.json").read_text())
    assert (kept["promised_ms"], kept["by"]) == (1000, "litert, 1 thread")
    told = capsys.readouterr().out.splitlines()[-1]
    assert told.startswith("Latency of trial 0000: promised 1,000.0 ms, measured ")
    assert " ms by litert, 1 thread (-" in told

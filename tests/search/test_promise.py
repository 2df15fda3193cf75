import types

import pytest

from search import conclusion, promise
from search.budget import Budget
from search.history import Record

RUNTIME = {"runtime": "litert", "threads": 4}


def again(folder, measured=9.6, latency=9.0, worker="tuner0", **limits):
    """Measures the best trial again; gives how often it was done."""
    budget = Budget(**{"latency_ms": 10, **RUNTIME, **limits})
    oracle = types.SimpleNamespace(budget=budget)
    details = {"latency_ms": latency, "worker": worker}
    best = Record("0007", "{}", "completed", 0.5, details=details)
    calls = []

    def measure():
        calls.append(best)
        if isinstance(measured, Exception):
            raise measured
        return measured

    conclusion.measure_again(oracle, folder, best, measure, "tuner0")
    return len(calls)


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        (9.6, "promised 10.0 ms, measured 9.6 ms by litert, 4 threads (-4 %)"),
        (10.04, "promised 10.0 ms, measured 10.0 ms by litert, 4 threads (+0.4 %)"),
        (31.0, "promised 10.0 ms, measured 31.0 ms by litert, 4 threads (+210 %)"),
        (0.25, "promised 10.0 ms, measured 0.25 ms by litert, 4 threads (-98 %)"),
    ],
)
def test_it_is_told_how_a_promise_is_kept(tmp_path, capsys, measured, told):
    assert again(tmp_path, measured) == 1
    assert capsys.readouterr().out == f"Latency of trial 0007: {told}\n"
    assert str(promise.read(tmp_path)) == told


def test_what_is_kept_is_not_measured_again(tmp_path, capsys):
    again(tmp_path)
    first = capsys.readouterr().out
    assert again(tmp_path, 50.0) == 0
    assert capsys.readouterr().out == first
    for other in ({"latency_ms": 12}, {"threads": 2}):
        assert again(tmp_path, 11.0, **other) == 1
    assert promise.read(tmp_path).measured_ms == 11.0


@pytest.mark.parametrize(
    "case",
    [
        {"latency_ms": None},
        {"latency": None},
        {"worker": "host-0", "runtime": None, "threads": None},
        {"worker": "host-0", "runtime": "jax", "threads": None},
    ],
    ids=["no limit", "not measured", "measured elsewhere", "by a backend"],
)
def test_where_nothing_was_promised_here_nothing_is_told(tmp_path, capsys, case):
    assert again(tmp_path, **case) == 0
    assert capsys.readouterr().out == ""
    assert promise.read(tmp_path) is None


def test_what_is_exported_is_measured_where_another_did(tmp_path):
    assert again(tmp_path, worker="host-0") == 1


def test_what_a_backend_runs_is_measured_by_who_did_before(tmp_path):
    assert again(tmp_path, runtime=None, threads=None) == 1


def test_a_failure_is_told_and_nothing_kept(tmp_path, capsys):
    again(tmp_path, RuntimeError("first\nno phone"))
    told = "Trial 0007 could not be measured again: no phone\n"
    assert capsys.readouterr().out == told
    assert promise.read(tmp_path) is None
    assert again(tmp_path) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"trial": "0", "promised_ms": 0}'])
def test_a_damaged_file_is_as_none(tmp_path, text):
    (tmp_path / promise.NAME).write_text(text)
    assert promise.read(tmp_path) is None
    again(tmp_path)
    whole = (tmp_path / promise.NAME).read_text()
    (tmp_path / promise.NAME).write_text(whole.replace("10.0", "0"))
    assert promise.read(tmp_path) is None

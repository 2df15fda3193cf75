import json
import subprocess

import pytest

from search import claim
from search.budget import Budget, machine_memory
from search.spaces.tiny_video import TinyVideoSpace
from search.tournament import TournamentOracle
from zoo import cost
from zoo.record import SEARCH
from zoo.training import Recipe

RECIPE = Recipe(steps=3, batch_size=4)
ABOUT = {"classes": ["a", "b"]}


@pytest.fixture(autouse=True)
def rates(monkeypatch):
    """How the machine was measured: here, or in a process of its own."""
    how = []
    monkeypatch.setattr(cost, "matmul_rate", lambda: how.append("here") or 1e10)

    def run(command, **_):
        how.append("apart")
        return subprocess.CompletedProcess(command, 0, "told\n2e10\n", "")

    monkeypatch.setattr(claim.subprocess, "run", run)
    return how


def oracle(**limits):
    return TournamentOracle(TinyVideoSpace(), 2, Budget(**limits))


def machine(folder):
    return json.loads((folder / SEARCH).read_text())["machine"]


def test_workers_of_a_machine_share_its_memory(tmp_path):
    claim.claim(tmp_path, oracle(), ABOUT, RECIPE, workers=4)
    assert machine(tmp_path)["memory"] == machine_memory() // 4
    claim.claim(tmp_path / "own", oracle(memory=1e9), ABOUT, RECIPE, workers=4)
    assert machine(tmp_path / "own")["memory"] == 1e9
    worker = oracle()
    claim.adopt(worker, RECIPE, 4)
    assert worker.budget.limits["memory"] == machine_memory() // 4
    assert worker.budget.batch_size == 4


def test_who_trains_nothing_measures_in_another_process(tmp_path, rates):
    claim.claim(tmp_path, oracle(latency_ms=5), ABOUT, RECIPE, apart=True)
    assert machine(tmp_path)["macs_per_second"] == 2e10
    chief = oracle(latency_ms=5)
    claim.claim(tmp_path, chief, ABOUT, RECIPE, apart=True)  # It is known.
    assert chief.budget.macs_per_second == 2e10
    claim.claim(tmp_path / "here", oracle(latency_ms=5), ABOUT, RECIPE)
    assert rates == ["apart", "here"]


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"latency_ms": 5, "macs_per_second": 1e9},
        {"latency_ms": 5, "measure": "adb"},
    ],
)
def test_what_is_not_needed_is_not_measured(tmp_path, rates, limits):
    claim.claim(tmp_path, oracle(**limits), ABOUT, RECIPE)
    assert rates == []


def test_a_machine_that_can_not_be_measured_is_one_line(tmp_path, monkeypatch):
    done = subprocess.CompletedProcess([], 1, "", "Traceback\nOSError: no device\n")
    monkeypatch.setattr(claim.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(ValueError, match=r"given where .* Got: OSError: no device$"):
        claim.claim(tmp_path, oracle(latency_ms=5), ABOUT, RECIPE, apart=True)
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
def test_the_process_of_its_own_measures(monkeypatch):
    monkeypatch.undo()
    assert claim._rate_apart() > 1e6


def test_what_is_recalled_is_as_it_was_claimed(tmp_path, rates):
    first, again = oracle(latency_ms=5), oracle(latency_ms=5)
    claim.claim(tmp_path, first, ABOUT, RECIPE, workers=2)
    before = (tmp_path / SEARCH).read_bytes()
    claim.recall(tmp_path, again, ABOUT, RECIPE)
    assert again.budget == first.budget
    assert (tmp_path / SEARCH).read_bytes() == before
    with pytest.raises(ValueError, match=r"with classes \['a', 'b'\], not \['c'\]"):
        claim.recall(tmp_path, oracle(latency_ms=5), {"classes": ["c"]}, RECIPE)
    claim.recall(tmp_path / "none", oracle(latency_ms=5), ABOUT, RECIPE)
    assert not (tmp_path / "none").exists()
    assert rates == ["here"]

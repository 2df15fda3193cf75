import csv
import json
import math

import pytest

from search.history import HistoryFiles, Record, best, is_number, last_line
from search.pareto import Archive

DETAILS = {"parameters": 10, "macs": 20, "latency_ms": 1.5, "seconds": 2.0}


def record(trial, score, status="completed", **more):
    return Record(
        str(trial), f'{{"n":{trial}}}', status, score, details=DETAILS, **more
    )


def rows(folder):
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_per_trial(tmp_path):
    files = HistoryFiles(tmp_path)
    assert rows(tmp_path) == []
    files.add(record(0, 0.5, parent="3", mutation="a > b, c > d"))
    (row,) = rows(tmp_path)
    assert row == {
        "trial": "0",
        "genotype": '{"n":0}',
        "parameters": "10",
        "macs": "20",
        "latency_ms": "1.5",
        "fitness": "0.5",
        "feasible": "True",
        "status": "completed",
        "seconds": "2.0",
        "parent": "3",
        "mutation": "a > b, c > d",
        "hyperparameters": "{}",
        "hypervolume": "",
        "error": "",
    }


def test_an_error_of_several_lines_stays_in_its_column(tmp_path):
    failed = Record("0", "{}", "failed", details={"error": 'Traceback:\n  "x", y\n'})
    HistoryFiles(tmp_path, [failed]).add(record(1, 0.1))
    first, second = rows(tmp_path)
    assert first["error"] == 'Traceback:\n  "x", y\n'
    assert (first["fitness"], first["feasible"], second["trial"]) == ("", "False", "1")


def test_the_best_feasible_is_kept(tmp_path):
    files = HistoryFiles(tmp_path, [record(0, 0.2)])
    path = tmp_path / "best.json"
    assert path.read_text() == '{"n":0}\n'
    files.add(record(1, 0.1))
    files.add(record(2, None, status="over budget"))
    files.add(record(3, None, status="failed"))
    assert path.read_text() == '{"n":0}\n'
    files.add(record(4, 0.3))
    files.add(record(5, 0.3))  # An equal does not replace the earlier.
    assert path.read_text() == '{"n":4}\n'


def test_nothing_feasible_is_no_best(tmp_path):
    HistoryFiles(tmp_path).add(record(0, None, status="over budget"))
    assert not (tmp_path / "best.json").exists()


def test_files_are_written_anew_from_what_is_known(tmp_path):
    known = [record(0, 0.2), record(1, 0.4)]
    HistoryFiles(tmp_path, known[:1])
    HistoryFiles(tmp_path, known)
    assert [row["trial"] for row in rows(tmp_path)] == ["0", "1"]
    assert (tmp_path / "best.json").read_text() == '{"n":1}\n'


def test_the_best_come_first_and_infeasible_never():
    records = [record(0, 0.1), record(1, None, status="over budget"), record(2, 0.5)]
    assert [r.trial for r in best(records, 5)] == ["2", "0"]


def test_any_feasible_trial_is_worth_more_than_one_over_budget():
    over = {"violations": {"macs": 0.25, "latency_ms": 0.5}}
    near = Record("0", "{}", "over budget", details={"violations": {"macs": 0.5}})
    far = Record("1", "{}", "over budget", details=over)
    assert far.merit < near.merit < record(2, -9.0).merit < record(3, 0.1).merit
    assert Record("4", "{}", "failed").merit is None


def test_the_front_of_several_objectives_is_kept(tmp_path):
    archive = Archive(("fitness", "macs"), {"macs": 40})
    files = HistoryFiles(tmp_path, [], archive)
    for number, fitness in enumerate((0.25, 0.125, 0.5)):
        archive.add(record(number, fitness))
        files.add(record(number, fitness))
    front = json.loads((tmp_path / "pareto.json").read_text())
    assert [row["trial"] for row in front["networks"]] == ["2"]
    assert front["objectives"] == ["fitness", "macs"]
    assert front["hypervolume"] == 0.25


@pytest.mark.parametrize("value", [0, -2, 1.5, 10**300])
def test_a_finite_number_is_one(value):
    assert is_number(value)


@pytest.mark.parametrize("value", [True, "1", None, math.nan, -math.inf, 10**400])
def test_what_has_no_finite_value_is_no_number(value):
    assert not is_number(value)


def test_the_last_line_of_an_error_is_its_reason():
    assert last_line("Traceback:\n  File x\nOSError: full \n") == "OSError: full"
    assert last_line(" \n") == last_line("") == "no reason given"

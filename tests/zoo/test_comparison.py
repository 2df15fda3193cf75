import csv
import dataclasses
import json

import pytest
from clip_sources import TINY, tiny_genotype

from zoo import comparison, cost, inference, runtimes, scatter, weights
from zoo.comparison import Row
from zoo.genotypes import FOUND
from zoo.genotypes.found.reported import REPORTED

ABOUT = inference.Description(tiny_genotype(), ("dark", "light", "wet"), "single", TINY)
ROWS = [
    Row(
        "slow",
        (4, 8, 8, 3),
        10,
        2 * 10**9,
        5_000_000,
        60.0,
        "Moments",
        {"litert": cost.Latency(100.0, 90.0, 120.0, 9)},
    ),
    Row(
        "quick",
        (2, 8, 8, 3),
        2000,
        10**8,
        7_000_000,
        40.0,
        "Moments",
        {"litert": cost.Latency(10.0, 9.0, 11.0, 9)},
    ),
    Row("odd", (2, 8, 8, 3), 300, 10**9, 6_000_000, failures={"litert": "no reason"}),
]


def describe(folder):
    inference.describe(folder, ABOUT)
    weights.save(ABOUT.build(), folder / "best.weights.h5")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return describe(tmp_path_factory.mktemp("run"))


@pytest.fixture
def fake(monkeypatch):
    """Runtimes that are all installed and run all networks at once, but for one."""

    def caller(model, kind, threads):
        asked.append((kind, threads))
        if kind == "onnx":
            raise ValueError("`model` must be small.\n Got: this")
        return lambda clip: clip

    asked = []
    monkeypatch.setattr(runtimes, "caller", caller)
    monkeypatch.setattr(runtimes, "check_usable", lambda kind: None)
    monkeypatch.setattr(cost, "TURN", 0.0)
    return asked


def test_every_reported_name_is_a_network_s():
    assert set(REPORTED) <= set(FOUND)


def test_networks_have_cost_latency_and_score(run, fake):
    (run / "evaluation-test").mkdir(exist_ok=True)
    text = json.dumps({"split": "test", "top1": 0.75})
    (run / "evaluation-test/evaluation.json").write_text(text)
    told = []
    kinds = ["litert", "onnx"]
    [row] = comparison.compare([str(run)], kinds, 2, 3, seconds=0.0, tell=told.append)
    assert fake == [("litert", 3), ("onnx", 3)]
    assert row.latencies.keys() == {"litert"}
    assert row.failures == {"onnx": "`model` must be small. Got: this"}
    assert (row.accuracy, row.accuracy_of) == (75.0, "own test")
    known = ABOUT.genotype.cost(3)
    assert (row.parameters, row.macs) == (known.parameters, known.macs)
    assert 0 < row.memory < known.activation_bytes
    assert told == [f"preparing {run}, 1 of 1"]


def test_a_run_s_score_is_its_best_where_nothing_was_evaluated(tmp_path):
    assert comparison.own_score(tmp_path) == (None, "")
    text = "step,validation_map\n1,0.2\n2,0.5\n3,0.4\n"
    (tmp_path / "metrics.csv").write_text(text)
    assert comparison.own_score(tmp_path) == (50.0, "own validation")
    (tmp_path / "evaluation-validation").mkdir()
    text = json.dumps({"map": 0.25})
    (tmp_path / "evaluation-validation/evaluation.json").write_text(text)
    assert comparison.own_score(tmp_path) == (25.0, "own validation")


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("latency", "quick slow odd"),
        ("rate", "slow quick odd"),
        ("params", "slow odd quick"),
        ("macs", "quick odd slow"),
        ("memory", "slow odd quick"),
        ("accuracy", "slow quick odd"),
        ("name", "odd quick slow"),
    ],
)
def test_rows_are_sorted_by_any_column_with_the_unknown_last(by, names):
    found = comparison.ordered(ROWS, by, ["litert"])
    assert " ".join(row.name for row in found) == names


def test_rows_that_were_not_measured_keep_their_order():
    assert comparison.ordered(ROWS, "latency", []) == ROWS


def test_table_has_a_line_for_each_network():
    head, slow, quick, odd, failure = comparison.table(ROWS, ["litert"], 2).splitlines()
    names = "network clip parameters GMAC peak MB litert ms quartiles clips/s GMAC/s"
    assert head.split() == f"{names} accuracy".split()
    numbers = "slow 4x8x8 10 2.00 5.0 100.0 90.0-120.0 20 40 60.0 Moments"
    assert slow.split() == numbers.split()
    assert "2,000" in quick
    assert odd.split()[-5:] == ["-"] * 5
    assert failure == "odd does not run on litert: no reason"


def test_files_hold_all_rows(tmp_path):
    folder = tmp_path / "new"
    assert comparison.write(folder, ROWS, ["litert"], {"threads": 2})
    record = json.loads((folder / "benchmark.json").read_text())
    assert record["threads"] == 2
    assert record["machine"]["cores"] > 0
    assert record["networks"][0]["latencies"]["litert"]["median"] == 100.0
    with open(folder / "benchmark.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["litert_upper"] for row in rows] == ["120.0", "11.0", ""]
    assert [row["clip"] for row in rows] == ["4x8x8x3", "2x8x8x3", "2x8x8x3"]
    svg = (folder / "accuracy-latency.svg").read_text()
    assert "<!-- slow -->" in svg
    assert "<!-- odd -->" not in svg


def test_there_is_no_picture_of_unknown_accuracies(tmp_path):
    assert not comparison.write(tmp_path, ROWS[2:], ["litert"], {})
    assert not (tmp_path / "accuracy-latency.svg").exists()


def test_an_accuracy_of_zero_is_known(tmp_path):
    wrong = dataclasses.replace(ROWS[0], name="nie_für_ein_Bild", accuracy=0.0)
    assert comparison.write(tmp_path, [wrong], ["litert"], {})
    assert "nie_für_ein_Bild" in (tmp_path / "benchmark.csv").read_text("utf-8")


def test_the_front_has_what_no_other_beats_in_both():
    places = [(5.0, 50.0), (1.0, 30.0), (2.0, 20.0), (1.0, 10.0), (9.0, 60.0)]
    assert scatter.front(places) == [(1.0, 30.0), (5.0, 50.0), (9.0, 60.0)]


def test_progress_is_told_after_a_while(monkeypatch):
    now, told = [0.0], []
    monkeypatch.setattr(comparison.time, "monotonic", lambda: now[0])
    progress = comparison._progress(told.append)
    for second, share in [(2, 0.1), (6, 0.25), (8, 0.5), (12, 0.5), (20, 1.0)]:
        now[0] = second
        progress(share)
    assert told == ["measuring: 25 %, 0:18 left", "measuring: 50 %, 0:12 left"]

import pytest

from search.history import Record
from search.progress import Table, amount, outcome, short, summary

COST = {"parameters": 41_234, "macs": 12_340_000, "latency_ms": 3.1, "seconds": 12.4}


def test_a_line_tells_the_trial_its_cost_its_fitness_and_the_best(capsys):
    table = Table([Record("0", "{}", "completed", 0.5, details=COST)], 5)
    table.add(Record("1", "{}", "completed", 0.25, details={**COST, "seconds": 7.6}))
    assert capsys.readouterr().out == (
        "2/5  trial 1  41.2k parameters  12.3M MACs  3.10 ms  fitness 0.250  "
        "best 0.500 (trial 0)  8 s\n"
    )


def test_the_status_tells_best_mean_rate_time_left_and_failures(monkeypatch):
    clock = iter([0.0, 30.0, 60.0, 90.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    table = Table([Record("0", "{}", "completed", 0.5, details=COST)], 34)
    table.add(Record("1", "{}", "completed", 0.25))
    table.add(Record("2", "{}", "failed", details={"reason": "diverged", "error": ""}))
    table.add(Record("3", "{}", "over budget", details={"violations": {"macs": 1}}))
    assert table.status() == (
        "4/34  best 0.500  mean 0.375  2 trials/min  15:00 left  "
        "without fitness: 1 diverged, 1 over budget"
    )


def test_on_a_terminal_the_status_is_drawn_over(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    table = Table([], 2)
    table.add(Record("0", "{}", "completed", 0.5))
    table.add(Record("1", "{}", "completed", 0.5))
    first, second = capsys.readouterr().out.split("\r\x1b[K")[1:]
    assert first.splitlines()[1].startswith("1/2  best 0.500")
    assert second.count("\n") == 1


def test_what_is_written_after_an_early_end_has_a_line_of_its_own(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    table = Table([], 2)
    table.close()
    assert capsys.readouterr().out == ""
    table.add(Record("0", "{}", "completed", 0.5))
    table.close()
    table.close()
    out = capsys.readouterr().out
    assert out.endswith("mean 0.500\n") or out.endswith("left\n")
    assert not out.endswith("\n\n")


def test_an_over_budget_trial_names_the_limits():
    details = {**COST, "violations": {"latency_ms": 0.354, "macs": 2.0}}
    record = Record("0", "{}", "over budget", details=details)
    assert outcome(record) == "over budget (latency_ms +35%, macs +200%)"


@pytest.mark.parametrize(
    ("excess", "shown"),
    [(0.001, "+0.1%"), (0.0000321, "+0.0032%"), (0.0999, "+10%"), (0.096, "+9.6%")],
)
def test_a_small_excess_is_not_nothing(excess, shown):
    record = Record("0", "{}", "over budget", details={"violations": {"macs": excess}})
    assert outcome(record) == f"over budget (macs {shown})"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("memory", 62.84e9, "62.8 GB of memory"),
        ("memory", 1e12, "1 TB of memory"),
        ("memory", 900, "900 B of memory"),
        ("latency_ms", 37, "37 ms"),
        ("parameters", 30e6, "30M parameters"),
        ("macs", 1e9, "1G MACs"),
    ],
)
def test_amounts_have_units(name, value, shown):
    assert amount(name, value) == shown


def test_a_summary_without_a_network_tells_the_nearest():
    records = [
        Record("0", "{}", "over budget", details={**COST, "violations": {"macs": 2}}),
        Record("1", "{}", "over budget", details={**COST, "violations": {"macs": 1}}),
        Record("2", "{}", "failed"),
    ]
    lines = summary(records).splitlines()
    assert lines[0] == "3 trials: 0 completed, 2 over budget, 1 failed"
    assert lines[1:] == [
        "No network keeps the budget. The nearest: trial 1  41.2k parameters  "
        "12.3M MACs  3.10 ms  over budget (macs +100%)"
    ]
    assert len(summary(records[2:]).splitlines()) == 1


def test_a_failed_trial_names_its_error():
    details = {"error": "Traceback:\n  File x\nMemoryError: all of it\n", "seconds": 1}
    record = Record("0", "{}", "failed", details=details)
    assert outcome(record) == "failed (MemoryError: all of it)"


def test_the_summary_counts_and_ranks():
    records = [
        Record("0", "{}", "completed", 0.5, details=COST),
        Record("1", "{}", "failed"),
        Record("2", "{}", "over budget", details=COST),
        Record("3", "{}", "completed", 0.7, "0", "size 16 > 24", details=COST),
    ]
    lines = summary(records).splitlines()
    assert lines[0] == "4 trials: 2 completed, 1 over budget, 1 failed"
    assert len(lines) == 4
    assert lines[2].split()[:2] == ["3", "0.700"]
    assert lines[2].endswith("0: size 16 > 24")
    assert lines[3].endswith("random")


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (42, "42"), (1.234, "1.23"), (41_234, "41.2k"), (999_999, "1M")],
)
def test_numbers_are_short(number, shown):
    assert short(number) == shown

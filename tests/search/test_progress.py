from search.history import Record
from search.progress import outcome, summary, trial_line

COST = {"parameters": 41_234, "macs": 12_340_000, "latency_ms": 3.1, "seconds": 12.4}


def test_a_line_tells_the_trial_its_cost_its_fitness_and_the_best():
    records = [
        Record("0", "{}", "completed", 0.5, details=COST),
        Record("1", "{}", "completed", 0.25, details={**COST, "seconds": 7.6}),
    ]
    assert trial_line(records, 5) == (
        "2/5  trial 1  41.2k parameters  12.3M MACs  3.10 ms  fitness 0.250  "
        "best 0.500 (trial 0)  8 s  0:30 left"
    )


def test_the_last_line_has_no_time_left():
    records = [Record("0", "{}", "completed", 0.5, details=COST)]
    assert trial_line(records, 1).endswith("12 s")


def test_an_over_budget_trial_names_the_limits():
    details = {**COST, "violations": {"latency_ms": 0.354, "macs": 2.0}}
    record = Record("0", "{}", "over budget", -2.354, details=details)
    assert outcome(record) == "over budget (latency_ms +35%, macs +200%)"


def test_a_failed_trial_names_its_error():
    details = {"error": "Traceback:\n  File x\nMemoryError: all of it\n", "seconds": 1}
    record = Record("0", "{}", "failed", details=details)
    line = trial_line([record], 1)
    assert "failed (MemoryError: all of it)" in line
    assert "? parameters" in line


def test_the_summary_counts_and_ranks():
    records = [
        Record("0", "{}", "completed", 0.5, details=COST),
        Record("1", "{}", "failed"),
        Record("2", "{}", "over budget", -0.5, details=COST),
        Record("3", "{}", "completed", 0.7, "0", "size 16 > 24", details=COST),
    ]
    lines = summary(records).splitlines()
    assert lines[0] == "4 trials: 2 completed, 1 over budget, 1 failed"
    assert len(lines) == 4
    assert lines[2].split()[:2] == ["3", "0.700"]
    assert lines[2].endswith("0: size 16 > 24")
    assert lines[3].endswith("random")

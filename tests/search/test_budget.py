import itertools
import random

import pytest

from search import budget
from search.budget import Budget
from search.spaces.tiny_video import TinyVideoSpace
from zoo.genotypes import FOUND, Cost

COST = Cost(parameters=1000, macs=4_000_000, activation_bytes=500)
SPACE = TinyVideoSpace(frames=(1, 2), sizes=(16, 32), blocks=(1, 2), filters=(8, 16))


def on_paper(genotype):
    return genotype.cost(5)


def test_violations_are_relative_excesses_over_the_broken_limits():
    limits = Budget(parameters=800, macs=4_000_000, memory=3500, batch_size=4)
    assert limits.violations(COST) == {"parameters": 0.25, "memory": 3.0}


def test_a_cost_at_its_limit_is_feasible():
    memory = 12 * 1000 + 500
    limits = Budget(parameters=1000, macs=4_000_000, memory=memory, latency_ms=3)
    measured = Cost(1000, 4_000_000, 500, latency_ms=3.0)
    assert limits.violations(measured) == {}


def test_memory_is_limited_by_the_machine():
    huge = Cost(parameters=1, macs=1, activation_bytes=2 * budget.machine_memory())
    assert Budget().violations(COST) == {}
    assert Budget().violations(huge) == {"memory": pytest.approx(1, rel=1e-6)}


def test_latency_is_judged_where_it_is_measured():
    limits = Budget(latency_ms=10)
    assert limits.violations(COST) == {}
    slow = Cost(1000, 4_000_000, 500, latency_ms=25.0)
    assert limits.violations(slow) == {"latency_ms": 1.5}


def test_what_twice_the_machines_rate_can_not_make_in_time_is_refused_on_paper():
    assert Budget(latency_ms=10, macs_per_second=2.1e8).violations(COST) == {}
    refused = Budget(latency_ms=10, macs_per_second=1e8).violations(COST)
    assert refused == {"latency_ms": 1.0}


def test_a_measured_latency_counts_for_more_than_its_least_value():
    fast = Cost(1000, 4_000_000, 500, latency_ms=1.0)
    assert Budget(latency_ms=10, macs_per_second=1e8).violations(fast) == {}


def test_sampling_gives_only_what_keeps_the_budget():
    limits, rng = Budget(macs=1e5), random.Random(0)
    for _ in range(5):
        genotype = limits.sample(lambda: SPACE.sample(rng), on_paper)
        assert genotype.cost(5).macs <= 1e5


def test_sampling_gives_nothing_where_all_that_keeps_the_budget_is_refused(monkeypatch):
    monkeypatch.setattr(budget, "SAMPLES", 20)
    found = Budget().sample(lambda: FOUND["tvn_mobile1"], on_paper, lambda genotype: 0)
    assert found is None


def test_a_budget_nothing_meets_reports_the_smallest_of_each(monkeypatch):
    monkeypatch.setattr(budget, "SAMPLES", 30)
    rng = random.Random(0)
    seen = []

    def draw():
        seen.append(SPACE.sample(rng))
        return seen[-1]

    limits = Budget(parameters=10, macs=7, latency_ms=0.5, macs_per_second=1e3)
    with pytest.raises(ValueError, match="`budget` must be") as error:
        limits.sample(draw, on_paper)
    smallest = min(genotype.cost(5).parameters for genotype in seen)
    assert len(seen) == 30
    assert f"parameters {smallest:,.4g} (limit 10)" in str(error.value)
    for told in ("macs", "memory", "(limit 0.5 ms)"):
        assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["parameters", "memory", "latency_ms", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, "12", True])
def test_a_limit_that_is_no_number_above_zero_is_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        Budget(**{name: value})


def test_zero_batch_size_and_zero_limits_do_not_pass_as_none():
    with pytest.raises(ValueError, match="`macs` must be a number above 0"):
        Budget(macs=0)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"runtime": "torch"}, "`runtime` must be one of"),
        ({"runtime": "jax", "threads": 4}, "`threads` must be None for jax"),
        ({"runtime": "tensorflow", "threads": 4}, "`threads` must be None for tens"),
        ({"runtime": "litert", "threads": 0}, "`threads` must be a whole number"),
        ({"threads": 4}, "`threads` must be left out where no runtime"),
        ({"measure": " ", "latency_ms": 5}, "`measure` must be a command"),
        ({"measure": "adb 'x", "latency_ms": 5}, "`measure` must be a command"),
        ({"measure": 7, "latency_ms": 5}, "`measure` must be a command"),
        (
            {"measure": "adb", "latency_ms": 5, "runtime": "jax"},
            "`runtime` must be one of .* where measure is given",
        ),
        (
            {"measure": "adb", "latency_ms": 5, "threads": 2, "runtime": "onnx"},
            "`threads` must be left to the command",
        ),
    ],
)
def test_a_device_that_can_not_be_is_refused(given, reason):
    with pytest.raises(ValueError, match=reason) as error:
        Budget(**given)
    assert "\n" not in str(error.value)


def test_a_device_is_part_of_a_budget_where_it_is_given():
    told = "Budget(parameters=None, macs=None, memory=None, latency_ms=5, "
    told += "batch_size=None, macs_per_second=None"
    assert repr(Budget(latency_ms=5)) == f"{told})"  # As old searches have it.
    device = Budget(latency_ms=5, runtime="litert", threads=4)
    assert repr(device) == f"{told}, runtime='litert', threads=4)"


def test_what_is_measured_is_a_file_of_the_runtimes():
    runtimes = (None, "tensorflow", "jax", "litert", "onnx")
    forms = [Budget(runtime=runtime).form for runtime in runtimes]
    assert forms == [None, None, None, "litert", "onnx"]
    line = "adb 'a b' --x"
    devices = [Budget(latency_ms=5, measure=line, runtime=r) for r in (None, "onnx")]
    assert [device.form for device in devices] == ["litert", "onnx"]
    assert devices[0].command == ["adb", "a b", "--x"]
    assert devices[0].violations(COST) == {}


def test_long_drawing_tells_how_far_it_is(monkeypatch, capsys):
    clock = itertools.count()
    monkeypatch.setattr(budget, "SAMPLES", 30)
    monkeypatch.setattr(budget.time, "monotonic", lambda: next(clock))
    with pytest.raises(ValueError, match="`budget` must be"):
        Budget(parameters=1).sample(lambda: FOUND["tvn_mobile1"], on_paper)
    lines = capsys.readouterr().err.splitlines()
    text = "drawn 11 of 30 networks, none new and within the budget yet"
    assert lines[0] == text
    assert len(lines) == 2

import itertools
import math
import random

import numpy as np
import pytest

from search import pareto
from search.history import Record
from search.pareto import Archive

TWO = ("fitness", "latency_ms")
THREE = ("fitness", "latency_ms", "macs")


def trained(fitness, latency=1.0, macs=1.0, trial="0"):
    details = {"latency_ms": latency, "macs": macs, "error": "none"}
    return Record(trial, "{}", "completed", fitness, details=details)


def over(violation):
    details = {"violations": {"macs": violation / 4, "memory": violation * 3 / 4}}
    return Record("0", "{}", "over budget", details=details)


FAILED = Record("0", "{}", "failed")


def drawn(seed, count):
    """Records with many ties, some of them over budget or failed."""
    rng = random.Random(seed)
    records = []
    for _ in range(count):
        plain = trained(rng.randint(0, 5) / 5, rng.randint(1, 5), rng.randint(1, 5))
        records.append(rng.choice([plain, plain, plain, over(rng.randint(1, 3))]))
    return [*records, FAILED]


def dominates(one, other, objectives):
    """Constrained domination, by its definition."""
    if one.feasible and other.feasible:
        pairs = [
            (one.fitness, other.fitness)
            if name == "fitness"
            else (-one.details[name], -other.details[name])
            for name in objectives
        ]
        return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
    return one.merit > other.merit


def test_costs_count_downwards():
    assert pareto.vector(trained(0.5, 20.0), TWO) == (0.5, -20.0)


@pytest.mark.parametrize("name", ["latency", "error"])
def test_an_objective_that_no_trial_tells_is_named(name):
    with pytest.raises(ValueError, match=rf"latency_ms, macs.*'{name}'"):
        pareto.vector(trained(0.5), ("fitness", name))


@pytest.mark.parametrize("objectives", ["fitness", (), ("macs", "macs"), (1,), None])
def test_rejects_objectives_that_are_no_distinct_names(objectives):
    with pytest.raises(ValueError, match="`objectives` must be distinct names"):
        Archive(objectives, {"macs": 1.0})


def test_fronts_by_hand():
    records = [
        *(over(0.2), trained(0.5, 2.0), trained(0.6, 3.0), trained(0.4, 3.0)),
        *(FAILED, over(0.1), trained(0.5, 2.0), over(0.2), trained(0.4, 2.5)),
    ]
    expected = [[1, 2, 6], [8], [3], [5], [0, 7]]
    assert pareto.fronts(records, TWO) == expected
    assert pareto.fronts([], TWO) == []
    assert pareto.fronts([over(1)], TWO) == [[0]]


@pytest.mark.parametrize("objectives", [("fitness",), TWO, THREE])
def test_who_is_in_a_front_is_dominated_by_those_before_alone(objectives):
    records = drawn(seed=len(objectives), count=40)
    rows = pareto.fronts(records, objectives)
    assert sorted(itertools.chain(*rows)) == list(range(40))  # All but the failed one.
    left = set(range(40))
    for row in rows:
        free = {
            i
            for i in left
            if not any(dominates(records[j], records[i], objectives) for j in left)
        }
        assert set(row) == free
        left -= free


def test_crowding_by_hand():
    vectors = [(0.0, 10.0), (1.0, 4.0), (4.0, 2.0), (10.0, 0.0)]
    expected = [math.inf, 0.4 + 0.8, 0.9 + 0.4, math.inf]
    np.testing.assert_allclose(pareto.crowding(vectors), expected)
    order = [2, 0, 3, 1]
    shuffled = pareto.crowding([vectors[i] for i in order])
    np.testing.assert_allclose(shuffled, [expected[i] for i in order])


def test_an_objective_in_which_all_are_equal_crowds_nobody():
    vectors = [(0.0, 3.0), (1.0, 3.0), (4.0, 3.0)]
    assert pareto.crowding(vectors).tolist() == [math.inf, 1.0, math.inf]
    assert pareto.crowding([(1.0, 1.0)] * 2).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("objectives", [("fitness",), TWO, THREE])
def test_the_archive_holds_the_feasible_that_nobody_dominates(objectives):
    records = drawn(seed=5, count=60)
    archive = Archive(objectives, {"latency_ms": 6.0, "macs": 6.0})
    for count, record in enumerate(records, start=1):
        taken = archive.add(record)
        seen = [r for r in records[:count] if r.feasible]
        free = [r for r in seen if not any(dominates(o, r, objectives) for o in seen)]
        vectors = [pareto.vector(r, objectives) for r in free]
        first = [r for i, r in enumerate(free) if vectors.index(vectors[i]) == i]
        assert all(a is b for a, b in zip(archive.records, first, strict=True))
        assert taken == any(r is record for r in archive.records)
    assert pareto.front(records, objectives) == archive.records


def test_the_hypervolume_by_hand():
    archive = Archive(TWO, {"latency_ms": 40.0})
    assert archive.hypervolume() == 0
    archive.add(trained(0.5, 20.0))
    assert archive.hypervolume() == pytest.approx(0.5 * 0.5)
    archive.add(trained(0.8, 30.0))
    assert archive.hypervolume() == pytest.approx(0.5 * 0.25 + 0.8 * 0.25)
    archive.add(trained(0.7, 30.0))
    assert archive.hypervolume() == pytest.approx(0.325)
    archive.add(trained(0.9, 50.0))  # Beyond the reference.
    assert archive.hypervolume() == pytest.approx(0.325)


def test_the_hypervolume_is_worked_out_when_the_archive_changes(monkeypatch):
    archive = Archive(TWO, {"latency_ms": 40.0, "macs": 9.0})
    archive.add(trained(0.5, 20.0))
    assert archive.hypervolume() == 0.25
    monkeypatch.setattr(pareto, "hypervolume", lambda points: 7.0)
    assert not archive.add(trained(0.4, 20.0))
    assert archive.hypervolume() == 0.25
    assert archive.add(trained(0.6, 20.0))
    assert archive.hypervolume() == 7.0


def test_negated_fitness_counts_from_a_reference_of_its_own():
    archive = Archive(("fitness", "macs"), {"fitness": -2.0, "macs": 10.0})
    archive.add(trained(-1.5, macs=5.0))
    assert archive.hypervolume() == pytest.approx(0.5 * 0.5)


@pytest.mark.parametrize("reference", [{}, {"latency_ms": 0.0}, {"latency_ms": None}])
def test_every_cost_needs_a_reference(reference):
    with pytest.raises(ValueError, match=r"`reference\['latency_ms'\]` must be a num"):
        Archive(TWO, reference)


def test_volumes_of_boxes_by_hand():
    assert pareto.hypervolume(np.array([[2.0], [5.0], [3.0]])) == 5
    assert pareto.hypervolume(np.array([[1.0, 3.0], [3.0, 1.0], [1.0, 1.0]])) == 5
    cubes = np.array([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 2.0]])
    assert pareto.hypervolume(cubes) == 4
    long = np.ones((4, 4)) + np.eye(4)
    assert pareto.hypervolume(np.concatenate([long, long])) == 5


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_the_volume_is_the_share_of_random_points_inside(dimensions):
    rng = np.random.default_rng(dimensions)
    corners = rng.integers(0, 6, (15, dimensions)) / 6  # Many share a side.
    points = rng.random((20_000, dimensions))
    inside = (points[:, None] <= corners).all(axis=-1).any(axis=-1)
    deviation = inside.std() / math.sqrt(len(points))
    assert abs(pareto.hypervolume(corners) - inside.mean()) < 4 * deviation

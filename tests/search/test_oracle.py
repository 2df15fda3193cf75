import json
import math
import random

import pytest

from search import budget
from search.budget import Budget
from search.oracle import DETAILS, GENOTYPE, SEED, EvolutionOracle
from search.random_search import RandomOracle
from search.spaces.tiny_video import TinyVideoSpace
from search.tournament import TournamentOracle
from zoo.genotypes import from_json

ONE = {"blocks": (1, 1), "repeats": (1, 1), "non_local": 0, "squeeze": 0}
SPACE = TinyVideoSpace(frames=(1, 32), sizes=(16, 64), filters=(8, 64), **ONE)
SMALL = {"population_size": 6, "sample_size": 3, "max_trials": 20}


def tournament(folder, reload=False, **arguments):
    oracle = TournamentOracle(
        **{"space": SPACE, "num_classes": 5, **SMALL, **arguments}
    )
    oracle._set_project_dir(folder, "trials")
    if reload:
        oracle.reload()
    return oracle


def fitness(genotype):
    """Highest, 1, at 20 frames, 48 pixels and 8 filters."""
    stream, block = genotype.streams[0], genotype.blocks[0]
    misses = (
        (stream.frames - 20) / 32,
        (stream.size - 48) / 48,
        (block.filters - 8) / 64,
    )
    return 1 - sum(map(abs, misses)) / 3


def run(oracle, trials=10**6, evaluate=fitness):
    """What a tuner does, without networks; gives the genotypes proposed."""
    proposals = []
    for _ in range(trials):
        trial = oracle.create_trial("tuner0")
        if trial.status == "STOPPED":
            break
        proposals.append(trial.hyperparameters.values[GENOTYPE])
        report(oracle, trial, evaluate(from_json(proposals[-1])))
    return proposals


def report(oracle, trial, score, status="COMPLETED", message=None, **details):
    if status == "COMPLETED":
        oracle.update_trial(trial.trial_id, {"fitness": score})
    trial.hyperparameters.values[DETAILS] = json.dumps(details)
    trial.status, trial.message = status, message
    oracle.end_trial(trial)


def test_finds_the_optimum_where_chance_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr("search.oracle.write_text", lambda path, text: None)
    trials = {"max_trials": 60}
    oracle = tournament(tmp_path / "a", population_size=15, sample_size=8, **trials)
    run(oracle)
    chance = RandomOracle(SPACE, 5, **trials)
    chance._set_project_dir(tmp_path / "b", "trials")
    run(chance)
    scores = [record.score for record in oracle.records()]
    assert max(scores) == 1
    assert sum(scores[-20:]) / 20 > 0.9
    assert sum(record.score for record in chance.records()[-20:]) / 20 < 0.7


def test_the_trajectory_is_pinned(tmp_path):
    # A change here means that searches begun before can not be resumed.
    oracle = tournament(tmp_path)
    genotypes = [from_json(text) for text in run(oracle)]
    frames = "1 5 1 11 1 6 11 1 11 4 11 11 11 11 4 11 11 11 6 11"
    parents = "03 02 03 03 08 06 08 11 13 06 06 15 06 16"
    assert [g.streams[0].frames for g in genotypes] == [*map(int, frames.split())]
    assert [record.parent for record in oracle.records()][6:] == parents.split()


@pytest.mark.parametrize("interruptions", [[1], [5, 6], [13]])
def test_a_resumed_search_is_the_uninterrupted_one(tmp_path, interruptions):
    whole = tournament(tmp_path / "whole")
    expected = run(whole)
    proposals, oracle = [], tournament(tmp_path / "parts")
    for stop in interruptions:
        proposals += run(oracle, stop - len(proposals))
        lost = oracle.create_trial("tuner0")  # The process dies while it runs.
        oracle.update_trial(lost.trial_id, {"fitness": 0.99})
        oracle = tournament(tmp_path / "parts", reload=True)
    proposals += run(oracle)
    assert proposals == expected
    assert oracle.records() == whole.records()


def test_a_trial_in_which_the_process_dies_twice_has_failed(tmp_path):
    oracle = tournament(tmp_path, max_crashes=1)
    for index in (1, 4):
        run(oracle, index - len(oracle.records()))
        for _ in range(2):
            deadly = oracle.create_trial("tuner0")
            oracle.update_trial(deadly.trial_id, {"fitness": 0.99})
            oracle = tournament(tmp_path, reload=True, max_crashes=1)
        record = oracle.records()[index]
        assert (record.trial, record.status) == (deadly.trial_id, "failed")
        assert record.details == {"error": "the process died in it twice"}
    oracle = tournament(tmp_path, reload=True, max_crashes=1)
    assert len(run(oracle)) == 15
    assert [record.score is None for record in oracle.records()].count(True) == 2
    assert oracle.stop_reason is None


def test_an_interrupted_trial_is_always_run_again(tmp_path):
    oracle = tournament(tmp_path)
    for _ in range(3):
        oracle.forgive(oracle.create_trial("tuner0").trial_id)
        oracle = tournament(tmp_path, reload=True)
    assert oracle.records() == []
    assert len(run(oracle)) == 20


def test_a_trial_saved_before_the_oracle_was_is_run_again(tmp_path):
    expected = run(tournament(tmp_path / "whole"), 8)
    oracle = tournament(tmp_path / "parts")
    run(oracle, 7)
    state = (tmp_path / "parts/trials/oracle.json").read_text()
    report(oracle, oracle.create_trial("tuner0"), 0.5)
    (tmp_path / "parts/trials/oracle.json").write_text(state)
    resumed = tournament(tmp_path / "parts", reload=True)
    assert run(resumed, 1) == expected[7:]
    assert len(resumed.records()) == 8


def test_a_finished_search_runs_nothing_again(tmp_path):
    run(tournament(tmp_path, max_trials=7))
    assert run(tournament(tmp_path, reload=True, max_trials=7)) == []


def test_a_finished_search_goes_on_with_more_trials(tmp_path):
    expected = run(tournament(tmp_path / "whole", max_trials=12))
    first = run(tournament(tmp_path / "parts", max_trials=7))
    rest = run(tournament(tmp_path / "parts", reload=True, max_trials=12))
    assert first + rest == expected


@pytest.mark.parametrize("seed", [0, 1])
def test_proposals_depend_on_the_seed_alone(tmp_path, seed):
    first = run(tournament(tmp_path / "a", seed=seed), 10)
    random.seed(99)
    assert run(tournament(tmp_path / "b", seed=seed), 10) == first
    assert run(tournament(tmp_path / "c", seed=seed + 2), 1) != first[:1]


def test_each_trial_has_a_seed_for_its_training(tmp_path):
    oracle = tournament(tmp_path)
    run(oracle)
    seeds = [t.hyperparameters.values[SEED] for t in oracle.trials.values()]
    assert len(set(seeds)) == 20


def test_no_network_is_proposed_twice(tmp_path):
    few = TinyVideoSpace(
        frames=(1, 5), rates=(4, 4), sizes=(16, 16), filters=(8, 8), expands=(1, 1),
        kernels=(1, 1), temporal_kernels=(1, 1), context_gate=0, skip=0, **ONE,
    )  # fmt: skip
    proposals = run(tournament(tmp_path, space=few, max_trials=5))
    assert len(set(proposals)) == 5


def test_a_space_that_is_used_up_ends_the_search(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "SAMPLES", 50)
    few = TinyVideoSpace(
        frames=(2, 3), rates=(4, 4), sizes=(16, 16), filters=(8, 8), expands=(1, 1),
        kernels=(1, 1), temporal_kernels=(1, 1), context_gate=0, skip=0, **ONE,
    )  # fmt: skip
    oracle = tournament(tmp_path, space=few)
    assert len(run(oracle)) == 2
    assert "tried" in oracle.stop_reason


def test_failures_and_numbers_that_are_none_never_win_and_never_stop(tmp_path):
    oracle = tournament(tmp_path, max_trials=30)
    for index in range(30):
        trial = oracle.create_trial("tuner0")
        bad = [math.nan, math.inf, -math.inf, None][index % 4]
        if index % 5 == 4:
            report(oracle, trial, index / 100)
        elif bad is None:
            report(oracle, trial, None, "FAILED", message="Traceback:\nOops")
        else:
            report(oracle, trial, bad)
    records = oracle.records()
    assert oracle.stop_reason is None
    assert [r.trial for r in oracle.population] == ["04", "09", "14", "19", "24", "29"]
    assert {r.status for r in records if r.score is None} == {"failed"}
    assert {r.parent for r in records} <= {None, "04", "09", "14", "19", "24"}
    assert oracle.get_best_trials()[0].trial_id == "29"


def test_many_crashes_in_a_row_end_the_search(tmp_path):
    oracle = tournament(tmp_path, max_crashes=4, max_trials=50)
    run(oracle, 3)
    for _ in range(4):
        crashed = oracle.create_trial("tuner0")
        report(oracle, crashed, None, "FAILED", message="Traceback:\nOSError: full")
    assert oracle.create_trial("tuner0").status == "STOPPED"
    assert oracle.stop_reason == "4 trials in a row crashed: OSError: full"
    # The cause may be mended: the next process tries one more.
    oracle = tournament(tmp_path, reload=True, max_crashes=4, max_trials=50)
    assert len(run(oracle, 5)) == 5


def test_over_budget_on_the_machine_loses_to_any_feasible(tmp_path):
    oracle = tournament(tmp_path, max_trials=40)
    for index in range(16):
        trial = oracle.create_trial("tuner0")
        if index == 3:
            report(oracle, trial, 0.0)
        else:
            report(oracle, trial, -0.5 - index, violations={"latency_ms": 0.5 + index})
    records = oracle.records()
    assert oracle.stop_reason is None
    assert {r.status for r in records} == {"over budget", "completed"}
    scores = [record.score for record in oracle.population]
    assert scores == [-0.5, -1.5, -2.5, 0.0, -4.5, -5.5]
    # The only feasible one wins every tournament that it is in.
    assert records[15].parent in ("03", "00")
    assert oracle.get_best_trials()[0].trial_id == "03"


def test_nothing_that_breaks_the_budget_on_paper_is_proposed(tmp_path):
    oracle = tournament(tmp_path, budget=Budget(macs=2e5))
    costs = [from_json(text).cost(5).macs for text in run(oracle)]
    assert len(costs) == 20
    assert max(costs) <= 2e5


def test_a_budget_nothing_meets_stops_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "SAMPLES", 20)
    oracle = tournament(tmp_path, budget=Budget(parameters=1))
    assert run(oracle) == []
    assert "`budget` must be one that networks of the space" in oracle.stop_reason


@pytest.mark.parametrize(("survivor", "expected"), [("worst", "4"), ("oldest", "0")])
def test_who_leaves_the_population(tmp_path, survivor, expected):
    scores = iter([0.5, 0.4, 0.6, 0.3, 0.1, 0.7])
    oracle = tournament(tmp_path, survivor=survivor, population_size=5, max_trials=6)
    run(oracle, evaluate=lambda genotype: next(scores))
    left = {"0", "1", "2", "3", "4", "5"} - {r.trial for r in oracle.population}
    assert left == {expected}


def test_children_name_their_parent_and_mutation(tmp_path):
    oracle = tournament(tmp_path)
    run(oracle)
    records = {record.trial: record for record in oracle.records()}
    children = [record for record in records.values() if record.parent]
    assert len(children) == 14
    assert all(child.mutation and " > " in child.mutation for child in children)
    assert all(int(child.parent) < int(child.trial) for child in children)


def test_what_the_worker_found_is_kept_and_leaves_the_values(tmp_path):
    oracle = tournament(tmp_path)
    trial = oracle.create_trial("tuner0")
    report(oracle, trial, 0.5, parameters=7, latency_ms=0.1234567890123456)
    assert DETAILS not in trial.hyperparameters.values
    again = tournament(tmp_path, reload=True)
    for record in (oracle.records()[0], again.records()[0]):
        assert record.details == {"parameters": 7, "latency_ms": 0.1234567890123456}


def test_a_second_end_counts_for_nothing(tmp_path):
    oracle = tournament(tmp_path)
    trial = oracle.create_trial("tuner0")
    report(oracle, trial, 0.5)
    oracle.end_trial(trial)
    assert oracle.end_order == [trial.trial_id]
    assert len(oracle.population) == 1


def test_listeners_hear_of_every_end(tmp_path):
    oracle, heard = tournament(tmp_path), []
    oracle.listeners.append(heard.append)
    run(oracle, 4)
    assert heard == oracle.records()


def test_identity_tells_searches_apart(tmp_path):
    same = tournament(tmp_path).identity()
    assert tournament(tmp_path, max_trials=99).identity() == same
    for change in ({"seed": 1}, {"space": TinyVideoSpace()}, {"sample_size": 4},
                   {"survivor": "oldest"}, {"budget": Budget(macs=9)}):  # fmt: skip
        assert tournament(tmp_path, **change).identity() != same
    json.dumps(same)


@pytest.mark.parametrize("bad", [
    {"survivor": "best"}, {"seed": -1}, {"seed": None}, {"population_size": 0},
    {"max_trials": None}, {"sample_size": 0}, {"mutations": 0}, {"num_classes": 0},
])  # fmt: skip
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        TournamentOracle(**{"space": SPACE, "num_classes": 5, **bad})


def test_without_a_selector_all_is_random(tmp_path):
    oracle = EvolutionOracle(SPACE, 5, population_size=2, max_trials=6)
    oracle._set_project_dir(tmp_path, "trials")
    run(oracle)
    assert [record.parent for record in oracle.records()] == [None] * 6

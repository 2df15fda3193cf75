import json
import math
import random
import time

import keras_tuner
import pytest

from search import budget
from search.audit import audit
from search.budget import Budget
from search.evolution import Evolution
from search.journal import Journal, read
from search.ledger import ATTEMPT, DETAILS, GENOTYPE, RUNGS, SEED
from search.messages import RELEASE
from search.oracle import EvolutionOracle
from search.pareto import front
from search.pareto_search import ParetoOracle
from search.random_search import RandomOracle
from search.spaces.tiny_video import TinyVideoSpace
from search.stopping import Halving
from search.tournament import TournamentOracle
from zoo.genotypes import from_json

ONE = {"blocks": (1, 1), "repeats": (1, 1), "non_local": 0, "squeeze": 0}
SPACE = TinyVideoSpace(frames=(1, 32), sizes=(16, 64), filters=(8, 64), **ONE)
SMALL = {"population_size": 6, "sample_size": 3, "max_trials": 20}


def few_networks(*frames):
    """A space of networks that differ in their frames alone."""
    return TinyVideoSpace(
        frames=frames, rates=(4, 4), sizes=(16, 16), filters=(8, 8), expands=(1, 1),
        kernels=(1, 1), temporal_kernels=(1, 1), context_gate=0, skip=0, **ONE,
    )  # fmt: skip


def tournament(folder, **arguments):
    oracle = TournamentOracle(
        **{"space": SPACE, "num_classes": 5, **SMALL, **arguments}
    )
    oracle._set_project_dir(folder, "trials")
    oracle.reload()
    return oracle


def anew(oracle, folder, **arguments):
    """What the next process has, after this one was killed."""
    oracle.close()  # As the system does.
    return tournament(folder, **arguments)


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
    oracle.close()
    return proposals


def report(oracle, trial, score, status="COMPLETED", message=None, **details):
    if status == "COMPLETED":
        details["metrics"] = {"fitness": score}
    trial.hyperparameters.values[DETAILS] = json.dumps(details)
    trial.status, trial.message = status, message
    oracle.end_trial(trial)


def test_finds_the_optimum_where_chance_does_not(tmp_path):
    trials = {"max_trials": 60}
    oracle = tournament(tmp_path / "a", population_size=15, sample_size=8, **trials)
    run(oracle)
    chance = RandomOracle(SPACE, 5, **trials)
    chance._set_project_dir(tmp_path / "b", "trials")
    run(chance)
    scores = [record.fitness for record in oracle.records()]
    assert max(scores) == 1
    assert sum(scores[-20:]) / 20 > 0.9
    assert sum(record.fitness for record in chance.records()[-20:]) / 20 < 0.7


def test_the_trajectory_is_pinned(tmp_path):
    # A change here means that searches begun before can not be resumed.
    oracle = tournament(tmp_path)
    genotypes = [from_json(text) for text in run(oracle)]
    frames = "1 5 1 11 1 6 11 1 11 4 11 11 11 11 4 11 11 11 6 11"
    parents = "3 2 3 3 8 6 8 11 13 6 6 15 6 16"
    assert [g.streams[0].frames for g in genotypes] == [*map(int, frames.split())]
    found = [record.parent for record in oracle.records()][6:]
    assert [*map(int, found)] == [*map(int, parents.split())]


@pytest.mark.parametrize("interruptions", [[1], [5, 6], [13]])
def test_a_resumed_search_is_the_uninterrupted_one(tmp_path, interruptions):
    whole = tournament(tmp_path / "whole")
    expected = run(whole)
    proposals, oracle = [], tournament(tmp_path / "parts")
    for stop in interruptions:
        proposals += run(oracle, stop - len(proposals))
        lost = oracle.create_trial("tuner0")  # The process dies while it runs.
        oracle.update_trial(lost.trial_id, {"fitness": 0.99})
        oracle = anew(oracle, tmp_path / "parts")
    proposals += run(oracle)
    assert proposals == expected
    assert oracle.records() == whole.records()


def test_a_trial_in_which_the_process_dies_too_often_has_failed(tmp_path):
    oracle = tournament(tmp_path)
    for index in (1, 4):
        run(oracle, index - len(oracle.records()))
        for _ in range(3):
            deadly = oracle.create_trial("tuner0")
            oracle = anew(oracle, tmp_path)
        oracle.open()
        record = oracle.records()[index]
        assert (record.trial, record.status) == (deadly.trial_id, "failed")
        assert record.details["error"] == "the process died in it 3 times"
    assert len(run(oracle)) == 15
    assert [record.fitness is None for record in oracle.records()].count(True) == 2
    assert oracle.stop_reason is None


def test_an_interrupted_trial_is_always_run_again(tmp_path):
    oracle = tournament(tmp_path, max_attempts=1)
    for _ in range(3):
        trial = oracle.create_trial("tuner0")
        attempt = trial.hyperparameters.values[ATTEMPT]
        oracle.update_trial(trial.trial_id, {RELEASE: attempt})
        oracle = anew(oracle, tmp_path, max_attempts=1)
    assert oracle.records() == []
    assert len(run(oracle)) == 20


@pytest.mark.parametrize("cut", [1, 7, 300])
def test_a_torn_journal_loses_its_last_event_alone(tmp_path, cut):
    expected = run(tournament(tmp_path / "whole"))
    oracle = tournament(tmp_path / "parts")
    first = run(oracle, 9)
    path = oracle.journal_path
    path.write_bytes(path.read_bytes()[:-cut])  # Of the end of the ninth trial.
    oracle = tournament(tmp_path / "parts")
    assert len(oracle.records()) == 8
    assert first + run(oracle)[1:] == expected
    assert len(oracle.records()) == 20


def test_a_finished_search_runs_nothing_again(tmp_path):
    run(tournament(tmp_path, max_trials=7))
    assert run(tournament(tmp_path, max_trials=7)) == []


def test_a_finished_search_goes_on_with_more_trials(tmp_path):
    expected = run(tournament(tmp_path / "whole", max_trials=12))
    first = run(tournament(tmp_path / "parts", max_trials=7))
    rest = run(tournament(tmp_path / "parts", max_trials=12))
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
    few = few_networks(1, 5)
    proposals = run(tournament(tmp_path, space=few, max_trials=5))
    assert len(set(proposals)) == 5


def test_a_space_that_is_used_up_ends_the_search(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "SAMPLES", 50)
    few = few_networks(2, 3)
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
    ended = [4, 9, 14, 19, 24, 29]
    assert [int(r.trial) for r in population(oracle)] == ended
    assert {r.status for r in records if r.fitness is None} == {"failed"}
    assert {int(r.parent) for r in records if r.parent} <= {*ended}
    assert oracle.get_best_trials()[0].trial_id == "0029"


def test_many_crashes_in_a_row_end_the_search(tmp_path):
    oracle = tournament(tmp_path, max_crashes=4, max_trials=50)
    run(oracle, 3)
    for _ in range(4):
        crashed = oracle.create_trial("tuner0")
        report(oracle, crashed, None, "FAILED", message="Traceback:\nOSError: full")
    assert oracle.create_trial("tuner0").status == "STOPPED"
    assert oracle.stop_reason == "4 trials in a row crashed: OSError: full"
    # The cause may be mended: the next process tries one more.
    oracle = anew(oracle, tmp_path, max_crashes=4, max_trials=50)
    assert len(run(oracle, 5)) == 5


def test_over_budget_on_the_machine_loses_to_any_feasible(tmp_path):
    oracle = tournament(tmp_path, max_trials=40)
    for index in range(16):
        trial = oracle.create_trial("tuner0")
        if index == 3:
            report(oracle, trial, -7.0)
        else:
            report(oracle, trial, 0.0, violations={"latency_ms": 0.5 + index})
    records = oracle.records()
    assert oracle.stop_reason is None
    assert {r.status for r in records} == {"over budget", "completed"}
    merits = [record.merit for record in population(oracle)]
    assert [merit[1] for merit in merits] == [-0.5, -1.5, -2.5, -7.0, -4.5, -5.5]
    # The only feasible one wins every tournament that it is in.
    assert records[15].parent in ("0003", "0000")
    assert [t.trial_id for t in oracle.get_best_trials(5)] == ["0003"]


def test_nothing_that_breaks_the_budget_on_paper_is_proposed(tmp_path):
    oracle = tournament(tmp_path, budget=Budget(macs=2e5))
    costs = [from_json(text).cost(5).macs for text in run(oracle)]
    assert len(costs) == 20
    assert max(costs) <= 2e5


def test_a_search_keeps_the_limit_of_memory_that_it_began_with(tmp_path, monkeypatch):
    machines = {"first": 3e5, "small": 1e5, "large": 1e12}
    memory = ["first"]
    monkeypatch.setattr(budget, "machine_memory", lambda: machines[memory[-1]])
    proposed = run(tournament(tmp_path / "whole"))
    assert max(from_json(text).cost(5).memory() for text in proposed) <= 3e5
    oracle, parts = tournament(tmp_path / "parts"), []
    for name in ("first", "small", "large"):
        memory.append(name)
        parts += run(oracle, trials=8)
        assert oracle.budget.limits["memory"] == 3e5
        oracle = anew(oracle, tmp_path / "parts")
    assert parts == proposed
    counts = audit(tournament(tmp_path / "new"), read(oracle.journal_path))
    assert counts["propose"] == len(proposed)
    memory.append("small")
    assert run(tournament(tmp_path / "small")) != proposed


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
    stayed = {int(record.trial) for record in population(oracle)}
    assert {0, 1, 2, 3, 4, 5} - stayed == {int(expected)}


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
    edges = {"0>1": 0.1234567890123456, "1>2": 1e-300}
    report(oracle, trial, 0.5, parameters=7, feedback=edges)
    assert DETAILS not in trial.hyperparameters.values
    again = anew(oracle, tmp_path)
    for record in (oracle.records()[0], again.records()[0]):
        assert record.details["feedback"] == edges
        assert record.details["parameters"] == 7


@pytest.mark.parametrize("text", ["[1]", "{", 7, "x" * (2**20 + 1)])
def test_details_that_can_not_be_read_fail_the_trial(tmp_path, text):
    oracle = tournament(tmp_path)
    trial = oracle.create_trial("tuner0")
    trial.hyperparameters.values[DETAILS] = text
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    record = oracle.records()[0]
    assert record.status == "failed"
    assert record.details["error"].startswith("`nas/aux` must be")
    assert len(record.details["error"]) < 200


def test_a_second_end_counts_for_nothing(tmp_path):
    oracle = tournament(tmp_path)
    trial = oracle.create_trial("tuner0")
    report(oracle, trial, 0.5)
    oracle.end_trial(trial)
    assert oracle.end_order == [trial.trial_id]
    assert len(population(oracle)) == 1


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
    evolution = Evolution(SPACE, 5, population_size=2)
    oracle = EvolutionOracle(evolution, max_trials=6)
    oracle._set_project_dir(tmp_path, "trials")
    run(oracle)
    assert [record.parent for record in oracle.records()] == [None] * 6


def test_a_network_that_failed_is_tried_again_for_real(tmp_path):
    oracle = tournament(tmp_path, max_trials=1, max_retries_per_trial=1)
    first = oracle.create_trial("tuner0")
    seed = first.hyperparameters.values[SEED]
    report(oracle, first, math.nan)
    assert oracle.records() == []
    second = oracle.create_trial("tuner0")
    assert second.trial_id == first.trial_id
    assert second.hyperparameters.values[SEED] != seed
    report(oracle, second, 0.75)
    assert [record.fitness for record in oracle.records()] == [0.75]
    assert oracle.trials["0000"].message is None


def test_a_stock_tuner_may_report_by_metrics(tmp_path):
    oracle = tournament(tmp_path)
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"fitness": 0.25, "loss": 2.0})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    assert oracle.records()[0].fitness == 0.25
    assert oracle.trials["0000"].score == 0.25


def test_what_is_minimised_wins_where_it_is_low(tmp_path):
    objective = keras_tuner.Objective("val_loss", "min")
    oracle = tournament(tmp_path, objective=objective)
    for loss in (3.0, 1.0, 2.0):
        trial = oracle.create_trial("tuner0")
        oracle.update_trial(trial.trial_id, {"val_loss": loss})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    assert [t.score for t in oracle.get_best_trials(3)] == [1.0, 2.0, 3.0]
    assert [record.fitness for record in oracle.records()] == [-3.0, -1.0, -2.0]


def test_a_repeated_network_replays_its_score(tmp_path):
    few = few_networks(1, 3)
    settings = {"space": few, "population_size": 2, "duplicates": "replay"}
    oracle = tournament(tmp_path, **settings)
    trained = run(oracle)
    assert len(trained) == len(set(trained)) <= 3
    replays = [r for r in oracle.records() if "replayed" in r.details]
    assert len(replays) + len(trained) == 20
    by_trial = {record.trial: record for record in oracle.records()}
    for replay in replays:
        first = by_trial[replay.details["replayed"]]
        assert (first.genotype, first.fitness) == (replay.genotype, replay.fitness)
    assert run(tournament(tmp_path, **settings)) == []


def test_hopeless_trainings_end_early_and_once(tmp_path):
    oracle = tournament(tmp_path, stopping=Halving(factor=2, stages=1))
    trial = oracle.create_trial("tuner0")
    attempt = trial.hyperparameters.values[ATTEMPT]
    assert json.loads(trial.hyperparameters.values[RUNGS]) == [0.5]
    answers = []
    for score in (0.5, 0.9, 0.1, 0.7):
        message = {"fitness": score, ATTEMPT: attempt}
        answers.append(oracle.update_trial(trial.trial_id, message, step=1).status)
        report(oracle, trial, score)
        trial = oracle.create_trial("tuner0")
        attempt = trial.hyperparameters.values[ATTEMPT]
    assert answers == ["RUNNING", "RUNNING", "STOPPED", "RUNNING"]
    statuses = [record.status for record in oracle.records()]
    assert statuses == ["completed", "completed", "stopped", "completed"]
    message = {"fitness": 0.0, ATTEMPT: attempt}
    assert oracle.update_trial(trial.trial_id, message, step=1).status == "STOPPED"
    # The next process asks again, and is told the same.
    oracle = anew(oracle, tmp_path, stopping=Halving(factor=2, stages=1))
    again = oracle.create_trial("tuner0")
    message = {"fitness": 1.0, ATTEMPT: again.hyperparameters.values[ATTEMPT]}
    assert oracle.update_trial(again.trial_id, message, step=1).status == "STOPPED"


def test_the_journal_of_another_search_is_refused(tmp_path):
    run(tournament(tmp_path), 2)
    with pytest.raises(ValueError, match="of a search with seed 0, not 1"):
        tournament(tmp_path, seed=1)


def test_two_processes_do_not_search_in_one_folder(tmp_path):
    oracle = tournament(tmp_path)
    oracle.create_trial("tuner0")
    with pytest.raises(ValueError, match="no other process searches"):
        tournament(tmp_path).open()


def test_a_full_disk_ends_the_search_and_keeps_what_was_written(tmp_path, monkeypatch):
    oracle = tournament(tmp_path)
    run(oracle, 3)
    trial = oracle.create_trial("tuner0")
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "_write", no_space)
        report(oracle, trial, 0.5)
        assert oracle.create_trial("tuner0").status == "STOPPED"
    assert oracle.stop_reason == "OSError: no space left"
    assert isinstance(oracle.failure, OSError)
    assert len(run(anew(oracle, tmp_path))) == 17


def no_space(self, line):
    raise OSError("no space left")


def test_several_objectives_keep_a_front(tmp_path):
    oracle = ParetoOracle(
        SPACE, 5, population_size=6, max_trials=40, objectives=("fitness", "macs"),
        reference={"macs": 1e6},
    )  # fmt: skip
    oracle._set_project_dir(tmp_path, "trials")
    while (trial := oracle.create_trial("tuner0")).status == "RUNNING":
        genotype = from_json(trial.hyperparameters.values[GENOTYPE])
        report(oracle, trial, fitness(genotype), macs=genotype.cost(5).macs)
    records = oracle.records()
    assert front(records, ("fitness", "macs")) == oracle.archive.records
    volumes = [record.details["hypervolume"] for record in records]
    oracle.close()
    oracle.reload()
    again = [record.details["hypervolume"] for record in oracle.records()]
    assert again == volumes == sorted(volumes)
    assert volumes[-1] > volumes[5]


@pytest.mark.parametrize("name", ["memory", "latency", "top1"])
def test_an_objective_that_no_trial_tells_is_refused(name):
    with pytest.raises(ValueError, match=f"`objectives` must be some of .*{name}"):
        ParetoOracle(SPACE, 5, objectives=("fitness", name), reference={name: 1.0})


def population(oracle):
    return oracle.dispatcher.ledger.population


def test_the_result_of_another_search_is_not_ours(tmp_path):
    oracle = tournament(tmp_path)
    trial = oracle.create_trial("tuner0")
    stranger = tournament(tmp_path / "b", seed=5).create_trial("tuner0")
    report(oracle, stranger, 0.99)
    assert oracle.records() == []
    report(oracle, trial, 0.5)
    assert [record.fitness for record in oracle.records()] == [0.5]


@pytest.mark.parametrize(
    "details",
    [
        {"seconds": "x"}, {"reason": "crashed", "error": ""}, {"reason": 7},
        {"metrics": {"fitness": 10**400}}, {"metrics": {"fitness": [1]}},
        {"parameters": "many"}, {"violations": {"macs": "x"}},
    ],
)  # fmt: skip
def test_nonsense_fails_its_trial_alone(tmp_path, details):
    oracle = tournament(tmp_path, max_crashes=2)
    trial = oracle.create_trial("tuner0")
    trial.hyperparameters.values[DETAILS] = json.dumps(details)
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    assert [record.status for record in oracle.records()] == ["failed"]
    assert oracle.stop_reason is None
    assert oracle.create_trial("tuner0").status == "RUNNING"


def test_a_message_that_is_nonsense_is_warned_of(tmp_path):
    oracle = tournament(tmp_path)
    trial = oracle.create_trial("tuner0")
    with pytest.warns(UserWarning, match="update_trial: ValueError"):
        oracle.update_trial(trial.trial_id, {"nas/heartbeat": math.nan})
    assert oracle.update_trial("00000", {"fitness": 1.0}).status == "STOPPED"
    assert oracle.stop_reason is None


def test_a_listener_that_fails_is_warned_of_and_ends_nothing(tmp_path):
    oracle, heard = tournament(tmp_path), []

    def broken(record):
        raise RuntimeError("no screen")

    oracle.listeners += [broken, heard.append]
    with pytest.warns(UserWarning, match="trial 0000: RuntimeError: no screen"):
        run(oracle, 1)
    assert heard == oracle.records()
    assert oracle.stop_reason is None


def test_listeners_hear_of_deaths_and_replays_too(tmp_path):
    oracle, heard = tournament(tmp_path, max_attempts=1), []
    oracle.distributed = True
    oracle.listeners.append(heard.append)
    oracle.create_trial("a")
    oracle.create_trial("a")  # It is back: its process had died.
    assert [record.details["reason"] for record in heard] == ["died"]


def test_a_stopped_training_goes_as_far_when_it_runs_again(tmp_path):
    rungs = {"stopping": Halving(factor=2, stages=2)}
    oracle = tournament(tmp_path, **rungs)
    dispatcher = oracle.dispatcher
    trial = oracle.create_trial("tuner0").trial_id
    dispatcher.log("rung", trial=trial, rung=1, score=0.5, stop=False)
    dispatcher.log("rung", trial=trial, rung=2, score=0.1, stop=True)
    assert not dispatcher.is_hopeless(trial, 1, 0.5)
    assert dispatcher.is_hopeless(trial, 2, 0.9)


def test_a_replay_that_was_cut_is_not_trained(tmp_path):
    few = few_networks(1, 3)
    settings = {"space": few, "population_size": 2, "duplicates": "replay"}
    oracle = tournament(tmp_path, **settings)
    run(oracle)
    lines = oracle.journal_path.read_text().splitlines(keepends=True)
    replay = next(i for i, line in enumerate(lines) if '"nas/replays"' in line)
    oracle.journal_path.write_text("".join(lines[: replay + 1]))
    resumed = tournament(tmp_path, **settings)
    assert run(resumed, 1) == []
    assert len(resumed.records()) == 20


def test_a_long_proposal_costs_no_worker_its_lease(tmp_path, monkeypatch):
    oracle = tournament(tmp_path, lease_seconds=0.05)
    oracle.distributed = True
    oracle.create_trial("a")
    propose = oracle.evolution.propose

    def slow(*arguments):
        time.sleep(0.2)
        return propose(*arguments)

    monkeypatch.setattr(oracle.evolution, "propose", slow)
    oracle.create_trial("b")
    assert [lease.tuner for lease in oracle.dispatcher.leases] == ["a", "b"]
    oracle.reap()
    assert len(oracle.dispatcher.leases) == 2


def test_a_search_goes_on_once_its_trouble_is_mended(tmp_path):
    oracle = tournament(tmp_path, max_trials=3)
    oracle.open()
    oracle.fail(OSError("full"))
    oracle.close()
    assert len(run(oracle)) == 3
    oracle.max_trials = 5
    assert len(run(oracle)) == 2


def test_a_strategy_without_words_is_known_again(tmp_path):
    class Mine:
        def __init__(self, size):
            self.size = size

    identities = [
        EvolutionOracle(Evolution(Mine(size), 5)).identity()["space"]
        for size in (1, 1, 2)
    ]
    assert identities[0] == identities[1] != identities[2]


def test_what_another_process_wrote_meanwhile_is_known(tmp_path):
    late, early = tournament(tmp_path, max_trials=9), tournament(tmp_path, max_trials=9)
    run(early, 5)
    run(late)
    assert late.records()[:5] == early.records()
    assert len(late.records()) == 9


def test_a_command_measures_what_networks_are_judged_by():
    budget = Budget(measure="adb")
    with pytest.raises(ValueError, match="`latency_ms` must be a limit, or an objec"):
        TournamentOracle(SPACE, 5, budget)
    with pytest.raises(ValueError, match="`latency_ms` must be a limit, or an objec"):
        ParetoOracle(SPACE, 5, budget, ("fitness", "macs"), {"macs": 1e9})
    reference = {"latency_ms": 50}
    oracle = ParetoOracle(SPACE, 5, budget, ("fitness", "latency_ms"), reference)
    assert oracle.budget.limits.keys() == {"memory"}

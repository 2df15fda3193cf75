import json
import random

import pytest
from stub_search import SPACE, report, stub_oracle

from search import journal
from search.audit import audit
from search.ledger import ATTEMPT
from search.spaces.tiny_video import TinyVideoSpace
from search.stopping import Halving

HALVING = {"stopping": Halving(factor=2, stages=1), "lease_seconds": 1e6}


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The events of a search by three workers whose trials overlap."""
    folder = tmp_path_factory.mktemp("searched")
    oracle = stub_oracle(folder, max_trials=30, **HALVING)
    oracle.distributed = True
    rng, running = random.Random(0), {}
    while len(oracle.records()) < 30:
        worker = rng.choice("abc")
        if worker in running:
            advance(oracle, running.pop(worker), rng)
        trial = oracle.create_trial(worker)
        if trial.status == "RUNNING":
            running[worker] = trial
    oracle.close()
    return [*journal.read(oracle.journal_path)]


def advance(oracle, trial, rng):
    """Most trials end; some die, and some fail."""
    chance, attempt = rng.random(), trial.hyperparameters.values[ATTEMPT]
    score = {"fitness": rng.random(), ATTEMPT: attempt}
    oracle.update_trial(trial.trial_id, score, step=1)
    if chance > 0.4:
        report(oracle, trial, rng.random())
    elif chance > 0.2:
        report(oracle, trial, None, "FAILED", message="oops")


def check(events):
    return audit(stub_oracle(max_trials=30, **HALVING), events)


def changed(events, name, place=0, **fields):
    """The events with the fields of one, the place-th of its name, changed."""
    found = [i for i, event in enumerate(events) if event["event"] == name]
    number = found[place]
    return [*events[:number], {**events[number], **fields}, *events[number + 1 :]]


def test_a_search_of_several_workers_passes(searched):
    counts = check(searched)
    assert counts["propose"] == counts["end"] == 30
    assert counts["lost"] > 2
    assert counts["issue"] == 30 + counts["lost"]
    parallel = [e["ended"] != int(e["trial"]) for e in searched if "ended" in e]
    assert sum(parallel) > 20


def test_a_search_that_is_not_over_passes(searched):
    check(searched[: len(searched) // 2])


def test_a_changed_proposal_is_found(searched):
    values = [e["values"] for e in searched if e["event"] == "propose"]
    swapped = changed(searched, "propose", 20, values=values[19])
    with pytest.raises(
        ValueError, match=r"line \d+ .* trial 0020 with other .*genotype"
    ):
        check(swapped)
    seeded = changed(searched, "propose", 3, values={**values[3], "nas/seed": 1})
    with pytest.raises(ValueError, match="trial 0003 with other nas/seed than"):
        check(seeded)


def test_a_changed_result_is_found_by_what_was_proposed_after_it(searched):
    with pytest.raises(ValueError, match=r"trial 00\d\d with other"):
        check(changed(searched, "end", 8, fitness=99.0, status="completed"))


def test_a_second_end_is_found(searched):
    place = next(i for i, event in enumerate(searched) if event["event"] == "end")
    twice = [*searched[: place + 1], *searched[place:]]
    with pytest.raises(ValueError, match=rf"line {place + 2} .* ended after its end"):
        check(twice)


def test_a_wrong_decision_at_a_rung_is_found(searched):
    stops = [event["stop"] for event in searched if event["event"] == "rung"]
    assert True in stops
    for stop in (True, False):
        wrong = changed(searched, "rung", stops.index(stop), stop=not stop)
        with pytest.raises(ValueError, match=f"at a rung with stop {not stop}"):
            check(wrong)


@pytest.mark.parametrize(
    ("name", "fields", "fault"),
    [
        ("propose", {"trial": "0009"}, "trial 0009, not 0000"),
        ("propose", {"ended": 4}, "proposed after 4 ends, not after 0"),
        ("issue", {"trial": "0031"}, "issued, which was not proposed"),
        ("issue", {"attempt": 2}, "issued as attempt 2"),
        ("rung", {"trial": "x"}, "scored, which was not proposed"),
        ("lost", {"trial": "0031"}, "lost, which was not proposed"),
        ("end", {"trial": "0031"}, "ended, which was not proposed"),
        ("end", {"attempt": 9}, "ended in attempt 9"),
    ],
)
def test_what_could_not_have_happened_is_found(searched, name, fields, fault):
    with pytest.raises(ValueError, match=fault):
        check(changed(searched, name, **fields))


def test_a_trial_that_two_workers_have_is_found(searched):
    place = next(i for i, event in enumerate(searched) if event["event"] == "issue")
    again = {**searched[place], "attempt": 2, "tuner": "d"}
    with pytest.raises(ValueError, match="issued while a worker has it"):
        check([*searched[: place + 1], again, *searched[place + 1 :]])


def test_another_search_is_not_this_one(searched):
    oracle = stub_oracle(seed=1, max_trials=30, **HALVING)
    with pytest.raises(ValueError, match=r"line 1 .* seed 0, not 1"):
        audit(oracle, searched)


def test_an_event_that_lacks_something_is_found(searched):
    event = {"event": "issue", "time": 0.0, "attempt": 1}
    with pytest.raises(ValueError, match="issue without 'trial'"):
        check([*searched, event])


def test_it_changes_nothing(searched):
    before = json.dumps(searched)
    oracle = stub_oracle(max_trials=30, **HALVING)
    audit(oracle, searched)
    assert json.dumps(searched) == before
    assert oracle.records() == []


def test_a_trial_that_nobody_had_and_was_lost_is_found(searched):
    place = next(i for i, event in enumerate(searched) if event["event"] == "issue")
    lost = {"event": "lost", "trial": "0000", "attempt": 0, "reason": "lease expired"}
    with pytest.raises(ValueError, match="lost, which no worker had"):
        check([*searched[:place], lost])


def test_a_replay_with_a_result_of_its_own_is_found(tmp_path):
    few = TinyVideoSpace(**{**vars(SPACE), "frames": (1, 2), "sizes": (16, 16)})
    settings = {"space": few, "population_size": 2, "duplicates": "replay"}
    oracle = stub_oracle(tmp_path, max_trials=60, **settings)
    while (trial := oracle.create_trial("a")).status == "RUNNING":
        report(oracle, trial, len(trial.hyperparameters.values["nas/genotype"]) / 999)
    events = [*journal.read(oracle.journal_path)]
    replays = [e["trial"] for e in events if "nas/replays" in e.get("values", {})]
    places = [i for i, e in enumerate(e for e in events if e["event"] == "end")
              if e["trial"] == replays[0]]  # fmt: skip
    audit(stub_oracle(max_trials=60, **settings), events)
    wrong = changed(events, "end", places[0], fitness=7.0)
    with pytest.raises(ValueError, match="with another result than"):
        audit(stub_oracle(max_trials=60, **settings), wrong)

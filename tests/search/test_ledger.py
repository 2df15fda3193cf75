import json

import pytest

from search.history import Record
from search.ledger import GENOTYPE, PARENT, Ledger, ordinary_values, replay, trial_id


def propose(index, genotype="{}", **values):
    values = {GENOTYPE: genotype, **values}
    return {"event": "propose", "trial": trial_id(index), "values": values}


def issue(index, attempt=1, tuner="a"):
    trial = trial_id(index)
    return {"event": "issue", "trial": trial, "attempt": attempt, "tuner": tuner}


def lost(index, reason="lease expired"):
    return {"event": "lost", "trial": trial_id(index), "attempt": 1, "reason": reason}


def end(index, status="completed", fitness=0.5, **details):
    trial, found = trial_id(index), {"status": status, "fitness": fitness}
    return {"event": "end", "trial": trial, **found, "details": details}


def test_a_trial_from_its_proposal_to_its_end():
    ledger = replay([propose(0, '{"a":1}', **{PARENT: "0009", "rate": 0.1})])
    assert (ledger.next_waiting(), [*ledger.unended()]) == ("0000", ["0000"])
    ledger.apply(issue(0, tuner="b"))
    assert (ledger.next_waiting(), [*ledger.unended()]) == (None, ["0000"])
    assert (ledger["0000"].attempts, ledger["0000"].tuner) == (1, "b")
    record = ledger.apply(end(0, parameters=7))
    details, ordinary = {"parameters": 7}, {"rate": 0.1}
    assert record == Record(
        "0000", '{"a":1}', "completed", 0.5, "0009", "", details, ordinary
    )
    assert (ledger.next_waiting(), [*ledger.unended()]) == (None, [])
    assert ledger.ended == [record]


def test_a_lost_trial_waits_before_later_ones():
    ledger = replay([propose(0), issue(0), propose(1), lost(0)])
    assert ledger.next_waiting() == "0000"
    ledger.apply(issue(0, 2))
    assert ledger.next_waiting() == "0001"


def test_only_the_first_end_counts():
    ledger = replay([propose(0), issue(0), lost(0), issue(0, 2), end(0, fitness=0.9)])
    assert ledger.apply(end(0, fitness=0.1)) is None
    assert [record.fitness for record in ledger.ended] == [0.9]


@pytest.mark.parametrize(
    ("reason", "deaths", "retries"),
    [
        ("lease expired", 1, 0),
        ("process died", 1, 0),
        ("interrupted", 0, 0),
        ("retry: crashed", 0, 1),
    ],
)
def test_what_a_loss_counts_as(reason, deaths, retries):
    entry = replay([propose(0), issue(0), lost(0, reason)])["0000"]
    assert (entry.deaths, entry.retries) == (deaths, retries)


def test_crashes_count_in_a_row():
    ledger, seen = Ledger(), []
    reasons = ["crashed", "died", "diverged", "crashed", None, "crashed", "crashed"]
    for index, reason in enumerate(reasons):
        ledger.apply(propose(index))
        failed = end(index, "failed", None, reason=reason)
        ledger.apply(failed if reason else end(index))
        seen.append(ledger.crashes)
    assert seen == [1, 2, 0, 1, 0, 1, 2]


def test_rungs_keep_their_scores():
    rung = {"event": "rung", "trial": "0000", "rung": 1, "score": 0.3, "stop": True}
    ledger = replay([propose(0), issue(0), rung])
    assert ledger.scores == {1: {"0000": 0.3}}
    assert (ledger["0000"].rung, ledger["0000"].stopped) == (1, True)


def test_a_candidate_is_its_genotype_and_its_ordinary_values():
    ledger = replay([propose(0, "x", rate=0.1), propose(1, "x", rate=0.1)])
    assert ledger.find("x", {"rate": 0.1}) == "0000"
    assert ledger.find("x", {"rate": 0.2}) is None
    assert ledger.find("y", {"rate": 0.1}) is None
    assert ordinary_values({GENOTYPE: "x", "rate": 0.1}) == {"rate": 0.1}


def test_only_trials_that_compete_have_a_result():
    ledger = replay([propose(0), propose(1), propose(2), propose(3)])
    ledger.apply(end(0))
    ledger.apply(end(1, "failed", None))
    ledger.apply(end(2, "over budget", None, violations={"macs": 0.5}))
    assert [ledger.has_result(trial_id(i)) for i in range(4)] == [
        *(True, False, True, False)
    ]


@pytest.mark.parametrize("name", ["0001", "-1", "x", "²", "", "nas/aux"])
def test_what_was_not_proposed_is_not_in_it(name):
    ledger = replay([propose(0)])
    assert "0000" in ledger
    assert name not in ledger


def test_events_of_later_versions_are_passed_over():
    assert json.dumps(replay([{"event": "wish"}, propose(0)]).entries[0].values)


def test_whom_the_population_takes_is_not_the_ledgers_business():
    ledger = Ledger(lambda population, record: population.append(record))
    ledger.apply(propose(0))
    assert [ledger.apply(end(0))] == ledger.population

import dataclasses
import json
import random

import pytest

from search import journal
from search.budget import Budget
from search.evolution import Evolution, Exhausted
from search.ledger import Ledger, trial_id
from search.selection import Constant, Tournament, drop_worst
from zoo import genotypes
from zoo.genotypes.base import ClipSpec, Cost, Genotype


@dataclasses.dataclass(frozen=True)
class Number(Genotype):
    family = "number"
    value: int = 0

    clip_spec = None

    def cost(self, num_classes, input_shape=None):
        return Cost(parameters=self.value, macs=num_classes, activation_bytes=0)


class Line:
    """Numbers; their last three digits count mutations, or what training taught."""

    def sample(self, rng):
        return Number(1000 * rng.randrange(100))

    def mutate(self, parent, rng, feedback=None):
        step = 1 if feedback is None else feedback["step"]
        return Number(parent.value + 1000 * rng.randrange(100) + step)


@pytest.fixture(autouse=True)
def readable(monkeypatch):
    monkeypatch.setattr(genotypes, "from_json", Number.from_json)


def evolution(**arguments):
    settings = {"selector": Tournament(2), "survivor": drop_worst, "population_size": 3}
    return Evolution(Line(), 5, **{**settings, **arguments})


def value(proposal):
    return json.loads(proposal.genotype)["value"]


def mutations(child):
    """What the last three digits of a child count more than its parent's."""
    return (value(child) - value(child.parent)) % 1000


def run(engine, count, feedback=()):
    """Proposals that all end at once; a number is its own fitness."""
    ledger, proposals = Ledger(engine.join), []
    for index in range(count):
        proposal = engine.propose(ledger)
        proposals.append(proposal)
        values = {"nas/genotype": proposal.genotype}
        ledger.apply({"event": "propose", "trial": trial_id(index), "values": values})
        end = {"event": "end", "trial": trial_id(index), "status": "completed"}
        details = {"feedback": dict(feedback)}
        ledger.apply({**end, "fitness": float(value(proposal)), "details": details})
    return proposals, ledger


def test_first_random_networks_then_children_of_the_better():
    proposals, _ = run(evolution(), 8)
    assert [proposal.parent for proposal in proposals[:3]] == [None] * 3
    for proposal in proposals[3:]:
        assert mutations(proposal) == 1
        assert proposal.mutation.startswith("value ")


def test_the_population_keeps_its_size():
    _, ledger = run(evolution(), 9)
    fitnesses = sorted(record.fitness for record in ledger.ended)
    assert sorted(r.fitness for r in ledger.population) == fitnesses[-3:]


def test_a_proposal_depends_on_seed_index_and_ledger_alone():
    _, ledger = run(evolution(), 6)
    first = evolution().propose(ledger)
    random.seed(1)
    assert evolution().propose(ledger) == first
    assert evolution(seed=1).propose(ledger) != first


def test_what_was_given_comes_first():
    engine, ledger = evolution(), Ledger()
    given = [Number(7).to_json(), Number(9).to_json()]
    known = {"version": journal.VERSION, "identity": {}, "space": []}
    ledger.apply({"event": "search", **known, "initial": given})
    assert value(engine.propose(ledger)) == 7


def test_a_child_is_mutated_as_often_as_the_schedule_says():
    rounds = []

    def schedule(number, rng):
        rounds.append(number)
        return 4

    proposals, _ = run(evolution(mutations=schedule), 5)
    assert [mutations(child) for child in proposals[3:]] == [4, 4]
    assert rounds == [0, 1]


def test_a_guided_child_is_first_mutated_by_what_training_taught():
    engine = evolution(guided=True, mutations=Constant(2))
    proposals, _ = run(engine, 4, feedback={"step": 10})
    assert mutations(proposals[3]) == 12


def test_what_breaks_the_budget_on_paper_is_not_proposed():
    proposals, _ = run(evolution(budget=Budget(parameters=30_000)), 12)
    assert max(map(value, proposals)) <= 30_000


def test_the_budget_is_kept_with_the_clips_that_networks_train_on(monkeypatch):
    def cost(self, num_classes, input_shape=None):
        return Cost(self.value * (input_shape or [1])[0], num_classes, 0)

    monkeypatch.setattr(Number, "cost", cost)
    clip_spec = ClipSpec(frames=3, rate=1.0, height=8, width=8)
    engine = evolution(budget=Budget(parameters=30_000), clip_spec=clip_spec)
    proposals, _ = run(engine, 12)
    assert {p.parent is None for p in proposals} == {True, False}
    assert max(map(value, proposals)) <= 10_000


def test_other_clips_make_another_search():
    clip_spec = ClipSpec(frames=3, rate=1.0, height=8, width=8)
    assert evolution().identity()["clip_spec"] is None
    assert evolution(clip_spec=clip_spec).identity()["clip_spec"] == repr(clip_spec)


def test_nothing_is_proposed_twice_until_all_is_tried(monkeypatch):
    monkeypatch.setattr("search.budget.SAMPLES", 200)
    engine = evolution(budget=Budget(parameters=5000), selector=None)
    with pytest.raises(Exhausted, match="is tried"):
        run(engine, 7)
    proposals, _ = run(engine, 6)
    assert sorted(map(value, proposals)) == [0, 1000, 2000, 3000, 4000, 5000]


def test_a_repeated_network_names_the_trial_it_repeats():
    engine = evolution(duplicates="replay", budget=Budget(parameters=40_000))
    proposals, _ = run(engine, 60)
    replays = [p for p in proposals if p.replays is not None]
    assert replays
    for replay in replays:
        assert proposals[int(replay.replays)].genotype == replay.genotype


def test_ordinary_values_make_two_candidates_of_one_network():
    engine, ledger = evolution(selector=None), Ledger()
    first = engine.propose(ledger, lambda rng, parent: {"rate": 0.1})
    values = {"nas/genotype": first.genotype, "rate": 0.1}
    ledger.apply({"event": "propose", "trial": "0000", "values": values})
    assert ledger.find(first.genotype, {"rate": 0.1}) == "0000"
    assert ledger.find(first.genotype, {"rate": 0.2}) is None


@pytest.mark.parametrize(
    "bad",
    [
        {"seed": -1},
        {"population_size": 0},
        {"duplicates": "twice"},
        {"clip_spec": (32, 176, 176)},
    ],
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        evolution(**bad)


def test_where_near_children_are_known_further_ones_are_proposed(monkeypatch):
    def mutate(self, parent, rng, feedback=None):
        return Number(parent.value + 1)

    monkeypatch.setattr(Line, "mutate", mutate)
    proposals, _ = run(evolution(survivor=None, selector=lambda p, rng: p[0]), 7)
    assert [mutations(child) for child in proposals[3:]] == [1, 2, 3, 4]

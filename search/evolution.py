"""The engine of evolution: what to propose next, knowing what was learnt.

It knows nothing of keras-tuner, files or processes. A proposal is a pure function of
the seed, its index, and what the ledger held when it was made.
"""

import dataclasses
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from search.budget import Budget
from search.difference import difference
from search.history import Record
from search.ledger import Ledger
from search.selection import Constant, Schedule, Selector, Survivor
from zoo import genotypes
from zoo.genotypes.base import ClipSpec, Cost, Genotype, check, check_whole

MUTATION_TRIES = 100
FURTHER = 5  # Known children after which one is mutated once more.
DUPLICATES = ("avoid", "replay")

Ordinary = Callable[[random.Random, Record | None], dict]


@dataclass(frozen=True)
class Proposal:
    """A candidate.

    Args:
        genotype: Canonical JSON.
        seed: Of its training.
        parent: The record it descends from; None for one that was drawn or given.
        hyperparameters: Ordinary values beside the genotype.
        replays: The trial whose result it repeats without being trained again.
        given: Whether it is one that the search was to begin with.
    """

    genotype: str
    seed: int
    parent: Record | None = None
    hyperparameters: dict = field(default_factory=dict)
    replays: str | None = None
    given: bool = False

    @property
    def mutation(self) -> str:
        """What differs from the parent."""
        if self.parent:
            return difference(self.parent.genotype, self.genotype)
        return "given" if self.given else ""


class Exhausted(ValueError):  # noqa: N818
    """Every network that was drawn within the budget is tried."""


class Evolution:
    """Proposes first what it is given, then random networks, then children.

    A child is a mutation of a parent that the selector chooses from the population.
    What breaks the budget on paper is never proposed: the parent is mutated again, at
    most 100 times, and then a random network takes the child's place. So it is with
    what was proposed before, with one mutation more after each five such children.
    Where `duplicates` is "replay", the result of the trial before counts again instead,
    and nothing is trained.

    Args:
        space: Has `sample(rng)` and `mutate(parent, rng, feedback)`.
        num_classes: Width of the classifier, for the cost on paper.
        budget: What networks may cost; None is the memory of this machine.
        selector: Chooses a parent; None proposes random networks only.
        survivor: Gives who leaves the population when it is full; None is nobody.
        mutations: How often a child is mutated, by the round after the first networks.
        population_size: Networks at first, and size of the population.
        guided: Whether a child is mutated once more, before all, by what training
            taught about its parent.
        duplicates: "avoid" or "replay".
        seed: From 0.
        clip_spec: The clips that networks are trained on and cost on paper; None is
            what each genotype says.
    """

    def __init__(
        self,
        space,
        num_classes: int,
        budget: Budget | None = None,
        selector: Selector | None = None,
        survivor: Survivor | None = None,
        mutations: Schedule | None = None,
        population_size: int = 200,
        guided: bool = False,
        duplicates: str = "avoid",
        seed: int = 0,
        clip_spec: ClipSpec | None = None,
    ):
        check_whole(num_classes, "num_classes")
        check_whole(population_size, "population_size")
        check_whole(seed, "seed", least=0)
        known = duplicates in DUPLICATES
        check(known, "duplicates", f"one of {DUPLICATES}", duplicates)
        check(
            clip_spec is None or isinstance(clip_spec, ClipSpec),
            *("clip_spec", "a ClipSpec, or None", clip_spec),
        )
        self.space = space
        self.num_classes = num_classes
        self.budget = budget or Budget()
        self.selector = selector
        self.survivor = survivor
        self.mutations = mutations or Constant(1)
        self.population_size = population_size
        self.guided = guided
        self.duplicates = duplicates
        self.seed = seed
        self.clip_spec = clip_spec

    def identity(self) -> dict[str, object]:
        """All that its proposals depend on."""
        plain = ("num_classes", "population_size", "guided", "duplicates", "seed")
        strategies = ("space", "budget", "selector", "survivor", "mutations")
        named = {name: getattr(self, name) for name in strategies}
        return {
            **{name: getattr(self, name) for name in plain},
            **{name: described(value) for name, value in named.items()},
            # As of a search from before there was this.
            "clip_spec": self.clip_spec and repr(self.clip_spec),
        }

    def budget_in(self, ledger: Ledger) -> Budget:
        """The budget of a search; on another machine, too, with the memory it had."""
        memory = self.budget.memory or ledger.memory
        return dataclasses.replace(self.budget, memory=memory)

    def cost(self, genotype: Genotype) -> Cost:
        """What a network costs on paper, for one of the search's clips."""
        shape = self.clip_spec.shape if self.clip_spec else None
        return genotype.cost(self.num_classes, shape)

    def propose(self, ledger: Ledger, ordinary: Ordinary | None = None) -> Proposal:
        """The next candidate.

        Args:
            ledger: What is known.
            ordinary: Draws the ordinary hyperparameters, given the parent.

        Raises:
            ValueError: No network that was drawn meets the budget.
            Exhausted: All that were drawn are tried.
        """
        index = len(ledger.entries)
        rng = random.Random(f"{self.seed}/{index}")
        draw = ordinary or _nothing
        if index < len(ledger.initial):
            known, seed = ledger.initial[index], self.training_seed(index)
            values = draw(rng, None)
            return Proposal(known, seed, hyperparameters=values, given=True)
        population = ledger.population
        if self.selector and population and index >= self.population_size:
            child = self._child(index, ledger, draw, rng)
            if child:
                return child
        return self._drawn(index, ledger, draw, rng)

    def training_seed(self, index: int, retry: int = 0) -> int:
        """Seed of a trial's training; one that is tried again has another."""
        again = f"/{retry}" if retry else ""
        return random.Random(f"{self.seed}/{index}/train{again}").getrandbits(31)

    def join(self, population: list[Record], record: Record) -> Record | None:
        """Takes a record into the population; gives who leaves it."""
        if record.merit is None:
            return None
        population.append(record)
        if self.survivor and len(population) > self.population_size:
            return population.pop(self.survivor(population))
        return None

    def _child(
        self, index: int, ledger: Ledger, draw: Ordinary, rng: random.Random
    ) -> Proposal | None:
        parent = self.selector(ledger.population, rng)
        budget, repeated = self.budget_in(ledger), 0
        for _ in range(MUTATION_TRIES):
            child = self._mutated(parent, index, rng, repeated // FURTHER)
            values, text = draw(rng, parent), child.to_json()
            known = ledger.find(text, values)
            if known is not None:
                repeated += 1
                if self.duplicates == "replay" and ledger.has_result(known):
                    return self._proposal(index, text, parent, values, known)
            elif not budget.violations(self.cost(child)):
                return self._proposal(index, text, parent, values)
        return None

    def _mutated(
        self, parent: Record, index: int, rng: random.Random, more: int
    ) -> Genotype:
        child = genotypes.from_json(parent.genotype)
        if self.guided:
            feedback = parent.details.get("feedback", {})
            child = self.space.mutate(child, rng, feedback)
        for _ in range(self.mutations(index - self.population_size, rng) + more):
            child = self.space.mutate(child, rng)
        return child

    def _drawn(
        self, index: int, ledger: Ledger, draw: Ordinary, rng: random.Random
    ) -> Proposal:
        values = {}

        def is_new(genotype: Genotype) -> bool:
            values["drawn"] = draw(rng, None)
            return ledger.find(genotype.to_json(), values["drawn"]) is None

        budget = self.budget_in(ledger)
        sample = budget.sample(lambda: self.space.sample(rng), self.cost, is_new)
        if sample is None:
            raise Exhausted("every network of the space that was drawn is tried")
        return self._proposal(index, sample.to_json(), None, values["drawn"])

    def _proposal(
        self,
        index: int,
        genotype: str,
        parent: Record | None,
        hyperparameters: dict,
        replays: str | None = None,
    ) -> Proposal:
        seed = self.training_seed(index)
        return Proposal(genotype, seed, parent, hyperparameters, replays)


def described(strategy: object) -> str:
    """The same words for equal strategies, also in another process."""
    if hasattr(strategy, "__name__"):
        return strategy.__name__
    if type(strategy).__repr__ is object.__repr__:
        return f"{type(strategy).__name__}({vars(strategy)})"
    return repr(strategy)


def _nothing(rng: random.Random, parent: Record | None) -> dict:
    return {}

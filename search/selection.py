"""Strategies of evolution, each small and free of state.

A population is a list of records in the order in which their trials ended, none of them
failed. A selector chooses the parent from it, a survivor rule gives the index of who
leaves it, and a mutation schedule tells how many mutations make a child: from the
round, which is 0 for the first proposal after the initial population, and chance.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from search import pareto
from search.history import Record
from zoo.genotypes.base import check, check_whole

Selector = Callable[[Sequence[Record], random.Random], Record]
Survivor = Callable[[Sequence[Record]], int]
Schedule = Callable[[int, random.Random], int]


@dataclass(frozen=True)
class Tournament:
    """The parent is the best of a random sample of the population.

    Args:
        sample_size: Networks in a tournament; of a smaller population all.
    """

    sample_size: int = 50

    def __post_init__(self):
        check_whole(self.sample_size, "sample_size")

    def __call__(self, population: Sequence[Record], rng: random.Random) -> Record:
        """Chooses the parent."""
        size = min(self.sample_size, len(population))
        return max(rng.sample(population, size), key=lambda record: record.merit)


@dataclass(frozen=True)
class ParetoTournament:
    """The parent is in the best front of a random sample, where it is least crowded.

    Fronts and crowding are those of the whole population (NSGA-II,
    https://doi.org/10.1109/4235.996017); of equals the earlier wins.

    Args:
        sample_size: Networks in a tournament.
        objectives: "fitness", or names of costs.
    """

    sample_size: int = 50
    objectives: tuple[str, ...] = ("fitness", "latency_ms")

    def __post_init__(self):
        check_whole(self.sample_size, "sample_size")
        pareto.check_objectives(self.objectives)

    def __call__(self, population: Sequence[Record], rng: random.Random) -> Record:
        """Chooses the parent."""
        size = min(self.sample_size, len(population))
        sample = set(rng.sample(range(len(population)), size))
        rows = pareto.fronts(population, self.objectives)
        row = next(row for row in rows if not sample.isdisjoint(row))
        distances = _distances(population, row, self.objectives)
        return population[max(sorted(sample.intersection(row)), key=distances.get)]


@dataclass(frozen=True)
class Constant:
    """Every child has the same number of mutations, as in Tiny Video Networks.

    Args:
        count: That number.
    """

    count: int = 1

    def __post_init__(self):
        check_whole(self.count, "count")

    def __call__(self, round: int, rng: random.Random) -> int:
        """Number of mutations of a child of that round."""
        return self.count


@dataclass(frozen=True)
class Annealed:
    """Mutations grow fewer: `max(ceil(start - round / interval), 1)`, as in EvaNet.

    So the text of https://arxiv.org/abs/1811.10636, where both numbers are from;
    Algorithm 1 there prints `i/n` for `i/r`, the share of the round in the interval.

    Args:
        start: Mutations in the first rounds.
        interval: Rounds after which there is one less.
    """

    start: int = 7
    interval: int = 100

    def __post_init__(self):
        check_whole(self.start, "start")
        check_whole(self.interval, "interval")

    def __call__(self, round: int, rng: random.Random) -> int:
        """Number of mutations of a child of that round."""
        return max(self.start - round // self.interval, 1)


@dataclass(frozen=True)
class Uniform:
    """A random number of mutations, each as often: 0 to 4 as in AssembleNet.

    0 is for spaces whose children differ by connections, too.

    Args:
        least: The fewest.
        most: The most.
    """

    least: int = 0
    most: int = 4

    def __post_init__(self):
        check_whole(self.least, "least", least=0)
        check_whole(self.most, "most", least=max(self.least, 1))

    def __call__(self, round: int, rng: random.Random) -> int:
        """Number of mutations of a child of that round."""
        return rng.randint(self.least, self.most)


def as_schedule(mutations: int | Schedule) -> Schedule:
    """The schedule of a number of mutations; another schedule is itself.

    Raises:
        ValueError: It is neither.
    """
    if callable(mutations):
        return mutations
    whole = isinstance(mutations, int) and not isinstance(mutations, bool)
    rule = "a whole number of at least 1, or a schedule"
    check(whole and mutations >= 1, "mutations", rule, mutations)
    return Constant(mutations)


def drop_worst(population: Sequence[Record]) -> int:
    """The one with the lowest merit leaves, the oldest of equals."""
    merits = [record.merit for record in population]
    return merits.index(min(merits))


def drop_oldest(population: Sequence[Record]) -> int:
    """The one that ended first leaves, as in regularised evolution."""
    return 0


SURVIVORS: dict[str, Survivor] = {"worst": drop_worst, "oldest": drop_oldest}


def as_survivor(survivor: str | Survivor) -> Survivor:
    """The rule that a word names, one of `SURVIVORS`; another rule is itself.

    Raises:
        ValueError: It is neither.
    """
    if callable(survivor):
        return survivor
    rule = f"one of {[*SURVIVORS]}, or callable"
    check(survivor in [*SURVIVORS], "survivor", rule, survivor)
    return SURVIVORS[survivor]


@dataclass(frozen=True)
class DropCrowded:
    """The most crowded of the worst front leaves, the oldest of equals.

    Args:
        objectives: "fitness", or names of costs.
    """

    objectives: tuple[str, ...] = ("fitness", "latency_ms")

    def __post_init__(self):
        pareto.check_objectives(self.objectives)

    def __call__(self, population: Sequence[Record]) -> int:
        """Index of who leaves."""
        row = pareto.fronts(population, self.objectives)[-1]
        distances = _distances(population, row, self.objectives)
        return min(row, key=distances.get)


def _distances(
    population: Sequence[Record], row: list[int], objectives: Sequence[str]
) -> dict[int, float]:
    """Crowding in a front, by index; those over budget are all equal."""
    if not population[row[0]].feasible:
        return dict.fromkeys(row, 0.0)
    vectors = [pareto.vector(population[index], objectives) for index in row]
    return dict(zip(row, pareto.crowding(vectors).tolist(), strict=True))

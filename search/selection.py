"""Strategies of evolution, each small and free of state.

A population is a list of records in the order in which their trials ended. A selector
chooses the parent from it, a survivor rule gives the index of who leaves it, and a
mutation schedule tells how many parts a child differs in.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from search.history import Record
from zoo.genotypes.base import check_whole

Selector = Callable[[Sequence[Record], random.Random], Record]
Survivor = Callable[[Sequence[Record]], int]
Schedule = Callable[[int], int]


@dataclass(frozen=True)
class Tournament:
    """The parent is the best of a random sample of the population."""

    sample_size: int = 50

    def __post_init__(self):
        check_whole(self.sample_size, "sample_size")

    def __call__(self, population: Sequence[Record], rng: random.Random) -> Record:
        """Chooses the parent."""
        size = min(self.sample_size, len(population))
        return max(rng.sample(population, size), key=lambda record: record.score)


@dataclass(frozen=True)
class Constant:
    """Every child has the same number of mutations."""

    count: int = 1

    def __post_init__(self):
        check_whole(self.count, "count")

    def __call__(self, index: int) -> int:
        """Number of mutations of the proposal with that index."""
        return self.count


def drop_worst(population: Sequence[Record]) -> int:
    """The one with the lowest score leaves, the oldest of equals."""
    return min(range(len(population)), key=lambda index: population[index].score)


def drop_oldest(population: Sequence[Record]) -> int:
    """The one that ended first leaves, as in regularised evolution."""
    return 0


SURVIVORS: dict[str, Survivor] = {"worst": drop_worst, "oldest": drop_oldest}

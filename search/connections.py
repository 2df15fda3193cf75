"""Evolution guided by the connections that training strengthened, as in AssembleNet."""

import random
from dataclasses import dataclass

from search.budget import Budget
from search.evolution import Evolution
from search.oracle import EvolutionOracle
from search.selection import (
    Schedule,
    Survivor,
    Tournament,
    Uniform,
    as_schedule,
    as_survivor,
)
from zoo.genotypes.base import ClipSpec


@dataclass(frozen=True)
class Never:
    """No mutations by chance: children differ by connections alone."""

    def __call__(self, round: int, rng: random.Random) -> int:
        """Number of mutations of a child of that round."""
        return 0


class ConnectionOracle(EvolutionOracle):
    """Mutates a parent first by the weights that its connections learnt.

    As in AssembleNet (https://arxiv.org/abs/1905.13209): 20 random networks, then in
    each round the best of 5 has a child and the worst of all leaves. The child is
    mutated once by what training taught (`space.mutate(parent, rng, feedback)`), then
    none to four times by chance (`space.mutate(child, rng)`). Of the paper's ablations,
    one has no mutations by chance; in another, its standard evolution, edges change by
    chance (`AssembleNetSpace.edge_changes`).

    Args:
        space: Has `sample(rng)` and `mutate(parent, rng, feedback)`; feedback is a
            weight by part, such as {"3>7": 0.61}.
        num_classes: Width of the classifier, for the cost on paper.
        budget: What networks may cost; None is the memory of this machine.
        population_size: Networks at first, and size of the population.
        sample_size: Networks in a tournament.
        survivor: Who leaves a full population: "worst", "oldest", or a rule such as
            `selection.DropCrowded`.
        mutations: How often it is mutated by chance: a number from 0, or a schedule;
            None is none to four times.
        duplicates: "avoid", or "replay" the result of what was proposed before.
        seed: From 0.
        clip_spec: Clips to train on; None is what each genotype says.
        **engine: Of `EvolutionOracle`; `max_trials` is 220 where it is not given.
    """

    def __init__(
        self,
        space,
        num_classes: int,
        budget: Budget | None = None,
        population_size: int = 20,
        sample_size: int = 5,
        survivor: str | Survivor = "worst",
        mutations: int | Schedule | None = None,
        duplicates: str = "avoid",
        seed: int = 0,
        clip_spec: ClipSpec | None = None,
        **engine,
    ):
        evolution = Evolution(
            space,
            num_classes,
            budget,
            selector=Tournament(sample_size),
            survivor=as_survivor(survivor),
            mutations=_schedule(mutations),
            population_size=population_size,
            guided=True,
            duplicates=duplicates,
            seed=seed,
            clip_spec=clip_spec,
        )
        super().__init__(evolution, **{"max_trials": 220, **engine})


def _schedule(mutations: int | Schedule | None) -> Schedule:
    if mutations is None:
        return Uniform(0, 4)
    # Elsewhere a child without mutations would be its parent.
    none = type(mutations) is int and mutations == 0
    return Never() if none else as_schedule(mutations)

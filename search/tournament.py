"""Evolution by tournaments, as in Tiny Video Networks and EvaNet."""

from search.budget import Budget
from search.evolution import Evolution
from search.oracle import EvolutionOracle
from search.selection import (
    Schedule,
    Selector,
    Survivor,
    Tournament,
    as_schedule,
    as_survivor,
)
from zoo.genotypes.base import ClipSpec


class TournamentOracle(EvolutionOracle):
    """Mutates the best of a random sample of the population.

    The defaults are those of Tiny Video Networks (https://arxiv.org/abs/1910.06961):
    200 random networks, then 1,000 rounds, in each of which the best of 50 has a child
    and the worst of all leaves.

    Args:
        space: Has `sample(rng)` and `mutate(parent, rng)`.
        num_classes: Width of the classifier, for the cost on paper.
        budget: What networks may cost; None is the memory of this machine.
        population_size: Networks at first, and size of the population.
        sample_size: Networks in a tournament.
        survivor: Who leaves a full population: "worst", "oldest", or a rule such as
            `selection.DropCrowded`.
        mutations: How often a child is mutated: a number, or a schedule such as
            `selection.Annealed`.
        duplicates: "avoid", or "replay" the result of what was proposed before.
        seed: From 0.
        selector: Chooses the parent; None is a tournament of `sample_size`.
        clip_spec: Clips to train on; None is what each genotype says.
        **engine: Of `EvolutionOracle`, such as `max_trials`.
    """

    def __init__(
        self,
        space,
        num_classes: int,
        budget: Budget | None = None,
        population_size: int = 200,
        sample_size: int = 50,
        survivor: str | Survivor = "worst",
        mutations: int | Schedule = 1,
        duplicates: str = "avoid",
        seed: int = 0,
        selector: Selector | None = None,
        clip_spec: ClipSpec | None = None,
        **engine,
    ):
        evolution = Evolution(
            space,
            num_classes,
            budget,
            selector=selector or Tournament(sample_size),
            survivor=as_survivor(survivor),
            mutations=as_schedule(mutations),
            population_size=population_size,
            duplicates=duplicates,
            seed=seed,
            clip_spec=clip_spec,
        )
        super().__init__(evolution, **engine)

"""Evolution by tournaments, as in Tiny Video Networks and EvaNet."""

from search.budget import Budget
from search.oracle import EvolutionOracle
from search.selection import SURVIVORS, Constant, Tournament
from zoo.genotypes.base import check


class TournamentOracle(EvolutionOracle):
    """Mutates the best of a random sample of the population.

    The defaults are those of Tiny Video Networks (https://arxiv.org/abs/1910.06961):
    200 random networks, then 1,000 rounds, in each of which the best of 50 has a child
    and the worst of all leaves.

    Args:
        space: Has `sample(rng)` and `mutate(parent, rng)`.
        num_classes: Width of the classifier, for the cost on paper.
        budget: What networks may cost; None is the memory of this machine.
        population_size: Random networks at first, and size of the population.
        sample_size: Networks in a tournament.
        survivor: Who leaves a full population: "worst" or "oldest".
        mutations: Parts that a child differs in.
        max_trials: Networks in all.
        max_crashes: Crashed trials in a row that end the search.
        seed: From 0.
    """

    def __init__(
        self,
        space,
        num_classes: int,
        budget: Budget | None = None,
        population_size: int = 200,
        sample_size: int = 50,
        survivor: str = "worst",
        mutations: int = 1,
        max_trials: int = 1200,
        max_crashes: int = 10,
        seed: int = 0,
    ):
        check(survivor in SURVIVORS, "survivor", f"one of {[*SURVIVORS]}", survivor)
        super().__init__(
            space,
            num_classes,
            budget,
            selector=Tournament(sample_size),
            survivor=SURVIVORS[survivor],
            mutations=Constant(mutations),
            population_size=population_size,
            max_trials=max_trials,
            max_crashes=max_crashes,
            seed=seed,
        )

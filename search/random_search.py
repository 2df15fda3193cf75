"""Random search: the measure of every other method."""

from search.budget import Budget
from search.oracle import EvolutionOracle


class RandomOracle(EvolutionOracle):
    """Proposes random networks within the budget.

    Args:
        space: Has `sample(rng)`.
        num_classes: Width of the classifier, for the cost on paper.
        budget: What networks may cost; None is the memory of this machine.
        max_trials: Networks in all.
        max_crashes: Crashed trials in a row that end the search.
        seed: From 0.
    """

    def __init__(
        self,
        space,
        num_classes: int,
        budget: Budget | None = None,
        max_trials: int = 1200,
        max_crashes: int = 10,
        seed: int = 0,
    ):
        super().__init__(
            space,
            num_classes,
            budget,
            max_trials=max_trials,
            max_crashes=max_crashes,
            seed=seed,
        )

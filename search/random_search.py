"""Random search: the measure of every other method."""

from search.budget import Budget
from search.evolution import Evolution
from search.oracle import EvolutionOracle
from zoo.genotypes.base import ClipSpec


class RandomOracle(EvolutionOracle):
    """Proposes random networks within the budget.

    Args:
        space: Has `sample(rng)`.
        num_classes: Width of the classifier, for the cost on paper.
        budget: What networks may cost; None is the memory of this machine.
        seed: From 0.
        clip_spec: Clips to train on; None is what each genotype says.
        **engine: Of `EvolutionOracle`, such as `max_trials`.
    """

    def __init__(
        self,
        space,
        num_classes: int,
        budget: Budget | None = None,
        seed: int = 0,
        clip_spec: ClipSpec | None = None,
        **engine,
    ):
        evolution = Evolution(
            space, num_classes, budget, seed=seed, clip_spec=clip_spec
        )
        super().__init__(evolution, **engine)

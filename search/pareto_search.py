"""Evolution towards several objectives at once, as NSGA-II orders them."""

from collections.abc import Mapping, Sequence

from search.budget import Budget
from search.evolution import Evolution
from search.oracle import EvolutionOracle
from search.pareto import FITNESS, Archive
from search.selection import DropCrowded, ParetoTournament, Schedule, as_schedule
from search.verdict import NUMBERS
from zoo.genotypes.base import ClipSpec, check


class ParetoOracle(EvolutionOracle):
    """Mutates the least dominated of a random sample of the population.

    Fronts by non-dominated sorting, in a front the least crowded first, and any
    network within the budget before those that break it (constrained domination,
    https://doi.org/10.1109/4235.996017). `pareto.json` has the networks that no other
    dominates, `history.csv` how the volume that they dominate grows.

    Args:
        space: Has `sample(rng)` and `mutate(parent, rng)`.
        num_classes: Width of the classifier, for the cost on paper.
        budget: What networks may cost.
        objectives: "fitness", which is maximised, and costs that are minimised:
            "latency_ms", "parameters", "macs", "activation_bytes", "seconds".
        reference: The highest of each cost that is of use, from which volumes count;
            the budget's limit where it is not given.
        population_size: Networks at first, and size of the population.
        sample_size: Networks in a tournament.
        mutations: How often a child is mutated: a number, or a schedule.
        duplicates: "avoid", or "replay" the result of what was proposed before.
        seed: From 0.
        clip_spec: Clips to train on; None is what each genotype says.
        **engine: Of `EvolutionOracle`, such as `max_trials`.
    """

    def __init__(
        self,
        space,
        num_classes: int,
        budget: Budget | None = None,
        objectives: Sequence[str] = ("fitness", "latency_ms", "parameters"),
        reference: Mapping[str, float] | None = None,
        population_size: int = 200,
        sample_size: int = 2,
        mutations: int | Schedule = 1,
        duplicates: str = "avoid",
        seed: int = 0,
        clip_spec: ClipSpec | None = None,
        **engine,
    ):
        budget, objectives = budget or Budget(), tuple(objectives)
        known = (FITNESS, *NUMBERS)  # Of others no trial tells anything.
        told = all(name in known for name in objectives)
        check(told, "objectives", f"some of {known}", objectives)
        archive = Archive(objectives, {**budget.limits, **(reference or {})})
        evolution = Evolution(
            space,
            num_classes,
            budget,
            selector=ParetoTournament(sample_size, objectives),
            survivor=DropCrowded(objectives),
            mutations=as_schedule(mutations),
            population_size=population_size,
            duplicates=duplicates,
            seed=seed,
            clip_spec=clip_spec,
        )
        super().__init__(evolution, archive=archive, **engine)

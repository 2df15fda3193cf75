"""Writes a search space and an oracle of one's own, and searches with them.

    python docs/tutorials/own_space_and_oracle.py

The space has networks of two kinds of blocks with one number each; the oracle climbs a
hill: it only ever mutates the best network so far. It takes about two minutes on two
cores; started again, with more --trials, it goes on.
"""

import argparse
import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from datasets.moving_shapes import MovingShapes
from search.budget import Budget
from search.evolution import Evolution
from search.history import Record
from search.oracle import EvolutionOracle
from search.run import search
from search.selection import as_survivor
from zoo.genotypes.tiny_video import (
    SpatialLayer,
    Stream,
    TemporalLayer,
    TinyVideoBlock,
    TinyVideoGenotype,
)
from zoo.training import Recipe


@dataclass(frozen=True)
class WidthSpace:
    """Networks of blocks over space and over time, whose widths are searched.

    A space has two methods: `sample` draws a network, `mutate` changes one. All chance
    comes from the `rng` that they are given: a search is repeated by its seed alone.
    Networks are genotypes of a family that the zoo can build; a new family is
    docs/adding_a_model.md's matter.

    Args:
        widths: Channels that a block may have.
    """

    widths: tuple[int, ...] = (8, 16, 24, 32)

    def sample(self, rng: random.Random) -> TinyVideoGenotype:
        """Draws a network."""
        space, time = rng.choice(self.widths), rng.choice(self.widths)
        stream = Stream(frames=8, rate=4.0, size=32)
        blocks = (
            TinyVideoBlock(space, expand=1, spatial=SpatialLayer("conv", 3, 2)),
            TinyVideoBlock(time, expand=2, temporal=TemporalLayer("conv", 3, 2)),
        )
        return TinyVideoGenotype((stream,), blocks)

    def mutate(
        self, parent: TinyVideoGenotype, rng: random.Random, feedback: object = None
    ) -> TinyVideoGenotype:
        """Draws one block's width again; the child is never its parent."""
        place = rng.randrange(len(parent.blocks))
        block = parent.blocks[place]
        width = rng.choice([x for x in self.widths if x != block.filters])
        blocks = list(parent.blocks)
        blocks[place] = replace(block, filters=width)
        return replace(parent, blocks=tuple(blocks))


@dataclass(frozen=True)
class Best:
    """A selector: who of the population becomes the parent. Here always the best.

    It is data with a name, not a lambda, as its text says in the journal what searched.
    """

    def __call__(self, population: Sequence[Record], rng: random.Random) -> Record:
        """The trial of the greatest merit; of equals the first."""
        return max(population, key=lambda record: record.merit)


class HillClimbingOracle(EvolutionOracle):
    """Mutates the best network so far; the worst leaves.

    An oracle puts an `Evolution` together: a space, a budget, who has children, who
    leaves. Journal, resuming, workers, latency and report come with it.

    Args:
        space: See `WidthSpace`.
        num_classes: Of the classifier, for the cost on paper.
        budget: What networks may cost.
        seed: Of all chance.
        **engine: Of `EvolutionOracle`, such as `max_trials`.
    """

    def __init__(self, space, num_classes, budget=None, seed=0, **engine):
        evolution = Evolution(
            space,
            num_classes,
            budget,
            selector=Best(),
            survivor=as_survivor("worst"),
            population_size=3,
            seed=seed,
        )
        super().__init__(evolution, **engine)


def main():
    """Goes through the tutorial."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=8, help="networks to train")
    parser.add_argument("--steps", type=int, default=40, help="of each of them")
    parser.add_argument("--workdir", default="runs/tutorial_space")
    given = parser.parse_args()
    method = functools.partial(
        HillClimbingOracle,
        WidthSpace(),
        budget=Budget(macs=20e6),
        max_trials=given.trials,
    )
    clips = MovingShapes(actions=("move_left", "move_right", "grow", "shrink"))
    recipe = Recipe(steps=given.steps, batch_size=16, warmup_steps=4)
    best = search(method, clips, given.workdir, recipe, validation_limit=64)
    print(f"The best of {given.trials}: {best.fitness:.3f}, {best.genotype}")


if __name__ == "__main__":
    main()

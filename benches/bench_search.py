"""Do the searches find good networks, and how fast?

    python benches/bench_search.py [--part=a] [--seeds=10] [--evaluations=1000]
    python benches/bench_search.py --part=b [--seeds=3] [--trials=24] [--steps=100]

    --space=evanet   Figures 7 and 8 of https://arxiv.org/abs/1811.10636: mutation
                     rates, 20 seeds in part a, and in part b ensembles of the best
    --space=assemblenet   Figure 4 of https://arxiv.org/abs/1905.13209: evolution guided
                     by connections, 20 seeds in part a (assemblenet_guided.py)

Part a, a planted optimum: a network is drawn from the whole space, and the fitness of
any other is how far their genes agree, so that an evaluation costs no training and the
best is known. Part b trains, on moving shapes (search_training.py). Each writes a table
and a picture to docs/results. Needs the extra `bench` of the package.
"""

import argparse
import functools
import json
import logging
import random
import time
from pathlib import Path

import assemblenet_guided
import evanet_training
import numpy as np
import pyglove as pg
from search_results import compared, draw, run_all, shown, table, write_page
from search_simulated import simulate
from search_training import compare_training

from search.budget import Budget
from search.evolution import Evolution
from search.selection import Annealed, Constant, Tournament, drop_oldest, drop_worst
from search.spaces.evanet import EvaNetSpace
from search.spaces.tiny_video import TinyVideoSpace
from zoo import genotypes

SPACES = {"tiny_video": TinyVideoSpace, "evanet": EvaNetSpace}
POPULATION, SAMPLE = 100, 25
PEER = "PyGlove, regularized evolution"
METHODS = {
    "random": {},
    "worst out": {"survivor": drop_worst},
    "oldest out": {"survivor": drop_oldest},
    "oldest out, replay": {"survivor": drop_oldest, "duplicates": "replay"},
    "worst out, annealed": {"survivor": drop_worst, "mutations": Annealed()},
    "oldest out, annealed": {"survivor": drop_oldest, "mutations": Annealed()},
    "one mutation": {"survivor": drop_worst, "mutations": Constant(1)},
    "three mutations": {"survivor": drop_worst, "mutations": Constant(3)},
    "annealed": {"survivor": drop_worst, "mutations": Annealed()},
}
# What is compared in which space, and with whom at the end.
COMPARED = {
    "tiny_video": [*list(METHODS)[:6], PEER],
    "evanet": ["random", "one mutation", "three mutations", "annealed"],
}
RIVALS = {"tiny_video": PEER, "evanet": "annealed"}
MARKS = (100, 200, 300, 500, 1000, 2000)
TITLES = {
    "tiny_video": "# The engine, random search and PyGlove, on a planted optimum",
    "evanet": "# EvaNet's mutation rates, on a planted optimum",
}
ABOUT = """\
The space is the whole of `{space}`. For each of {seeds} seeds (0 to {last}) a network
is planted in it, and the fitness of another is how far their genes agree: 1 is the
planted one. All methods begin with the same {population} random networks and propose
one network at a time. Populations are of {population}, tournaments of {sample}; a child
has one mutation or, annealed, max(ceil(7 - round / 100), 1). The worst leaves where
nothing else is said. None is proposed twice.
{peer}
Best fitness so far, mean and 95 % interval (Student's t) over seeds; the last column
compares seed by seed.
"""
ABOUT_PEER = """
PyGlove 0.4.5 is its own `regularized_evolution` on our space and mutations. Its
counterpart is "oldest out, replay": both may propose a network again, which counts as
an evaluation.
"""


def agreement(one: object, other: object) -> float:
    """Sum over the genes that two parts of genotypes share of how equal they are.

    Numbers are as equal as the smaller is a share of the greater. Rows are aligned for
    the greatest sum, so that a block which comes in does not undo those behind it.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return sum(agreement(one[name], other[name]) for name in one.keys() & other)
    if isinstance(one, list) and isinstance(other, list):
        return aligned(one, other)
    if type(one) is bool or not isinstance(one, int | float):
        return float(one == other and isinstance(one, bool | str))
    if one == other:
        return 1.0
    number = isinstance(other, int | float) and one > 0 and other > 0
    return min(one, other) / max(one, other) if number else 0.0


def aligned(one: list, other: list) -> float:
    before = [0.0] * (len(other) + 1)
    for item in one:
        row = [0.0]
        for index, match in enumerate(other):
            both = before[index] + agreement(item, match)
            row.append(max(row[index], before[index + 1], both))
        before = row
    return before[-1]


def genes(part: object) -> int:
    """Number of genes in a part of a genotype; what is not there has none."""
    if isinstance(part, dict | list):
        return sum(
            genes(v) for v in (part.values() if isinstance(part, dict) else part)
        )
    return part is not None


class Planted:
    """The fitness: 1 for the planted network, less the fewer genes agree with it."""

    def __init__(self, space, seed: int):
        target = space.sample(random.Random(f"target/{seed}"))
        self.target = self._read(target.to_json())

    def __call__(self, genotype: str) -> float:
        own = self._read(genotype)
        return 2 * agreement(own, self.target) / (genes(own) + genes(self.target))

    @staticmethod
    def _read(genotype: str) -> dict:
        fields = json.loads(genotype)
        return {k: v for k, v in fields.items() if k not in ("family", "version")}


def first_networks(space, seed: int) -> list[str]:
    """The first population, the same for all methods."""
    rng = random.Random(f"first/{seed}")
    return [space.sample(rng).to_json() for _ in range(POPULATION)]


def evolve(space, fitness, seed: int, evaluations: int, **strategies) -> list[float]:
    """Fitness of each proposal of our engine."""
    evolution = Evolution(
        space,
        num_classes=100,
        budget=Budget(memory=float("inf")),
        selector=Tournament(SAMPLE) if strategies else None,
        population_size=POPULATION,
        seed=seed,
        **{"mutations": Constant(1), **strategies},
    )
    initial = first_networks(space, seed)
    return simulate(evolution, initial, lambda g: (fitness(g), {}), evaluations)


def evolve_pyglove(space, fitness, seed: int, evaluations: int) -> list[float]:
    """Fitness of each proposal of PyGlove, given our space, mutations and start."""
    rng, initial = random.Random(seed), iter(first_networks(space, seed))

    class Network(pg.hyper.CustomHyper):
        def custom_decode(self, dna: pg.DNA) -> str:
            return dna.value

        def random_dna(self, random_generator=None, previous_dna=None) -> pg.DNA:
            return pg.DNA(next(initial))

    class Mutate(pg.evolution.Mutator):
        def mutate(self, dna: pg.DNA, step: int = 0) -> pg.DNA:
            return pg.DNA(space.mutate(genotypes.from_json(dna.value), rng).to_json())

    algorithm = pg.evolution.regularized_evolution(
        Mutate(), population_size=POPULATION, tournament_size=SAMPLE, seed=seed
    )
    values = []
    for genotype, feedback in pg.sample(Network(), algorithm, num_examples=evaluations):
        values.append(fitness(genotype))
        feedback(values[-1])
    return values


def run(task: tuple[str, str, int, int]) -> list[float]:
    """Best fitness so far after each evaluation."""
    space_name, method, seed, evaluations = task
    logging.disable(logging.INFO)
    space, start = SPACES[space_name](), time.monotonic()
    engine = functools.partial(evolve, **METHODS.get(method, {}))
    engine = evolve_pyglove if method == PEER else engine
    values = engine(space, Planted(space, seed), seed, evaluations)
    seconds = time.monotonic() - start
    print(f"{method}, seed {seed}: {max(values):.3f}, {seconds:.0f} s", flush=True)
    return np.maximum.accumulate(values).tolist()


def rows(
    curves: dict[str, np.ndarray], marks: list[int], rival: str
) -> list[list[str]]:
    """Best so far at the marks, and at the end against the rival."""
    return [
        [
            method,
            *(shown(values[:, mark - 1]) for mark in marks),
            "" if method == rival else compared(values[:, -1], curves[rival][:, -1]),
        ]
        for method, values in curves.items()
    ]


def report(arguments, curves: dict[str, np.ndarray]) -> None:
    space, rival = arguments.space, RIVALS[arguments.space]
    name = "search_analytic" if space == "tiny_video" else f"{space}_analytic"
    path = Path(arguments.output, f"{name}.md")
    draw(curves, path.with_suffix(".png"), dashed=rival)
    marks = [mark for mark in MARKS if mark < arguments.evaluations]
    marks.append(arguments.evaluations)
    head = ["method", *(f"after {m}" for m in marks), f"at the end, less {rival}"]
    lines = table(head, rows(curves, marks, rival))
    text = ABOUT.format(
        space=space,
        seeds=arguments.seeds,
        last=arguments.seeds - 1,
        population=POPULATION,
        sample=SAMPLE,
        peer=ABOUT_PEER if PEER in curves else "",
    )
    write_page(path, TITLES[space], text, lines, "Best fitness so far")


def compare_analytic(arguments) -> None:
    """Part a: all methods on a planted optimum."""
    methods, seeds = COMPARED[arguments.space], range(arguments.seeds)
    tasks = [
        (arguments.space, method, seed, arguments.evaluations)
        for seed in seeds
        for method in methods
    ]
    results = run_all(run, tasks, arguments)
    curves = {m: np.array(results[i :: len(methods)]) for i, m in enumerate(methods)}
    report(arguments, curves)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices=("a", "b"), default="a")
    parser.add_argument(
        "--space", choices=sorted({s for s, _ in PARTS}), default="tiny_video"
    )
    parser.add_argument("--seeds", type=int, help="10 (else 20) in part a, 3 in part b")
    parser.add_argument("--evaluations", type=int, help="of part a: 1000, or 220")
    parser.add_argument("--trials", type=int, default=24, help="of a search of part b")
    parser.add_argument("--steps", type=int, default=100, help="of a training")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", default="docs/results")
    parser.add_argument("--keep", help="folder of what is done, to go on after an end")
    arguments = parser.parse_args()
    compare, seeds, evaluations = PARTS[arguments.space, arguments.part]
    arguments.seeds = arguments.seeds or seeds
    arguments.evaluations = arguments.evaluations or evaluations
    compare(arguments)


# What compares, and its seeds and evaluations where they are not given.
PARTS = {
    ("tiny_video", "a"): (compare_analytic, 10, 1000),
    ("tiny_video", "b"): (compare_training, 3, None),
    ("evanet", "a"): (compare_analytic, 20, 1000),
    ("evanet", "b"): (evanet_training.compare, 3, None),
    ("assemblenet", "a"): (assemblenet_guided.compare_analytic, 20, 220),
    ("assemblenet", "b"): (assemblenet_guided.compare_training, 3, None),
}

if __name__ == "__main__":
    main()

"""Figure 4 of AssembleNet in bench_search.py: evolution guided by connections.

Part a plants which edges are useful, and the learned gates are a noisy view of them.
Part b trains thin graphs of RGB and flow on moving shapes.
"""

import hashlib
import math
import os
import random
import tempfile
import time
from pathlib import Path

import numpy as np
from search_results import compared, draw, run_all, shown, table, write_page
from search_simulated import simulate
from search_training import ACTIONS, clips

from search.budget import Budget
from search.connections import ConnectionOracle
from search.evolution import Evolution
from search.random_search import RandomOracle
from search.selection import Tournament, Uniform, drop_worst
from search.spaces.assemblenet import AssembleNetSpace
from zoo import genotypes

POOL = 3  # The paper shows the mean of the three best of the pool.
THIRD = 1 / 3  # Of the edges, which its standard evolution changes.
METHODS = {
    "random": {},
    "standard (a third of the edges)": {"edge_changes": THIRD},
    "guided, threshold 0.5": {"threshold": 0.5},
    "guided": {},
}
GUIDED = "guided"
FIGURE_4 = ["random", "standard (a third of the edges)", GUIDED]  # Trained.
NAME = "assemblenet_guided"

POPULATION, SAMPLE = 20, 5
USEFUL, CLARITY = 0.3, 1.0  # Share of useful edges; a gate's mean, in its deviations.
ANALYTIC = """\
The space is the whole of `AssembleNetSpace`. For each of {seeds} seeds (0 to {last}) a
share of {useful:.0%} of the kinds of edges are useful: a kind is the level, source and
dilation of the node read, and the level and dilation of the reader. Fitness is the F1
measure of a graph's edges against the useful ones among all that its nodes allow. What
training "learns" of an edge is sigmoid(g), g of a normal distribution of variance 1
around {clarity:+g} where the edge is useful, and around {minus:+g} where it is not.
Populations are of {population}, tournaments of {sample}, the worst leaves; the first
{population} networks are the same for all methods of a seed.
"""

SHAPE = (6, 4.0, 32, 32)  # Frames, frames per second, pixels.
THIN = {"depth": 26, "width": 1 / 16, "dilations": (1, 2, 4), "stems": (2,)}
FEW, OF = 4, 2
BATCH, RATE = 16, 0.05
TRAINED = """\
{actions} actions of the embedded data set, clips of 6 frames of 32x32 pixels, four a
second; graphs of 26 layers with a sixteenth of the channels, a stem of RGB and one of
representation flow; {trials} networks in each search, which train for {steps} steps of
16 clips; seeds 0 to {last}. Populations are of {population}, tournaments of {sample},
the worst leaves. Fitness is the top-1 accuracy on {validation} validation clips. The
paper has 220 networks of 10,000 steps.
"""
TAIL = """
Shown is the mean of the three best networks of the pool, mean and 95 % interval
(Student's t) over seeds; the last column compares seed by seed.
"""


class Useful:
    """The fitness of part a, and the gates of a graph's edges."""

    def __init__(self, seed: int):
        self.seed = seed

    def __call__(self, genotype: str) -> tuple[float, dict[str, float]]:
        nodes = genotypes.from_json(genotype).nodes
        levels = [node.level for node in nodes]
        places = range(len(nodes))
        useful = {
            (a, b): self._drawn("useful", self._kind(nodes[a], nodes[b])) < USEFUL
            for a in places
            for b in places
            if levels[a] < levels[b]
        }
        edges = {(a, b) for b, node in enumerate(nodes) for a in node.inputs}
        right = sum(useful[edge] for edge in edges)
        fitness = 2 * right / max(1, len(edges) + sum(useful.values()))
        rng = random.Random(f"gates/{self.seed}/{genotype}")
        gates = {
            f"{a}>{b}": _sigmoid(rng.gauss(CLARITY if useful[a, b] else -CLARITY, 1))
            for a, b in sorted(edges)
        }
        return fitness, gates

    @staticmethod
    def _kind(source, reader) -> tuple:
        return source.level, source.kind, source.dilation, reader.level, reader.dilation

    def _drawn(self, *what: object) -> float:
        digest = hashlib.sha256(repr((self.seed, *what)).encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def pool(values: list[float]) -> list[float]:
    """Mean of the best three so far; before there are three, of those there are."""
    means, best = [], []
    for value in values:
        best = sorted([*best, value])[-POOL:]
        means.append(sum(best) / len(best))
    return means


def run_analytic(task: tuple[str, str, int, int]) -> list[float]:
    """The pool's mean after each evaluation of part a."""
    _, method, seed, evaluations = task
    space, start = AssembleNetSpace(**METHODS[method]), time.monotonic()
    rng = random.Random(f"first/{seed}")
    initial = [space.sample(rng).to_json() for _ in range(POPULATION)]
    evolution = Evolution(
        space,
        num_classes=100,
        budget=Budget(memory=float("inf")),
        selector=None if method == "random" else Tournament(SAMPLE),
        survivor=drop_worst,
        mutations=Uniform(0, 4),
        population_size=POPULATION,
        guided=True,
        seed=seed,
    )
    means = pool(simulate(evolution, initial, Useful(seed), evaluations))
    seconds = time.monotonic() - start
    print(f"{method}, seed {seed}: {means[-1]:.3f}, {seconds:.0f} s", flush=True)
    return means


def compare_analytic(arguments) -> None:
    """Part a: planted edges."""
    text = ANALYTIC.format(
        **vars(arguments),
        last=arguments.seeds - 1,
        useful=USEFUL,
        clarity=CLARITY,
        minus=-CLARITY,
        population=POPULATION,
        sample=SAMPLE,
    )
    title = "# Evolution guided by connections, on planted edges"
    marks = [20, 60, 120, arguments.evaluations]
    sizes = [arguments.evaluations]
    page = f"{NAME}_analytic"
    _compare(arguments, run_analytic, [*METHODS], sizes, page, title, text, marks)


def run_training(task: tuple[str, str, int, int, int]) -> list[float]:
    """The pool's mean after each network of part b."""
    from search.proxy import ProxyTraining
    from search.tuner import ArchitectureTuner
    from zoo.training import Recipe

    _, method, seed, trials, steps = task
    space, start = AssembleNetSpace(**THIN, **METHODS[method]), time.monotonic()
    spec = genotypes.ClipSpec(*SHAPE)
    settings = {"budget": Budget(memory=1e10), "seed": seed, "max_trials": trials}
    settings |= {"num_classes": len(ACTIONS), "clip_spec": spec}
    if method == "random":
        oracle = RandomOracle(space, **settings)
    else:
        sizes = {"population_size": FEW, "sample_size": OF}
        oracle = ConnectionOracle(space, **sizes, **settings)
    recipe = Recipe(steps=steps, batch_size=BATCH, learning_rate=RATE)
    options = {"dropout": 0.0, "flow": "representation"}
    training = ProxyTraining(len(ACTIONS), recipe, clip_spec=spec, **options)
    with tempfile.TemporaryDirectory() as folder:
        project = {"directory": folder, "project_name": "search"}
        tuner = ArchitectureTuner(oracle, training, latency_seconds=None, **project)
        tuner.search(clips(), verbose=False)
        records = tuner.oracle.records()
    means = pool([r.fitness if r.feasible else 0.0 for r in records])
    seconds = time.monotonic() - start
    print(f"{method}, seed {seed}: {means[-1]:.3f}, {seconds:.0f} s", flush=True)
    return means


def compare_training(arguments) -> None:
    """Part b: graphs that train."""
    # One core each, as two trainings at a time gain more than one on two cores.
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    text = TRAINED.format(
        **vars(arguments),
        last=arguments.seeds - 1,
        actions=len(ACTIONS),
        population=FEW,
        sample=OF,
        validation=clips().size("validation"),
    )
    title = "# Evolution guided by connections, on moving shapes"
    sizes = [arguments.trials, arguments.steps]
    marks = [FEW, arguments.trials]
    page = f"{NAME}_training"
    _compare(arguments, run_training, FIGURE_4, sizes, page, title, text, marks)


def _compare(
    arguments,
    run,
    methods: list[str],
    sizes: list[int],
    name: str,
    title: str,
    text: str,
    marks: list[int],
) -> None:
    """Runs all methods and seeds, and writes the page and the picture."""
    seeds = range(arguments.seeds)
    tasks = [(name, method, seed, *sizes) for seed in seeds for method in methods]
    found = run_all(run, tasks, arguments, renewed=2)
    curves = {m: np.array(found[i :: len(methods)]) for i, m in enumerate(methods)}
    path = Path(arguments.output, f"{name}.md")
    draw(curves, path.with_suffix(".png"), dashed="random")
    rows = [
        [
            method,
            *(shown(values[:, mark - 1]) for mark in marks),
            "" if method == GUIDED else compared(values[:, -1], curves[GUIDED][:, -1]),
        ]
        for method, values in curves.items()
    ]
    head = [
        "method",
        *(f"after {mark}" for mark in marks),
        f"at the end, less {GUIDED}",
    ]
    write_page(path, title, text + TAIL, table(head, rows), "Mean of the three best")

"""Part b of bench_search.py for EvaNet: searches that train, and ensembles of the best.

Each search is of thin Inception networks on short clips of moving shapes.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from search_results import compared, draw, run_all, shown, table, write_page
from search_training import ACTIONS, clips

from search.selection import Annealed, Constant
from search.spaces.evanet import EvaNetSpace

POPULATION, SAMPLE = 4, 2
FEWER = Annealed(start=3, interval=2)
METHODS = {
    "random": None,
    "one mutation": Constant(1),
    "three mutations": Constant(3),
    "annealed": FEWER,
}
SPACE = EvaNetSpace(times=(1, 3, 5), max_convs=3, max_pools=1, width=1 / 16)
SHAPE = (8, 4.0, 48, 48)  # Frames, frames per second, pixels.
BATCH, RATE = 16, 0.05
LONGER = 2  # Times the training of the search.
TOP = 3
TITLE = "# EvaNet's mutation rates and ensembles, on moving shapes"
ABOUT = """\
{actions} actions of the embedded data set, clips of 8 frames of 48x48 pixels, four a
second; Inception networks of a sixteenth of the channels, of two or three convolutions
a module with time sizes 1, 3 and 5; {trials} networks in each search, which train for
{steps} steps of 16 clips; seeds 0 to {last}. Populations are of {population},
tournaments of {sample}, the worst leaves; a child has one mutation, three, or,
annealed, max(ceil(3 - round / 2), 1). All methods of a seed begin with the same
networks.

Fitness is the top-1 accuracy on {validation} validation clips. Then, on the test clips:
the best three networks of the annealed search, each trained {longer} times as long,
and their ensemble, against three trainings of the best one with other seeds, and their
ensemble. Means and 95 % intervals (Student's t) over seeds; the last column compares
seed by seed.
"""


def search(seed: int, method: str, trials: int, steps: int) -> list:
    """The records of a search."""
    from search.budget import Budget
    from search.proxy import ProxyTraining
    from search.random_search import RandomOracle
    from search.tournament import TournamentOracle
    from search.tuner import ArchitectureTuner
    from zoo.genotypes import ClipSpec
    from zoo.training import Recipe

    spec, mutations = ClipSpec(*SHAPE), METHODS[method]
    settings = {"budget": Budget(memory=1e10), "seed": seed, "max_trials": trials}
    settings |= {"num_classes": len(ACTIONS), "clip_spec": spec}
    if mutations is None:
        oracle = RandomOracle(SPACE, **settings)
    else:
        sizes = {"population_size": POPULATION, "sample_size": SAMPLE}
        oracle = TournamentOracle(SPACE, **sizes, mutations=mutations, **settings)
    recipe = Recipe(steps=steps, batch_size=BATCH, learning_rate=RATE)
    training = ProxyTraining(len(ACTIONS), recipe, clip_spec=spec, dropout=0.0)
    with tempfile.TemporaryDirectory() as folder:
        tuner = ArchitectureTuner(
            oracle,
            training,
            directory=folder,
            project_name="search",
            latency_seconds=None,
        )
        tuner.search(clips(), verbose=False)
        return tuner.oracle.records()


def probabilities(genotype: str, seed: int, steps: int) -> tuple:
    """Labels and probabilities of the test clips, after a training from scratch."""
    import keras

    from zoo import genotypes, inference, metrics, outputs, registry, training

    keras.utils.set_random_seed(seed)
    spec = genotypes.ClipSpec(*SHAPE)
    network = genotypes.from_json(genotype)
    model = registry.build(network, spec.shape, len(ACTIONS), dropout=0.0)
    recipe = training.Recipe(steps=steps, batch_size=BATCH, learning_rate=RATE)
    training.fit(model, clips(), spec, recipe, seed=seed, verbose=False)
    predict = inference.compiled(model)
    read = outputs.predictions(predict, clips(), spec, "test", BATCH)
    return read[1], metrics.probabilities("single", read[2])


def run(task: tuple[str, int, int, int]) -> dict:
    """What a search found; of the annealed one, what ensembles of it are worth."""
    from search.history import best

    method, seed, trials, steps = task
    start = time.monotonic()
    records = search(seed, method, trials, steps)
    fitness = [r.fitness if r.feasible else 0.0 for r in records]
    found = {"curve": np.maximum.accumulate(fitness).tolist()}
    if method == "annealed":
        top = [record.genotype for record in best(records, TOP)]
        found["three"] = _ensemble([(g, seed) for g in top], LONGER * steps)
        again = [(top[0], 1000 * i + seed) for i in range(TOP)]
        found["one"] = _ensemble(again, LONGER * steps)
    seconds = time.monotonic() - start
    print(f"{method}, seed {seed}: {max(fitness):.3f}, {seconds:.0f} s", flush=True)
    return found


def _ensemble(members: list[tuple[str, int]], steps: int) -> dict[str, float]:
    """Mean accuracy of the members, and that of their mean probabilities."""
    outputs = [probabilities(*member, steps) for member in members]
    labels, each = outputs[0][0], [output[1] for output in outputs]
    right = [(p.argmax(axis=1) == labels).mean() for p in each]
    together = (np.mean(each, axis=0).argmax(axis=1) == labels).mean()
    return {"members": float(np.mean(right)), "together": float(together)}


def compare(arguments) -> None:
    """All methods, and the ensembles."""
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    seeds, sizes = range(arguments.seeds), (arguments.trials, arguments.steps)
    tasks = [(method, seed, *sizes) for seed in seeds for method in METHODS]
    found = run_all(run, tasks, arguments, renewed=2)
    report(arguments, {m: found[i :: len(METHODS)] for i, m in enumerate(METHODS)})


def report(arguments, results: dict[str, list[dict]]) -> None:
    path = Path(arguments.output, "evanet_training.md")
    curves = {m: np.array([r["curve"] for r in rs]) for m, rs in results.items()}
    draw(curves, path.with_suffix(".png"), dashed="random")
    reached = {method: values[:, -1] for method, values in curves.items()}
    rows = [
        [m, shown(v), "" if m == "random" else compared(v, reached["random"])]
        for m, v in reached.items()
    ]
    lines = table(["method", "best fitness", "less random"], rows)
    text = ABOUT.format(
        **vars(arguments),
        actions=len(ACTIONS),
        last=arguments.seeds - 1,
        population=POPULATION,
        sample=SAMPLE,
        longer=LONGER,
        validation=clips().size("validation"),
    )
    parts = [*lines, "", *ensembles(results["annealed"])]
    write_page(path, TITLE, text, parts, "Best fitness so far")


def ensembles(results: list[dict]) -> list[str]:
    """A table of three networks against three trainings of one."""

    def column(kind: str, name: str) -> np.ndarray:
        return np.array([result[kind][name] for result in results])

    rows = []
    for kind, words in [
        ("three", "the best three"),
        ("one", "three trainings of the best"),
    ]:
        together = column(kind, "together")
        difference = together, column("one", "together")
        rows.append(
            [
                words,
                shown(column(kind, "members")),
                shown(together),
                "" if kind == "one" else compared(*difference),
            ]
        )
    head = ["ensemble of", "its members, test", "together, test"]
    return table([*head, "less three trainings"], rows)

"""Part b of bench_search.py: searches that really train, on moving shapes."""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from search_results import compared, draw, run_all, shown, table, write_page

from search.selection import Annealed
from search.spaces.tiny_video import TinyVideoSpace
from search.stopping import Halving, MedianStop

ACTIONS = ("move_left", "move_right", "move_up", "move_down", "grow", "shrink")
POPULATION, SAMPLE, FEWER = 8, 4, Annealed(start=3, interval=8)
LONGER = 4  # Times the training of the search.
METHODS = {
    "random": {},
    "worst out": {"survivor": "worst"},
    "oldest out": {"survivor": "oldest"},
    "worst out, annealed": {"survivor": "worst", "mutations": FEWER},
    "worst out, inherited": {"survivor": "worst", "inherit": True},
    "worst out, halving": {"survivor": "worst", "stopping": Halving(3, stages=1)},
    "worst out, median": {"survivor": "worst", "stopping": MedianStop((0.5,))},
}
TITLE = "# The searches on moving shapes"
ABOUT = """\
{actions} actions of the embedded data set; {trials} networks in each search, which
train for {steps} steps of 16 clips; seeds 0 to {last}; {processes} searches at a time,
on one core each. Populations are of {population}, tournaments of {sample}; a child has
one mutation or, annealed, max(ceil(3 - round / 8), 1). "Halving" ends all but a third
of the trainings after a third of their steps, "median" those below the median after a
half; "steps" is the share that was trained. All methods of a seed begin with
the same networks. "Inherited" children begin with their parents' weights and so have
trained longer than others of their fitness: to compare, the best network of each search
is trained anew, {longer} times as long, and scored on the test clips.

Fitness is the top-1 accuracy on {validation} validation clips. Means and 95 % intervals
(Student's t) over seeds; the last column compares seed by seed.
"""


def space() -> TinyVideoSpace:
    return TinyVideoSpace(
        frames=(4, 6),
        rates=(4, 8),
        sizes=(16, 24),
        blocks=(1, 3),
        repeats=(1, 1),
        filters=(8, 32),
        expands=(1, 2),
        kernels=(3, 5),
        strides=(1, 3),
        temporal_kernels=(1, 4),
        temporal_strides=(1, 2),
        spatial_types=("conv", "max_pool"),
        temporal_types=("conv", "max_pool"),
        non_local=0.0,
    )


def clips():
    from datasets.moving_shapes import MovingShapes

    return MovingShapes(videos_per_class=100, actions=ACTIONS)


def oracle(seed: int, trials: int, **strategies):
    """Random search where there are no strategies, else evolution."""
    from search.budget import Budget
    from search.random_search import RandomOracle
    from search.tournament import TournamentOracle

    sizes = {"population_size": POPULATION, "sample_size": SAMPLE}
    kind = TournamentOracle if strategies else RandomOracle
    return kind(
        space(),
        num_classes=len(ACTIONS),
        budget=Budget(macs=10e6, memory=1e9),
        seed=seed,
        max_trials=trials,
        **({**sizes, **strategies} if strategies else {}),
    )


def search(
    seed: int, trials: int, steps: int, inherit: bool = False, **strategies
) -> list:
    """The records of a search."""
    from search.proxy import ProxyTraining
    from search.tuner import ArchitectureTuner
    from zoo.training import Recipe

    recipe = Recipe(steps=steps, batch_size=16, learning_rate=0.1)
    training = ProxyTraining(len(ACTIONS), recipe, dropout=0.0)
    with tempfile.TemporaryDirectory() as folder:
        tuner = ArchitectureTuner(
            oracle(seed, trials, **strategies),
            training,
            directory=folder,
            project_name="search",
            latency_seconds=None,
            inherit=inherit,
        )
        tuner.search(clips(), verbose=False)
        return tuner.oracle.records()


def retrained(genotype: str, seed: int, steps: int) -> float:
    """Test accuracy of a network that is trained from scratch."""
    import keras

    from zoo import genotypes, registry, training

    keras.utils.set_random_seed(seed)
    network = genotypes.from_json(genotype)
    model = registry.build(network, num_classes=len(ACTIONS), dropout=0.0)
    recipe = training.Recipe(steps=steps, batch_size=16, learning_rate=0.1)
    spec = network.clip_spec
    training.fit(model, clips(), spec, recipe, seed=seed, verbose=False)
    return training.evaluate(model, clips(), spec, "test", 16)["top1"]


def run(task: tuple[str, int, int, int]) -> dict:
    """What a search found, and what that is worth."""
    from search.history import best

    method, seed, trials, steps = task
    start = time.monotonic()
    records = search(seed, trials, steps, **METHODS[method])
    seconds = time.monotonic() - start
    fitness = [r.fitness if r.feasible else 0.0 for r in records]
    inherited = [r.details["inherited"] for r in records if "inherited" in r.details]
    test = retrained(best(records)[0].genotype, seed, LONGER * steps)
    print(
        f"{method}, seed {seed}: {max(fitness):.3f}, test {test:.3f}, {seconds:.0f} s"
    )
    return {
        "curve": np.maximum.accumulate(fitness).tolist(),
        "test": test,
        "seconds": seconds / trials,
        "inherited": float(np.mean(inherited)) if inherited else 0.0,
        "trained": sum(_trained(r, METHODS[method]) for r in records) / len(records),
    }


def _trained(record, settings: dict) -> float:
    """Share of its training that a network had."""
    if record.status != "stopped":
        return 1.0
    return settings["stopping"].rungs[int(record.details["metrics"]["rung"])]


def rows(results: dict[str, list[dict]]) -> list[list[str]]:
    def column(method: str, name: str) -> np.ndarray:
        return np.array([result[name] for result in results[method]])

    lines = []
    for method in results:
        reached, share = column(method, "curve")[:, -1], column(method, "inherited")
        difference = column(method, "test"), column("random", "test")
        lines.append(
            [
                method,
                shown(reached),
                shown(column(method, "test")),
                f"{share.mean():.0%}" if share.any() else "",
                f"{column(method, 'trained').mean():.0%}",
                f"{column(method, 'seconds').mean():.1f}",
                "" if method == "random" else compared(*difference),
            ]
        )
    return lines


def compare_training(arguments) -> None:
    """Part b: all methods on networks that train."""
    # One core each, as two trainings at a time gain more than one on two cores.
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    seeds, sizes = range(arguments.seeds), (arguments.trials, arguments.steps)
    tasks = [(method, seed, *sizes) for seed in seeds for method in METHODS]
    found = run_all(run, tasks, arguments, renewed=2)
    results = {m: found[i :: len(METHODS)] for i, m in enumerate(METHODS)}
    report(arguments, results)


def report(arguments, results: dict[str, list[dict]]) -> None:
    path = Path(arguments.output, "search_training.md")
    curves = {m: np.array([r["curve"] for r in rs]) for m, rs in results.items()}
    draw(curves, path.with_suffix(".png"), dashed="random")
    head = [
        "method",
        "best fitness",
        "test, trained anew",
        "inherited",
        "steps",
        "s/trial",
    ]
    lines = table([*head, "test, less random"], rows(results))
    text = ABOUT.format(
        **vars(arguments),
        actions=len(ACTIONS),
        last=arguments.seeds - 1,
        population=POPULATION,
        sample=SAMPLE,
        longer=LONGER,
        validation=clips().size("validation"),
    )
    write_page(path, TITLE, text, lines, "Best fitness so far")

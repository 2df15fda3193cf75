"""Are cells that a search found better than random ones?

    python benches/bench_cells.py [--best=runs/thin/best.json] [--family=pvnas]

`best.json` is of a search by gradients on moving shapes, such as
`search/pseudo3d_thin.gin`; without it the shipped cells of both papers are compared, in
the layouts of those searches. The found cells, and those of five random networks of the
same layout with at least four convolutions in each cell, as in Table 3 of
https://arxiv.org/abs/2011.00826, are trained from scratch in the same way and scored on
the test clips. The found one is trained several times, to tell how far seeds differ.
Writes a page to docs/results.
"""

import argparse
import dataclasses
import os
import random
import time
from pathlib import Path

import numpy as np
from search_results import run_all, shown, table, write_page

from search.spaces.pseudo3d import Pseudo3DSpace
from search.spaces.pvnas import PVNASSpace
from zoo import genotypes

SPACES = {"pseudo3d": Pseudo3DSpace, "pvnas": PVNASSpace}
RANDOM = 5
CONVOLUTIONS = 4
SHIPPED = (
    genotypes.FOUND["pseudo3d"],
    dataclasses.replace(genotypes.FOUND["pvnas_l"], channels=8, stem_stride=2),
)
SIZES = {"pseudo3d": 24, "pvnas": 32}  # Pixels of the searches.
BATCH = 16
# Those of the weights in both searches: the paper's rate and DARTS' limit of gradients
# (https://arxiv.org/abs/1806.09055), and the rate of search/pvnas_thin.gin.
RATES = {"pseudo3d": 0.025, "pvnas": 0.05}
LIMITS = {"pseudo3d": 5.0, "pvnas": None}
ABOUT = """\
Networks of {layout} on 8 frames of {size}x{size} pixels of the twelve actions of moving
shapes, trained for {steps} steps of {batch} clips at a rate of {rate} that falls by a
cosine, with gradients of {limit}, and scored on {clips} test clips (chance is
0.083). The random networks have at least {convolutions} convolutions in each cell; each
is trained once, the found one {trainings} times, with the seeds 0 to {last}.
"""


def random_networks(found: genotypes.Genotype) -> list[str]:
    """Networks of the layout of the found one."""
    kind = SPACES[found.family]
    space, rng = kind(least_convolutions=CONVOLUTIONS), random.Random(0)
    layout = {
        name: getattr(found, name) for name in space.layout if hasattr(found, name)
    }
    return [
        found.with_cells(space.sample(rng).by_kind, **layout).to_json()
        for _ in range(RANDOM)
    ]


def run(task: tuple[str, int, int, str]) -> dict[str, float]:
    """Scores of one network, trained."""
    import keras

    from datasets.moving_shapes import MovingShapes
    from zoo import registry, training

    name, seed, steps, text = task
    start = time.monotonic()
    keras.utils.set_random_seed(seed)
    network = genotypes.from_json(text)
    size, clips = SIZES[network.family], MovingShapes()
    spec = genotypes.ClipSpec(8, 4.0, size, size)
    model = registry.build(network, spec.shape, len(clips.classes), dropout=0.0)
    family = network.family
    how = {"learning_rate": RATES[family], "clip_norm": LIMITS[family]}
    recipe = training.Recipe(steps=steps, batch_size=BATCH, **how)
    training.fit(model, clips, spec, recipe, seed=seed, verbose=False)
    scores = training.evaluate(model, clips, spec, "test", BATCH)
    scores["parameters"] = model.count_params()
    seconds = time.monotonic() - start
    print(f"{name}, seed {seed}: {scores['top1']:.3f}, {seconds:.0f} s", flush=True)
    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--best", help="best.json of a search")
    parser.add_argument("--family", choices=SPACES, help="of the shipped cells, one")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--trainings", type=int, default=3, help="of the found network")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", default="docs/results")
    parser.add_argument("--keep", help="folder of what is done, to go on after an end")
    arguments = parser.parse_args()
    # One core each, as two trainings at a time gain more than one on two cores.
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    networks = [x for x in SHIPPED if arguments.family in (None, x.family)]
    if arguments.best:
        text = Path(arguments.best).read_text(encoding="utf-8")
        networks = [genotypes.from_json(text)]
    for network in networks:
        compare(arguments, network)


def compare(arguments, found: genotypes.Genotype) -> None:
    """Trains all networks of a layout."""
    tasks = [
        ("found", seed, arguments.steps, found.to_json())
        for seed in range(arguments.trainings)
    ]
    tasks += [
        (f"random {index}", 0, arguments.steps, text)
        for index, text in enumerate(random_networks(found), 1)
    ]
    report(arguments, found, tasks, run_all(run, tasks, arguments, renewed=2))


def report(arguments, found, tasks: list[tuple], scores: list[dict]) -> None:
    rows = [
        [
            name,
            str(seed),
            f"{s['parameters']:,}",
            f"{s['top1']:.3f}",
            f"{s['loss']:.3f}",
        ]
        for (name, seed, *_), s in zip(tasks, scores, strict=True)
    ]
    top = np.array([s["top1"] for s in scores])
    count = arguments.trainings
    rows.append(["**found, mean**", "", "", shown(top[:count]), ""])
    rows.append(["**random, mean**", "", "", shown(top[count:]), ""])
    lines = table(["cells", "seed", "parameters", "test top-1", "test loss"], rows)
    space, limit = SPACES[found.family](), LIMITS[found.family]
    layout = ", ".join(f"{name} {getattr(found, name)}" for name in space.layout)
    from datasets.moving_shapes import MovingShapes

    text = ABOUT.format(
        layout=layout,
        size=SIZES[found.family],
        steps=arguments.steps,
        batch=BATCH,
        rate=RATES[found.family],
        limit=f"a norm of at most {limit}" if limit else "any norm",
        clips=MovingShapes().size("test"),
        convolutions=CONVOLUTIONS,
        trainings=count,
        last=count - 1,
    )
    title = f"# The found cells of {found.family} against random ones"
    write_page(Path(arguments.output, f"cells_{found.family}.md"), title, text, lines)


if __name__ == "__main__":
    main()

"""Do operations without weights take over under a cosine schedule, as PV-NAS reports?

    python benches/bench_schedules.py [--folder=runs/schedules]

Two searches of `search/pvnas_thin.gin` on moving shapes, one with the paper's steps of
the learning rate and one with a cosine (https://arxiv.org/abs/2011.00826, section 3.3).
Writes a page and a picture to docs/results. Searches that are in the folder go on, or
are only read.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from search_results import table, write_page

from zoo.monitor import read_table

COSINE = "differentiable.DifferentiableSearch.schedule = @descent.CosineRate()"
SCHEDULES = {"steps": [], "cosine": [f"--gin_bindings={COSINE}"]}
BY_KIND = ("parameter_free", "entropy")
KINDS = ("spatial_normal", "spatial_reduction", "temporal_normal", "temporal_reduction")
ABOUT = """\
The supernet of `search/pvnas_thin.gin`: four cells of 4 channels on 8 frames of 32x32
pixels of the twelve actions of moving shapes, 8 epochs of 150 steps, seed 0. "Steps"
has a tenth of the learning rate every two epochs, "cosine" none of these. "Free" is the
share that softmax gives to skip, zero and pools, mean over the edges (at the start
4 of 6 operations over space and 4 of 8 over time: 0.583 in the mean of the four kinds);
"derived" the share of such operations in the network that an epoch's weights derive;
entropy is in nats, mean over the edges (at the start 1.936).
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="runs/schedules")
    parser.add_argument("--output", default="docs/results")
    arguments = parser.parse_args()
    rows = {name: run(Path(arguments.folder, name), name) for name in SCHEDULES}
    write(Path(arguments.output), rows)


def run(folder: Path, schedule: str) -> list[dict[str, float]]:
    """The epochs of a search."""
    command = [sys.executable, "-m", "search.run", f"--workdir={folder}"]
    command += ["--gin_file=search/pvnas_thin.gin", "--data=moving_shapes"]
    subprocess.run([*command, *SCHEDULES[schedule]], check=True)
    return read_table(folder / "metrics.csv")


def write(folder: Path, found: dict[str, list[dict[str, float]]]) -> None:
    columns = {
        "free": "parameter_free",
        "derived": "derived_parameter_free",
        "entropy": "entropy",
        "top-1": "validation_top1",
    }
    head = ["epoch", *(f"{schedule}: {n}" for schedule in found for n in columns)]
    epochs = zip(*found.values(), strict=True)
    rows = [
        [str(i), *(f"{row[column]:.3f}" for row in pair for column in columns.values())]
        for i, pair in enumerate(epochs, 1)
    ]
    by_kind = [
        [kind, *(f"{found[s][-1][f'{c}_{kind}']:.3f}" for s in found for c in BY_KIND)]
        for kind in KINDS
    ]
    heads = ["cell", *(f"{s}: {c}" for s in found for c in ("free", "entropy"))]
    title = "# Operations without weights under two schedules"
    lines = table(head, rows)
    lines += ["", "By kind of cell, after the last epoch:", "", *table(heads, by_kind)]
    path = folder / "pvnas_schedules.md"
    write_page(path, title, ABOUT, lines, "Shares by epoch")
    draw(found, path.with_suffix(".png"))


def draw(found: dict[str, list[dict[str, float]]], path: Path) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for schedule, rows in found.items():
        epochs = [row["epoch"] for row in rows]
        for place, name in zip(axes, BY_KIND, strict=True):
            place.plot(epochs, [row[name] for row in rows], marker="o", label=schedule)
    axes[0].set(xlabel="epoch", ylabel="share of skip, zero and pools")
    axes[1].set(xlabel="epoch", ylabel="entropy of the shares (nats)")
    for place in axes:
        place.grid(alpha=0.3)
        place.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()

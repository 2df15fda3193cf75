"""What the parts of bench_search.py share: runs, means, pictures, provenance."""

import hashlib
import json
import multiprocessing
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from scipy import stats

from zoo.files import write_json

mpl.use("agg")


class Kept:
    """A task's outcome from its file in a folder, or run now and written there.

    So a comparison that was ended goes on where it stopped. Without a folder nothing
    is kept.
    """

    def __init__(self, run: Callable[[tuple], object], folder: str | None):
        self.run, self.folder = run, folder

    def __call__(self, task: tuple) -> object:
        if self.folder is None:
            return self.run(task)
        name = "-".join(_short(str(part)) for part in task)
        path = Path(self.folder) / f"{name}.json"
        if not path.exists():
            outcome = self.run(task)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, outcome)
        return json.loads(path.read_text(encoding="utf-8"))


def _short(part: str) -> str:
    """A part of a task as a part of a file's name."""
    long = len(part) > 60
    return (
        hashlib.sha256(part.encode()).hexdigest()[:12]
        if long
        else part.replace(" ", "_")
    )


def run_all(
    run: Callable[[tuple], object],
    tasks: list[tuple],
    arguments,
    renewed: int | None = None,
) -> list:
    """What each task gave, in their order, in processes of their own.

    A process that trains keeps some megabytes of each network: it is renewed after so
    many tasks.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.processes, maxtasksperchild=renewed) as pool:
        return pool.map(Kept(run, arguments.keep), tasks, chunksize=1)


def interval(values: np.ndarray) -> np.ndarray:
    """Half the 95 % interval of a mean over seeds, by Student's t; 0 for one seed."""
    if len(values) < 2:
        return np.zeros(values.shape[1:])
    quantile = stats.t.ppf(0.975, len(values) - 1)
    return quantile * values.std(axis=0, ddof=1) / np.sqrt(len(values))


def shown(values: np.ndarray) -> str:
    """The mean and its interval."""
    return f"{values.mean():.3f} ± {interval(values):.3f}"


def compared(values: np.ndarray, others: np.ndarray) -> str:
    """The mean difference, seed by seed, and what it shows."""
    difference = values - others
    mean, half = difference.mean(), interval(difference)
    verdict = "better" if mean > 0 else "worse"
    verdict = verdict if abs(mean) > half else "no difference shown"
    return f"{mean:+.3f} ± {half:.3f} ({verdict})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of Markdown."""
    rule = ["---"] * len(head)
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def draw(curves: dict[str, np.ndarray], path: Path, dashed: str = "") -> None:
    """Draws the best so far of each method over evaluations.

    Args:
        curves: By method, arrays (seeds, evaluations).
        path: Of the picture.
        dashed: The method with a line of its own kind.
    """
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for method, values in curves.items():
        mean, half = values.mean(axis=0), interval(values)
        steps = np.arange(1, len(mean) + 1)
        style = {"color": "black", "linestyle": "--"} if method == dashed else {}
        (line,) = axes.plot(steps, mean, label=method, **style)
        low, high = mean - half, mean + half
        axes.fill_between(steps, low, high, alpha=0.12, color=line.get_color())
    axes.set(xlabel="evaluations", ylabel="best fitness so far (mean, 95 % interval)")
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write_page(
    path: Path, title: str, about: str, lines: Sequence[str], picture: str = ""
) -> None:
    """Writes a page of Markdown, and prints its lines.

    Args:
        path: Of the page; its folder is made.
        title: Its first line.
        about: What was done.
        lines: Tables.
        picture: What is on the picture of the same name beside it; "" is none.
    """
    page = [title, "", *provenance(), about, *lines, ""]
    if picture:
        page += [f"![{picture}]({path.stem}.png)", ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(page), encoding="utf-8")
    print("\n".join(lines))


def provenance() -> list[str]:
    """The command, the date and the machine."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    machine = f"{len(names)} cores of an {names[0]}, Python {platform.python_version()}"
    command = " ".join(["python", *sys.argv])
    date = time.strftime("%Y-%m-%d")
    said = f"Written on {date} on {machine}, by"
    return [said, "", f"    {command}", ""]

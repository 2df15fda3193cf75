"""The picture of networks by their latency and their accuracy."""

import os
from collections.abc import Sequence

from zoo import pictures


def draw(path: str | os.PathLike, rows: Sequence, runtime: str) -> None:
    """Draws networks as points: to the left is quicker, above is more often right.

    Each data set has its own colour, as accuracies on several do not compare; a line
    joins those of it that no other beats in both.

    Args:
        path: Of an SVG file.
        rows: `comparison.Row` with an accuracy and a latency of the runtime.
        runtime: Whose latency.
    """
    from matplotlib.figure import Figure  # Slow to import; without a screen's window.

    figure = Figure((8, 5.5), layout="constrained")
    axes = figure.subplots()
    for of in dict.fromkeys(row.accuracy_of for row in rows):
        group = [row for row in rows if row.accuracy_of == of]
        places = [(row.latencies[runtime].median, row.accuracy) for row in group]
        points = axes.scatter(*zip(*places, strict=True), label=of)
        color = points.get_facecolor()[0]
        for row, place in zip(group, places, strict=True):
            how = {"xytext": (5, 4), "textcoords": "offset points", "fontsize": 8}
            axes.annotate(row.name, place, parse_math=False, **how)
            axes.plot(*_spread(row, runtime), color=color, linewidth=1)
        axes.plot(*zip(*front(places), strict=True), "--", color=color, linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel(f"ms a call, median and quartiles, {runtime}")
    axes.set_ylabel("accuracy in percent")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
    pictures.save(figure, path)


def front(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points, quickest first, than which none is as quick and more accurate."""
    found = []
    for latency, accuracy in sorted(places, key=lambda p: (p[0], -p[1])):
        if not found or accuracy > found[-1][1]:
            found.append((latency, accuracy))
    return found


def _spread(row, runtime: str) -> tuple[list[float], list[float]]:
    found = row.latencies[runtime]
    return [found.lower, found.upper], [row.accuracy] * 2

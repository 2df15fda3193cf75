"""The plots of a search's report, as HTML that needs no network."""

import itertools
import re
import statistics
from collections.abc import Sequence
from types import ModuleType

from search.history import Record
from search.story import Story, ancestors, front, number, scored

POINT, BEST, MIDDLE, WINNER = "#aab7c4", "#1f4e79", "#2a9d8f", "#c77700"
BAND = "rgba(42,157,143,0.15)"
AXIS = {"gridcolor": "#e6eaee", "zeroline": False, "linecolor": "#9aa5b1"}
AXIS |= {"ticks": "outside", "tickcolor": "#9aa5b1", "automargin": True}
LAYOUT = {
    "template": "none",
    "height": 360,
    "margin": {"l": 56, "r": 12, "t": 30, "b": 84},
    "font": {"family": "system-ui, sans-serif", "size": 12, "color": "#323f4b"},
    "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
    "hovermode": "closest",
}
# The buttons by name, as others would send the plot to a server.
BUTTONS = ["toImage", "zoom2d", "pan2d", "resetScale2d"]
CONFIG = {"displaylogo": False, "modeBarButtons": [BUTTONS]}
UNITS = ((172_800, 86_400, "days"), (7200, 3600, "hours"), (120, 60, "minutes"))
NAMES = {"latency_ms": "latency (ms)", "parameters": "parameters"}
# Of metrics.csv, the columns of each plot of epochs.
GROUPS = {
    "share of operations without weights": r"parameter_free|derived_parameter_free",
    "entropy of the shares (nats)": r"entropy",
    "loss": r"(architecture_|validation_)?loss",
    "accuracy": r"accuracy|validation_(top|map)",
}
COLORS = (BEST, WINNER, MIDDLE, "#8e5ea2", "#52606d", "#a63d2f")
FEW = 10  # Trials each of which has a tick.
MARGIN = 0.1  # Of a value, around it, where there is one alone.


def library() -> str:
    """The JavaScript that draws the plots."""
    return _plotly().offline.get_plotlyjs()


def course(story: Story) -> list[str]:
    """Fitness against trials and against wall time."""
    records = scored(story.records)
    if not records:
        return []
    times = dict(zip([r.trial for r in story.records], story.times, strict=True))
    seconds = [times[record.trial] for record in records]
    scale, unit = _unit(max(seconds))
    order = {record.trial: i for i, record in enumerate(story.records, 1)}
    trials = [order[record.trial] for record in records]
    spent = [second / scale for second in seconds]
    clock = _axis(f"wall time ({unit})", spent, least=0.0) | {"rangemode": "tozero"}
    count = len(story.records)
    plots = [
        _course(story, records, trials, _trials(count)),
        _course(story, records, spent, clock),
    ]
    volumes = [story.volumes.get(record.trial) for record in story.records]
    if any(volume is not None for volume in volumes):
        line = _line(range(1, count + 1), volumes, "hypervolume", BEST)
        plots.append(_figure([line], _trials(count), "hypervolume"))
    return plots


def epochs(story: Story) -> list[str]:
    """How the weights of the architecture, the losses and the scores went by epoch."""
    rows, plots = story.epochs, []
    x = [row["epoch"] for row in rows]
    for title, words in GROUPS.items():
        known = dict.fromkeys(name for row in rows for name in row)
        names = [name for name in known if re.match(words, name)]
        colors = itertools.cycle(COLORS)
        lines = [
            _line(x, [row.get(name) for row in rows], name, color)
            for name, color in zip(names, colors, strict=False)
        ]
        for line in lines:
            line |= {"mode": "lines+markers"}
        if lines:
            axis = AXIS | {"title": {"text": "epoch"}} | _whole(range(len(rows) + 1))
            plots.append(_figure(lines, axis, title))
    return plots


def tradeoff(story: Story, cost: str) -> str:
    """Fitness against a cost, with the front; empty where no trial tells the cost."""
    records = [r for r in scored(story.records) if _cost(r, cost) is not None]
    if not records:
        return ""
    values = [_cost(record, cost) for record in records]
    fronted = front(records, lambda record: _cost(record, cost))
    points = _points(records, values, f"{NAMES[cost]}: %{{x:,.4g}}")
    order = {record.trial: i for i, record in enumerate(story.records, 1)}
    ages = [order[record.trial] for record in records]
    points["marker"] |= {"color": ages, "colorscale": [[0, "#d5dbe1"], [1, BEST]]}
    bar = {"title": {"text": "trial", "side": "right"}, "thickness": 10, "len": 0.8}
    points["marker"] |= {"colorbar": bar | _whole(ages), "showscale": len(ages) > 1}
    line = _line(
        [_cost(record, cost) for record in fronted],
        [record.fitness for record in fronted],
        "Pareto front",
        WINNER,
    )
    points["showlegend"] = False
    line |= {
        "mode": "lines+markers",
        "showlegend": True,
        "line": {"color": WINNER, "shape": "hv"},
    }
    wide = min(values) > 0 and max(values) > 20 * min(values)
    axis = _axis(NAMES[cost], values) | ({"type": "log"} if wide else {})
    return _figure([points, line], axis, "fitness")


def _course(story: Story, records: list[Record], x: list, axis: dict) -> str:
    place = dict(zip([record.trial for record in records], x, strict=True))
    fitness = [record.fitness for record in records]
    line = [r for r in ancestors(records, story.winner) if r.trial in place]
    family = _points(line, [place[r.trial] for r in line], "", "winner's family")
    family["marker"] = {"color": WINNER, "size": 7, "symbol": "diamond"}
    best = _line(x, list(itertools.accumulate(fitness, max)), "best so far", BEST)
    best["line"]["shape"] = "hv"
    size = max(2, min(story.window, len(records) // 3))
    curves = _population(x, fitness, size) if len(records) > 2 else []
    return _figure([_points(records, x), *curves, best, family], axis, "fitness")


def _population(x: list, fitness: list[float], size: int) -> list[dict]:
    """The median and the middle half of the last trials, at each trial."""
    quarters = []
    for end in range(2, len(fitness) + 1):
        quarters.append(statistics.quantiles(fitness[max(0, end - size) : end], n=4))
    low, middle, high = zip(*quarters, strict=True)
    name = f"median of the last {size}"
    edge = {"width": 0, "color": MIDDLE}
    hidden = {"line": edge, "showlegend": False, "hoverinfo": "skip"}
    return [
        _line(x[1:], low, name, MIDDLE) | hidden,
        _line(x[1:], high, name, MIDDLE)
        | {**hidden, "fill": "tonexty", "fillcolor": BAND},
        _line(x[1:], middle, name, MIDDLE),
    ]


def _points(
    records: Sequence[Record], x: Sequence, extra: str = "", name: str = "trial"
) -> dict:
    extra = f"<br>{extra}" if extra else ""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": list(x),
        "y": [record.fitness for record in records],
        "customdata": [record.trial for record in records],
        "marker": {"color": POINT, "size": 5, "opacity": 0.8},
        "hovertemplate": f"trial %{{customdata}}<br>fitness %{{y:.4f}}{extra}"
        "<extra></extra>",
    }


def _line(x: Sequence, y: Sequence, name: str, color: str) -> dict:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": color, "width": 2},
    }


def _figure(data: list[dict], across: dict, title: str) -> str:
    plotly = _plotly()
    up = _axis(title, [value for line in data for value in line["y"]])
    layout = LAYOUT | {"xaxis": across, "yaxis": up}
    figure = plotly.graph_objects.Figure(data, layout)
    # Named, as a random name would make each report of a search another text.
    name = f"{title} against {across['title']['text']}"
    name = re.sub(r"\W+", "-", name).strip("-")
    return plotly.io.to_html(
        figure, CONFIG, include_plotlyjs=False, full_html=False, div_id=name
    )


def _whole(numbers: Sequence[int]) -> dict:
    """An axis of numbers that have no fractions."""
    step = {"dtick": 1} if max(numbers) <= FEW else {}
    return {"tickformat": ",d", **step}


def _trials(count: int) -> dict:
    """An axis of so many trials."""
    axis = AXIS | {"title": {"text": "trials that ended"}} | _whole(range(count + 1))
    return axis | ({"range": [0.5, count + 0.5]} if count <= FEW else {})


def _axis(
    title: str, values: Sequence[float | None], least: float | None = None
) -> dict:
    """An axis; around a value that is alone plotly's would reach one to each side.

    Args:
        title: Of the axis.
        values: On it.
        least: Where it begins with a value alone; None is a little below.
    """
    axis = AXIS | {"title": {"text": title}}
    known = {value for value in values if value is not None}
    if len(known) != 1:
        return axis
    (value,) = known
    margin = MARGIN * (abs(value) or 1.0)
    first = value - margin if least is None else least
    return axis | {"range": [first, value + margin]}


def _unit(seconds: float) -> tuple[float, str]:
    return next(((s, name) for least, s, name in UNITS if seconds > least), (1, "s"))


def _cost(record: Record, name: str) -> float | None:
    return number(record.details.get(name))


def _plotly() -> ModuleType:
    """The library, an extra: a search runs without it.

    Raises:
        ValueError: It is not installed.
    """
    try:
        import plotly.graph_objects
        import plotly.io
        import plotly.offline
    except ImportError as error:
        way = "installed: pip install 'video-zoo[report]'"
        raise ValueError(f"`plotly` must be {way}. Got: {error}") from None
    return plotly

"""The job that reports on a search: `python -m search.report WORKDIR`."""

import argparse
import base64
import gzip
import html
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from search import facts, figures, operators, story
from search.history import Record
from search.progress import short
from search.story import Story, number
from zoo import drawing, genotypes
from zoo.command import command
from zoo.files import write_text
from zoo.genotypes.base import ClipSpec, Genotype
from zoo.sketch import SKETCHES

NAME = "report.html"
TEMPLATE = Path(__file__).with_name("report_page.html")
COSTS = ("latency_ms", "parameters", "macs", "seconds")
EPOCHS = """<p class="note">Each trial is the network that is derived after an epoch,
with the supernet's fitness. Skip, zero and pools have no weights.</p>"""
LONG = 'class="text long"'


def report(workdir: str | os.PathLike, out: str | os.PathLike | None = None) -> Path:
    """Writes what a finished or running search did, as one HTML file.

    It opens without a network. A report on a running search is of the moment.

    Args:
        workdir: Folder of the search.
        out: The file; None is `report.html` in the folder.

    Returns:
        The file's path.

    Raises:
        ValueError: The folder is of no search, or plotly is not installed.
    """
    told = story.read(workdir)
    path = Path(out) if out else told.workdir / NAME
    write_text(path, page(told))
    return path


def page(told: Story) -> str:
    """The report's HTML."""
    parts = {
        "title": html.escape(f"Search {told.workdir.resolve().name}"),
        "body": "\n".join(_sections(told)),
        "setup": _setup(told),
        "rows": _script_json([_row(record) for record in told.records]),
        "packed": _packed([_details(record) for record in told.records]),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], text)


def _sections(told: Story) -> Iterable[str]:
    yield _head(told)
    yield f"<script>{figures.library()}</script>"
    if told.winner is None:
        yield '<p class="note">No trial has a fitness yet.</p>'
    else:
        yield "<h2>Course</h2>" + _pair(figures.course(told))
        plots = [figures.tradeoff(told, cost) for cost in figures.NAMES]
        yield "<h2>Fitness against cost</h2>" + _pair(filter(None, plots))
        yield _epochs(told) if told.epochs else _winner(told)
    yield _mutations(told)
    yield _failures(told)


def _head(told: Story) -> str:
    name, state = html.escape(told.workdir.resolve().name), told.state
    shown = "".join(
        f"<div><dt>{term}</dt><dd>{value}<small>{html.escape(more)}</small></dd></div>"
        for term, value, more in facts.facts(told)
    )
    why = told.stopped if state == "stopped" else None
    note = f'<p class="note">{html.escape(str(why))}</p>' if why else ""
    return (
        f'<h1>{name} <span class="state {state}">{state}</span></h1>{note}'
        f'<dl class="facts">{shown}</dl>'
    )


def _pair(parts: Iterable[str]) -> str:
    return f'<div class="pair">{"".join(f"<div>{part}</div>" for part in parts)}</div>'


def _epochs(told: Story) -> str:
    weights = f"<h2>Architecture weights</h2>{EPOCHS}{_pair(figures.epochs(told))}"
    drawn = _drawing(told.winner, None, told.clip_spec)
    return f"{weights}<h2>Trial {told.winner.trial}, in best.json</h2>{drawn}"


def _winner(told: Story) -> str:
    winner, clip = told.winner, told.clip_spec
    family = story.ancestors(told.records, winner)
    parent = family[-2] if len(family) > 1 else None
    drawings = [(f"Trial {winner.trial}, the fittest", winner, parent)]
    if parent:
        drawings.append((f"Trial {parent.trial}, its parent", parent, winner))
    drawn = "".join(
        f"<div><h3>{html.escape(title)}</h3>{_drawing(record, other, clip)}</div>"
        for title, record, other in drawings
    )
    note = "What the other has not is marked." if parent else "It has no parent."
    return (
        f'<h2>Winner</h2><p class="note">{note}</p><div class="drawings">{drawn}</div>'
        f"<h2>Its family</h2>{_family(family)}"
    )


def _drawing(record: Record, other: Record | None, clip: ClipSpec | None) -> str:
    genotype, partner = _genotype(record), other and _genotype(other)
    if genotype is None:
        return f"<pre>{html.escape(record.genotype)}</pre>"
    return f'<div class="scroll">{drawing.draw(genotype, None, partner, clip)}</div>'


def _genotype(record: Record) -> Genotype | None:
    """The genotype, where this version can read and draw it."""
    try:
        genotype = genotypes.from_json(record.genotype)
    except ValueError:
        return None
    return genotype if type(genotype) in SKETCHES else None


def _family(family: list[Record]) -> str:
    rows = []
    for before, record in zip([None, *family], family, strict=False):
        origin = record.mutation if record.parent else "drawn or given"
        scored = before is not None and story.scored([before, record])[1:]
        gain = record.fitness - before.fitness if scored else None
        costs = [_plain(record.details.get(name)) for name in COSTS[:3]]
        cells = [_link(record.trial), _text(origin), _plain(record.fitness, ".4f")]
        rows.append([*cells, _signed(gain), *costs])
    heads = ("trial", "mutation", "fitness", "gain", "latency (ms)", "parameters")
    return _table((*heads, "MACs"), rows, text=(0, 1))


def _mutations(told: Story) -> str:
    found = operators.operators(told.records)
    if not found:
        return ""
    rows = [
        [
            *(_text(operator.place), operator.count, len(operator.gains)),
            "" if operator.improved is None else f"{operator.improved:.0%}",
            *map(_signed, (operator.mean_gain, max(operator.gains, default=None))),
        ]
        for operator in found
    ]
    heads = ("changed", "children", "with a fitness", "better than parent")
    note = "A mutation that changed several genes counts for each of them."
    table = _table((*heads, "mean gain", "greatest gain"), rows, text=(0,))
    return f'<h2>What mutations brought</h2><p class="note">{note}</p>{table}'


def _failures(told: Story) -> str:
    parts = []
    for why, records in story.failures(told.records):
        trials = " ".join(_link(record.trial) for record in records[:12])
        more = f" and {len(records) - 12} more" if len(records) > 12 else ""
        trace = str(records[0].details.get("error") or "no traceback")
        parts.append(
            f"<details><summary><b>{len(records)}</b> {html.escape(why)}</summary>"
            f"<p>Trials {trials}{more}</p><pre>{html.escape(trace)}</pre></details>"
        )
    for why, count in Counter(map(str, told.lost)).most_common():
        line = f"<b>{count}</b> attempts lost: {html.escape(why)}"
        parts.append(f'<p class="note">{line}</p>')
    return f"<h2>Failures</h2>{''.join(parts)}" if parts else ""


def _setup(told: Story) -> str:
    first, _, _ = told.config.partition("\n")
    identity = json.dumps(told.identity, indent=2) if told.identity else ""
    parts = [("Command", first.partition(": ")[2]), ("Configuration", told.config)]
    parts.append(("Search", identity))
    shown = [f"<h3>{t}</h3><pre>{html.escape(x)}</pre>" for t, x in parts if x]
    return f"<h2>How to repeat it</h2>{''.join(shown)}" if shown else ""


def _table(heads: Sequence[str], rows: list[list[str]], text: Sequence[int]) -> str:
    """A table of cells in HTML; the columns in `text` are words."""
    kinds = ['class="text"' if i in text else "" for i in range(len(heads))]
    kinds = [k if h != "mutation" else LONG for k, h in zip(kinds, heads, strict=True)]
    head = "".join(f"<th {k}>{h}</th>" for k, h in zip(kinds, heads, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td {k}>{c}</td>" for k, c in zip(kinds, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _link(trial: str) -> str:
    """A button that finds a trial in the table of candidates."""
    name = html.escape(trial)
    return f'<button class="open" data-trial="{name}">{name}</button>'


def _text(value: object) -> str:
    return html.escape(str(value))


def _plain(value: object, form: str = "") -> str:
    value = number(value)
    if value is None:
        return ""
    return format(value, form) if form else short(value)


def _signed(gain: float | None) -> str:
    if gain is None:
        return ""
    kind = "good" if gain > 0 else "bad" if gain < 0 else ""
    return f'<span class="{kind}">{gain:+.4f}</span>'


def _row(record: Record) -> list[object]:
    """A line of the table of candidates, in the order of the page's columns."""
    costs = [number(record.details.get(name)) for name in COSTS]
    fitness = number(record.fitness)
    origin = record.parent or "", record.mutation
    return [record.trial, record.status, fitness, *costs, *origin]


def _details(record: Record) -> dict[str, str]:
    known = {"genotype": record.genotype}
    if record.hyperparameters:
        known["hyperparameters"] = json.dumps(record.hyperparameters)
    if record.details.get("error"):
        known["error"] = str(record.details["error"])
    return known


def _script_json(value: object) -> str:
    """JSON that no text in it can end the script element of."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _packed(value: object) -> str:
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(text, mtime=0)).decode()


def main(arguments: list[str] | None = None) -> None:
    """Runs the job."""
    parser = argparse.ArgumentParser("python -m search.report", description=__doc__)
    parser.add_argument("workdir", help="folder of a search, finished or running")
    parser.add_argument("--out", help="the file (default: report.html in the folder)")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    options = parser.parse_args(arguments)
    print(f"Report: {report(options.workdir, options.out)}", flush=True)


if __name__ == "__main__":
    command(main)

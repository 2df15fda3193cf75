"""What a search's report tells at its top."""

import html
from collections import Counter
from collections.abc import Iterable

from search import promise
from search.progress import short
from search.story import Story, number
from zoo.monitor import clock

STATUSES = ("completed", "stopped", "over budget", "failed")


def facts(told: Story) -> Iterable[tuple[str, str, str]]:
    """Term, value and remark of each fact."""
    winner, ended = told.winner, len(told.records)
    if winner:
        term = "fitness of best.json" if told.epochs else "best fitness"
        yield term, f"{winner.fitness:.4f}", f"trial {winner.trial}"
        costs = [number(winner.details.get(n)) for n in ("latency_ms", "parameters")]
        latency, size = ("unknown" if x is None else short(x) for x in costs)
        yield "its parameters", size, f"{latency} ms"
        yield from _promise(told)
    total = "" if told.total is None else f"of {told.total:,}"
    yield "trials", f"{ended:,}", total
    counts = Counter(record.status for record in told.records)
    for status in [*STATUSES, *sorted(counts.keys() - set(STATUSES))]:
        if counts[status]:
            share = f"{counts[status] / ended:.1%}"
            yield html.escape(status), f"{counts[status]:,}", share
    spent = sum(number(r.details.get("seconds")) or 0 for r in told.records)
    yield "wall time", clock(told.seconds), f"{clock(spent)} in trials"
    if told.seconds and ended:
        hourly = f"{3600 * ended / told.seconds:,.3g}"
        yield "trials an hour", hourly, f"{told.seconds / ended:,.3g} s each"
    yield "workers", str(len(told.workers)), f"{len(told.running)} trials running"
    if told.left is not None:
        yield "time left", clock(told.left), "by the last trials"


def _promise(told: Story) -> Iterable[tuple[str, str, str]]:
    """By how much the winner keeps the budget's latency."""
    kept = promise.read(told.workdir)
    if kept and kept.trial == told.winner.trial:
        remark = f"promised {kept.promised} ({kept.excess}), by {kept.by}"
        yield "measured at the end", kept.measured, remark

"""What a search says: a line for each trial, and a table at its end."""

from collections.abc import Sequence

from search.history import Record, best
from zoo.monitor import clock

TOP = 5


def trial_line(records: Sequence[Record], total: int) -> str:
    """Tells of the last of the trials that ended, of `total` in all."""
    record, number = records[-1], len(records)
    place = f"{number}/{total}  trial {record.trial}"
    parts = [place, *_costs(record), outcome(record)]
    for leader in best(records):
        parts.append(f"best {leader.score:.3f} (trial {leader.trial})")
    seconds = [r.details.get("seconds", 0) for r in records]
    parts.append(f"{seconds[-1]:.0f} s")
    if number < total:
        left = sum(seconds[-20:]) / len(seconds[-20:]) * (total - number)
        parts.append(f"{clock(left)} left")
    return "  ".join(parts)


def outcome(record: Record) -> str:
    """What became of a trial: its fitness, or why it has none."""
    if record.feasible:
        return f"fitness {record.score:.3f}"
    excess = record.details.get("violations", {})
    broken = [f"{name} +{value:.0%}" for name, value in excess.items()]
    error = record.details.get("error", "no reason given").strip().splitlines()[-1]
    reason = ", ".join(broken) if broken else error[:100]
    return f"{record.status} ({reason})"


def summary(records: Sequence[Record]) -> str:
    """How the trials ended, and a table of the best."""
    counts = [
        f"{sum(r.status == status for r in records)} {status}"
        for status in ("completed", "over budget", "failed")
    ]
    rows = [("trial", "fitness", "parameters", "MACs", "latency", "from")]
    for record in best(records, TOP):
        origin = f"{record.parent}: {record.mutation}" if record.parent else "random"
        rows.append((record.trial, f"{record.score:.3f}", *_costs(record), origin))
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    lines = [
        "  ".join([cell.rjust(w) for cell, w in zip(row, widths, strict=False)])
        + f"  {row[-1]}"
        for row in rows
    ]
    return "\n".join([f"{len(records)} trials: {', '.join(counts)}", *lines])


def _costs(record: Record) -> list[str]:
    details = record.details
    parameters, macs = details.get("parameters"), details.get("macs")
    latency = details.get("latency_ms")
    return [
        "? parameters" if parameters is None else f"{_short(parameters)} parameters",
        "? MACs" if macs is None else f"{_short(macs)} MACs",
        "? ms" if latency is None else f"{latency:.2f} ms",
    ]


def _short(number: float) -> str:
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= scale:
            return f"{number / scale:.3g}{letter}"
    return f"{number:.0f}"

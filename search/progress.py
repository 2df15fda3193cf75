"""What a search says: a line for each trial, a status, and a table at its end."""

import collections
import sys
import time
from collections.abc import Sequence

from search.budget import percent
from search.history import Record, best, last_line
from zoo.monitor import clock

TOP = 5
WORDS = {"parameters": "parameters", "macs": "MACs", "latency_ms": "ms"}
RECENT = 20  # Trials whose pace tells the time that is left.


class Table:
    """Prints a line for each trial, and under it how the search stands.

    On a terminal the status is one line that is drawn over; elsewhere it is printed
    after every tenth trial.

    Args:
        records: Of the trials that ended before.
        total: Trials in all.
    """

    def __init__(self, records: Sequence[Record], total: int):
        self.total = total
        self.count, self.fitnesses, self.best = 0, 0.0, None
        self.feasible = 0
        self.failures: collections.Counter[str] = collections.Counter()
        self.times = collections.deque([time.monotonic()], RECENT)
        self.drawn = False  # Whether the cursor is at the end of a status.
        for record in records:
            self._count(record)

    def add(self, record: Record) -> None:
        """Tells of a trial that has ended."""
        self._count(record)
        self.times.append(time.monotonic())
        live = sys.stdout.isatty()
        print(("\r\x1b[K" if live else "") + self._line(record), flush=True)
        self.drawn = live and self.count < self.total
        if self.drawn:
            print(self.status(), end="", flush=True)
        elif self.count % 10 == 0:
            print(self.status(), flush=True)

    def close(self) -> None:
        """Ends the line of a status, so that others can write."""
        if self.drawn:
            print(flush=True)
        self.drawn = False

    def status(self) -> str:
        """Best, mean, rate, time left, and failures by reason."""
        parts = [f"{self.count}/{self.total}"]
        if self.best:
            mean = self.fitnesses / self.feasible
            parts.append(f"best {self.best.fitness:.3f}  mean {mean:.3f}")
        seconds = self.times[-1] - self.times[0]
        if seconds > 0:
            rate = (len(self.times) - 1) / seconds
            left = clock((self.total - self.count) / rate)
            parts.append(f"{_rate(rate)}  {left} left")
        if self.failures:
            counts = [f"{n} {reason}" for reason, n in self.failures.most_common()]
            parts.append(f"without fitness: {', '.join(counts)}")
        return "  ".join(parts)

    def _count(self, record: Record) -> None:
        self.count += 1
        if record.feasible:
            self.feasible += 1
            self.fitnesses += record.fitness
            self.best = best([r for r in (self.best, record) if r])[0]
        else:
            self.failures[record.details.get("reason", record.status)] += 1

    def _line(self, record: Record) -> str:
        place = f"{self.count}/{self.total}  trial {record.trial}"
        parts = [place, *_costs(record), outcome(record)]
        if self.best:
            parts.append(f"best {self.best.fitness:.3f} (trial {self.best.trial})")
        parts.append(f"{record.details.get('seconds', 0):.0f} s")
        return "  ".join(parts)


def outcome(record: Record) -> str:
    """What became of a trial: its fitness, or why it has none."""
    if record.feasible:
        early = " (stopped early)" if record.status == "stopped" else ""
        return f"fitness {record.fitness:.3f}{early}"
    excess = record.details.get("violations", {})
    broken = [f"{name} {percent(value)}" for name, value in excess.items()]
    error = last_line(record.details.get("error", ""))
    reason = ", ".join(broken) if broken else error[:100]
    return f"{record.status} ({reason})"


def summary(records: Sequence[Record]) -> str:
    """How the trials ended, and a table of the best."""
    known = collections.Counter(record.status for record in records)
    always = ("completed", "over budget", "failed")
    counts = [
        f"{known[status]} {status}"
        for status in ("completed", "stopped", "over budget", "failed")
        if known[status] or status in always
    ]
    head = f"{len(records)} trials: {', '.join(counts)}"
    if not any(record.feasible for record in records):
        return "\n".join([head, *_nearest(records)])
    rows = [("trial", "fitness", "parameters", "MACs", "latency", "from")]
    for record in best(records, TOP):
        origin = record.mutation or "random"
        origin = f"{record.parent}: {origin}" if record.parent else origin
        rows.append((record.trial, f"{record.fitness:.3f}", *_costs(record), origin))
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    lines = [
        "  ".join([cell.rjust(w) for cell, w in zip(row, widths, strict=False)])
        + f"  {row[-1]}"
        for row in rows
    ]
    return "\n".join([head, *lines])


def _nearest(records: Sequence[Record]) -> list[str]:
    """The trial that broke the budget by least, where there is one."""
    over = [record for record in records if record.status == "over budget"]
    if not over:
        return []
    record = max(over, key=lambda record: record.merit)
    told = "  ".join([f"trial {record.trial}", *_costs(record), outcome(record)])
    return [f"No network keeps the budget. The nearest: {told}"]


def amount(name: str, value: float) -> str:
    """A cost with its unit, such as "20 ms" or "62.8 GB of memory"."""
    number = short(value)
    if name == "memory":
        digits = number.rstrip("TGMk")
        return f"{digits} {number[len(digits) :]}B of memory"
    return f"{number} {WORDS[name]}"


def short(number: float) -> str:
    """A number in three digits, such as 41.2k."""
    for scale, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * scale:  # Three digits would be "1e+03" of the smaller.
            return f"{number / scale:.3g}{letter}"
    return f"{number:.3g}"


def _costs(record: Record) -> list[str]:
    details = record.details
    parameters, macs = details.get("parameters"), details.get("macs")
    latency = details.get("latency_ms")
    return [
        "? parameters" if parameters is None else f"{short(parameters)} parameters",
        "? MACs" if macs is None else f"{short(macs)} MACs",
        "? ms" if latency is None else f"{latency:.2f} ms",
    ]


def _rate(per_second: float) -> str:
    units = (("s", 1), ("min", 60), ("h", 3600))
    unit, seconds = next((u for u in units if per_second * u[1] >= 1), units[-1])
    return f"{per_second * seconds:.3g} trials/{unit}"

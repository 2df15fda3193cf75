"""What a search knows of a trial that ended, and the files that keep it."""

import csv
import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zoo.files import write_text


@dataclass(frozen=True)
class Record:
    """A trial that ended.

    Args:
        trial: Its identifier, the number of its proposal.
        genotype: Canonical JSON.
        status: "completed", "over budget", or "failed".
        score: What trials compete by: the fitness where feasible, or else minus the
            total violation, which is below any fitness; None where it failed.
        parent: The parent's trial, None for a random network.
        mutation: What differs from the parent.
        details: What the worker reported: parameters, macs, latency_ms, seconds,
            violations, error, and the metrics of the evaluation.
    """

    trial: str
    genotype: str
    status: str
    score: float | None = None
    parent: str | None = None
    mutation: str = ""
    details: dict = field(default_factory=dict)

    @property
    def feasible(self) -> bool:
        """Whether it was trained and keeps the budget."""
        return self.status == "completed"

    @property
    def fitness(self) -> float | None:
        """The score of a feasible trial."""
        return self.score if self.feasible else None

    def row(self) -> dict[str, object]:
        """The trial's line of `history.csv`."""
        known = {**self.details, **dataclasses.asdict(self)}
        known |= {"fitness": self.fitness, "feasible": self.feasible}
        return {name: known.get(name) for name in COLUMNS}


COLUMNS = (
    *("trial", "genotype", "parameters", "macs", "latency_ms", "fitness", "feasible"),
    *("status", "seconds", "parent", "mutation", "error"),
)


def best(records: Sequence[Record], count: int = 1) -> list[Record]:
    """The fittest feasible records, the earlier of equals first."""
    feasible = [record for record in records if record.feasible]
    return sorted(feasible, key=lambda record: -record.score)[:count]


class HistoryFiles:
    """Writes `history.csv` and `best.json`.

    Args:
        workdir: Where they are.
        records: Of the trials that ended before; the files are written anew from them,
            as a process may have died between a trial's end and its line.
    """

    def __init__(self, workdir: Path, records: Sequence[Record] = ()):
        self.workdir = Path(workdir)
        self.best: Record | None = None
        header = dict(zip(COLUMNS, COLUMNS, strict=True))
        lines = _lines([header, *(record.row() for record in records)])
        write_text(self.workdir / "history.csv", lines)
        for record in best(records):
            self._keep(record)

    def add(self, record: Record) -> None:
        """Appends a trial's line, and keeps its genotype where it is the best."""
        path = self.workdir / "history.csv"
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(_lines([record.row()]))
        if record.feasible and (self.best is None or record.score > self.best.score):
            self._keep(record)

    def _keep(self, record: Record) -> None:
        self.best = record
        write_text(self.workdir / "best.json", record.genotype + "\n")


def _lines(rows: list[dict]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, lineterminator="\n").writerows(rows)
    return text.getvalue()

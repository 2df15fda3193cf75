"""What a search knows of a trial that ended, and the files that keep it."""

import csv
import functools
import heapq
import io
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.files import write_json, write_text
from zoo.record import BEST

if TYPE_CHECKING:
    from search.pareto import Archive  # Imports this module.


@dataclass(frozen=True)
class Record:
    """A trial that ended.

    Args:
        trial: Its identifier, the number of its proposal.
        genotype: Canonical JSON.
        status: "completed", "stopped" (a hopeless training was ended early), "over
            budget", or "failed".
        fitness: The higher the better: the objective, negated where it is minimised;
            None where the trial failed or is over budget.
        parent: The parent's trial, None for a network that was drawn or given.
        mutation: What differs from the parent.
        details: What the worker reported: parameters, macs, activation_bytes,
            latency_ms, seconds, violations, reason and error of a failure, feedback,
            inherited, executions, worker, and the metrics of the evaluation; also
            "replayed", the trial whose result this is, and the "hypervolume" after it.
        hyperparameters: Ordinary values that were tuned beside the genotype.
    """

    trial: str
    genotype: str
    status: str
    fitness: float | None = None
    parent: str | None = None
    mutation: str = ""
    details: dict = field(default_factory=dict)
    hyperparameters: dict = field(default_factory=dict)

    @property
    def feasible(self) -> bool:
        """Whether it was trained and keeps the budget."""
        return self.status in ("completed", "stopped")

    @functools.cached_property
    def merit(self) -> tuple[bool, float] | None:
        """What trials compete by: any feasible one beats any that is over budget.

        Those compete by their total violation; a failed trial has no merit.
        """
        if self.feasible:
            return True, self.fitness
        if self.status == "over budget":
            return False, -sum(self.details["violations"].values())
        return None

    def row(self) -> dict[str, object]:
        """The trial's line of `history.csv`."""
        known = {**self.details, **vars(self)}
        known["feasible"] = self.feasible
        known["hyperparameters"] = json.dumps(self.hyperparameters)
        return {name: known.get(name) for name in COLUMNS}


HISTORY = "history.csv"
COLUMNS = (
    *("trial", "genotype", "parameters", "macs", "latency_ms", "fitness", "feasible"),
    *("status", "seconds", "parent", "mutation", "hyperparameters", "hypervolume"),
    "error",
)


def best(records: Iterable[Record], count: int = 1) -> list[Record]:
    """The fittest feasible records, the earlier of equals first."""
    feasible = (record for record in records if record.feasible)
    return heapq.nsmallest(count, feasible, key=lambda record: -record.fitness)


def is_number(value: object) -> bool:
    """Whether a value is a finite number, which truth is not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # A whole number beyond any float.
        return False


def last_line(text: str, otherwise: str = "no reason given") -> str:
    """The last line of a text, which of an error names its reason.

    Args:
        text: What a program or an exception said.
        otherwise: In place of a text that says nothing.
    """
    lines = text.strip().splitlines()
    return lines[-1] if lines else otherwise


class HistoryFiles:
    """Writes `history.csv`, `best.json` and, in several objectives, `pareto.json`.

    Args:
        workdir: Where they are.
        records: Of the trials that ended before; the files are written anew from them,
            as a process may have died between a trial's end and its line.
        archive: Keeps the Pareto front; None where there is one objective.
        choose: Of records, those that are best, the very best first.
    """

    def __init__(
        self,
        workdir: Path,
        records: Sequence[Record] = (),
        archive: "Archive | None" = None,
        choose: Callable[[Iterable[Record]], list[Record]] = best,
    ):
        self.workdir = Path(workdir)
        self.archive = archive
        self.choose = choose
        self.best: Record | None = None
        header = dict(zip(COLUMNS, COLUMNS, strict=True))
        lines = _lines([header, *(record.row() for record in records)])
        write_text(self.workdir / HISTORY, lines)
        for record in choose(records):
            self._keep(record)
        self._keep_front()

    def add(self, record: Record) -> None:
        """Appends a trial's line, and keeps its genotype where it is the best."""
        path = self.workdir / HISTORY
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(_lines([record.row()]))
        if self.choose([r for r in (self.best, record) if r]) == [record]:
            self._keep(record)
        if self.archive and record in self.archive.records:
            self._keep_front()

    def _keep(self, record: Record) -> None:
        self.best = record
        write_text(self.workdir / BEST, record.genotype + "\n")

    def _keep_front(self) -> None:
        if self.archive:
            rows = [record.row() for record in self.archive.records]
            front = {"objectives": self.archive.objectives, "networks": rows}
            front["hypervolume"] = self.archive.hypervolume()
            write_json(self.workdir / "pareto.json", front)


def read_epochs(path: Path) -> list[Record]:
    """The records of a search whose trials are epochs, which has no journal.

    A line that a kill cut off is left out.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if None not in row.values()]
    return [
        Record(
            row["trial"],
            row["genotype"],
            row["status"],
            float(row["fitness"]),
            details={
                "parameters": int(row["parameters"]),
                "macs": int(row["macs"]),
                "seconds": float(row["seconds"]),
            },
        )
        for row in rows
    ]


def _lines(rows: list[dict]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, lineterminator="\n").writerows(rows)
    return text.getvalue()

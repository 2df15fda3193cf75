"""What the files of a search tell: its course and its winner."""

import csv
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from search import journal
from search.history import (
    HISTORY,
    Record,
    best,
    is_number,
    last_line,
    read_epochs,
)
from search.ledger import Ledger
from search.progress import RECENT
from zoo import lookup, monitor
from zoo.genotypes.base import ClipSpec, check
from zoo.record import BEST, CONFIG, METRICS, OPERATIVE, SEARCH, settings

PATIENCE = 600.0  # Seconds of silence after which a search is taken to be dead.


@dataclass(frozen=True)
class Story:
    """A search as far as it went.

    Args:
        workdir: Its folder.
        records: The trials that ended, in that order.
        times: Seconds from the search's start to each end.
        now: Seconds from the search's start to the reading, or to its end.
        identity: What was searched.
        total: Networks in all; None where nothing tells.
        workers: All that ever had a trial.
        running: Trials that workers have, unless they are gone.
        lost: Why attempts were lost, one for each.
        stopped: Why it ended early; None where it did not.
        config: Text of `config.gin`.
        volumes: Hypervolume after each trial, of a search for a Pareto front.
        epochs: Of a search by gradients, whose trials are its epochs: their rows of
            `metrics.csv`.
        picked: Of such a search the network in `best.json`.
    """

    workdir: Path
    records: list[Record] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    now: float = 0.0
    identity: dict = field(default_factory=dict)
    total: int | None = None
    workers: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stopped: str | None = None
    config: str = ""
    volumes: dict[str, float] = field(default_factory=dict)
    epochs: list[dict[str, float]] = field(default_factory=list)
    picked: str | None = None

    @property
    def winner(self) -> Record | None:
        """The fittest trial, or the epoch that was picked."""
        picked = [r for r in self.records if r.genotype == self.picked]
        if picked:  # Of epochs with one network it may be the fittest, or the last.
            fittest = next(iter(best(self.records)), None)
            return fittest if fittest in picked else picked[-1]
        return next(iter(best(scored(self.records))), None)

    @property
    def state(self) -> str:
        """Whether it is "finished", "stopped", "running" or "interrupted"."""
        if self.total is not None and len(self.records) >= self.total:
            return "finished"
        if self.stopped is not None:
            return "stopped"
        return "running" if self.running else "interrupted"

    @property
    def seconds(self) -> float:
        """Wall time: to the last end, or to now where it is running."""
        return self.now if self.state == "running" else max(self.times, default=0.0)

    @property
    def left(self) -> float | None:
        """Seconds until the end, by the pace of the last trials."""
        last = self.times[-RECENT:]
        if self.state != "running" or self.total is None or len(last) < 2:
            return None
        pace = (last[-1] - last[0]) / (len(last) - 1)
        return max(0.0, pace * (self.total - len(self.records)))

    @property
    def clip_spec(self) -> ClipSpec | None:
        """The clips that networks were trained on; None is what each genotype says."""
        return lookup.clip_spec_of(self.identity)

    @property
    def window(self) -> int:
        """How many trials a curve of the population averages."""
        size = self.identity.get("population_size")
        return size if isinstance(size, int) and size > 0 else 50


def read(workdir: str | Path) -> Story:
    """Reads the story of a finished, running or interrupted search.

    Raises:
        ValueError: The folder has neither a journal nor epochs, or the journal is
            broken in its midst.
    """
    folder = Path(workdir)
    path = folder / journal.NAME
    if (
        not path.exists()
        and (folder / METRICS).exists()
        and (folder / HISTORY).exists()
    ):
        return _of_epochs(folder)
    rule = f"the folder of an evolution, with {path.name}, or of a search by gradients"
    check(path.is_file(), "workdir", rule, str(workdir))
    told = _Told()
    for event in journal.read(path):
        told.hear(event)
    return Story(
        folder,
        records=told.ledger.ended,
        times=told.times,
        now=time.time() - told.first if told.first else 0.0,
        identity=told.ledger.identity,
        total=told.total or _total(folder, told.ledger.identity.get("method", "")),
        workers=list(told.workers),
        running=told.running(),
        lost=told.lost,
        stopped=told.stopped,
        config=_config(folder),
        volumes=_volumes(folder),
    )


def _of_epochs(folder: Path) -> Story:
    """The story of a search by gradients."""
    records = read_epochs(folder / HISTORY)
    took = [record.details["seconds"] for record in records]
    identity = json.loads((folder / SEARCH).read_text("utf-8"))["search"]
    written = max((folder / n).stat().st_mtime for n in (HISTORY, METRICS))
    silence, best_file = time.time() - written, folder / BEST
    total, alive = int(identity["epochs"]), PATIENCE + 3 * max(took, default=0.0)
    runs = len(records) < total and silence < alive
    return Story(
        folder,
        records=records,
        times=list(accumulate(took)),
        now=sum(took) + silence,
        identity=identity,
        total=total,
        workers=["trainer"],
        running=[f"{len(records) + 1:04d}"] if runs else [],
        config=_config(folder),
        epochs=monitor.read_table(folder / METRICS),
        picked=best_file.read_text("utf-8").strip() if best_file.exists() else None,
    )


def _config(folder: Path) -> str:
    path = folder / CONFIG
    return path.read_text(encoding="utf-8") if path.is_file() else ""


class _Told:
    """What the events add up to, beside the ledger."""

    def __init__(self):
        self.ledger = Ledger()
        self.first = self.last = 0.0
        self.times, self.lost, self.workers = [], [], {}
        self.stopped = self.total = None

    def hear(self, event: dict) -> None:
        self.last = event["time"]
        self.first = self.first or self.last
        if self.ledger.apply(event):
            self.times.append(self.last - self.first)
        elif event["event"] == "issue":
            self.workers[event["tuner"]] = None
            self.stopped = None  # It was taken up again.
        elif event["event"] == "lost":
            self.lost.append(event["reason"])
        elif event["event"] == "stop":
            self.stopped = event["reason"]
        elif event["event"] == "open":
            self.total = event["max_trials"]

    def running(self) -> list[str]:
        """The trials that workers have, if these are not dead."""
        took = [number(r.details.get("seconds")) for r in self.ledger.ended]
        longest = max(filter(None, took), default=0.0)
        if time.time() - self.last > PATIENCE + 3 * longest:
            return []
        unended = self.ledger.unended().items()
        return [trial for trial, entry in unended if entry.running]


def _total(folder: Path, method: str) -> int | None:
    """What the configs of a search tell whose journal is from before `open`.

    The operative one has what was left to its default.
    """
    for name in (CONFIG, OPERATIVE):
        path = folder / name
        known = settings(path.read_text("utf-8")) if path.is_file() else {}
        for key, value in known.items():
            # A config may bind those of other methods, too.
            if key.endswith(f"{method}.max_trials") and value.isdecimal():
                return int(value)
    return None


def _volumes(folder: Path) -> dict[str, float]:
    """Hypervolumes by trial; the history has them, the journal has not."""
    path = folder / HISTORY
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {r["trial"]: float(r["hypervolume"]) for r in rows if r.get("hypervolume")}


def scored(records: Sequence[Record]) -> list[Record]:
    """The feasible records whose fitness is a number."""
    return [r for r in records if r.feasible and number(r.fitness) is not None]


def ancestors(records: Sequence[Record], record: Record) -> list[Record]:
    """A record and what it descends from, the oldest first."""
    known = {record.trial: record for record in records}
    chain = {}
    while record is not None and record.trial not in chain:
        chain[record.trial] = record
        record = known.get(record.parent)
    return list(chain.values())[::-1]


def front(records: Sequence[Record], cost: Callable[[Record], float]) -> list[Record]:
    """The records of which none is both fitter and cheaper, the cheapest first."""
    found = []
    for record in sorted(records, key=lambda r: (cost(r), -r.fitness)):
        if not found or record.fitness > found[-1].fitness:
            found.append(record)
    return found


def failures(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Failed records by their reason, the most frequent first."""
    groups = defaultdict(list)
    for record in records:
        if record.status == "failed":
            # Shapes, steps and addresses differ where the reason is the same.
            groups[re.sub(r"0x[\da-f]+|\d+", "#", reason(record))].append(record)
    found = [(reason(group[0]), group) for group in groups.values()]
    return sorted(found, key=lambda pair: -len(pair[1]))


def reason(record: Record) -> str:
    """Why a record failed, in one line."""
    return last_line(str(record.details.get("error") or ""))


def number(value: object) -> float | None:
    """A finite number, or None."""
    return value if is_number(value) else None

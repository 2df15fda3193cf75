"""What the journal of a search tells: its course, its winner, and what paid off."""

import csv
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from search import journal
from search.history import Record, best, is_number, last_line
from search.ledger import Ledger
from search.progress import RECENT
from zoo.genotypes.base import check
from zoo.record import CONFIG, OPERATIVE, settings

# Begins a change in the words of `search.difference`; a list's items begin otherwise.
CHANGE = r", (?=\d+ |[A-Za-z_]\w*(?:\[\d+\])?[. ])"
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

    @property
    def winner(self) -> Record | None:
        """The fittest trial."""
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
    def window(self) -> int:
        """How many trials a curve of the population averages."""
        size = self.identity.get("population_size")
        return size if isinstance(size, int) and size > 0 else 50


def read(workdir: str | Path) -> Story:
    """Reads the story of a finished, running or interrupted search.

    Raises:
        ValueError: The folder has no journal, or it is broken in its midst.
    """
    folder = Path(workdir)
    path = folder / journal.NAME
    rule = f"a search's folder, with {path.name}"
    check(path.is_file(), "workdir", rule, str(workdir))
    told = _Told()
    for event in journal.read(path):
        told.hear(event)
    config = folder / CONFIG
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
        config=config.read_text(encoding="utf-8") if config.is_file() else "",
        volumes=_volumes(folder),
    )


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
    path = folder / "history.csv"
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


@dataclass(frozen=True)
class Operator:
    """How one kind of mutation did.

    Args:
        place: The gene, without index and values, such as "blocks[].filters".
        count: Children that it made.
        gains: Fitness of the child less that of the parent, where both have one.
    """

    place: str
    count: int
    gains: tuple[float, ...]

    @property
    def improved(self) -> float | None:
        """The share of children better than their parent."""
        return _share([gain > 0 for gain in self.gains])

    @property
    def mean_gain(self) -> float | None:
        """What the mutation brought in the mean."""
        return statistics.fmean(self.gains) if self.gains else None


def operators(records: Sequence[Record]) -> list[Operator]:
    """The kinds of mutations, the most frequent first.

    One that changed several genes counts for each.
    """
    known = {record.trial: record for record in scored(records)}
    counts, gains = defaultdict(int), defaultdict(list)
    for record in records:
        parent = known.get(record.parent)
        for place in places(record.mutation):
            counts[place] += 1
            if parent and record.trial in known:
                gains[place].append(record.fitness - parent.fitness)
    found = [Operator(name, counts[name], tuple(gains[name])) for name in counts]
    return sorted(found, key=lambda operator: (-operator.count, operator.place))


def places(mutation: str) -> list[str]:
    """The genes that a mutation changed, without index and values, each once."""
    found = {}
    for change in re.split(CHANGE, mutation):
        counted = re.fullmatch(r"\d+ (\S+) > \d+", change)
        if counted:
            found[f"number of {_place(counted[1])}"] = None
        elif change and not re.fullmatch(r"\d+ more", change):
            found[_place(change.split()[0])] = None
    return list(found)


def _place(text: str) -> str:
    return re.sub(r"\[\d+\]", "[]", text)


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


def _share(answers: Sequence[bool]) -> float | None:
    return sum(answers) / len(answers) if answers else None

"""What the events of a journal add up to: trials, population, scores on the way."""

import hashlib
import heapq
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from search import journal
from search.history import Record
from zoo.genotypes.base import check

GENOTYPE = "nas/genotype"  # Canonical JSON; all a worker needs to build the network.
PARENT = "nas/parent"
MUTATION = "nas/mutation"
SEED = "nas/seed"  # Of the trial's training.
RUNGS = "nas/rungs"  # When the training is scored on its way, as JSON.
ATTEMPT = "nas/attempt"
SEARCH = "nas/search"  # Tells searches apart, where one takes another's address.
REPLAYS = "nas/replays"
DETAILS = "nas/aux"  # What the worker found, as JSON, beside the score.
PREFIX = "nas/"
# Reasons of failure that say that something is wrong.
CRASHES = ("crashed", "died", "not measured")


@dataclass
class Entry:
    """A trial and what became of it.

    Args:
        values: All that was proposed.
        attempts: How often it was given to a worker.
        deaths: How often its worker died in it.
        retries: How often it was tried again after it failed.
        running: Whether a worker has it.
        tuner: Who had it last.
        rung: How often its training was scored on the way.
        stopped: Whether it was told to end early.
        record: Its end.
    """

    values: dict
    attempts: int = 0
    deaths: int = 0
    retries: int = 0
    running: bool = False
    tuner: str = ""
    rung: int = 0
    stopped: bool = False
    record: Record | None = None


class Ledger:
    """The state of a search, built from its events and nothing else.

    Args:
        join: Takes a record into a population and gives who leaves it.

    Attributes:
        entries: Of all proposals, in their order.
        ended: The records, in the order of their ends.
        population: Who may become a parent, in that order, too.
        scores: By rung, what trials had there.
        crashes: How many of the last trials crashed in a row.
        initial: Genotypes that are proposed first.
        identity: What is searched, by name.
        space: Of the ordinary hyperparameters, as keras-tuner describes them.
        memory: The limit that the search began with; None is this machine's.
    """

    def __init__(
        self, join: Callable[[list[Record], Record], Record | None] = lambda p, r: None
    ):
        self.entries: list[Entry] = []
        self.ended: list[Record] = []
        self.population: list[Record] = []
        self.scores: dict[int, dict[str, float]] = defaultdict(dict)
        self.crashes = 0
        self.initial: list[str] = []
        self.identity: dict = {}
        self.space: list[dict] = []
        self.memory: float | None = None
        self._join = join
        self._waiting: list[int] = []
        self._open: set[int] = set()
        self._known: dict[bytes, str] = {}

    def __getitem__(self, trial: str) -> Entry:
        return self.entries[int(trial)]

    def __contains__(self, trial: object) -> bool:
        text = str(trial)
        known = text.isdecimal() and int(text) < len(self.entries)
        return known and text == trial_id(int(text))

    def apply(self, event: dict) -> Record | None:
        """Takes in an event; gives the record of a trial that it ended."""
        handler = getattr(self, f"_on_{event['event']}", None)
        return handler(event) if handler else None

    def find(self, genotype: str, hyperparameters: dict) -> str | None:
        """The first trial of a candidate, where it was proposed before."""
        return self._known.get(_digest(genotype, hyperparameters))

    def has_result(self, trial: str) -> bool:
        """Whether a trial ended with something to compete by."""
        record = self[trial].record
        return record is not None and record.merit is not None

    def next_waiting(self) -> str | None:
        """The first trial that waits for a worker."""
        while self._waiting:
            index = self._waiting[0]
            entry = self.entries[index]
            if entry.record is None and not entry.running:
                return trial_id(index)
            heapq.heappop(self._waiting)
        return None

    def unended(self) -> dict[str, Entry]:
        """The trials that have not ended, in the order of their proposals."""
        return {trial_id(index): self.entries[index] for index in sorted(self._open)}

    def _on_search(self, event: dict) -> None:
        version = event["version"]
        rule = f"of version {journal.VERSION}"
        check(version == journal.VERSION, "journal", rule, version)
        self.identity, self.initial = event["identity"], event["initial"]
        self.space, self.memory = event["space"], event.get("memory")

    def _on_space(self, event: dict) -> None:
        self.space = event["space"]

    def _on_propose(self, event: dict) -> None:
        values, trial = event["values"], event["trial"]
        expected = trial_id(len(self.entries))
        check(trial == expected, "journal", f"going on with trial {expected}", trial)
        self._open.add(len(self.entries))
        self.entries.append(Entry(values))
        digest = _digest(values[GENOTYPE], ordinary_values(values))
        self._known.setdefault(digest, trial)
        heapq.heappush(self._waiting, int(trial))

    def _on_issue(self, event: dict) -> None:
        entry = self[event["trial"]]
        entry.attempts, entry.tuner = event["attempt"], event["tuner"]
        entry.running = True

    def _on_rung(self, event: dict) -> None:
        entry = self[event["trial"]]
        entry.rung, entry.stopped = event["rung"], event["stop"]
        self.scores[event["rung"]][event["trial"]] = event["score"]

    def _on_lost(self, event: dict) -> None:
        entry, reason = self[event["trial"]], event["reason"]
        entry.running = False
        retried = reason.startswith("retry")
        entry.retries += retried
        entry.deaths += not retried and reason != "interrupted"
        heapq.heappush(self._waiting, int(event["trial"]))

    def _on_end(self, event: dict) -> Record | None:
        entry = self[event["trial"]]
        if entry.record is not None:
            return None
        entry.running = False
        self._open.discard(int(event["trial"]))
        entry.record = record = _record(event, entry.values)
        self.ended.append(record)
        crashed = record.details.get("reason") in CRASHES
        self.crashes = self.crashes + 1 if crashed else 0
        self._join(self.population, record)
        return record


def replay(events: Iterable[dict]) -> Ledger:
    """What a journal's events add up to."""
    ledger = Ledger()
    for event in events:
        ledger.apply(event)
    return ledger


def trial_id(index: int) -> str:
    """Name of a proposal's trial."""
    return f"{index:04d}"


def ordinary_values(values: dict) -> dict:
    """The values that are not the engine's: ordinary hyperparameters."""
    return {name: v for name, v in values.items() if not name.startswith(PREFIX)}


def _digest(genotype: str, hyperparameters: dict) -> bytes:
    values = json.dumps(hyperparameters, sort_keys=True) if hyperparameters else "{}"
    text = genotype + values
    return hashlib.sha256(text.encode()).digest()[:16]


def _record(event: dict, values: dict) -> Record:
    return Record(
        trial=event["trial"],
        genotype=values[GENOTYPE],
        status=event["status"],
        fitness=event["fitness"],
        parent=values.get(PARENT),
        mutation=values.get(MUTATION, ""),
        details=event["details"],
        hyperparameters=event.get("hyperparameters", ordinary_values(values)),
    )

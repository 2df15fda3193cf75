"""What keras-tuner sees of a search: the state that its journal adds up to."""

import functools
import hashlib
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from search import journal
from search.budget import Budget
from search.dispatcher import Dispatcher
from search.evolution import Evolution, described
from search.history import Record, best
from search.ledger import GENOTYPE, PARENT, Ledger
from search.pareto import Archive


class JournaledOracle(keras_tuner.Oracle):
    """An oracle all of whose state comes from the events of a journal.

    Read again, they give the same trials, space and population. Who gives trials to
    workers, and takes their results, is `EvolutionOracle`.

    Args:
        evolution: Proposes.
        archive: Keeps the Pareto front; None keeps none.
        dispatch: Further arguments of `Dispatcher`.
        **options: Of `keras_tuner.Oracle`.
    """

    def __init__(
        self,
        evolution: Evolution,
        archive: Archive | None,
        dispatch: dict[str, object],
        **options,
    ):
        super().__init__(**options)
        self.evolution = evolution
        self.archive = archive
        self.dispatcher = Dispatcher(evolution, self._happen, **dispatch)
        self.listeners: list[Callable[[Record], None]] = []
        self._read = 0  # Bytes of the journal that are known.
        self._lock = threading.RLock()

    @property
    def budget(self) -> Budget:
        """What networks may cost."""
        return self.evolution.budget_in(self.dispatcher.ledger)

    @property
    def stop_reason(self) -> str | None:
        """Why the search ended before its last trial."""
        return self.dispatcher.stop_reason

    @property
    def journal_path(self) -> Path:
        """Where the events are kept."""
        return Path(self._project_dir, journal.NAME)

    def identity(self) -> dict[str, object]:
        """What makes two searches the same but for their number of trials."""
        return {
            "method": type(self).__name__,
            **self.evolution.identity(),
            "objective": f"{self.objective.direction} {self.objective.name}",
            "stopping": described(self.dispatcher.stopping),
        }

    @functools.cached_property
    def token(self) -> str:
        """Tells searches apart, but not machines, whose budgets may differ."""
        identity = {k: v for k, v in self.identity().items() if k != "budget"}
        return hashlib.sha256(repr(identity).encode()).hexdigest()[:16]

    def records(self) -> list[Record]:
        """The trials that ended, in that order."""
        with self._lock:
            return list(self.dispatcher.ledger.ended)

    def living(self) -> set[str]:
        """Trials that are, or are just becoming, somebody's parents."""
        with self._lock:
            ledger = self.dispatcher.ledger
            unended = [entry.values for entry in ledger.unended().values()]
            parents = {values[PARENT] for values in unended if PARENT in values}
            alive = ledger.population if self.evolution.selector else ()
            return parents | {record.trial for record in alive}

    def finished(self) -> bool:
        """Whether no trial is left to run or to wait for."""
        with self._lock:
            return self.dispatcher.finished()

    def get_space(self) -> keras_tuner.HyperParameters:
        """The hyperparameters; a genotype to build is among the values."""
        space = super().get_space()
        space.values[GENOTYPE] = self._example
        return space

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        ranked = best(self.records(), num_trials)
        return [self.trials[record.trial] for record in ranked]

    def remaining_trials(self) -> int:
        return self.max_trials - len(self.dispatcher.ledger.ended)

    def save(self) -> None:
        """Does nothing: each event is in the journal when it has happened."""

    def reload(self) -> None:
        """Rebuilds the search from its journal, where there is one.

        Raises:
            ValueError: It is the journal of another search, or damaged.
        """
        if not self.journal_path.exists():
            return
        self._read = self.journal_path.stat().st_size
        self.dispatcher.ledger = Ledger(self.evolution.join)
        self.trials, self.start_order, self.end_order = {}, [], []
        if self.archive:  # Else early trials would be told the volume of late ones.
            self.archive = Archive(self.archive.objectives, self.archive.reference)
        for event in journal.read(self.journal_path):
            self._take(event)
        self._check_identity(self.dispatcher.ledger.identity)

    @functools.cached_property
    def _example(self) -> str:
        """Some genotype of the space."""
        entries = self.dispatcher.ledger.entries
        if entries:
            return entries[0].values[GENOTYPE]
        return self.evolution.propose(Ledger()).genotype

    def _written(self) -> int:
        """Bytes of the journal."""
        path = self.journal_path
        return path.stat().st_size if path.exists() else 0

    def _check_identity(self, known: dict) -> None:
        for name, value in self.identity().items():
            if known and known.get(name) != value:
                raise ValueError(
                    "`directory` must be new, or of the same search. Got: "
                    f"{str(self.journal_path.parent)!r}, of a search with {name} "
                    f"{known.get(name)!s:.200}, not {value!s:.200}"
                )

    def _happen(self, event: dict) -> Record | None:
        """Lets an event happen now, and tells of a trial that it ended."""
        record = self._take(event)
        for listener in self.listeners if record else ():
            try:
                listener(record)
            except Exception as error:  # What is shown must not end what is done.
                text = f"trial {record.trial}: {type(error).__name__}: {error}"
                warnings.warn(text, stacklevel=2)
        return record

    def _take(self, event: dict) -> Record | None:
        """Lets an event happen, now or again."""
        record = self.dispatcher.ledger.apply(event)
        if event["event"] == "propose":
            hyperparameters = self.hyperparameters.copy()
            hyperparameters.values = dict(event["values"])
            self.trials[event["trial"]] = Trial(hyperparameters, event["trial"])
            self.start_order.append(event["trial"])
        elif event["event"] in ("search", "space"):
            config = {"space": event["space"], "values": {}}
            self.hyperparameters = keras_tuner.HyperParameters.from_config(config)
        elif record is not None:
            self._file(record)
        return record

    def _file(self, record: Record) -> None:
        """Shows keras-tuner how a trial ended."""
        trial, failed = self.trials[record.trial], record.status == "failed"
        trial.status = TrialStatus.FAILED if failed else TrialStatus.COMPLETED
        trial.message = record.details.get("error")
        trial.hyperparameters.values |= record.hyperparameters
        if record.fitness is not None:
            sign = 1 if self.objective.direction == "max" else -1
            trial.score = sign * record.fitness
        self.end_order.append(record.trial)
        if self.archive:
            self.archive.add(record)
            record.details["hypervolume"] = self.archive.hypervolume()

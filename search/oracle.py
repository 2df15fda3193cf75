"""Evolution of genotypes as an oracle of keras-tuner."""

import difflib
import functools
import hashlib
import inspect
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from search import journal, ordinary, verdict
from search.budget import Budget
from search.dispatcher import Dispatcher
from search.evolution import Evolution, described
from search.history import Record, best
from search.ledger import (
    ATTEMPT,
    DETAILS,
    GENOTYPE,
    PARENT,
    SEARCH,
    SEED,
    Ledger,
    ordinary_values,
)
from search.messages import HEARTBEAT, RELEASE, bare_trial, guarded
from search.pareto import Archive
from search.stopping import Stopping
from zoo.genotypes.base import check, check_whole

OBJECTIVE = "fitness"
GONE_SECONDS = 10  # After which a silent tuner without a trial counts as gone.


class EvolutionOracle(keras_tuner.Oracle):
    """Lets keras-tuner run an evolution, and keeps all that happens in a journal.

    Everything it knows can be rebuilt from `journal.jsonl`, so a search that was
    interrupted goes on as if it had not been. A worker holds a lease on its trial,
    which its heartbeats renew: a trial whose worker died goes to another, and the first
    end that is reported counts. One that fails or scores no number has no fitness and
    does not join the population. Only many crashes in a row, or a journal that can not
    be written, end the search.

    Args:
        evolution: Proposes.
        objective: What is reported of a trial, as keras-tuner has it: a name, or
            `keras_tuner.Objective(name, "max" or "min")`.
        max_trials: Networks in all.
        initial: What is proposed first: names of models, files of genotypes, or folders
            of earlier searches, whose best networks are taken.
        stopping: Ends hopeless trainings early, see `search/stopping.py`; None ends
            none.
        archive: Keeps the Pareto front; None keeps none.
        hyperparameters: Ordinary ones to tune beside the genotype.
        tune_new_entries: Whether to tune also those that a hypermodel asks for.
        allow_new_entries: Whether a hypermodel may ask for others.
        max_crashes: Crashed trials in a row that end the search; networks that break
            the budget or score no number are no crashes.
        max_attempts: How often a trial may lose its worker until it has failed.
        max_retries_per_trial: How often one that failed is tried again, with another
            seed.
        lease_seconds: After which a silent worker has lost its trial.
    """

    def __init__(
        self,
        evolution: Evolution,
        objective: str | keras_tuner.Objective = OBJECTIVE,
        max_trials: int = 1200,
        initial: Sequence[str] = (),
        stopping: Stopping | None = None,
        archive: Archive | None = None,
        hyperparameters: keras_tuner.HyperParameters | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_crashes: int = 10,
        max_attempts: int = 3,
        max_retries_per_trial: int = 0,
        lease_seconds: float = 60,
        **unknown,
    ):
        self._refuse(unknown)
        check_whole(max_trials, "max_trials")
        check_whole(max_crashes, "max_crashes")
        check_whole(max_attempts, "max_attempts")
        check_whole(max_retries_per_trial, "max_retries_per_trial", least=0)
        check(lease_seconds > 0, "lease_seconds", "above 0", lease_seconds)
        slots = hyperparameters or keras_tuner.HyperParameters()
        slots.Fixed(GENOTYPE, "")
        super().__init__(
            objective=verdict.as_objective(objective),
            max_trials=max_trials,
            hyperparameters=slots,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            seed=evolution.seed + 1,  # keras-tuner reads 0 as none.
            max_retries_per_trial=max_retries_per_trial,
        )
        self.dispatcher = Dispatcher(
            evolution,
            self._happen,
            initial,
            stopping,
            max_trials,
            max_crashes,
            max_attempts,
            max_retries_per_trial,
        )
        self.evolution = evolution
        self.archive = archive
        self.lease_seconds = lease_seconds
        self.distributed = False  # Whether the workers are other processes.
        self.failure: Exception | None = None  # What it could not go on after.
        self.listeners: list[Callable[[Record], None]] = []
        self.verbose = 0
        self._tuners: dict[str, float] = {}  # When each was heard of last.
        self._read = 0  # Bytes of the journal that are known.
        self._lock = threading.RLock()

    def _refuse(self, unknown: dict) -> None:
        """Raises ValueError for settings that neither the engine nor its method has."""
        for name in unknown:
            kinds = (type(self), EvolutionOracle)
            known = {n for k in kinds for n in inspect.signature(k).parameters}
            known -= {"engine", "unknown", "evolution", "archive"}
            near = difflib.get_close_matches(name, known) or sorted(known)
            check(False, type(self).__name__, f"given settings such as {near}", name)

    @property
    def budget(self) -> Budget:
        """What networks may cost."""
        return self.evolution.budget

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

    def forsaken(self) -> bool:
        """Whether no worker is left that would ask for a trial."""
        # One that trains is heard of four times in a lease.
        patience = max(GONE_SECONDS, self.lease_seconds / 2)
        now = time.monotonic()
        with self._lock:
            return not any(now - at < patience for at in self._tuners.values())

    @guarded(fatal=Exception)
    def create_trial(self, tuner_id: str) -> Trial:
        self.open()
        self._tuners[tuner_id] = time.monotonic()
        draw = functools.partial(ordinary.draw, self.hyperparameters)
        issued = self.dispatcher.next(tuner_id, draw)
        if issued is not None:
            return self._prepared(issued)
        if len(self.dispatcher.leases) and not self.dispatcher.aborted:
            return bare_trial(TrialStatus.IDLE)
        self._tuners.pop(tuner_id, None)
        return bare_trial(TrialStatus.STOPPED)

    @guarded(fatal=OSError)
    def update_trial(self, trial_id: str, metrics: dict, step: int = 0) -> Trial:
        if trial_id not in self.trials:
            return bare_trial(TrialStatus.STOPPED, trial_id)
        for message in (RELEASE, HEARTBEAT, ATTEMPT):
            if message in metrics:
                return self._answer(message, trial_id, dict(metrics), int(step))
        trial = self.trials[trial_id]
        verdict.learn(trial, metrics, self.objective, step)
        return trial

    @guarded(fatal=OSError)
    def end_trial(self, trial: Trial) -> None:
        ledger, values = self.dispatcher.ledger, trial.hyperparameters.values
        # The first end counts, also that of a worker that was given up.
        if trial.trial_id not in ledger or ledger[trial.trial_id].record:
            return
        if values.get(GENOTYPE) != ledger[trial.trial_id].values[GENOTYPE]:
            return  # It is of another search that was at this address.
        details = verdict.read_details(values.pop(DETAILS, "{}"))
        refusal = self._learn_space(trial.hyperparameters)
        if refusal:
            details |= {"reason": "infeasible", "error": refusal}
        trial.metrics = self.trials[trial.trial_id].metrics
        stopped = ledger[trial.trial_id].stopped
        status, fitness = verdict.judge(trial, details, self.objective, stopped)
        attempts = ledger[trial.trial_id].attempts
        attempt = int(values.get(ATTEMPT, attempts))
        if attempt < attempts and status == "failed":  # Who has it now may do better.
            return
        result = (status, fitness, details, ordinary_values(values))
        self.dispatcher.end(trial.trial_id, *result, min(attempt, attempts))

    @guarded(fatal=OSError)
    def reap(self) -> None:
        """Takes back the trials of workers that were not heard of in time."""
        self.dispatcher.reap()

    def fail(self, error: Exception) -> None:
        """Ends the search, as it can not go on."""
        self.failure, self.dispatcher.aborted = error, True
        self.dispatcher.stop_reason = f"{type(error).__name__}: {error}"

    def get_space(self) -> keras_tuner.HyperParameters:
        """The hyperparameters; a genotype to build is among the values."""
        space = super().get_space()
        space.values[GENOTYPE] = self._example
        return space

    def update_space(self, hyperparameters: keras_tuner.HyperParameters) -> None:
        with self._lock:
            refusal = self._learn_space(hyperparameters)
        if refusal:
            raise ValueError(refusal)

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

    def open(self) -> None:
        """Begins, or goes on, to give out trials.

        Raises:
            ValueError: Another process searches in the folder, or what the search is
                to begin with is not of its space or its budget.
        """
        with self._lock:
            if self.dispatcher.is_open:
                return
            if self._written() != self._read:  # Another process was there.
                self.reload()
            if self.distributed:
                self.dispatcher.leases.seconds = self.lease_seconds
            self.failure, self.dispatcher.max_trials = None, self.max_trials
            space = self.hyperparameters.get_config()["space"]
            self.dispatcher.open(self.journal_path, self.identity(), space)
            self.dispatcher.go_on(self.distributed)
            names = {lease.tuner for lease in self.dispatcher.leases}
            self._tuners = dict.fromkeys(names, time.monotonic())

    def close(self) -> None:
        """Leaves the folder to whoever goes on with the search."""
        with self._lock:
            self.dispatcher.close()
            self._read = self._written()

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

    def _prepared(self, trial_id: str) -> Trial:
        """A trial as its worker gets it."""
        trial, entry = self.trials[trial_id], self.dispatcher.ledger[trial_id]
        seed = self.evolution.training_seed(int(trial_id), entry.retries)
        own = {ATTEMPT: entry.attempts, SEED: seed, SEARCH: self.token}
        trial.hyperparameters.values |= own
        trial.status = TrialStatus.RUNNING
        trial.metrics = type(trial.metrics)()  # Those of an earlier attempt.
        return trial

    def _answer(self, message: str, trial: str, metrics: dict, rung: int) -> Trial:
        """What becomes of a trial whose worker sends a message."""
        held = self.dispatcher.holds(trial, int(metrics[message]))
        if held:
            self._tuners[self.dispatcher.ledger[trial].tuner] = time.monotonic()
        if held and message == RELEASE:
            self.dispatcher.lose(trial, "interrupted")
            held = False
        if held and message == ATTEMPT:
            value = metrics[self.objective.name]
            score = value if self.objective.direction == "max" else -value
            held = not self.dispatcher.is_hopeless(trial, rung, score)
        return bare_trial(TrialStatus.RUNNING if held else TrialStatus.STOPPED, trial)

    def _learn_space(self, hyperparameters: keras_tuner.HyperParameters) -> str | None:
        """Takes in new hyperparameters, or tells why not."""
        known = self.hyperparameters
        asked = hyperparameters.space
        new = [hp for hp in asked if not known._exists(hp.name, hp.conditions)]
        if new and not self.allow_new_entries:
            names = [hp.name for hp in new]
            rule = "free of hyperparameters that the oracle does not have"
            return f"`hypermodel` must be {rule}. Got: {names}"
        if new and self.tune_new_entries:
            known.merge(new)
            if self.dispatcher.is_open:
                self.dispatcher.log("space", space=known.get_config()["space"])
        return None

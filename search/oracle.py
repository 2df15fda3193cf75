"""Evolution of genotypes as an oracle of keras-tuner."""

import difflib
import functools
import inspect
import time
from collections.abc import Sequence

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from search import ordinary, verdict
from search.budget import Budget
from search.evolution import Evolution
from search.journaled import JournaledOracle
from search.ledger import (
    ATTEMPT,
    DETAILS,
    GENOTYPE,
    SEARCH,
    SEED,
    ordinary_values,
)
from search.messages import HEARTBEAT, RELEASE, bare_trial, guarded
from search.pareto import Archive
from search.stopping import Stopping
from zoo.genotypes.base import check, check_whole

OBJECTIVE = "fitness"
GONE_SECONDS = 10  # After which a silent tuner without a trial counts as gone.


class EvolutionOracle(JournaledOracle):
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
        _check_measured(evolution.budget, archive)
        check_whole(max_trials, "max_trials")
        check_whole(max_crashes, "max_crashes")
        check_whole(max_attempts, "max_attempts")
        check_whole(max_retries_per_trial, "max_retries_per_trial", least=0)
        check(lease_seconds > 0, "lease_seconds", "above 0", lease_seconds)
        slots = hyperparameters or keras_tuner.HyperParameters()
        slots.Fixed(GENOTYPE, "")
        dispatch = {
            "initial": initial,
            "stopping": stopping,
            "max_trials": max_trials,
            "max_crashes": max_crashes,
            "max_attempts": max_attempts,
            "max_retries": max_retries_per_trial,
        }
        super().__init__(
            evolution,
            archive,
            dispatch,
            objective=verdict.as_objective(objective),
            max_trials=max_trials,
            hyperparameters=slots,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            seed=evolution.seed + 1,  # keras-tuner reads 0 as none.
            max_retries_per_trial=max_retries_per_trial,
        )
        self.lease_seconds = lease_seconds
        self.distributed = False  # Whether the workers are other processes.
        self.failure: Exception | None = None  # What it could not go on after.
        self.verbose = 0
        self._tuners: dict[str, float] = {}  # When each was heard of last.

    def _refuse(self, unknown: dict) -> None:
        """Raises ValueError for settings that neither the engine nor its method has."""
        for name in unknown:
            kinds = (type(self), EvolutionOracle)
            known = {n for k in kinds for n in inspect.signature(k).parameters}
            known -= {"engine", "unknown", "evolution", "archive"}
            near = difflib.get_close_matches(name, known) or sorted(known)
            check(False, type(self).__name__, f"given settings such as {near}", name)

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

    def update_space(self, hyperparameters: keras_tuner.HyperParameters) -> None:
        with self._lock:
            refusal = self._learn_space(hyperparameters)
        if refusal:
            raise ValueError(refusal)

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


def _check_measured(budget: Budget, archive: Archive | None) -> None:
    """Raises ValueError where a command would measure what nothing is judged by."""
    objectives = archive.objectives if archive else ()
    used = budget.latency_ms is not None or "latency_ms" in objectives
    rule = "a limit, or an objective, where measure is given"
    check(used or budget.measure is None, "latency_ms", rule, budget.latency_ms)

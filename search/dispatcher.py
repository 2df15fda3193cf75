"""Gives candidates to workers and takes their results, and writes each step down."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from search import initial, journal
from search.evolution import Evolution, Exhausted, Proposal
from search.history import Record, last_line
from search.leases import Leases
from search.ledger import (
    GENOTYPE,
    MUTATION,
    PARENT,
    REPLAYS,
    RUNGS,
    SEED,
    Ledger,
    trial_id,
)
from search.stopping import Stopping
from zoo.genotypes.base import check


class Dispatcher:
    """What a search does between its workers and its journal.

    It knows nothing of keras-tuner. Every change of its state is an event, first
    written to the journal and then applied to the ledger.

    Args:
        evolution: Proposes.
        take: Lets an event happen: applies it to the ledger and gives the record of a
            trial that it ended.
        initial: What is proposed first, as `search/initial.py` reads it.
        stopping: Ends hopeless trainings early.
        max_trials: Networks in all.
        max_crashes: Crashed trials in a row that end the search.
        max_attempts: How often a trial may lose its worker until it has failed.
        max_retries: How often one that failed is tried again.
        lease_seconds: After which a silent worker has lost its trial; None is never,
            for a search in one process.

    Attributes:
        stop_reason: Why the search ended before its last trial.
        aborted: Whether workers are to drop what they do.
    """

    def __init__(
        self,
        evolution: Evolution,
        take: Callable[[dict], Record | None],
        initial: Sequence[str] = (),
        stopping: Stopping | None = None,
        max_trials: int = 1200,
        max_crashes: int = 10,
        max_attempts: int = 3,
        max_retries: int = 0,
        lease_seconds: float | None = None,
    ):
        rule = 'a list, such as ["tvn1"]'
        check(not isinstance(initial, str), "initial", rule, initial)
        self.evolution = evolution
        self.initial = list(initial)
        self.stopping = stopping
        self.max_trials = max_trials
        self.max_crashes = max_crashes
        self.max_attempts = max_attempts
        self.max_retries = max_retries
        self.ledger = Ledger(evolution.join)
        self.leases = Leases(lease_seconds)
        self.stop_reason: str | None = None
        self.aborted = False
        self._take = take
        self._dry: int | None = None  # The ends there were when no child was new.
        self._journal: journal.Journal | None = None

    @property
    def is_open(self) -> bool:
        """Whether it writes to a journal."""
        return self._journal is not None

    def open(self, path: Path, identity: dict, space: Sequence[dict]) -> None:
        """Begins to write a journal, or goes on with it.

        Args:
            path: Of the journal.
            identity: What makes two searches the same.
            space: Of the ordinary hyperparameters, as keras-tuner describes them.
        """
        begun = bool(self.ledger.identity)
        first = [] if begun else initial.resolve(self.initial, self.evolution)
        self.stop_reason, self.aborted = None, False  # The cause may be mended.
        self._journal = journal.Journal(path)
        if not begun:
            known = {"version": journal.VERSION, "identity": identity}
            known["memory"] = self.evolution.budget.limits["memory"]
            self.log("search", **known, initial=first, space=list(space))
        if not self.finished():
            self.log("open", max_trials=self.max_trials)

    def close(self) -> None:
        """Leaves the journal to whoever goes on with the search."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def log(self, name: str, **fields: object) -> Record | None:
        """Writes an event and lets it happen."""
        return self._take(self._journal.append(name, **fields))

    def finished(self) -> bool:
        """Whether no trial is left to run or to wait for."""
        done = len(self.ledger.ended) >= self.max_trials
        return done or self.aborted or bool(self.stop_reason and not len(self.leases))

    def next(self, tuner: str, draw: Callable) -> str | None:
        """Gives the next trial to a tuner; None where there is none now.

        Args:
            tuner: Who asks; what it had before is lost.
            draw: Draws ordinary hyperparameters, as `Evolution.propose` wants it.
        """
        for lease in self.leases.of(tuner):
            self.lose(lease.trial, "process died")
        self.reap()
        if self.stop_reason:
            return None
        trial = self.ledger.next_waiting() or self._add(draw)
        while trial is not None and REPLAYS in self.ledger[trial].values:
            self._replay(trial)
            trial = self.ledger.next_waiting() or self._add(draw)
        if trial is not None:
            attempt = self.ledger[trial].attempts + 1
            self.log("issue", trial=trial, attempt=attempt, tuner=tuner)
            self.leases.grant(trial, attempt, tuner)
        return trial

    def holds(self, trial: str, attempt: int) -> bool:
        """Whether a worker is to go on with its trial; it was heard of just now."""
        return self.leases.renew(trial, attempt) and not self.aborted

    def is_hopeless(self, trial: str, rung: int, score: float) -> bool:
        """Whether a training is to end early, by its score on the way.

        Args:
            trial: One that a worker has.
            rung: How often it was scored, this time included.
            score: The higher the better.
        """
        entry = self.ledger[trial]
        if self.stopping is None:
            return False
        if entry.stopped:  # So it was told before: an earlier attempt, or execution.
            return rung >= entry.rung
        if not math.isfinite(score):  # It fails by itself.
            return False
        if rung <= entry.rung:
            return False
        others = list(self.ledger.scores[rung].values())
        stop = bool(self.stopping(rung, score, others))
        self.log("rung", trial=trial, rung=rung, score=score, stop=stop)
        return stop

    def reap(self) -> None:
        """Takes back the trials of workers that were not heard of in time."""
        for lease in self.leases.expired():
            self.lose(lease.trial, "lease expired")

    def lose(self, trial: str, reason: str, **fields: object) -> None:
        """Takes a trial back, for another worker or another time.

        Args:
            trial: One that has not ended.
            reason: Why; what begins with "retry" or is "interrupted" is no death.
            **fields: What else to write down.
        """
        entry = self.ledger[trial]
        self.leases.release(trial)
        self.log("lost", trial=trial, attempt=entry.attempts, reason=reason, **fields)
        if entry.deaths >= self.max_attempts:
            error = f"the process died in it {entry.deaths} times"
            self.end(trial, "failed", None, {"reason": "died", "error": error})

    def end(
        self,
        trial: str,
        status: str,
        fitness: float | None,
        details: dict,
        hyperparameters: dict | None = None,
        attempt: int | None = None,
    ) -> Record | None:
        """Ends a trial; None where it is to be tried again.

        Args:
            trial: One that has not ended.
            status: As a record has it.
            fitness: As a record has it.
            details: What the worker found.
            hyperparameters: The ordinary values, where they are not as proposed.
            attempt: That ended; None is the last.
        """
        entry = self.ledger[trial]
        reason = details.get("reason", status)
        if status == "failed" and reason != "died" and entry.retries < self.max_retries:
            self.lose(trial, f"retry: {reason}", error=details.get("error"))
            return None
        fields = {"status": status, "fitness": fitness, "details": details}
        if hyperparameters is not None:
            fields["hyperparameters"] = hyperparameters
        attempt = entry.attempts if attempt is None else attempt
        record = self.log("end", trial=trial, attempt=attempt, **fields)
        self.leases.release(trial)
        if self.ledger.crashes >= self.max_crashes and not self.aborted:
            crashes = f"{self.ledger.crashes} trials in a row crashed"
            self.aborted = True
            self._stop(f"{crashes}: {last_line(details.get('error', ''))}")
        return record

    def go_on(self, shared: bool) -> None:
        """After a reload: what was running is running still, or lost.

        Args:
            shared: Whether the workers are other processes, who may live.
        """
        for trial, entry in self.ledger.unended().items():
            if not entry.running:
                continue
            if shared:  # A lease to say so.
                self.leases.grant(trial, entry.attempts, entry.tuner)
            else:
                self.lose(trial, "process died")

    def values(self, proposal: Proposal) -> dict[str, object]:
        """The values by which a proposal travels."""
        values = {GENOTYPE: proposal.genotype, SEED: proposal.seed}
        if proposal.parent:
            values[PARENT] = proposal.parent.trial
        mutation = proposal.mutation
        if mutation:
            values[MUTATION] = mutation
        if proposal.replays:
            values[REPLAYS] = proposal.replays
        if self.stopping:
            values[RUNGS] = json.dumps(self.stopping.rungs)
        return {**values, **proposal.hyperparameters}

    def _propose(self, draw: Callable) -> Proposal | None:
        ended = len(self.ledger.ended)
        if len(self.leases) and ended == self._dry:  # It would be the same again.
            return None
        try:
            return self.evolution.propose(self.ledger, draw)
        except Exhausted as error:
            self._dry = ended
            if not len(self.leases):  # Else there may be children to come.
                self._stop(str(error))
        except ValueError as error:
            self._stop(str(error))
        return None

    def _stop(self, reason: str) -> None:
        self.stop_reason = reason
        self.log("stop", reason=reason)

    def _add(self, draw: Callable) -> str | None:
        """Adds a trial; None where there is nothing to add now."""
        trial, ended = trial_id(len(self.ledger.entries)), len(self.ledger.ended)
        full = len(self.ledger.entries) >= self.max_trials
        proposal = None if full else self._propose(draw)
        if proposal is None:
            return None
        values = self.values(proposal)
        self.log("propose", trial=trial, values=values, ended=ended)
        return trial

    def _replay(self, trial: str) -> None:
        """Ends a trial as the one that it repeats did."""
        record = self.ledger[self.ledger[trial].values[REPLAYS]].record
        details = {**record.details, "replayed": record.trial, "seconds": 0.0}
        details.pop("hypervolume", None)
        self.end(trial, record.status, record.fitness, details)

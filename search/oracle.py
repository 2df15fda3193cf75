"""Evolution of genotypes as an oracle of keras-tuner."""

import functools
import json
import math
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import keras_tuner

from search.budget import Budget
from search.difference import difference
from search.history import Record
from search.selection import Constant, Schedule, Selector, Survivor
from zoo import genotypes
from zoo.files import write_text
from zoo.genotypes.base import Genotype, check_whole

GENOTYPE = "nas/genotype"  # Canonical JSON; all a worker needs to build the network.
PARENT = "nas/parent"
MUTATION = "nas/mutation"
SEED = "nas/seed"  # Of the trial's training.
DETAILS = "nas/aux"  # What the worker found, as JSON, beside the score.
OBJECTIVE = "fitness"
MUTATION_TRIES = 100
MOST_STARTS = 2  # Of a trial, where the process dies in it.


class EvolutionOracle(keras_tuner.Oracle):
    """Proposes genotypes: first random ones, then mutations of selected parents.

    A proposal depends on nothing but the seed, its index, and the trials that ended
    before it, so that a search that was interrupted goes on as if it had not been. What
    breaks the budget on paper, or was proposed before, is never proposed. A trial
    scores its fitness in [0, 1], or minus its total violation where the machine showed
    that it breaks the budget; one that failed or scored no number has no score and
    does not join the population. One in which the process died twice has failed.

    Args:
        space: Has `sample(rng)` and `mutate(parent, rng)`.
        num_classes: Width of the classifier, for the cost on paper.
        budget: What networks may cost; None is the memory of this machine.
        selector: Chooses a parent; None proposes random networks only.
        survivor: Gives who leaves the population when it is full.
        mutations: Number of mutations by the index of the proposal.
        population_size: Random networks at first, and size of the population.
        max_trials: Networks in all.
        max_crashes: Crashed trials in a row that end the search; networks that break
            the budget or score no number are no crashes.
        seed: From 0.
    """

    def __init__(
        self,
        space,
        num_classes: int,
        budget: Budget | None = None,
        selector: Selector | None = None,
        survivor: Survivor | None = None,
        mutations: Schedule | None = None,
        population_size: int = 200,
        max_trials: int = 1200,
        max_crashes: int = 10,
        seed: int = 0,
    ):
        check_whole(num_classes, "num_classes")
        check_whole(population_size, "population_size")
        check_whole(max_trials, "max_trials")
        check_whole(max_crashes, "max_crashes")
        check_whole(seed, "seed", least=0)
        slots = keras_tuner.HyperParameters()
        slots.Fixed(GENOTYPE, "")
        super().__init__(
            objective=keras_tuner.Objective(OBJECTIVE, "max"),
            max_trials=max_trials,
            hyperparameters=slots,
            tune_new_entries=False,
            seed=seed + 1,  # keras-tuner reads 0 as none.
        )
        self.space = space
        self.num_classes = num_classes
        self.budget = budget or Budget()
        self.selector = selector
        self.survivor = survivor
        self.mutations = mutations or Constant(1)
        self.population_size = population_size
        self.max_crashes = max_crashes
        self.search_seed = seed
        self.population: list[Record] = []
        self.stop_reason: str | None = None  # Why it ended before its last trial.
        self.listeners: list[Callable[[Record], None]] = []
        self.verbose = 0
        self._details: dict[str, dict] = {}
        self._starts: dict[str, int] = {}

    def identity(self) -> dict[str, object]:
        """What makes two searches the same but for their number of trials."""
        return {
            "method": type(self).__name__,
            "space": repr(self.space),
            "num_classes": self.num_classes,
            "budget": repr(self.budget),
            "selector": repr(self.selector),
            "survivor": getattr(self.survivor, "__name__", repr(self.survivor)),
            "mutations": repr(self.mutations),
            "population_size": self.population_size,
            "seed": self.search_seed,
        }

    def records(self) -> list[Record]:
        """The trials that ended, in that order."""
        return [self._record(trial_id) for trial_id in self.end_order]

    def populate_space(self, trial_id: str) -> dict:
        if self.stop_reason:
            return {"status": "STOPPED"}
        try:
            genotype, parent = self._propose(int(trial_id))
        except ValueError as error:
            # Raised here it would leave keras-tuner's lock held for ever.
            self.stop_reason = str(error)
            return {"status": "STOPPED"}
        if genotype is None:
            self.stop_reason = "every network of the space that was drawn is tried"
            return {"status": "STOPPED"}
        values = {GENOTYPE: genotype.to_json(), SEED: self._training_seed(trial_id)}
        if parent is not None:
            values[PARENT] = parent.trial
            values[MUTATION] = difference(parent.genotype, values[GENOTYPE])
        return {"status": "RUNNING", "values": values}

    @keras_tuner.synchronized
    def create_trial(self, tuner_id):
        trial = super().create_trial(tuner_id)
        if trial.status == "RUNNING":
            self._count_start(trial.trial_id, 1)
        return trial

    @keras_tuner.synchronized
    def forgive(self, trial_id: str) -> None:
        """Takes back a trial's start, as its user has interrupted it."""
        self._count_start(trial_id, -1)

    @keras_tuner.synchronized
    def update_trial(self, trial_id, metrics, step=0):
        with warnings.catch_warnings():
            # numpy warns of a best value among nothing but NaN.
            warnings.simplefilter("ignore", RuntimeWarning)
            return super().update_trial(trial_id, metrics, step)

    def score_trial(self, trial):
        value = trial.metrics.get_last_value(OBJECTIVE)
        trial.score = float(value) if math.isfinite(value) else math.nan
        trial.best_step = 0

    @keras_tuner.synchronized
    def end_trial(self, trial):
        if trial.trial_id in self.end_order:
            return
        details = trial.hyperparameters.values.pop(DETAILS, "{}")
        self._details[trial.trial_id] = json.loads(details)
        super().end_trial(trial)
        # It was saved as still going on, and would run again after a restart.
        self.save()
        record = self._record(trial.trial_id)
        self._join(record)
        for listener in self.listeners:
            listener(record)

    def get_state(self) -> dict:
        own = {"details": self._details, "starts": self._starts}
        return {**super().get_state(), **own}

    def set_state(self, state: dict):
        super().set_state(state)
        self._details = state["details"]
        self._starts = state.get("starts", {})

    def save(self):
        write_text(Path(self._get_oracle_fname()), json.dumps(self.get_state()))

    def reload(self):
        super().reload()
        ended = set(self.end_order)
        waiting = sorted((t for t in self.trials if t not in ended), key=int)
        self._retry_queue = waiting[::-1]  # Taken from its end.
        for trial_id in waiting:
            # keras-tuner drops a result where the trial has one from before.
            self.trials[trial_id].metrics = type(self.trials[trial_id].metrics)()
        self.population = []
        for record in self.records():
            self._join(record)
        self._end_deadly()

    def _count_start(self, trial_id: str, change: int) -> None:
        self._starts[trial_id] = self._starts.get(trial_id, 0) + change
        self.save()

    def _end_deadly(self) -> None:
        """Ends as failed what the process died in too often to try again."""
        for trial_id in self._retry_queue[::-1]:
            if self._starts.get(trial_id, 0) >= MOST_STARTS:
                self._retry_queue.remove(trial_id)
                trial = self.trials[trial_id]
                details = {"error": "the process died in it twice"}
                trial.hyperparameters.values[DETAILS] = json.dumps(details)
                trial.status = "FAILED"  # Without a message it is no crash in a row.
                self.end_trial(trial)

    def _propose(self, index: int) -> tuple[Genotype | None, Record | None]:
        rng = random.Random(f"{self.search_seed}/{index}")
        if self.selector and self.population and index >= self.population_size:
            parent = self.selector(self.population, rng)
            for _ in range(MUTATION_TRIES):
                child = genotypes.from_json(parent.genotype)
                for _ in range(self.mutations(index)):
                    child = self.space.mutate(child, rng)
                feasible = not self.budget.violations(child.cost(self.num_classes))
                if feasible and self._is_new(child):
                    return child, parent
        draw = functools.partial(self.space.sample, rng)
        return self.budget.sample(draw, self.num_classes, self._is_new), None

    def _is_new(self, genotype: Genotype) -> bool:
        return not self._duplicate({GENOTYPE: genotype.to_json()})

    def _compute_values_hash(self, values: dict) -> str:
        own = {k: v for k, v in values.items() if k == GENOTYPE or k[:4] != "nas/"}
        return super()._compute_values_hash(own)

    def _training_seed(self, trial_id: str) -> int:
        return random.Random(f"{self.search_seed}/{int(trial_id)}/train").getrandbits(
            31
        )

    def _record(self, trial_id: str) -> Record:
        trial = self.trials[trial_id]
        values, details = trial.hyperparameters.values, self._details[trial_id]
        completed = trial.status == "COMPLETED"
        status = "over budget" if details.get("violations") else "completed"
        return Record(
            trial=trial_id,
            genotype=values[GENOTYPE],
            status=status if completed else "failed",
            score=trial.score if completed else None,
            parent=values.get(PARENT),
            mutation=values.get(MUTATION, ""),
            details=details,
        )

    def _join(self, record: Record) -> None:
        if record.score is None:
            return
        self.population.append(record)
        if self.survivor and len(self.population) > self.population_size:
            del self.population[self.survivor(self.population)]

    def _save_trial(self, trial):
        path = Path(self._get_trial_dir(trial.trial_id), "trial.json")
        write_text(path, json.dumps(trial.get_state()))

    def _check_consecutive_failures(self):
        # keras-tuner would raise, also for failures of a run long ago.
        last = [self.trials[t] for t in self.end_order[-self.max_crashes :]]
        crashed = [trial.status == "FAILED" and trial.message for trial in last]
        if len(last) == self.max_crashes and all(crashed):
            last_line = last[-1].message.strip().splitlines()[-1]
            self.stop_reason = f"{len(last)} trials in a row crashed: {last_line}"

"""The worker of a search: builds, measures, trains and scores networks."""

import contextlib
import dataclasses
import io
import json
import math
import time
import traceback
from pathlib import Path

import keras
import keras_tuner

from search import progress
from search.history import HistoryFiles, Record
from search.oracle import DETAILS, GENOTYPE, OBJECTIVE, SEED, EvolutionOracle
from zoo import cost, genotypes, registry, training
from zoo.training import Recipe, TrainingDiverged

ERROR_LENGTH = 4000


class ArchitectureTuner(keras_tuner.Tuner):
    """Trains the networks that an oracle proposes and tells it what they are worth.

    A network is built and its latency measured; where it breaks the oracle's budget its
    trial ends there, or else it trains by the recipe and its fitness is the top-1
    accuracy, or the mean average precision, on the validation clips. One that crashes
    is a failed trial with its traceback. In the directory, `history.csv` gets a line
    for each trial and `best.json` holds the genotype of the best so far; keras-tuner's
    own files in it let the same call go on after an interruption.

    Args:
        oracle: Proposes; its budget judges what is measured.
        recipe: How to train.
        directory: Folder of the search.
        project_name: keras-tuner's folder in it.
        validation_limit: Most clips to score a network on; None is all.
        latency_seconds: How long to measure a latency.
        trials_per_process: After so many trials `search` returns, and `paused` is
            true; None goes on to the end.
        **options: Of the networks' family, such as `pooling` and `dropout`.
    """

    def __init__(
        self,
        oracle: EvolutionOracle,
        recipe: Recipe,
        directory: str,
        project_name: str = "trials",
        validation_limit: int | None = None,
        latency_seconds: float = 1.0,
        trials_per_process: int | None = None,
        **options,
    ):
        self.recipe = recipe
        self.validation_limit = validation_limit
        self.options = options
        self.budget = oracle.budget
        self.num_classes = oracle.num_classes
        self.latency_seconds = latency_seconds
        self.trials_per_process = trials_per_process
        self.paused = False
        # keras-tuner prints that it reloads.
        with contextlib.redirect_stdout(io.StringIO()):
            super().__init__(
                oracle, directory=str(directory), project_name=project_name
            )

    def search(self, clips, verbose: bool = True):
        """Runs the trials that are left.

        Args:
            clips: A clip source, as `zoo.training.fit` wants it.
            verbose: Whether to print a line for each trial.
        """
        files = HistoryFiles(Path(self.directory), self.oracle.records())
        listeners = [files.add, self._show] if verbose else [files.add]
        self.oracle.listeners += listeners
        self._ended, self.paused = 0, False
        try:
            super().search(clips)
        except _EnoughTrials:
            self.paused = True
        finally:
            for listener in listeners:
                self.oracle.listeners.remove(listener)

    def pre_create_trial(self):
        more = self.oracle.remaining_trials() > 0 and not self.oracle.stop_reason
        if more and self._ended == self.trials_per_process:
            raise _EnoughTrials

    def run_trial(self, trial, clips) -> dict[str, float]:
        values, details = trial.hyperparameters.values, {}
        start = time.monotonic()
        try:
            return {OBJECTIVE: self._evaluate(values, clips, details)}
        except TrainingDiverged as error:
            details["error"] = str(error)
            return {OBJECTIVE: math.nan}
        except KeyboardInterrupt:
            self.oracle.forgive(trial.trial_id)
            raise
        except Exception:
            details["error"] = traceback.format_exc()[-ERROR_LENGTH:]
            raise
        finally:
            details["seconds"] = round(time.monotonic() - start, 2)
            values[DETAILS] = json.dumps(details)

    def on_trial_end(self, trial):
        super().on_trial_end(trial)
        keras.backend.clear_session()  # Collects the garbage, too.
        self._ended += 1

    def _evaluate(self, values: dict, clips, details: dict) -> float:
        genotype = genotypes.from_json(values[GENOTYPE])
        keras.utils.set_random_seed(values[SEED])
        model = registry.build(genotype, num_classes=self.num_classes, **self.options)
        measured = dataclasses.replace(
            cost.count(model),
            latency_ms=cost.latency_ms(model, seconds=self.latency_seconds),
        )
        details.update(dataclasses.asdict(measured))
        violations = self.budget.violations(measured)
        if violations:
            details["violations"] = violations
            return -sum(violations.values())
        spec, recipe = genotype.clip_spec, self.recipe
        training.fit(model, clips, spec, recipe, seed=values[SEED], verbose=False)
        split, limit = training.validation_split(clips), self.validation_limit
        scores = training.evaluate(model, clips, spec, split, recipe.batch_size, limit)
        if not math.isfinite(scores["loss"]):
            raise TrainingDiverged(f"the loss on {split} clips is {scores['loss']}")
        details["metrics"] = scores
        return scores[training.score_name(clips.task)]

    def _show(self, record: Record) -> None:
        records, total = self.oracle.records(), self.oracle.max_trials
        print(progress.trial_line(records, total), flush=True)


class _EnoughTrials(Exception):  # noqa: N818
    """Leaves keras-tuner's loop between two trials."""

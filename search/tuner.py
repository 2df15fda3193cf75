"""The worker of a search: builds, measures, trains and scores networks."""

import contextlib
import copy
import dataclasses
import io
import json
import math
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError, FatalError, FatalTypeError
from keras_tuner.src.distribute.utils import has_chief_oracle, is_chief_oracle
from keras_tuner.src.engine import tuner_utils

from search import inheritance, network, progress
from search.heartbeat import Heartbeat
from search.history import HistoryFiles
from search.hparams import HParamsFiles
from search.ledger import ATTEMPT, DETAILS, GENOTYPE, PARENT, RUNGS, SEED
from search.oracle import RELEASE, EvolutionOracle
from search.proxy import ProxyTraining
from search.storage import Checkpoints
from search.verdict import MOST_DETAILS
from zoo import cost, genotypes, registry
from zoo.files import write_json
from zoo.genotypes.base import check_whole
from zoo.training import TrainingDiverged

ERROR_LENGTH = 4000
IDLE = (0.05, 2.0)  # First and longest pause, in seconds, of a worker without a trial.


class ArchitectureTuner(keras_tuner.Tuner):
    """Trains the networks that an oracle proposes and tells it what they are worth.

    A keras-tuner like any other, but that what a hypermodel builds is given by a
    genotype, `hp["nas/genotype"]`, beside ordinary hyperparameters. A network's latency
    is measured before it trains; where it breaks the oracle's budget its trial ends
    there. One that crashes is a failed trial with its traceback.

    The folder of the project gets `journal.jsonl`, from which the same call goes on
    after any interruption, `history.csv` with a line for each trial, `best.json` with
    the genotype of the best so far, and the weights of the best and the living
    networks. With keras-tuner's environment variables KERASTUNER_ORACLE_IP, _PORT and
    KERASTUNER_TUNER_ID ("chief", or any other name) it serves, or is, one of several
    workers.

    Args:
        oracle: Proposes; its budget judges what is measured.
        hypermodel: Builds and trains, such as `search.proxy.ProxyTraining`.
        directory: Where the project's folder is.
        project_name: The project's folder.
        executions_per_trial: Trainings of a network, each with its own seed, whose
            results are averaged: for a fitness that is noisy.
        latency_seconds: How long to measure a latency; None measures none.
        inherit: Whether a child begins with its parent's weights.
        trial_seconds: A training that takes longer has failed; None is no limit.
        trials_per_process: After so many trials `search` returns, and `paused` is
            true; None goes on to the end.
        patience: Seconds a worker waits for a chief that does not answer.
        **options: Of `keras_tuner.Tuner`, such as `overwrite` and `tuner_id`.
    """

    def __init__(
        self,
        oracle: EvolutionOracle,
        hypermodel: keras_tuner.HyperModel | Callable,
        directory: str | None = None,
        project_name: str | None = None,
        executions_per_trial: int = 1,
        latency_seconds: float | None = 1.0,
        inherit: bool = False,
        trial_seconds: float | None = None,
        trials_per_process: int | None = None,
        patience: float = 600,
        **options,
    ):
        check_whole(executions_per_trial, "executions_per_trial")
        self.budget, self.num_classes = oracle.budget, oracle.evolution.num_classes
        self.latency_seconds = latency_seconds
        self.inherit = inherit
        self.trial_seconds = trial_seconds
        self.trials_per_process = trials_per_process
        self.paused = False
        self._beat_seconds = oracle.lease_seconds / 4
        oracle.distributed = has_chief_oracle()
        if self._is_worker():
            options["overwrite"] = False  # The search is the chief's.
        with contextlib.redirect_stdout(io.StringIO()):  # It prints that it reloads.
            super().__init__(
                oracle,
                hypermodel,
                directory=directory,
                project_name=project_name,
                executions_per_trial=executions_per_trial,
                **options,
            )
        if self._is_worker():
            self.oracle = network.RemoteOracle(oracle, patience)

    def search(self, *fit_args, verbose: bool = True, **fit_kwargs) -> None:
        """Runs the trials that are left, or lets workers run them.

        Args:
            *fit_args: For the hypermodel's `fit`, such as a clip source.
            verbose: Whether to print a line for each trial.
            **fit_kwargs: For the hypermodel's `fit`, such as `validation_data`.

        Raises:
            ValueError: Another process searches in the folder.
            OSError: The journal can not be written.
        """
        if self._is_worker():
            self._work(*fit_args, **fit_kwargs)
            return
        self.oracle.open()
        try:
            with self._listening(verbose):
                if is_chief_oracle():
                    network.serve(self.oracle)
                else:
                    self._work(*fit_args, **fit_kwargs)
        finally:
            self.oracle.close()
        if self.oracle.failure:
            raise self.oracle.failure

    def run_trial(self, trial: Trial, *fit_args, **fit_kwargs) -> dict[str, float]:
        results = super().run_trial(trial, *fit_args, **fit_kwargs)
        tuner_utils.validate_trial_results(
            results, self.oracle.objective, "HyperModel.fit()"
        )
        metrics = tuner_utils.convert_to_metrics_dict(results, self.oracle.objective)
        return {name: float(value) for name, value in metrics.items()}

    def save(self) -> None:
        """Does nothing: the journal is written as things happen."""

    def reload(self) -> None:
        """Goes on where the journal ends."""
        if not self._is_worker():
            self.oracle.reload()

    def on_batch_end(self, trial, model, batch, logs=None):
        if self._beat is not None and self._beat.lost:
            raise _Abandoned
        spent = time.monotonic() - self._start
        if self.trial_seconds is not None and spent > self.trial_seconds:
            raise _OverTime(f"its training took more than {self.trial_seconds:g} s")

    def on_epoch_end(self, trial, model, epoch, logs=None):
        """Asks the oracle whether a training that was scored is hopeless.

        The first epochs are the rungs of the oracle's `stopping`, one each.
        """
        objective, values = self.oracle.objective, trial.hyperparameters.values
        rungs = json.loads(values.get(RUNGS, "[]"))
        if epoch >= len(rungs) or not objective.has_value(logs):
            return
        report = {
            objective.name: float(objective.get_value(logs)),
            ATTEMPT: float(values[ATTEMPT]),
        }
        answer = self.oracle.update_trial(trial.trial_id, report, step=epoch + 1)
        if answer.status == TrialStatus.STOPPED:
            model.stop_training = True

    def _get_tuner_fname(self):
        # What keras-tuner looks for to know that there is something to reload.
        return str(self.oracle.journal_path)

    def _populate_initial_space(self):
        # Ours asks for nothing; and the oracle that counts is not a worker's.
        known = isinstance(self.hypermodel, ProxyTraining)
        if not known and not self._is_worker():
            super()._populate_initial_space()

    def _try_build(self, hp):
        # Unlike keras-tuner's, does not clear the session: that is done after a trial.
        model = self._build_hypermodel(hp)
        if not isinstance(model, keras.Model):
            kind = type(model).__name__
            raise FatalTypeError(f"`hypermodel` must build a keras.Model. Got: {kind}")
        size = sum(math.prod(weight.shape) for weight in model.trainable_weights)
        if self.max_model_size and size > self.max_model_size:
            raise FailedTrialError(f"it has {size:,} parameters, too many")
        return model

    def _configure_tensorboard_dir(self, callbacks, trial, execution=0):
        # keras-tuner imports tensorboard whether there is need for it or not.
        if any(type(callback).__name__ == "TensorBoard" for callback in callbacks):
            super()._configure_tensorboard_dir(callbacks, trial, execution)

    @contextlib.contextmanager
    def _listening(self, verbose: bool) -> Iterator[None]:
        folder, records = Path(self.project_dir), self.oracle.records()
        files = HistoryFiles(folder, records, self.oracle.archive)
        weights, events = Checkpoints(folder, self.oracle), HParamsFiles(folder)
        listeners = [files.add, weights.prune, events.add]
        if verbose:
            listeners.append(progress.Table(records, self.oracle.max_trials).add)
        self.oracle.listeners += listeners
        try:
            yield
        finally:
            for listener in listeners:
                self.oracle.listeners.remove(listener)

    def _work(self, *fit_args, **fit_kwargs) -> None:
        """Runs one trial after another, as keras-tuner does, but rests when idle."""
        self.paused, ended, pause = False, 0, IDLE[0]
        self.on_search_begin()
        while True:
            self.pre_create_trial()
            trial = self.oracle.create_trial(self.tuner_id)
            if trial.status == TrialStatus.STOPPED:
                break
            if trial.status == TrialStatus.IDLE:
                time.sleep(pause)
                pause = min(2 * pause, IDLE[1])
                continue
            pause = IDLE[0]
            self.on_trial_begin(trial)
            self._run(trial, *fit_args, **fit_kwargs)
            ended += 1
            if ended == self.trials_per_process and self._more_to_do():
                self.paused = True
                break
        self.on_search_end()

    def _more_to_do(self) -> bool:
        return self._is_worker() or not self.oracle.finished()

    def _run(self, trial: Trial, *fit_args, **fit_kwargs) -> None:
        """One trial, whatever happens in it."""
        values, details = trial.hyperparameters.values, {}
        self._details, self._start = details, time.monotonic()
        attempt = int(values[ATTEMPT])
        try:
            with self._beating(trial.trial_id, attempt):
                metrics = self.run_trial(trial, *fit_args, **fit_kwargs)
            details["metrics"] = metrics
            trial.status = TrialStatus.COMPLETED
        except _OverBudget:
            trial.status = TrialStatus.COMPLETED
        except _Abandoned:
            return
        except BaseException as error:
            if not isinstance(error, Exception) or isinstance(error, FatalError):
                self.oracle.update_trial(trial.trial_id, {RELEASE: float(attempt)})
                raise
            trial.status = TrialStatus.FAILED
            details |= _failure(error)
        finally:
            keras.backend.clear_session()  # Collects the garbage, too.
        details["seconds"] = round(time.monotonic() - self._start, 2)
        details["worker"] = self.tuner_id
        values[DETAILS] = _bounded(details, trial)
        self.on_trial_end(trial)

    @contextlib.contextmanager
    def _beating(self, trial: str, attempt: int) -> Iterator[None]:
        self._beat = None
        if not self._is_worker():
            yield
            return
        beat = Heartbeat(self.oracle, trial, attempt, self._beat_seconds)
        with beat as self._beat:
            yield

    def _build_and_fit_model(self, trial, *fit_args, **fit_kwargs):
        """One training of a network, which is measured before its first."""
        hp = trial.hyperparameters
        execution = self._details.get("executions", 0)
        if execution:
            hp = copy.copy(hp)
            hp.values = {**hp.values, SEED: hp.values[SEED] + execution}
        keras.utils.set_random_seed(hp.values[SEED] % 2**32)
        model = self._try_build(hp)
        if not execution:
            self._measure(model, hp)
        self._details["executions"] = execution + 1
        if self.inherit and PARENT in hp.values:
            path = self._get_checkpoint_fname(hp.values[PARENT])
            self._details["inherited"] = inheritance.inherit(model, path)
        complete = model.built
        results = self.hypermodel.fit(hp, model, *fit_args, **fit_kwargs)
        if not complete:  # `load_model` builds it by this.
            config = model.get_build_config()
            write_json(self._get_build_config_fname(trial.trial_id), config)
        self._learn(genotypes.from_json(hp.values[GENOTYPE]), model)
        return results

    def _measure(self, model: keras.Model, hp: keras_tuner.HyperParameters) -> None:
        genotype = genotypes.from_json(hp.values[GENOTYPE])
        measured = genotype.cost(self.num_classes)
        if self.latency_seconds is not None:
            latency = cost.latency_ms(model, seconds=self.latency_seconds)
            measured = dataclasses.replace(measured, latency_ms=latency)
        self._details.update(dataclasses.asdict(measured))
        violations = self.budget.violations(measured)
        if violations:
            self._details["violations"] = violations
            raise _OverBudget

    def _learn(self, genotype, model: keras.Model) -> None:
        """What training taught about the parts; a mean over executions."""
        feedback = registry.feedback(genotype, model)
        done, known = self._details["executions"], self._details.get("feedback", {})
        self._details["feedback"] = {
            part: known.get(part, 0) + (weight - known.get(part, 0)) / done
            for part, weight in feedback.items()
        }


class _OverBudget(Exception):  # noqa: N818
    """The network costs more than the budget allows."""


class _OverTime(Exception):  # noqa: N818
    """The trial took too long."""


class _Abandoned(Exception):  # noqa: N818
    """The trial was given to another worker."""


def _failure(error: Exception) -> dict[str, str]:
    if isinstance(error, TrainingDiverged):
        return {"reason": "diverged", "error": str(error)}
    if isinstance(error, _OverTime):
        return {"reason": "over time", "error": str(error)}
    if isinstance(error, FailedTrialError):
        return {"reason": "infeasible", "error": str(error)}
    lines = traceback.format_exception(error)
    return {"reason": "crashed", "error": "".join(lines)[-ERROR_LENGTH:]}


def _bounded(details: dict, trial: Trial) -> str:
    """JSON of what was found; a failure where it is more than a message may be."""
    text = json.dumps(details, default=float)
    if len(text) <= MOST_DETAILS:
        return text
    trial.status = TrialStatus.FAILED
    rule = f"`feedback` must be at most {MOST_DETAILS:,} bytes of JSON"
    error = f"{rule}. Got: {len(text):,} bytes"
    return json.dumps({"reason": "too much feedback", "error": error})

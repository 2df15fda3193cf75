"""The worker of a search: builds, measures, trains and scores networks."""

import contextlib
import copy
import dataclasses
import io
import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import keras_tuner
from keras_tuner.engine.trial import Trial
from keras_tuner.errors import FailedTrialError, FatalTypeError, FatalValueError
from keras_tuner.src.distribute.utils import has_chief_oracle, is_chief_oracle

from search import conclusion, deployment, inheritance, journal, network, progress
from search.failures import OverBudget
from search.history import HistoryFiles
from search.hparams import HParamsFiles
from search.ledger import GENOTYPE, PARENT, SEED
from search.oracle import EvolutionOracle
from search.proxy import ProxyTraining
from search.storage import Checkpoints
from search.trial_loop import TrialLoop
from zoo import genotypes, registry
from zoo.files import check_room, write_json
from zoo.genotypes.base import check, check_whole
from zoo.record import MODEL
from zoo.weights import file_bytes

UNTITLED = "untitled_project"  # As keras-tuner calls what has no name.


class ArchitectureTuner(TrialLoop):
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
        latency_seconds: How long to measure a latency, where no command of the budget
            does; None measures none.
        inherit: Whether a child begins with its parent's weights.
        trial_seconds: A training that takes longer has failed; None is no limit.
        stall_seconds: A worker in which nothing moves for so long ends itself, and its
            trial goes to another; None is no limit. 1200 at least where a command of
            the budget measures.
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
        stall_seconds: float | None = 3600,
        trials_per_process: int | None = None,
        patience: float = 600,
        **options,
    ):
        check_whole(executions_per_trial, "executions_per_trial")
        self._own = oracle  # On a worker, not the chief's, whom `self.oracle` asks.
        if isinstance(hypermodel, ProxyTraining):
            _check_clips(hypermodel, oracle)
        self.latency_seconds = latency_seconds
        self.inherit = inherit
        oracle.distributed = has_chief_oracle()
        _check_measuring(oracle, latency_seconds, stall_seconds)
        deployment.check_ready(oracle.budget)
        if self._is_worker():
            options["overwrite"] = False  # The search is the chief's.
        elif options.get("overwrite"):
            journal.refuse_in_use(Path(directory or ".", project_name or UNTITLED))
        with contextlib.redirect_stdout(io.StringIO()):  # It prints that it reloads.
            super().__init__(
                oracle,
                hypermodel,
                trial_seconds,
                stall_seconds,
                trials_per_process,
                directory=directory,
                project_name=project_name,
                executions_per_trial=executions_per_trial,
                **options,
            )
        if self._is_worker():
            self.oracle = network.RemoteOracle(oracle, patience)

    def search(self, *fit_args, verbose: int | None = None, **fit_kwargs) -> None:
        """Runs the trials that are left, or lets workers run them.

        Args:
            *fit_args: For the hypermodel's `fit`, such as a clip source.
            verbose: 0 prints nothing, such as a line for each trial. A hypermodel of
                one's own gets it, too, where it is given.
            **fit_kwargs: For the hypermodel's `fit`, such as `validation_data`.

        Raises:
            ValueError: Another process searches in the folder, or a training is there.
            OSError: The journal can not be written.
        """
        free = not Path(self.project_dir, MODEL).exists()
        check(free, "project_name", "a folder without a training", self.project_dir)
        self._fit_options = {}
        if verbose is not None and self._is_foreign():
            self._fit_options["verbose"] = verbose
        if self._is_worker():
            self._work(*fit_args, **fit_kwargs)
            return
        self.oracle.open()
        if verbose != 0:
            conclusion.go_on(self.oracle, Path(self.project_dir))
        try:
            with self._listening(verbose != 0):
                if is_chief_oracle():
                    network.serve(self.oracle)
                else:
                    self._work(*fit_args, **fit_kwargs)
        finally:
            self.oracle.close()
        if self.oracle.failure:
            raise self.oracle.failure

    def latency_ms(self, trial_id: str) -> float:
        """Builds the network of a trial, and measures it where it is to run."""
        hp = self.oracle.trials[trial_id].hyperparameters
        budget, seconds = self._own.budget, self.latency_seconds
        return deployment.latency_ms(self._try_build(hp), budget, seconds)

    def load_model(self, trial: Trial) -> keras.Model:
        with warnings.catch_warnings():
            # Weights are kept without the optimizer's, and Keras warns of it.
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return super().load_model(trial)

    def save(self) -> None:
        """Does nothing: the journal is written as things happen."""

    def reload(self) -> None:
        """Goes on where the journal ends."""
        if not self._is_worker():
            self.oracle.reload()

    def _get_tuner_fname(self):
        # What keras-tuner looks for to know that there is something to reload.
        return str(self.oracle.journal_path)

    def _populate_initial_space(self):
        # Ours asks for nothing; and the oracle that counts is not a worker's.
        if self._is_foreign() and not self._is_worker():
            super()._populate_initial_space()

    def _is_foreign(self) -> bool:
        """Whether the hypermodel is a user's own."""
        ours = isinstance(self.hypermodel, ProxyTraining)
        return self.hypermodel is not None and not ours

    def _try_build(self, hp):
        # Unlike keras-tuner's, does not clear the session: that is done after a trial.
        model = self._build_hypermodel(hp)
        if not isinstance(model, keras.Model):
            kind = type(model).__name__
            raise FatalTypeError(f"`hypermodel` must build a keras.Model. Got: {kind}")
        size = sum(math.prod(weight.shape) for weight in model.trainable_weights)
        if self.max_model_size and size > self.max_model_size:
            rule = f"`max_model_size` is {self.max_model_size:,} parameters"
            raise FailedTrialError(f"{rule}. Got: {size:,}")
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
        table = progress.Table(records, self.oracle.max_trials)
        listeners += [table.add] if verbose else []
        self.oracle.listeners += listeners
        try:
            yield
        finally:
            table.close()
            for listener in listeners:
                self.oracle.listeners.remove(listener)

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
            self._details["inherited"] = _inherited(model, path)
        self._check_room(model)
        complete = model.built
        fit_kwargs = {**self._fit_options, **fit_kwargs}
        results = self.hypermodel.fit(hp, model, *fit_args, **fit_kwargs)
        if not complete:  # `load_model` builds it by this.
            config = model.get_build_config()
            write_json(self._get_build_config_fname(trial.trial_id), config)
        self._learn(genotypes.from_json(hp.values[GENOTYPE]), model)
        return results

    def _check_room(self, model: keras.Model) -> None:
        """Ends the search where the weights, and an optimizer's state, have no room."""
        try:
            # Adam's is twice as large as the weights, and saved with them.
            check_room(self.project_dir, 3 * file_bytes(model.weights))
        except OSError as error:
            text = f"{error}. Make room: the same command goes on"
            raise FatalValueError(text) from error

    def _measure(self, model: keras.Model, hp: keras_tuner.HyperParameters) -> None:
        genotype = genotypes.from_json(hp.values[GENOTYPE])
        measured = self._own.evolution.cost(genotype)
        if self.latency_seconds is not None:
            budget, seconds = self._own.budget, self.latency_seconds
            latency = deployment.latency_ms(model, budget, seconds)
            measured = dataclasses.replace(measured, latency_ms=latency)
        self._details.update(dataclasses.asdict(measured))
        violations = self._own.budget.violations(measured)
        if violations:
            self._details["violations"] = violations
            raise OverBudget

    def _learn(self, genotype, model: keras.Model) -> None:
        """What training taught about the parts; a mean over executions."""
        feedback = registry.feedback(genotype, model)
        done, known = self._details["executions"], self._details.get("feedback", {})
        self._details["feedback"] = {
            part: known.get(part, 0) + (weight - known.get(part, 0)) / done
            for part, weight in feedback.items()
        }


def _check_clips(training: ProxyTraining, oracle: EvolutionOracle) -> None:
    asked, trained = oracle.evolution.clip_spec, training.clip_spec
    rule = f"{asked}, as the oracle has it"
    check(trained == asked, "ProxyTraining.clip_spec", rule, trained)


def _check_measuring(
    oracle: EvolutionOracle, latency_seconds: float | None, stall_seconds: float | None
) -> None:
    budget, needed = oracle.budget, oracle.archive.objectives if oracle.archive else ()
    if "latency_ms" in needed or budget.runtime or budget.measure:
        rule = "seconds, as latency_ms is an objective, or the budget says by what"
        check(latency_seconds is not None, "latency_seconds", rule, None)
    least = 2 * deployment.TIMEOUT  # For the export, too.
    patient = stall_seconds is None or stall_seconds >= least
    rule = f"at least {least:g}, or None, as a command of the budget may take long"
    check(patient or budget.measure is None, "stall_seconds", rule, stall_seconds)


def _inherited(model: keras.Model, path: str) -> float:
    """Share of parameters from a parent's file; none where that is damaged."""
    try:
        return inheritance.inherit(model, path)
    except ValueError as error:  # A worker was killed while it wrote.
        warnings.warn(f"a child begins anew: {error}", stacklevel=2)
        return 0.0

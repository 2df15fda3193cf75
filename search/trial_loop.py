"""Takes trials from an oracle, one after another, and tells it how they end."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator

import keras
import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FatalError
from keras_tuner.src.engine import tuner_utils

from search.failures import Abandoned, OverBudget, OverTime, bounded, failure
from search.heartbeat import Heartbeat
from search.ledger import ATTEMPT, DETAILS, RUNGS, SEARCH
from search.messages import RELEASE
from search.oracle import EvolutionOracle
from zoo.genotypes.base import check, check_whole

IDLE = (0.05, 2.0)  # First and longest pause, in seconds, of a worker without a trial.


class TrialLoop(keras_tuner.Tuner):
    """A keras-tuner that no trial ends, whatever happens in it.

    Args:
        oracle: Of the search, also where a chief asks it elsewhere.
        hypermodel: Builds and trains.
        trial_seconds: A training that takes longer has failed; None is no limit.
        stall_seconds: A worker in which nothing moves for so long ends itself, and its
            trial goes to another; None is no limit.
        trials_per_process: After so many trials the loop ends, and `paused` is true;
            None goes on to the end.
        **options: Of `keras_tuner.Tuner`.
    """

    def __init__(
        self,
        oracle: EvolutionOracle,
        hypermodel: keras_tuner.HyperModel | Callable,
        trial_seconds: float | None,
        stall_seconds: float | None,
        trials_per_process: int | None,
        **options,
    ):
        limits = {"trial_seconds": trial_seconds, "stall_seconds": stall_seconds}
        for name, limit in limits.items():
            check(limit is None or limit > 0, name, "above 0, or None", limit)
        if trials_per_process is not None:
            check_whole(trials_per_process, "trials_per_process")
        self.trial_seconds = trial_seconds
        self.stall_seconds = stall_seconds
        self.trials_per_process = trials_per_process
        self.paused = False
        self._token = oracle.token
        self._beat_seconds = oracle.lease_seconds / 4
        super().__init__(oracle, hypermodel, **options)

    def run_trial(self, trial: Trial, *fit_args, **fit_kwargs) -> dict[str, float]:
        results = super().run_trial(trial, *fit_args, **fit_kwargs)
        tuner_utils.validate_trial_results(
            results, self.oracle.objective, "HyperModel.fit()"
        )
        metrics = tuner_utils.convert_to_metrics_dict(results, self.oracle.objective)
        return {name: float(value) for name, value in metrics.items()}

    def on_batch_end(self, trial, model, batch, logs=None):
        if self._beat is not None:
            self._beat.touch()
            if self._beat.lost:
                raise Abandoned
        spent = time.monotonic() - self._start
        if self.trial_seconds is not None and spent > self.trial_seconds:
            raise OverTime(f"its training took more than {self.trial_seconds:g} s")

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
        self._check_search(trial)
        values, details = trial.hyperparameters.values, {}
        self._details, self._start = details, time.monotonic()
        attempt = int(values[ATTEMPT])
        try:
            with self._beating(trial.trial_id, attempt):
                metrics = self.run_trial(trial, *fit_args, **fit_kwargs)
            details["metrics"] = metrics
            trial.status = TrialStatus.COMPLETED
        except OverBudget:
            trial.status = TrialStatus.COMPLETED
        except Abandoned:
            return
        except BaseException as error:
            if not isinstance(error, Exception) or isinstance(error, FatalError):
                self._give_back(trial.trial_id, attempt)
                raise
            trial.status = TrialStatus.FAILED
            details |= failure(error)
        finally:
            keras.backend.clear_session()  # Collects the garbage, too.
        details["seconds"] = round(time.monotonic() - self._start, 2)
        details["worker"] = self.tuner_id
        values[DETAILS] = bounded(details)
        self.on_trial_end(trial)

    def _give_back(self, trial: str, attempt: int) -> None:
        """Frees a trial at once, where the chief can be reached at once."""
        if self._is_worker():
            self.oracle.hurry()
        with contextlib.suppress(Exception):  # Another is on its way to the user.
            self.oracle.update_trial(trial, {RELEASE: float(attempt)})

    def _check_search(self, trial: Trial) -> None:
        token = trial.hyperparameters.values.get(SEARCH, self._token)
        if token != self._token:
            self._give_back(trial.trial_id, trial.hyperparameters.values[ATTEMPT])
            rule = "of the chief of the same search"
            raise ValueError(f"`address` must be {rule}. Got: that of another search")

    @contextlib.contextmanager
    def _beating(self, trial: str, attempt: int) -> Iterator[None]:
        self._beat = None
        if not self._is_worker():
            yield
            return
        beat = Heartbeat(
            self.oracle, trial, attempt, self._beat_seconds, self.stall_seconds
        )
        with beat as self._beat:
            yield

"""Tells a chief, from a thread, that a worker lives."""

import contextlib
import threading

from keras_tuner.engine.trial import TrialStatus

from search.oracle import HEARTBEAT
from zoo.genotypes.base import check


class Heartbeat:
    """While it is entered, renews the lease on a trial.

    Args:
        oracle: The chief, over gRPC.
        trial: The trial's identifier.
        attempt: The number under which it was issued.
        seconds: Between two beats.

    Attributes:
        lost: Whether the trial is no longer this worker's.
    """

    def __init__(self, oracle, trial: str, attempt: int, seconds: float):
        check(seconds > 0, "seconds", "above 0", seconds)
        self.lost = False
        self._oracle, self._trial, self._attempt = oracle, trial, attempt
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            # A chief that is away for long is met by the worker itself.
            with contextlib.suppress(ValueError):
                beat = {HEARTBEAT: float(self._attempt)}
                answer = self._oracle.update_trial(self._trial, beat)
                self.lost = answer.status == TrialStatus.STOPPED
                if self.lost:
                    return

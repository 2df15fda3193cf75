"""Tells a chief, from a thread, that a worker lives."""

import contextlib
import os
import sys
import threading
import time

from keras_tuner import Oracle
from keras_tuner.engine.trial import TrialStatus

from search.messages import HEARTBEAT
from zoo.genotypes.base import check


class Heartbeat:
    """While it is entered, renews the lease on a trial.

    Args:
        oracle: The chief, over gRPC.
        trial: The trial's identifier.
        attempt: The number under which it was issued.
        seconds: Between two beats.
        stall_seconds: The process ends where it was not touched for so long: a training
            that hangs can not be ended otherwise. None is no limit.

    Attributes:
        lost: Whether the trial is no longer this worker's.
    """

    def __init__(
        self,
        oracle: Oracle,
        trial: str,
        attempt: int,
        seconds: float,
        stall_seconds: float | None = None,
    ):
        check(seconds > 0, "seconds", "above 0", seconds)
        self._stall_seconds = stall_seconds
        self.touch()
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

    def touch(self) -> None:
        """Says that the trial gets on."""
        self._touched = time.monotonic()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            self._end_if_stalled()
            # A chief that is away for long is met by the worker itself.
            with contextlib.suppress(ValueError):
                beat = {HEARTBEAT: float(self._attempt)}
                answer = self._oracle.update_trial(self._trial, beat)
                self.lost = answer.status == TrialStatus.STOPPED
                if self.lost:
                    return

    def _end_if_stalled(self) -> None:
        idle = time.monotonic() - self._touched
        if self._stall_seconds is not None and idle > self._stall_seconds:
            text = f"trial {self._trial} hangs: nothing moved in it for {idle:.0f} s"
            print(text, file=sys.stderr, flush=True)
            os._exit(1)  # Nothing gentler ends a thread that hangs.

"""What workers and their oracle say to each other beside keras-tuner's own words."""

import functools
import time
import warnings
from collections.abc import Callable

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

# Names of metrics that are messages; the value is the attempt that they are of.
HEARTBEAT, RELEASE = "nas/heartbeat", "nas/release"


def bare_trial(status: str, trial: str = "none") -> Trial:
    """An answer that needs no values."""
    return Trial(keras_tuner.HyperParameters(), trial, status)


def guarded(fatal: type[Exception]) -> Callable:
    """Lets one call of an oracle in at a time and no exception out.

    Raised in keras-tuner's chief it would leave its workers waiting for ever. Where an
    exception is caught, the answer is to stop.

    Args:
        fatal: What ends the search, such as a full disk; of any other exception, such
            as for a message that is nonsense, is warned.
    """

    def decorate(method: Callable) -> Callable:
        @functools.wraps(method)
        def call(self, *args, **kwargs):
            with self._lock:
                start = time.monotonic()
                try:
                    return method(self, *args, **kwargs)
                except fatal as error:
                    self.fail(error)
                except Exception as error:
                    text = f"{method.__name__}: {type(error).__name__}: {error}"
                    warnings.warn(text, stacklevel=2)
                finally:
                    # Heartbeats had to wait.
                    self.dispatcher.leases.extend(time.monotonic() - start)
                return bare_trial(TrialStatus.STOPPED)

        return call

    return decorate

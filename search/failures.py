"""Why a trial has no fitness, in the words in which it is reported."""

import json
import traceback

from keras_tuner.errors import FailedTrialError

from search.verdict import MOST_DETAILS
from zoo.training import TrainingDiverged

ERROR_LENGTH = 4000
# What TensorFlow and JAX say where a device has no memory left.
EXHAUSTED = "RESOURCE_EXHAUSTED"


class OverBudget(Exception):  # noqa: N818
    """The network costs more than the budget allows."""


class OverTime(Exception):  # noqa: N818
    """The trial took too long."""


class Abandoned(Exception):  # noqa: N818
    """The trial was given to another worker."""


class MeasurementError(Exception):
    """What measures networks on a device does not say what one takes."""


def failure(error: Exception) -> dict[str, str]:
    """The reason of a failure, and its text: a traceback where something crashed.

    The text can be written anywhere: of a file's name that is no UTF-8 it has escapes.
    """
    short = {
        TrainingDiverged: "diverged",
        OverTime: "over time",
        MeasurementError: "not measured",
        FailedTrialError: "infeasible",
    }
    for kind, reason in short.items():
        if isinstance(error, kind):
            return {"reason": reason, "error": _writable(str(error))}
    exhausted = type(error).__name__ == "ResourceExhaustedError"
    exhausted = exhausted or EXHAUSTED in str(error) or isinstance(error, MemoryError)
    lines = "".join(traceback.format_exception(error))[-ERROR_LENGTH:]
    reason = "out of memory" if exhausted else "crashed"
    return {"reason": reason, "error": _writable(lines)}


def bounded(details: dict) -> str:
    """JSON of what was found; of a failure where it is more than a message may be."""
    text = json.dumps(details, default=float)
    if len(text) <= MOST_DETAILS:
        return text
    rule = f"`feedback` must be at most {MOST_DETAILS:,} characters of JSON"
    error = f"{rule}. Got: {len(text):,} characters"
    return json.dumps({"reason": "too much feedback", "error": error})


def _writable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")

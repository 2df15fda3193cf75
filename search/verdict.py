"""Reads what a worker reports of a trial, and judges it."""

import json
import math

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

MOST_DETAILS = 2**20  # Bytes; keras-tuner's gRPC takes four times as much.


def read_details(text: object) -> dict:
    """What a worker found, from its JSON; a failure where it is none or too long."""
    if not isinstance(text, str) or len(text) > MOST_DETAILS:
        size = f"{len(text):,} bytes" if isinstance(text, str) else repr(text)
        rule = f"`nas/aux` must be JSON of at most {MOST_DETAILS:,} bytes"
        return {"reason": "crashed", "error": f"{rule}. Got: {size}"}
    try:
        details = json.loads(text, parse_constant=str)  # No number is "NaN".
    except ValueError as error:
        return {"reason": "crashed", "error": f"`nas/aux` must be JSON. Got: {error}"}
    if isinstance(details, dict):
        return details
    return {"reason": "crashed", "error": f"`nas/aux` must be an object. Got: {text!r}"}


def judge(
    trial: Trial, details: dict, objective: keras_tuner.Objective, stopped: bool
) -> tuple[str, float | None]:
    """The status and the fitness of a trial that its worker has ended.

    Args:
        trial: As it was reported, with the metrics that are known of it.
        details: As reported; where the trial has failed it gets a reason, too.
        objective: Says what the fitness is.
        stopped: Whether it was told to end early.
    """
    if trial.status != TrialStatus.COMPLETED or "reason" in details:
        details.setdefault("reason", "crashed")
        details.setdefault("error", trial.message or "no reason given")
        return "failed", None
    if details.get("violations"):
        return "over budget", None
    value = details.get("metrics", {}).get(objective.name)
    if value is None and trial.metrics.exists(objective.name):
        value = trial.metrics.get_last_value(objective.name)
    if not isinstance(value, int | float) or not math.isfinite(value):
        details["reason"] = "diverged"
        details.setdefault("error", f"{objective.name} is {value}, not a number")
        return "failed", None
    fitness = float(value if objective.direction == "max" else -value)
    return "stopped" if stopped else "completed", fitness


def as_objective(objective: str | keras_tuner.Objective) -> keras_tuner.Objective:
    """An objective whose direction is known.

    Raises:
        ValueError: It is a list, which keras-tuner would only sum up, or its direction
            can not be told.
    """
    if isinstance(objective, str) and objective == "fitness":
        return keras_tuner.Objective(objective, "max")
    single = isinstance(objective, str | keras_tuner.Objective)
    if not single:
        rule = "one name or keras_tuner.Objective; several are for ParetoOracle"
        raise ValueError(f"`objective` must be {rule}. Got: {objective!r}")
    if isinstance(objective, keras_tuner.Objective):
        return objective
    from keras_tuner.engine.objective import create_objective  # No public name.

    return create_objective(objective)


def learn(trial: Trial, metrics: dict, objective: keras_tuner.Objective, step: int):
    """Adds metrics to those that keras-tuner shows of a trial."""
    for name, value in metrics.items():
        if not trial.metrics.exists(name):
            direction = objective.direction if name == objective.name else "max"
            trial.metrics.register(name, direction=direction)
        trial.metrics.update(name, float(value), step=step)

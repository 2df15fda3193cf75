"""Reads what a worker reports of a trial, and judges it."""

import json

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from search.history import is_number

MOST_DETAILS = 2**20  # Characters; keras-tuner's gRPC takes four times as many.
KINDS = {
    **{"metrics": dict, "violations": dict, "feedback": dict},
    **{"reason": str, "error": str},
}
NUMBERS = ("seconds", "parameters", "macs", "activation_bytes", "latency_ms")


def read_details(text: object) -> dict:
    """What a worker found, from its JSON; a failure where it is none or too long."""
    if not isinstance(text, str) or len(text) > MOST_DETAILS:
        size = f"{len(text):,} characters" if isinstance(text, str) else repr(text)
        return _unreadable(f"JSON of at most {MOST_DETAILS:,} characters", size)
    try:
        details = json.loads(text, parse_constant=str)  # No number is "NaN".
    except (ValueError, RecursionError) as error:
        return _unreadable("JSON", error)
    if not isinstance(details, dict):
        return _unreadable("an object", f"{text[:60]!r}")
    for name, kinds in KINDS.items():
        if not isinstance(details.get(name, kinds()), kinds):
            return _unreadable(f"an object whose {name} is {kinds.__name__}", details)
    excess = details.get("violations", {}).values()
    numbers = [details[name] for name in NUMBERS if details.get(name) is not None]
    if not all(map(is_number, [*numbers, *excess])):
        return _unreadable("an object whose costs are finite numbers", details)
    return details


def _unreadable(rule: str, got: object) -> dict[str, str]:
    error = f"`nas/aux` must be {rule}. Got: {got!s:.100}"
    return {"reason": "crashed", "error": error}


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
    if not is_number(value):
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
    from keras_tuner.src.engine.objective import create_objective  # Nowhere else.

    return create_objective(objective)


def learn(
    trial: Trial, metrics: dict, objective: keras_tuner.Objective, step: int
) -> None:
    """Adds metrics to those that keras-tuner shows of a trial.

    Args:
        trial: That gets them.
        metrics: By name.
        objective: Whose direction is known; of all others greater is taken as better.
        step: Of the training.
    """
    for name, value in metrics.items():
        if not trial.metrics.exists(name):
            direction = objective.direction if name == objective.name else "max"
            trial.metrics.register(name, direction=direction)
        trial.metrics.update(name, float(value), step=step)

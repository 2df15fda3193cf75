import json

import keras_tuner
import pytest
from keras_tuner.engine.trial import Trial

from search import verdict

MOST = keras_tuner.Objective("fitness", "max")


def judge(details, status="COMPLETED", objective=MOST, stopped=False, message=None):
    trial = Trial(keras_tuner.HyperParameters(), "0000", status)
    trial.message = message
    return verdict.judge(trial, details, objective, stopped)


def test_a_number_is_the_fitness():
    assert judge({"metrics": {"fitness": 0.25}}) == ("completed", 0.25)
    assert judge({"metrics": {"fitness": 1}}, stopped=True) == ("stopped", 1.0)
    least = keras_tuner.Objective("loss", "min")
    assert judge({"metrics": {"loss": 3.0}}, objective=least) == ("completed", -3.0)


@pytest.mark.parametrize("value", ["NaN", "Infinity", None, "high", [1], {}])
def test_what_is_no_number_has_failed(value):
    details = {"metrics": {"fitness": value}}
    assert judge(details) == ("failed", None)
    assert details["reason"] == "diverged"
    assert "not a number" in details["error"]


def test_a_report_without_metrics_has_failed():
    assert judge({}) == ("failed", None)


def test_who_breaks_the_budget_has_no_fitness():
    details = {"violations": {"macs": 0.5}, "metrics": {"fitness": 0.9}}
    assert judge(details) == ("over budget", None)


@pytest.mark.parametrize("status", ["FAILED", "INVALID"])
def test_a_failure_has_a_reason_and_an_error(status):
    details = {"metrics": {"fitness": 0.9}}
    assert judge(details, status, message="Traceback: oops") == ("failed", None)
    assert (details["reason"], details["error"]) == ("crashed", "Traceback: oops")
    known = {"reason": "over time", "error": "it took long"}
    assert judge(dict(known), status) == ("failed", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"metrics": [1]}',
        '{"metrics": null}',
        '{"violations": {"macs": "much"}}',
        '{"violations": {"macs": Infinity}}',
        '{"violations": [1]}',
        '{"feedback": 3}',
        '{"error": {}}',
        b"{}",
        '"' + "x" * verdict.MOST_DETAILS + '"',
    ],
)
def test_details_that_no_worker_writes_are_a_crash_in_one_short_line(text):
    details = verdict.read_details(text)
    assert details["reason"] == "crashed"
    assert details["error"].startswith("`nas/aux` must be ")
    assert len(details["error"]) < 250


def test_details_keep_their_digits_and_have_no_number_that_is_none():
    found = {"feedback": {"0>1": 0.1234567890123456}, "metrics": {"loss": float("nan")}}
    details = verdict.read_details(json.dumps(found))
    assert details["feedback"] == found["feedback"]
    assert details["metrics"] == {"loss": "NaN"}
    json.dumps(details, allow_nan=False)


def test_objectives_by_name_or_as_they_are():
    assert verdict.as_objective("fitness").direction == "max"
    assert verdict.as_objective("val_loss").direction == "min"
    assert verdict.as_objective(MOST) is MOST


@pytest.mark.parametrize("bad", [["fitness", "macs"], [MOST], None, 7])
def test_several_objectives_are_for_another_oracle(bad):
    with pytest.raises(ValueError, match="`objective` must be one name"):
        verdict.as_objective(bad)


def test_metrics_are_learnt_in_the_direction_of_the_objective():
    trial = Trial(keras_tuner.HyperParameters(), "0000")
    least = keras_tuner.Objective("val_loss", "min")
    verdict.learn(trial, {"val_loss": 2, "top1": 0.5}, least, step=1)
    verdict.learn(trial, {"val_loss": 1}, least, step=2)
    assert trial.metrics.get_best_value("val_loss") == 1
    assert trial.metrics.get_last_value("top1") == 0.5


def test_a_name_that_tells_no_direction_is_refused():
    with pytest.raises(ValueError, match="direction"):
        verdict.as_objective("quality")

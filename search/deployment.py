"""Measures networks as they will run: by a runtime, or by a command of one's own."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import BinaryIO, NoReturn

import keras
from keras_tuner.errors import FailedTrialError

from search import external
from search.budget import Budget
from search.failures import MeasurementError
from search.history import is_number, last_line
from zoo import conversion, cost, runtimes
from zoo.fusing import fuse
from zoo.genotypes.base import check, shortened

TIMEOUT = 600.0  # Seconds that a command may take.
ENDINGS = {"litert": "tflite", "onnx": "onnx"}


def check_ready(budget: Budget) -> None:
    """Raises ValueError unless networks can be measured here as a budget says."""
    if budget.measure is not None:
        found = shutil.which(budget.command[0]) is not None
        check(found, "measure", "a command that is there", budget.measure)
        conversion.check_backend()
        if budget.form == "onnx":
            runtimes.need("tf2onnx")
    elif budget.runtime is not None:
        runtimes.check_usable(budget.runtime, budget.threads)


def device(budget: Budget) -> str:
    """By what a budget's latency is measured, such as "litert, 4 threads"."""
    name = budget.measure or budget.runtime or keras.backend.backend()
    if budget.threads is None:
        return name
    return f"{name}, {budget.threads} thread{'s' if budget.threads > 1 else ''}"


def latency_ms(model: keras.Model, budget: Budget, seconds: float) -> float:
    """Milliseconds that a network takes for a clip where a budget wants it to run.

    Args:
        model: A network with static shapes except the batch.
        budget: Says what runs it.
        seconds: How long to measure; a command decides for itself.

    Raises:
        FailedTrialError: The network can not be exported.
        MeasurementError: The command says no latency.
    """
    if budget.measure is None and budget.runtime is None:
        return cost.latency_ms(model, seconds=seconds)
    try:
        if budget.measure is None:
            how = {"runtime": budget.runtime, "threads": budget.threads}
            return cost.latency_ms(model, seconds=seconds, **how)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"network.{ENDINGS[budget.form]}")
            program = conversion.plain(fuse(model))
            conversion.write(program, path, budget.form)
            return _commanded(budget, path)
    except ValueError as error:  # Another network may be one for this runtime.
        raise FailedTrialError(str(error)) from None


def _commanded(budget: Budget, path: Path) -> float:
    """What the command says of an exported network."""
    code, out, err = _run(budget, [*budget.command, str(path)])
    if code:
        told = shortened(last_line(err, last_line(out, "")))
        _fail(budget, "that ends with 0", f"it ended with {code}, {told!r}")
    line = last_line(out, "")
    found = _read(line)
    if found is None:
        example = 'such as {"latency_ms": 12.3}'
        rule = f"whose last line is JSON {example}, above 0"
        _fail(budget, rule, f"{shortened(line)!r}")
    return found


def _run(budget: Budget, command: list[str]) -> tuple[int, str, str]:
    """Exit code and output."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = external.start(command, out, err)
        except OSError as error:
            _fail(budget, "that can be run", error.strerror)
        try:
            code = external.wait(process, TIMEOUT)
        except subprocess.TimeoutExpired:
            _fail(budget, f"that ends within {TIMEOUT:g} s", "it did not")
        return code, _text(out), _text(err)


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _read(line: str) -> float | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    value = found.get("latency_ms") if isinstance(found, dict) else None
    return float(value) if is_number(value) and value > 0 else None


def _fail(budget: Budget, rule: str, got: str) -> NoReturn:
    error = f"`measure` must be a command {rule}. Got: {budget.measure}: {got}"
    raise MeasurementError(error)

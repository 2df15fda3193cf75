"""The state of training in one file: all variables, the step, the best score."""

import os
import pathlib
import zipfile
from dataclasses import dataclass

import keras
import numpy as np

from zoo.files import replacing


@dataclass(frozen=True)
class Progress:
    """How far training has come.

    Args:
        step: Steps done.
        best: Highest validation score so far; None before the first.
        means: State of the metrics, whose means are of the steps since the last row;
            nothing where a row has just ended.
    """

    step: int = 0
    best: float | None = None
    means: tuple[float, ...] = ()


class NotFinite(ValueError):  # noqa: N818
    """A variable holds NaN or infinity."""


def check_finite(variables: list[keras.Variable]) -> None:
    """Raises NotFinite where a variable holds NaN or infinity."""
    for variable in variables:
        array = _array(variable)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise NotFinite(f"NaN or infinity in {variable.path}")


def save(
    path: str | os.PathLike, progress: Progress, variables: list[keras.Variable]
) -> None:
    """Replaces the checkpoint at `path`.

    Args:
        path: Of an `.npz` file.
        progress: How far the training has come.
        variables: Of the model and the optimizer, always in the same order.

    Raises:
        NotFinite: A variable is not; the old checkpoint stays.
    """
    check_finite(variables)
    arrays = {name: _array(v) for name, v in _named(variables).items()}
    best = np.nan if progress.best is None else progress.best
    with replacing(path) as temporary:
        about = {"step": progress.step, "best": best, "means": progress.means}
        np.savez(temporary, **about, **arrays)


def restore(
    path: str | os.PathLike, variables: list[keras.Variable]
) -> Progress | None:
    """Gives the variables the values of the checkpoint at `path`.

    Args:
        path: Of an `.npz` file that `save` wrote.
        variables: As `save` had them; they change only if all fit.

    Returns:
        How far the training had come; None where there is no checkpoint.

    Raises:
        ValueError: The file is damaged, or of another model or optimizer.
    """
    path = pathlib.Path(path)
    if not path.exists():
        return None
    try:
        with path.open("rb") as opened:
            file = np.load(opened, allow_pickle=False)
            stored = {name: file[name] for name in file.files}
        means = stored.pop("means", ())  # Older files have none.
        progress = _progress(stored.pop("step"), stored.pop("best"), means)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"`workdir` must hold a checkpoint that can be read. Got: {path}, {error}"
        ) from None
    _assign(path, stored, variables)
    return progress


def _assign(path: pathlib.Path, stored: dict, variables: list[keras.Variable]) -> None:
    current = _named(variables)
    rule = f"`workdir` must hold a checkpoint of this model. Got: {path}, "
    for name, variable in current.items():
        shape = getattr(stored.get(name), "shape", "missing")
        if shape != tuple(variable.shape):
            where = f"where {variable.path} {tuple(variable.shape)} is {shape}"
            raise ValueError(rule + where)
    if len(stored) > len(current):
        raise ValueError(rule + f"which has {len(stored) - len(current)} more weights")
    for name, variable in current.items():
        variable.assign(stored[name])


def _progress(step: np.ndarray, best: np.ndarray, means) -> Progress:
    best = None if np.isnan(best) else float(best)
    return Progress(int(step), best, tuple(float(mean) for mean in means))


def _named(variables: list[keras.Variable]) -> dict[str, keras.Variable]:
    # By place: paths repeat (random seeds), and hold numbers that Keras counts up.
    return {f"{index:05d}": variable for index, variable in enumerate(variables)}


def _array(variable: keras.Variable) -> np.ndarray:
    value = variable.value
    # Keras' own conversion fails where TensorFlow holds one value for each device.
    return value.numpy() if hasattr(value, "numpy") else np.asarray(value)

"""Saves and loads a network's weights as Keras' `.weights.h5` files."""

import os
import pathlib
import re
import warnings

import keras

from zoo.files import replacing
from zoo.genotypes.base import check

ENDING = ".weights.h5"


def save(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes a model's weights; a file that was there stays until all is written."""
    check(str(path).endswith(ENDING), "path", f"a {ENDING} file", str(path))
    with replacing(path) as temporary:
        model.save_weights(temporary)


def load(model: keras.Model, path: str | os.PathLike, skip_head: bool = False) -> None:
    """Gives a model the weights of a file, or leaves it as it was.

    Args:
        model: Of the network that the file is of.
        path: A `.weights.h5` file.
        skip_head: Whether the classifier keeps its own weights, as is needed where
            the classes are others.

    Raises:
        ValueError: There is no such file, it can not be read, or is of another model;
            the first layer that differs is named.
    """
    check(str(path).endswith(ENDING), "weights", f"a {ENDING} file", str(path))
    check(pathlib.Path(path).is_file(), "weights", "a file that exists", str(path))
    heads = [layer for layer in model.layers if layer.name == "head"]
    before = model.get_weights()
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            skipped = heads if skip_head else None
            keras.saving.load_weights(model, path, objects_to_skip=skipped)
        # Keras only warns where the file lacks layers, and leaves them as they were.
        if any("no matching group" in str(warning.message) for warning in said):
            raise ValueError("it lacks layers")
    except (OSError, KeyError, ValueError) as error:
        model.set_weights(before)
        raise ValueError(
            f"`weights` must be of this model. Got: {path}, {_reason(error)}"
        ) from None


def _reason(error: Exception) -> str:
    """Keras' page on what did not fit, as a line."""
    text = " ".join(str(error).split())
    place = re.search(r"Variable path=([^,]+)", text)
    place = place or re.search(r"for object <\w+ name=([^,>]+)", text)
    if not place:
        return f"which can not be read ({text[:200]})"
    shapes = re.search(r"variable\.shape=(\(.*?\)).*?value\.shape=(\(.*?\))", text)
    if shapes:
        return f"whose {place[1]!r} is {shapes[2]}, in the model {shapes[1]}"
    return f"which does not fit layer {place[1]!r}"

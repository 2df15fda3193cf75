"""Layers whose weights a training leaves as they are."""

import contextlib
import re
from collections.abc import Iterator

import keras

from zoo.genotypes.base import check

SHOWN = 8  # Names in an error.


def find(model: keras.Model, expression: str) -> list[keras.layers.Layer]:
    """The layers with weights whose whole name a regular expression matches.

    Args:
        model: Whose layers; those within a layer that is a network have no say.
        expression: Such as "(?!head).*".

    Raises:
        ValueError: It is none, no layer's name fits, or all layers' do.
    """
    layers = [layer for layer in model.layers if layer.trainable_variables]
    names = [layer.name for layer in layers]
    try:
        matches = re.compile(expression).fullmatch
    except (re.error, TypeError) as error:
        check(False, "freeze", f"a regular expression ({error})", expression)
    found = [layer for layer in layers if matches(layer.name)]
    few = names if len(names) <= SHOWN else [*names[: SHOWN - 2], "...", *names[-2:]]
    rule = f"a regular expression of whole names: {', '.join(few)}"
    check(found, "freeze", rule, expression)
    some = len(found) < len(layers)
    check(some, "freeze", "one that leaves layers to train", expression)
    return found


@contextlib.contextmanager
def frozen(model: keras.Model, expression: str | None) -> Iterator[None]:
    """Within it, layers do not train whose names an expression matches; see `find`.

    Their batch norm is as in inference, which is Keras' rule. None freezes none.
    """
    layers = [] if expression is None else find(model, expression)
    for layer in layers:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in layers:
            layer.trainable = True

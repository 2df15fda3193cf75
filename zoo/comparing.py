"""Holds what was exported to the network that it was made of."""

import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable

import keras
import numpy as np

from zoo import conversion, inference, runtimes
from zoo.genotypes.base import check

# The largest difference of any logit, as a share of the largest (of 1 at least).
# Whole numbers of 8 bits have none: their accuracy is measured.
LIMITS = {"none": 1e-4, "float16": 1e-2, "dynamic": 0.1, "int8": None}


def difference(found, expected) -> float:
    """The largest between two arrays, as a share of the largest number (at least 1).

    Args:
        found: Of any shape.
        expected: Of the same, whose largest number counts.
    """
    expected = np.asarray(expected)
    apart = np.abs(np.asarray(found) - expected).max()
    return float(apart / max(1.0, np.abs(expected).max()))


def check_equal(
    apart: float, quantize: str, model: keras.Model, form: str, clip: dict
) -> None:
    """Raises ValueError, which names the first layer that differs, where it is much.

    Args:
        apart: The difference.
        quantize: How the network was exported.
        model: The network as it is exported.
        form: One of `runtimes.FORMATS`.
        clip: On which the layers are compared: inputs by name, of one clip each.
    """
    limit = LIMITS[quantize]
    if limit is None or apart <= limit:
        return
    layer = first_other(model, form, clip, quantize, limit) or "none alone"
    rule = f"within {limit:g} of itself as {form}, {quantize}"
    check(False, "model", rule, f"{apart:.2g}, and of its layers the first: {layer}")


def first_other(
    model: keras.Model, form: str, clip: dict, quantize: str, limit: float
) -> str | None:
    """The first layer of a network whose output differs where that is exported.

    Args:
        model: The network as it is exported.
        form: One of `runtimes.FORMATS`.
        clip: Inputs by name, of one clip each.
        quantize: One of `conversion.QUANTIZATIONS`.
        limit: Largest difference that counts as none.

    Returns:
        Its name; None where no layer alone differs.
    """
    kinds = keras.layers.InputLayer
    layers = [layer for layer in model.layers if not isinstance(layer, kinds)]
    layers = [x for x in layers if not isinstance(x.output, (list, tuple, dict))]
    # Their own names may not be those of outputs in every format.
    names = {f"layer{i}": layer for i, layer in enumerate(layers)}
    parts = {name: layer.output for name, layer in names.items()}
    several = keras.Model(model.input, parts)
    plain = conversion.plain(several)

    def call(**arrays):
        return conversion.called(several, arrays)

    expected = call(**clip)
    program = conversion.Program(several, call, plain.inputs)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "network")
        conversion.write(program, path, form, quantize)
        found = runtimes.opened(path, form)(clip)
    for name, layer in names.items():
        if not difference(found[name], expected[name]) <= limit:  # NaN is other, too.
            return layer.name
    return None


def latency_ms(call: Callable[[], object], repeats: int = 5) -> float:
    """Median milliseconds of a few calls, after one that does not count."""
    call()
    times = []
    for _ in range(repeats):
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return 1000 * statistics.median(times)


def reference(model: keras.Model) -> Callable[[dict], np.ndarray]:
    """The network itself, on inputs by name of one clip each: its logits."""
    call = inference.compiled(model)
    return lambda clip: call(clip if len(clip) > 1 else next(iter(clip.values())))[0]

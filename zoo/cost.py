"""What a built network costs: counted from its layers, and measured on this machine."""

import math
import statistics
import time
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from zoo import inference
from zoo.fusing import fuse
from zoo.genotypes.base import Cost


def count(model: keras.Model) -> Cost:
    """Parameters, multiply-accumulates and activation bytes of a built network.

    A layer with a kernel makes one product a kernel element at every place of its
    output; a layer with a `cost` method counts for itself; others make none.

    Args:
        model: A functional model with static shapes except the batch.
    """
    macs = elements = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if hasattr(layer, "cost"):
            shapes = keras.tree.map_structure(lambda x: tuple(x.shape), layer.input)
            layer_macs, layer_elements = layer.cost(shapes)
        else:
            shape = layer.output.shape[1:]
            kernel = getattr(layer, "kernel", None)
            size = 0 if kernel is None else math.prod(kernel.shape)
            layer_macs = size * math.prod(shape[:-1])
            layer_elements = math.prod(shape)
        macs += layer_macs
        elements += layer_elements
    parameters = sum(math.prod(w.shape) for w in model.trainable_weights)
    return Cost(parameters, macs, 4 * elements)


def latency_ms(
    model: keras.Model, batch_size: int = 1, seconds: float = 1.0, least: int = 5
) -> float:
    """Median milliseconds of one inference on this machine, after a warm-up.

    Measured is what is later used: the network with norms merged into convolutions
    (`zoo.fusing`), compiled.

    Args:
        model: A network with static shapes except the batch.
        batch_size: Clips a call.
        seconds: How long to measure, once `least` calls are made.
        least: Fewest calls.
    """
    rng = np.random.default_rng(0)
    clip = keras.tree.map_structure(
        lambda x: rng.random((batch_size, *x.shape[1:]), "float32"), model.input
    )
    call = inference.compiled(fuse(model))
    return _median_ms(lambda: call(clip), seconds, least)


def matmul_rate(size: int = 2048, seconds: float = 0.5) -> float:
    """This machine's float32 multiply-accumulates a second, by a matrix product."""
    matrix = np.random.default_rng(0).random((size, size), dtype="float32")
    matrix = ops.convert_to_tensor(matrix)
    return 1000 * size**3 / _median_ms(lambda: ops.matmul(matrix, matrix), seconds, 3)


def _median_ms(call: Callable[[], object], seconds: float, least: int) -> float:
    for _ in range(2):
        _wait(call())
    times = []
    start = time.perf_counter()
    while len(times) < least or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        _wait(call())
        times.append(time.perf_counter() - before)
    return 1000 * statistics.median(times)


def _wait(tensor) -> None:
    """JAX answers before it has computed."""
    getattr(tensor, "block_until_ready", lambda: None)()

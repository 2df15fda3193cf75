"""What a built network costs: counted from its layers, and measured on this machine."""

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from zoo import inference
from zoo.fusing import fuse
from zoo.genotypes.base import Cost, check

TURN = 0.1  # Seconds that one thing is measured before the next has its turn.


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs, for one clip.

    Args:
        name: Of the layer; within an inner network it is `network/layer`.
        kind: Name of its class.
        output_shape: Without the batch; of several outputs those of all.
        parameters: Trainable weights.
        macs: Multiply-accumulates.
        activation_bytes: Its outputs in float32, and what it computes on the way.
    """

    name: str
    kind: str
    output_shape: tuple
    parameters: int
    macs: int
    activation_bytes: int


@dataclass(frozen=True)
class Latency:
    """Milliseconds of a call: the median and the quartiles of several.

    Args:
        median: Of the calls.
        lower: A quarter of the calls took less.
        upper: A quarter took more.
        calls: That were measured.
    """

    median: float
    lower: float
    upper: float
    calls: int


def count(model: keras.Model) -> Cost:
    """Parameters, multiply-accumulates and activation bytes of a built network.

    Args:
        model: A functional model with static shapes except the batch.
    """
    rows = layers(model)
    parameters = sum(math.prod(w.shape) for w in model.trainable_weights)
    macs = sum(row.macs for row in rows)
    return Cost(parameters, macs, sum(row.activation_bytes for row in rows))


def layers(model: keras.Model) -> list[LayerCost]:
    """What each layer of a built network costs; `count` is their sum.

    A layer with a kernel makes one product a kernel element at every place of its
    output; a layer with a `cost` method counts for itself; others make none.

    Args:
        model: A functional model with static shapes except the batch.
    """
    return list(_layers(model))


def _layers(model: keras.Model, place: str = "") -> Iterator[LayerCost]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer, f"{place}{layer.name}/")
        elif not isinstance(layer, keras.layers.InputLayer):
            shapes = [tuple(x.shape[1:]) for x in keras.tree.flatten(layer.output)]
            macs, elements = _counted(layer)
            yield LayerCost(
                place + layer.name,
                type(layer).__name__,
                shapes[0] if len(shapes) == 1 else tuple(shapes),
                sum(math.prod(w.shape) for w in layer.trainable_weights),
                macs,
                4 * elements,
            )


def _counted(layer) -> tuple[int, int]:
    """Multiply-accumulates and elements of a layer, for one clip."""
    if hasattr(layer, "cost"):
        shapes = keras.tree.map_structure(lambda x: tuple(x.shape), layer.input)
        return layer.cost(shapes)
    outputs = [x.shape[1:] for x in keras.tree.flatten(layer.output)]
    kernel = getattr(layer, "kernel", None)
    size = 0 if kernel is None else math.prod(kernel.shape)
    return size * math.prod(outputs[0][:-1]), sum(map(math.prod, outputs))


def peak_bytes(model: keras.Model) -> int:
    """Bytes of the tensors that are alive at once in inference of a clip, at the most.

    An estimate: layers run one after the other in the order of the graph, each output
    has a buffer of its own until the last layer has read it, and all are float32. What
    the runtime needs beside, such as a convolution's workspace, and what it saves by
    writing over its inputs, is not in it. `Cost.activation_bytes` is the sum of all
    outputs, which a training step holds.

    Args:
        model: A functional model with static shapes except the batch. What is later
            used is the fused one (`zoo.fusing`), which holds less.
    """
    groups = model._nodes_by_depth
    nodes = [node for depth in sorted(groups, reverse=True) for node in groups[depth]]
    last = {id(t): k for k, node in enumerate(nodes) for t in node.input_tensors}
    last |= {id(tensor): len(nodes) for tensor in model.outputs}
    alive, peak = {}, 0
    for place, node in enumerate(nodes):
        alive |= {id(tensor): _bytes(tensor) for tensor in node.output_tensors}
        peak = max(peak, sum(alive.values()) + _inner_bytes(node))
        alive = {key: size for key, size in alive.items() if last.get(key, 0) > place}
    return peak


def _inner_bytes(node) -> int:
    """What a layer computes on the way to its outputs, or an inner network holds."""
    layer = node.operation
    if isinstance(layer, keras.Model):
        outside = sum(map(_bytes, [*node.input_tensors, *node.output_tensors]))
        return max(0, peak_bytes(layer) - outside)
    if not hasattr(layer, "cost"):
        return 0
    return max(0, 4 * _counted(layer)[1] - sum(map(_bytes, node.output_tensors)))


def _bytes(tensor) -> int:
    return 4 * math.prod(tensor.shape[1:])


def latency_ms(
    model: keras.Model,
    batch_size: int = 1,
    seconds: float = 1.0,
    least: int = 5,
    runtime: str | None = None,
    threads: int | None = None,
) -> float:
    """Median milliseconds of one inference on this machine, after a warm-up.

    Measured is what is later used: the network with norms merged into convolutions
    (`zoo.fusing`), compiled or exported.

    Args:
        model: A network with static shapes except the batch.
        batch_size: Clips a call.
        seconds: How long to measure, once `least` calls are made.
        least: Fewest calls.
        runtime: One of `zoo.runtimes.RUNTIMES`; None is Keras' backend.
        threads: Of the runtime; None is its own choice.
    """
    call = prepared(model, batch_size, runtime, threads)
    return measure({"": call}, seconds, least)[""].median


def prepared(
    model: keras.Model,
    batch_size: int = 1,
    runtime: str | None = None,
    threads: int | None = None,
) -> Callable[[], object]:
    """A call that runs a network once on a clip of noise.

    Args:
        model: As of `latency_ms`.
        batch_size: As of `latency_ms`.
        runtime: As of `latency_ms`.
        threads: As of `latency_ms`.

    Raises:
        ValueError: The runtime can not be used here, or can not run the network.
    """
    rng = np.random.default_rng(0)
    clip = keras.tree.map_structure(
        lambda x: rng.random((batch_size, *x.shape[1:]), "float32"), model.input
    )
    if runtime is None:
        check(threads is None, "threads", "left out where no runtime is given", threads)
        function = inference.compiled(fuse(model))
    else:
        from zoo import runtimes  # Exports, so only for those who ask.

        function = runtimes.caller(model, runtime, threads)
    return lambda: function(clip)


def measure(
    calls: Mapping[str, Callable[[], object]],
    seconds: float = 1.0,
    least: int = 5,
    progress: Callable[[float], None] = lambda share: None,
) -> dict[str, Latency]:
    """Measures calls side by side, so that noise of the machine meets all of them.

    After a warm-up they take turns, in an order drawn anew each time. A turn lasts
    `TURN` seconds, or one call if that is longer; the first call of a longer turn finds
    the caches full of others' data and does not count.

    Args:
        calls: By name.
        seconds: How long to measure each, once `least` of its calls are made.
        least: Fewest calls of each.
        progress: Told the share of the work that is done, now and then.
    """
    rng, times = random.Random(0), {name: [] for name in calls}
    spent = dict.fromkeys(calls, 0.0)
    for call in calls.values():
        for _ in range(2):
            _wait(call())
    waiting = list(calls)
    while waiting:
        for name in rng.sample(waiting, len(waiting)):
            before = time.perf_counter()
            times[name] += _turn(calls[name])
            spent[name] += time.perf_counter() - before
            progress(_done(times, spent, seconds, least))
        waiting = [n for n in calls if len(times[n]) < least or spent[n] < seconds]
    return {name: _summed_up(found) for name, found in times.items()}


def _done(times: dict, spent: dict, seconds: float, least: int) -> float:
    """The share of the work that is done."""
    shares = [
        min(1.0, len(times[name]) / least, spent[name] / max(seconds, 1e-9))
        for name in times
    ]
    return sum(shares) / len(shares)


def _turn(call: Callable[[], object]) -> list[float]:
    times = []
    start = time.perf_counter()
    while not times or time.perf_counter() - start < TURN:
        before = time.perf_counter()
        _wait(call())
        times.append(time.perf_counter() - before)
    return times[1:] or times


def _summed_up(times: list[float]) -> Latency:
    lower, median, upper = 1000 * np.quantile(times, (0.25, 0.5, 0.75))
    return Latency(float(median), float(lower), float(upper), len(times))


def matmul_rate(size: int = 2048, seconds: float = 0.5) -> float:
    """This machine's float32 multiply-accumulates a second, by a matrix product."""
    matrix = np.random.default_rng(0).random((size, size), dtype="float32")
    matrix = ops.convert_to_tensor(matrix)
    product = {"": lambda: ops.matmul(matrix, matrix)}
    return 1000 * size**3 / measure(product, seconds, least=3)[""].median


def _wait(tensor) -> None:
    """JAX answers before it has computed."""
    getattr(tensor, "block_until_ready", lambda: None)()

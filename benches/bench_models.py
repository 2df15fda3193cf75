"""How near named models come to this machine's own float32 matrix-product rate.

And what merging their norms into convolutions gains; and what `zoo.Predictor` adds to
the first one's bare graph, from frames in uint8.

    python benches/bench_models.py [tvn1 tvn2 ...]

Inference of one clip through the compiled function that `zoo.predict` and the search
call, on this CPU. A product of two 2048x2048 matrices is timed before and after each
model, in the same run: the machine is shared, so only the ratio means something.
"""

import functools
import platform
import sys

import keras
import numpy as np

import zoo
from zoo import cost, inference

NUM_CLASSES = 339


def main(names: list[str]):
    print(f"{platform.processor() or platform.machine()}, {keras.backend.backend()}")
    header = ("model", "GFLOP", "ms", "GFLOP/s", "machine", "fraction")
    print("{:12} {:>7} {:>8} {:>8} {:>8} {:>8}".format(*header))
    for name in names:
        model = zoo.create(name, num_classes=NUM_CLASSES)
        flops = 2 * cost.count(model).macs
        rates, times = [], []
        for _ in range(5):
            rates.append(2 * cost.matmul_rate())
            times.append(cost.latency_ms(model, seconds=2.0) / 1000)
        rate, time = np.median(rates) / 1e9, np.median(times)
        speed = flops / 1e9 / time
        print(
            f"{name:12} {flops / 1e9:7.2f} {1000 * time:8.1f} {speed:8.1f} "
            f"{rate:8.1f} {speed / rate:8.2f}"
        )
    for name in names:
        merged(name)
    end_to_end(names[0])


def merged(name: str, seconds: float = 6.0):
    """With its norms apart, against `zoo.fold_batch_norm` of the same, in turns."""
    model = zoo.create(name, num_classes=NUM_CLASSES)
    clip = np.random.default_rng(0).random((1, *model.input_shape[1:]), "float32")
    forms = {"norms merged": zoo.fold_batch_norm(model), "norms apart": model}
    calls = {
        n: functools.partial(inference.compiled(m), clip) for n, m in forms.items()
    }
    show(name, cost.measure(calls, seconds))


def end_to_end(name: str, seconds: float = 10.0):
    """From frames of several sizes, against the graph alone, in turns."""
    model = zoo.create(name, num_classes=NUM_CLASSES)
    predictor = zoo.Predictor(model)
    rng, shape = np.random.default_rng(0), model.input_shape[1:]
    calls = {"bare graph": cost.prepared(model)}
    for size in (shape[1:3], (240, 320), (720, 1280)):
        frames = rng.integers(0, 256, (shape[0], *size, 3), "uint8")
        label = f"predictor, {size[0]}x{size[1]}"
        calls[label] = functools.partial(predictor, frames)
    show(name, cost.measure(calls, seconds))


def show(name: str, found: dict):
    """Medians, quartiles, and the ratio to the first."""
    first = next(iter(found.values())).median
    for label, latency in found.items():
        print(
            f"{name} {label:22} {latency.median:8.1f} ms "
            f"({latency.lower:.1f}-{latency.upper:.1f}) {latency.median / first:6.2f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:] or ["tvn1", "tvn_mobile1", "tvn4"])

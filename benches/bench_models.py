"""How near named models come to this machine's own float32 matrix-product rate.

    python benches/bench_models.py [tvn1 tvn2 ...]

Inference of one clip through the compiled function that `zoo.predict` and the search
call, on this CPU. A product of two 2048x2048 matrices is timed before and after each
model, in the same run: the machine is shared, so only the ratio means something.
"""

import platform
import sys

import keras
import numpy as np

import zoo
from zoo import cost

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


if __name__ == "__main__":
    main(sys.argv[1:] or ["tvn1", "tvn_mobile1", "tvn4"])

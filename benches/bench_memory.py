"""How long a network takes to build, and how much memory to train and to run.

    python benches/bench_memory.py [--name=assemblenet50]

A training step and an inference, each in a process of its own, on clips of batch 1;
memory is the peak of the process, TensorFlow included. The time to build is without the
import of TensorFlow, the median of three builds in one process.
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

TRAINED, RUN = (16, 112, 112, 3), (64, 224, 224, 3)
NUM_CLASSES = 339
PARTS = ("import", "build", "step", "inference")


def measure(name: str, part: str) -> str:
    import keras

    import zoo
    from zoo import inference

    build = 0.0
    if part == "build":
        times = []
        for _ in range(3):
            start = time.perf_counter()
            zoo.create(name, num_classes=NUM_CLASSES, input_shape=TRAINED)
            times.append(time.perf_counter() - start)
        build = np.median(times)
    elif part != "import":
        shape = TRAINED if part == "step" else RUN
        model = zoo.create(name, num_classes=NUM_CLASSES, input_shape=shape)
        clip = np.random.default_rng(0).random((1, *shape), dtype="float32")
        if part == "step":
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss)
            for _ in range(2):
                model.train_on_batch(clip, np.array([1]))
        else:
            inference.compiled(model)(clip)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = f", {build:.1f} s" if build else ""
    return f"{part}: peak {peak:,.0f} MiB{took}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", default="assemblenet50")
    parser.add_argument("--part", choices=PARTS, help="in this process; else all")
    arguments = parser.parse_args()
    if arguments.part:
        print(measure(arguments.name, arguments.part))
        return
    print(f"{arguments.name}, step of {TRAINED}, inference of {RUN}", flush=True)
    for part in PARTS:
        own = ["--name", arguments.name, "--part", part]
        subprocess.run([sys.executable, __file__, *own], check=True)


if __name__ == "__main__":
    main()

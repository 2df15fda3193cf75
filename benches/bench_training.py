"""What training costs beside its steps: against Keras' `fit`, on devices, to resume.

    python benches/bench_training.py [--part=fit] [--model=tvn1] [--rounds=7]
    python benches/bench_training.py --part=devices
    python benches/bench_training.py --part=resume

fit      `zoo.training.fit` with a folder, rows every 50 steps, and its checkpoint at
         the end, against Keras' own `fit` of the same model with SGD, on the same
         clips, which are in memory. Rounds are interleaved; the first step of each,
         which compiles, and the last, with its score and checkpoint, do not count.
         Goal: at most 1.03.
devices  Clips a second of one device against four virtual ones of the same CPU, all
         its cores either way, and the same batch. Goal: at least 0.85.
resume   Seconds from the start of `python -m zoo.train` on a folder that is begun to
         the end of its first step, and of the same without a folder. Goal: below 10.

With KERAS_BACKEND=jax it is JAX. The machine is shared: only ratios within a run count.
"""

import argparse
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from zoo import distribution, registry, training
from zoo.genotypes import FOUND

CLASSES = tuple("abcdefgh")
VIRTUAL = 4


class HeldClips:
    """A clip source of a few batches of noise in memory, which come again and again."""

    classes, task = CLASSES, "single"

    def __init__(self, spec, batch_size: int, batches: int = 4):
        rng = np.random.default_rng(0)
        shape = (batch_size, *spec.shape)
        self.held = [
            (rng.random(shape, "float32"), rng.integers(len(CLASSES), size=batch_size))
            for _ in range(batches)
        ]

    def size(self, split: str) -> int:
        return {"train": 1000, "validation": 1}.get(split, 0)

    def batches(self, spec, split, batch_size, seed=0, start=0):
        if split != "train":
            clips, labels = self.held[0]
            yield clips[:1], labels[:1].astype("int32"), np.array(["a"], dtype=object)
            return
        while True:
            clips, labels = self.held[start % len(self.held)]
            yield clips, labels.astype("int32")
            start += 1


class Clock(keras.callbacks.Callback):
    """The seconds of each step but the first and the last, after which a run saves."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        float(logs["loss"])  # Waits for the device.
        self.ends.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        return (self.ends[-2] - self.ends[0]) / (len(self.ends) - 2)


def build(name: str, spec) -> keras.Model:
    keras.utils.set_random_seed(0)
    return registry.build(FOUND[name], spec.shape, len(CLASSES))


def our_fit(name: str, spec, batch_size: int, steps: int) -> float:
    """Seconds of a step of `zoo.training.fit`."""
    clips, clock = HeldClips(spec, batch_size), Clock()
    recipe = training.Recipe(steps, batch_size, 0.01)
    with tempfile.TemporaryDirectory() as folder:
        how = {"log_every": 50, "verbose": False, "callbacks": [clock]}
        training.fit(build(name, spec), clips, spec, recipe, folder, **how)
    return clock.seconds


def keras_fit(name: str, spec, batch_size: int, steps: int) -> float:
    """Seconds of a step of Keras' `fit`."""
    clips, clock = HeldClips(spec, batch_size), Clock()
    model = build(name, spec)
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=keras.backend.backend() == "jax",
    )
    batches = clips.batches(spec, "train", batch_size)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        shapes = [None, *spec.shape], [None]
        specs = [tf.TensorSpec(shapes[0]), tf.TensorSpec(shapes[1], tf.int32)]
        batches = tf.data.Dataset.from_generator(
            lambda: clips.batches(spec, "train", batch_size),
            output_signature=tuple(specs),
        ).prefetch(2)
    model.fit(batches, steps_per_epoch=steps, verbose=0, callbacks=[clock])
    return clock.seconds


def median_ratio(ones: list[float], others: list[float]) -> str:
    ratios = np.divide(ones, others)
    low, high = ratios.min(), ratios.max()
    return f"{np.median(ratios):.3f} ({low:.3f} to {high:.3f})"


def compare_fit(options, spec) -> None:
    ours, theirs = [], []
    for _ in range(options.rounds):
        for found, fit in ((ours, our_fit), (theirs, keras_fit)):
            found.append(fit(options.model, spec, options.batch_size, options.steps))
    one, other = (1000 * np.median(seconds) for seconds in (ours, theirs))
    print(f"ours {one:.1f} ms a step, Keras' {other:.1f}")
    print(f"ours / Keras' `fit`: {median_ratio(ours, theirs)}; goal at most 1.03")


def compare_devices(options, spec) -> None:
    several = {"tensorflow": "mirrored", "jax": "data_parallel"}
    kinds, found = ("none", several[keras.backend.backend()]), {}
    for _ in range(options.rounds):
        for kind in kinds:
            with distribution.placed(kind, num_virtual_devices=VIRTUAL):
                sizes = options.batch_size, options.steps
                seconds = our_fit(options.model, spec, *sizes)
            found.setdefault(kind, []).append(options.batch_size / seconds)
    one, many = found.values()
    print(f"{np.median(one):.2f} clips/s on one, {np.median(many):.2f} on {VIRTUAL}")
    print(f"{VIRTUAL} devices / one: {median_ratio(many, one)}; goal at least 0.85")


def train_command(folder: Path, options, steps: int) -> float:
    """Seconds of a `zoo.train`, to the end of its first step."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "zoo.train", f"--model={options.model}"),
            *("--data=moving_shapes", f"--workdir={folder}", f"--steps={steps}"),
            "--gin_bindings=training.Recipe.batch_size=2",
            "--gin_bindings=train.train.save_every=2",
            "--gin_bindings=train.train.validation_limit=2",
        ],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    seconds = None
    for line in process.stderr:
        if seconds is None and line.startswith("step "):
            seconds = time.perf_counter() - began
    if process.wait() or seconds is None:
        raise SystemExit("zoo.train failed")
    return seconds


def measure_resume(options) -> None:
    new, resumed = [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            new.append(train_command(Path(folder, "run"), options, 2))
            resumed.append(train_command(Path(folder, "run"), options, 4))
    print(f"to the end of the first step: new {np.median(new):.1f} s, resumed ", end="")
    print(
        f"{np.median(resumed):.1f} s ({min(resumed):.1f} to {max(resumed):.1f}); ",
        end="",
    )
    print(
        f"goal below 10. The difference is {np.median(np.subtract(resumed, new)):.1f} s"
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices=("fit", "devices", "resume"), default="fit")
    parser.add_argument("--model", default="tvn1", choices=sorted(FOUND))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=12, help="of a round")
    parser.add_argument("--batch_size", type=int, default=8)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {keras.backend.backend()}")
    if options.part == "resume":
        measure_resume(options)
        return
    part = {"fit": compare_fit, "devices": compare_devices}[options.part]
    part(options, FOUND[options.model].clip_spec)


if __name__ == "__main__":
    main()

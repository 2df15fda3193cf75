"""What does a step of a differentiable search cost, and what does a cell more add?

    python benches/bench_differentiable.py [--part=algorithms] [--rounds=15]
    python benches/bench_differentiable.py --part=cells [--cells 2 4 6 8]

Part algorithms: one step, of architecture and weights, of each algorithm. They are
called in turn, and what counts is the median of the ratios to the first-order step
beside it, as the machine is shared; then that of the time on the CPU. Memory is the
peak of a process that does nothing else. Part cells: a first-order step of supernets
whose cells all have the same size. On TensorFlow, or with KERAS_BACKEND=jax.
"""

import argparse
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import ops
from racing import raced

from search import gradients
from search.alternation import ALGORITHMS, Alternation, supernet_slope
from search.descent import Adam, Momentum
from search.memory import Memory
from search.spaces.pseudo3d import Pseudo3DSpace
from search.spaces.pvnas import PVNASSpace
from zoo import registry
from zoo.layers import mixture

SPACES = {
    "pseudo3d": Pseudo3DSpace(search_channels=4),
    "pvnas": PVNASSpace(search_channels=8, search_stem_stride=2),
}
BATCH, SHAPE, CLASSES = 8, (8, 32, 32, 3), 12
LIMIT = 3.5  # Of a second-order step, times one of the first order.


def make_step(space, algorithm: str) -> Callable[[], float]:
    """A compiled step that goes on from the last one's state."""
    keras.utils.set_random_seed(0)
    network = registry.supernet(space.searched(), SHAPE, CLASSES)
    architecture = list(mixture.architecture(network).values())
    memory = Memory(network, architecture)
    steps = Alternation(
        supernet_slope(network, architecture, "single", 0.0),
        Momentum(0.9, [3e-4] * len(memory.names), 5.0),
        Adam(),
    )
    function = gradients.compiled(getattr(steps, algorithm))
    rng, state = np.random.default_rng(0), [memory.read()]
    batch = rng.random((BATCH, *SHAPE), "float32"), rng.integers(CLASSES, size=BATCH)
    batch = [ops.convert_to_tensor(part) for part in batch]
    rate = ops.convert_to_tensor(0.025, "float32")

    def step():
        state[0] = function(state[0], rate, tuple(batch), tuple(batch))
        return float(ops.convert_to_numpy(state[0].sums[0]))

    return step


def compare_algorithms(name: str, rounds: int) -> bool:
    space = SPACES[name]
    steps = {algorithm: make_step(space, algorithm) for algorithm in ALGORITHMS}
    times = raced(steps, rounds)
    first, ratios = times["first_order"], {}
    for algorithm in ALGORITHMS:
        ratios[algorithm] = np.median(times[algorithm] / first, axis=0)
        seconds = np.median(times[algorithm], axis=0)[0]
        built, peak = peak_memory(name, algorithm)
        print(
            f"| {name} | {algorithm} | {seconds:.3f} | **{ratios[algorithm][0]:.2f}** "
            f"({ratios[algorithm][1]:.2f}) | {peak:.0f} | {peak - built:.0f} |",
            flush=True,
        )
    return bool(ratios["second_order"][0] <= LIMIT)


def peak_memory(name: str, algorithm: str) -> tuple[float, float]:
    """MiB of a process with the supernet, and at the peak of three steps."""
    command = [sys.executable, __file__, f"--memory={name},{algorithm}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    built, peak = done.stdout.split()[-2:]
    return float(built), float(peak)


def print_memory(name: str, algorithm: str) -> None:
    step, built = make_step(SPACES[name], algorithm), high_water()
    for _ in range(3):
        step()
    print(built, high_water())


def high_water() -> float:
    """MiB that this process had at most; unlike that of `resource`, not its parent."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) / 1024


def compare_cells(counts: list[int], rounds: int) -> None:
    steps = {}
    for count in counts:
        space = Pseudo3DSpace(search_cells=count, search_reductions=())
        steps[f"{count:02d}"] = make_step(space, "first_order")
    times = raced(steps, rounds)
    # The least of a shared machine's times is the nearest to its own.
    least = [times[f"{count:02d}"][:, 0].min() for count in counts]
    slope, start = np.polyfit(counts, least, 1)
    for count, seconds in zip(counts, least, strict=True):
        off = seconds / (start + slope * count) - 1
        print(f"| {count} | {seconds:.3f} | {seconds / count:.3f} | {off:+.1%} |")
    print(f"{start:.3f} s and {slope:.3f} s a cell; last column: off that line")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("algorithms", "cells", "all"), default="all")
    parser.add_argument("--spaces", nargs="+", choices=SPACES, default=list(SPACES))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cells", nargs="+", type=int, default=[2, 4, 6, 8])
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        return print_memory(*arguments.memory.split(","))
    backend = keras.backend.backend()
    clip = "x".join(map(str, SHAPE[:3]))
    print(f"{platform.machine()}, {backend}, {BATCH} clips of {clip} a batch")
    sound = True
    if arguments.part in ("algorithms", "all"):
        print("| space | algorithm | s | of first order (CPU) | peak MiB | of steps |")
        print("|---|---|---|---|---|---|")
        for name in arguments.spaces:
            sound &= compare_algorithms(name, arguments.rounds)
    if arguments.part in ("cells", "all"):
        print("| cells | s | s a cell | off the line |\n|---|---|---|---|")
        compare_cells(arguments.cells, arguments.rounds)
    return sys.exit(0 if sound else f"a second-order step takes over {LIMIT} times")


if __name__ == "__main__":
    main()

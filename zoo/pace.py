"""How fast steps follow each other, and how long they wait for their clips."""

import itertools
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np

from zoo import devices

# Steps between measurements where a device computes beside this process.
APART = 7
SLOW = 0.2  # Share of waiting that is worth a word.
SURE = 30.0  # Seconds, and measured steps, before it is told.
ENOUGH = 5


class Pace:
    """Measures a training; lets no more than two steps wait for the device.

    A step waits for its clips from when it asks for them until whoever reads ahead has
    them, or for as long as this thread itself reads. That counts only where the device
    has nothing else to do, so where it computes beside this process, some steps are
    waited for and measured.

    Args:
        batch_size: Clips in a step.
        clock: Gives seconds.
    """

    def __init__(self, batch_size: int, clock: Callable[[], float] = time.monotonic):
        self.batch_size, self.clock = batch_size, clock
        self.apart = 1 if _computes_here() else APART
        self.first = None  # The first batch, until the step that reads it has ended.
        self.ready: dict[int, float] = {}
        self.read = 0.0  # Seconds of reading in the thread that trains.
        self.thread = threading.get_ident()
        self.idle, self.last = False, None
        self.measured, self.warned = 0, False
        self.waited = self.total = 0.0  # Of the measured steps since the last row.
        self.begun = self.mark = clock()
        self.steps, self.aside = 0, 0.0

    def watched(self, batches: Iterable) -> Iterator:
        """The batches of a training, whose reader this notes the times of."""
        batches = iter(batches)
        for index in itertools.count():
            began = self.clock()
            try:
                batch = next(batches)
            except StopIteration:
                return
            now = self.ready[index] = self.clock()
            if threading.get_ident() == self.thread:
                self.read += now - began
            self.first = batch if index == 0 else self.first
            yield batch

    def begin(self) -> None:
        """Of the training."""
        self.begun = self.mark = self.clock()
        self.thread = threading.get_ident()

    def ask(self) -> None:
        """Before a step reads its batch."""
        self.asked, self.read_before = self.clock(), self.read

    def end(self, index: int, loss) -> None:
        """After a step, the first of which is 0, was given to the device."""
        measures = (index + 1) % self.apart in (self.apart - 1, 0)
        _wait(loss if measures else self.last)
        self.last = loss
        ready = self.ready.pop(index, self.asked)
        if measures and self.idle:
            total = self.clock() - self.asked
            waited = max(ready - self.asked, self.read - self.read_before, 0.0)
            self.waited += min(waited, total)
            self.total += total
            self.measured += 1
        self.idle = measures
        self.steps += 1
        if index == 0:  # It compiles, and tells nothing of the rest.
            self.first = None
            self.rest()
            self.steps = 0

    def rest(self) -> None:
        """After what is no training: scoring and saving."""
        now = self.clock()
        self.aside += now - self.mark
        self.mark = now

    @property
    def share(self) -> float | None:
        """Of the time of steps since the last row, that they waited for clips."""
        return self.waited / self.total if self.total else None

    def note(self) -> str:
        """What the progress says of the waiting; warns, once, where it lasts."""
        share = self.share
        if share is None or share <= SLOW:
            return ""
        lasts = self.clock() - self.begun >= SURE and self.measured >= ENOUGH
        if lasts and not self.warned:
            self.warned = True
            warnings.warn(
                f"training waits for clips {100 * share:.0f} % of the time: prepare "
                "them (docs/datasets.md: shards, a smaller short_side), or give the "
                "clip source more workers",
                stacklevel=2,
            )
        return f"{100 * share:.0f} % waiting for clips"

    def row(self) -> dict[str, float]:
        """Of the time since the last row.

        Returns:
            "clips_per_second" and "input_wait", where they are known, and how many
            "steps" took how many "seconds"; "aside" are seconds of compiling, and of
            scoring and saving before.
        """
        now = self.clock()
        seconds = now - self.mark
        row = {"steps": self.steps, "seconds": seconds, "aside": self.aside}
        if self.steps and seconds > 0:
            row["clips_per_second"] = self.steps * self.batch_size / seconds
        if self.share is not None:
            row["input_wait"] = self.share
        self.mark, self.steps, self.aside = now, 0, 0.0
        self.waited = self.total = 0.0
        return row


def _computes_here() -> bool:
    """Whether steps are computed in this very thread, as TensorFlow does on a CPU."""
    return keras.backend.backend() == "tensorflow" and devices.only_cpus()


def _wait(loss) -> None:
    if loss is not None:
        np.asarray(keras.ops.convert_to_numpy(loss))

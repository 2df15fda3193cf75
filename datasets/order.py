"""What is asked of a clip source, and the order and the random draws of its clips.

NumPy only. Everything is a function of (seed, epoch, index), so a run that resumes
skips what it has seen without reading it.
"""

import copy
import functools
import os
from typing import Protocol, Self

import numpy as np

SPLITS = ("train", "validation", "test")
TASKS = ("single", "multi")  # Labels of a video.


class ClipSpec(Protocol):
    """The clip a network reads, as `zoo.genotypes.ClipSpec` says it."""

    frames: int
    rate: float
    height: int
    width: int
    segments: int | None
    shape: tuple[int, int, int, int]


def check(valid: bool, name: str, rule: str, value: object) -> None:
    """Raises ValueError, in the project's one form, unless `valid`."""
    if not valid:
        raise ValueError(f"`{name}` must be {rule}. Got: {value!r}")


def check_split(split: str) -> None:
    """Raises ValueError unless `split` is one of the three."""
    check(split in SPLITS, "split", f"one of {', '.join(SPLITS)}", split)


def check_request(split: str, batch_size: int, start: int, seed: int = 0) -> None:
    """Raises ValueError unless a source can give such batches."""
    check_split(split)
    check(batch_size >= 1, "batch_size", "at least 1", batch_size)
    check(start >= 0, "start", "at least 0", start)
    check(seed >= 0, "seed", "at least 0", seed)


def thread_count(workers: int | None) -> int:
    """How many threads `workers` means: None is one for each core of the process."""
    check(workers is None or workers >= 1, "workers", "at least 1", workers)
    if workers is not None:
        return workers
    known = hasattr(os, "sched_getaffinity")  # Of Linux.
    return len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1


def draws(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Generator of all random draws of one clip."""
    return np.random.default_rng((seed, epoch, index))


def batch_draws(seed: int, number: int) -> np.random.Generator:
    """Generator of all random draws of the batch of a number, counted from 0."""
    # Longer than all others here: no two share a stream.
    return np.random.default_rng((seed, number, 0, 0, 0, 3))


@functools.lru_cache(maxsize=8)
def epoch_order(size: int, seed: int, epoch: int) -> np.ndarray:
    """The indices of one training epoch: each once, shuffled."""
    # One number more than in `draws`: the two never share a stream.
    order = np.random.default_rng((seed, epoch, 0, size)).permutation(size)
    order.flags.writeable = False
    return order


def training_place(position: int, size: int, seed: int) -> tuple[int, int]:
    """The (epoch, index) of the clip at a position of the endless training order."""
    epoch, place = divmod(position, size)
    return epoch, int(epoch_order(size, seed, epoch)[place])


def halves(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of the training indices, drawn by the seed, each in rising order.

    Where the size is odd the first is greater by one.
    """
    check(size >= 2, "train", "at least 2 videos, to be halved", size)
    # Longer by one more than in `epoch_order`.
    order = np.random.default_rng((seed, 0, 0, size, 2)).permutation(size)
    middle = (size + 1) // 2
    return np.sort(order[:middle]), np.sort(order[middle:])


class Shared:
    """Mixin of a clip source: it can be parted among hosts that train together."""

    _shard = 0, 1

    def shard(self, index: int, count: int) -> Self:
        """One host's part of the clips: every `count`-th, from `index` on.

        Batches of all hosts together are in training the clips of one batch that is
        `count` times as large, and one pass over an evaluation's videos. `size` of
        "train" stays that of all hosts.

        Args:
            index: Of the host, from 0.
            count: Of the hosts.

        Raises:
            ValueError: There is no such host, or the source is a part already.
        """
        check(type(count) is int and count >= 1, "count", "whole, from 1", count)
        inside = type(index) is int and 0 <= index < count
        check(inside, "index", f"from 0 to {count - 1}", index)
        check(self._shard == (0, 1), "source", "not a shard", self._shard)
        part = copy.copy(self)
        part._shard = index, count
        return part

    def global_number(self, number: int) -> int:
        """Among those of all hosts, the number of this host's clip or batch."""
        index, count = self._shard
        return number * count + index

"""What is asked of a clip source, and the order and the random draws of its clips.

NumPy only. Everything is a function of (seed, epoch, index), so a run that resumes
skips what it has seen without reading it.
"""

import functools
import itertools
from collections.abc import Iterator
from typing import Protocol

import numpy as np

SPLITS = ("train", "validation", "test")


class ClipSpec(Protocol):
    """The clip a network reads, as `zoo.genotypes.ClipSpec` says it."""

    frames: int
    rate: float
    height: int
    width: int
    shape: tuple[int, int, int, int]


def check_split(split: str) -> None:
    """Raises ValueError unless `split` is one of the three."""
    if split not in SPLITS:
        rule = f"one of {', '.join(SPLITS)}"
        raise ValueError(f"`split` must be {rule}. Got: {split!r}")


def check_request(split: str, batch_size: int, start: int) -> None:
    """Raises ValueError unless a source can give such batches."""
    check_split(split)
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Got: {batch_size}")
    if start < 0:
        raise ValueError(f"`start` must be at least 0. Got: {start}")


def draws(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Generator of all random draws of one clip."""
    return np.random.default_rng((seed, epoch, index))


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


def training_order(size: int, seed: int, start: int = 0) -> Iterator[tuple[int, int]]:
    """Endless (epoch, index): each epoch holds every index once, shuffled anew.

    Args:
        size: Number of videos.
        seed: Of the shuffles.
        start: Clips to skip.
    """
    return (training_place(n, size, seed) for n in itertools.count(start))

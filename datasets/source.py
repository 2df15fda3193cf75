"""A clip source over an index of videos: what a folder and a table share."""

import copy
import os
import re
from collections.abc import Iterator
from functools import partial

import av
import numpy as np

from datasets import clips
from datasets.cache import Cache
from datasets.decode import BrokenVideoError, reason
from datasets.health import Health
from datasets.items import Index, Item
from datasets.objects import ObjectFolder
from datasets.order import (
    SPLITS,
    ClipSpec,
    check,
    check_request,
    check_split,
    draws,
    halves,
    training_place,
)

DIRECTIONS = re.compile(r"(left|right)(wards?)?|((anti|counter)?clockwise)")
# In place of an item's index.
BROKEN, FAILED = -1, -2


class VideoSource:
    """Clips of indexed videos, decoded as they are asked for.

    Training clips are random in time, scale and place; evaluation takes the centre of
    each video, or of each of its parts where the clip has `segments`. A video that is
    shorter than the clip, or has fewer frames, loops, with one warning. A broken
    video is named once and counted: training replaces it by another, evaluation leaves
    it out. The run fails when more than `max_bad_fraction` of all videos are broken, or
    all that there is to train on; a single one fails it only where the fraction is 0.

    Args:
        index: The videos.
        task: "single" or "multi" label.
        flip: Whether training mirrors half of the clips. None: unless the name of a
            class has a direction in it, as in "move_left" or "turn clockwise".
        resize: Range of the scale of training clips, relative to the one at which the
            picture just covers the clip. Evaluation uses 1.
        max_bad_fraction: Share of broken videos that is put up with; 1 is all but all.
        workers: Videos that are decoded at once; None: one for each core.
        cache_bytes: Memory for small videos, which are then decoded only once.
        objects: Folder with the segmentation of each video (see `objects.Maps`), at
            the path that the video has in its own, with the ending .npz. Clips are
            then dicts, of "clip" and of "objects": uint8 (batch, frames, height,
            width), the number of each pixel's class.

    Attributes:
        inputs: What clips hold, by the names of a model's inputs.
    """

    def __init__(
        self,
        index: Index,
        task: str = "single",
        flip: bool | None = None,
        resize: tuple[float, float] = (1.0, 1.25),
        max_bad_fraction: float = 0.01,
        workers: int | None = None,
        cache_bytes: int = 1 << 29,
        objects: str | None = None,
    ):
        check(task in ("single", "multi"), "task", "single or multi", task)
        check(1 <= resize[0] <= resize[-1], "resize", "ascending, from 1", resize)
        check(
            0 <= max_bad_fraction <= 1,
            "max_bad_fraction",
            "in [0, 1]",
            max_bad_fraction,
        )
        check(workers is None or workers >= 1, "workers", "at least 1", workers)
        check(cache_bytes >= 0, "cache_bytes", "at least 0", cache_bytes)
        self.classes = index.classes
        self.task = task
        self.flip = not has_directions(index.classes) if flip is None else flip
        self.resize = tuple(resize)
        self.workers = len(os.sched_getaffinity(0)) if workers is None else workers
        self.health = Health(index, max_bad_fraction)
        self._splits = index.splits
        self._objects = None if objects is None else ObjectFolder(objects, index)
        self.inputs = ("clip",) if objects is None else ("clip", "objects")
        self._cache = Cache(cache_bytes)

    def halves(self, seed: int) -> tuple["VideoSource", "VideoSource"]:
        """Two sources, each with a half of the training videos, drawn by a seed."""
        parts, items = [], self._splits["train"]
        for half in halves(len(items), seed):
            part = copy.copy(self)
            part._splits = {**self._splits, "train": [items[i] for i in half]}
            parts.append(part)
        return tuple(parts)

    def size(self, split: str) -> int:
        """Number of videos in a split, the broken ones included."""
        check_split(split)
        return len(self._splits[split])

    def batches(
        self,
        clip_spec: ClipSpec,
        split: str,
        batch_size: int,
        seed: int = 0,
        start: int = 0,
    ) -> "Batches":
        """Batches of clips: endless and shuffled in "train", else one pass in order.

        Args:
            clip_spec: Frames, rate, height and width of a clip.
            split: "train", "validation" or "test".
            batch_size: Clips a batch; the last one of a pass may be short.
            seed: Of the order and of all random draws.
            start: Batches to skip, for an exact resume.
        """
        check_request(split, batch_size, start)
        have = [name for name in SPLITS if self._splits[name]]
        check(split in have, "split", f"one of {', '.join(have)}", split)
        return Batches(self, clip_spec, split, batch_size, seed, start)

    def items(self, split: str) -> list[Item]:
        """The videos of a split."""
        check_split(split)
        return self._splits[split]

    def training_clip(
        self, clip_spec: ClipSpec, seed: int, position: int
    ) -> tuple[np.ndarray, int]:
        """Reads the clip at a position of the training order, and its item's index."""
        items = self._splits["train"]
        epoch, index = training_place(position, len(items), seed)
        rng, others = draws(seed, epoch, index), None
        while True:
            clip = self._read(items[index], clip_spec, rng)
            if clip is not None:
                return clip, index
            self.health.trains(items)
            others = others or np.random.default_rng((seed, epoch, index, 1))
            index = int(others.integers(len(items)))

    def evaluation_clip(
        self, clip_spec: ClipSpec, split: str, index: int
    ) -> tuple[np.ndarray, int]:
        """Reads the centre clip of a video, and its index: `BROKEN` if it is."""
        clip = self._read(self._splits[split][index], clip_spec, None)
        if clip is None:
            return np.zeros(self.shape(clip_spec), "uint8"), BROKEN
        return clip, index

    def shape(self, clip_spec: ClipSpec) -> tuple[int, ...]:
        """Shape of what `training_clip` reads: RGB, and a channel of objects."""
        return (*clip_spec.shape[:3], 3 + (self._objects is not None))

    def labels(self, split: str) -> np.ndarray:
        """Labels of a split: int32 (videos,), or float32 (videos, classes) if multi."""
        items = self._splits[split]
        if self.task == "single":
            return np.array([item.labels[0] for item in items], "int32")
        hot = np.zeros((len(items), len(self.classes)), "float32")
        for row, item in enumerate(items):
            hot[row, list(item.labels)] = 1
        return hot

    def _read(self, item: Item, clip_spec: ClipSpec, rng) -> np.ndarray | None:
        try:
            with self._cache.open(item.path, item.start, item.end) as video:
                if clips.loops(video.times, clip_spec):
                    self.health.loops(item, clip_spec)
                maps = self._objects and self._objects.read(item)
                how = {"resize": self.resize, "flip": self.flip, "maps": maps}
                clip = clips.read(video, clip_spec, rng, **how)
        except (BrokenVideoError, av.FFmpegError) as error:
            self.health.breaks(item, reason(error))
            return None
        self.health.reads(item)
        return clip


class Batches:
    """Iterable of NumPy batches; each new iteration starts again, at `start`.

    Attributes:
        dataset: The `tf.data.Dataset` behind it, which just ends where this raises.
    """

    def __init__(
        self, source: VideoSource, clip_spec: ClipSpec, split, batch_size, seed, start
    ):
        self._source = source
        self._clip_spec = clip_spec
        self._split = split
        self._training = split == "train"
        self._clip = (
            partial(source.training_clip, clip_spec, seed)
            if self._training
            else partial(source.evaluation_clip, clip_spec, split)
        )
        self._error = None
        self.dataset = self._build(batch_size, start * batch_size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        self._error = None
        for clip, label, *keys in self.dataset.as_numpy_iterator():
            names = [np.array([key.decode() for key in keys[0]])] if keys else []
            yield clip, label, *names
        if self._error is not None:
            raise self._error

    def _read(self, position: np.int64) -> tuple[np.ndarray, np.int64]:
        """Reads a clip and its item's index: `BROKEN`, or `FAILED` with an error."""
        try:
            clip, index = self._clip(int(position))
        # TensorFlow would log an exception with all its traceback: it never sees one.
        except Exception as error:
            self._error = self._error or error
            clip = np.zeros(self._source.shape(self._clip_spec), "uint8")
            index = FAILED
        return clip, np.int64(index)

    def _build(self, batch_size: int, first: int):
        # TensorFlow takes seconds to import: mistakes in the arguments are told before.
        import tensorflow as tf

        items, labels = (
            self._source.items(self._split),
            self._source.labels(self._split),
        )
        keys, shape = [item.key for item in items], self._source.shape(self._clip_spec)

        def load(position):
            types = (tf.uint8, tf.int64)
            clip, index = tf.numpy_function(self._read, [position], types)
            return tf.ensure_shape(clip, shape), tf.ensure_shape(index, ())

        def finish(clip, index):
            pictures = tf.cast(clip[..., :3], tf.float32) / 255.0
            if shape[-1] > 3:
                pictures = {"clip": pictures, "objects": clip[..., 3]}
            batch = pictures, tf.gather(labels, index)
            return batch if self._training else (*batch, tf.gather(keys, index))

        last = np.iinfo("int64").max if self._training else len(items)
        positions = tf.data.Dataset.range(first, max(first, last))
        read = positions.map(load, self._source.workers, deterministic=True)
        read = read.take_while(lambda clip, index: index != FAILED)
        read = read.filter(lambda clip, index: index != BROKEN)
        # Training has no end but a failure, whose last clips are no batch.
        return read.batch(batch_size, self._training).map(finish).prefetch(2)


def has_directions(classes: tuple[str, ...]) -> bool:
    """Whether mirroring could turn one class into another, by their names."""
    words = [
        word.lower()
        for name in classes
        for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    ]
    return any(DIRECTIONS.fullmatch(word) for word in words)

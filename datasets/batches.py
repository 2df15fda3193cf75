"""Batches of a clip source, read by several threads through tf.data."""

import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from datasets.flow import CHANNELS, LEVELS, STILL
from datasets.order import ClipSpec, batch_draws

if TYPE_CHECKING:
    from datasets.source import VideoSource  # Imports this module.

# In place of an item's index.
BROKEN, FAILED = -1, -2


class Batches:
    """Iterable of NumPy batches; each new iteration starts again, at `start`.

    Args:
        source: Reads the clips.
        clip_spec: Of the clips.
        split: "train" is endless, the others are one pass with keys.
        batch_size: Clips a batch.
        seed: Of the order and all draws.
        start: Batches to skip.
        views: Clips of each video, and crops of each of these; in "train" one.

    Attributes:
        dataset: The `tf.data.Dataset` behind it, which just ends where this raises.
    """

    def __init__(
        self,
        source: "VideoSource",
        clip_spec: ClipSpec,
        split: str,
        batch_size: int,
        seed: int = 0,
        start: int = 0,
        views: tuple[int, int] = (1, 1),
    ):
        self._source = source
        self._split = split
        self._seed = seed
        self._training = split == "train"
        self._views = views
        self._shape = source.shape(clip_spec)
        self._clips = (
            partial(source.training_clip, clip_spec, seed)
            if self._training
            else partial(source.evaluation_clips, clip_spec, split, seed, views)
        )
        self._error = None
        self.dataset = self._build(batch_size, start)

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        self._error = None
        for clip, label, *keys in self.dataset.as_numpy_iterator():
            names = [np.array([os.fsdecode(key) for key in part]) for part in keys]
            yield clip, label, *names
        if self._error is not None:
            raise self._error

    def _build(self, batch_size: int, start: int):
        # TensorFlow takes seconds to import: mistakes in the arguments are told before.
        import tensorflow as tf

        source, (clips, crops) = self._source, self._views
        labels = source.labels(self._split)
        # As bytes, for the names of files need not be UTF-8.
        keys = [os.fsencode(item.key) for item in source.items(self._split)]

        def load(position):
            types = (tf.uint8, tf.int64, tf.bool)
            clip, index, mirrored = tf.numpy_function(self._read, [position], types)
            clip = tf.ensure_shape(clip, (crops, *self._shape))
            index, mirrored = (tf.fill([crops], part) for part in (index, mirrored))
            one = clip[0], index[0], mirrored[0]
            return one if crops == 1 else (clip, index, mirrored)

        def finish(number, read):
            clip, index, mirrored = read
            label = self._label(tf.gather(labels, index), mirrored)
            if self._training and source.soft_labels:
                clip, label = self._mix(number, clip, label)
            if self._shape[-1] == CHANNELS:
                pictures = (tf.cast(clip, tf.float32) - STILL) / LEVELS
            else:  # In one step, which is the quickest.
                levels = tf.bitcast(clip[..., :3], tf.quint8)
                pictures = tf.quantization.dequantize(levels, 0.0, 1.0, "MIN_COMBINED")
            if self._shape[-1] > 3:
                pictures = {"clip": pictures, "objects": clip[..., 3]}
            batch = pictures, label
            return batch if self._training else (*batch, tf.gather(keys, index))

        first = start * batch_size  # Views are never skipped.
        last = np.iinfo("int64").max if self._training else len(keys) * clips
        positions = tf.data.Dataset.range(first, max(first, last))
        read = positions.map(load, source.workers, deterministic=True)
        read = read if crops == 1 else read.unbatch()
        read = read.take_while(lambda clip, index, mirrored: index != FAILED)
        read = read.filter(lambda clip, index, mirrored: index != BROKEN)
        # Training has no end but a failure, whose last clips are no batch.
        batches = read.batch(batch_size, self._training).enumerate(start)
        return batches.map(finish).prefetch(2)

    def _read(self, position: np.int64) -> tuple[np.ndarray, np.int64, np.bool_]:
        """Reads all crops of a clip, the index of its item, and whether it is mirrored.

        The index is `BROKEN` where the video is, and `FAILED` after an error.
        """
        try:
            clips, index, mirrored = self._clips(int(position))
        # TensorFlow would log an exception with all its traceback: it never sees one.
        except Exception as error:
            self._error = self._error or error
            clips, index, mirrored = None, FAILED, False
        if clips is None:
            clips = np.zeros((self._views[1], *self._shape), "uint8")
        return clips, np.int64(index), np.bool_(mirrored)

    def _label(self, label, mirrored):
        """The labels of clips of which some are mirrored."""
        import tensorflow as tf

        partners = self._source.partners
        if partners == tuple(range(len(partners))):
            return label
        if self._source.task == "single":
            return tf.where(mirrored, tf.gather(np.int32(partners), label), label)
        return tf.where(mirrored[:, None], tf.gather(label, partners, axis=1), label)

    def _mix(self, number, clip, label) -> list:
        """Mixes a batch; its labels are then shares of the classes."""
        import tensorflow as tf

        def mixed(number, clip, label):
            rng = batch_draws(self._seed, self._source.global_number(int(number)))
            return self._source.augmentation.mixed(rng, clip, label)

        if self._source.task == "single":
            label = tf.one_hot(label, len(self._source.classes))
        new = tf.numpy_function(mixed, [number, clip, label], (tf.uint8, tf.float32))
        return [
            tf.ensure_shape(*pair)
            for pair in zip(new, (clip.shape, label.shape), strict=True)
        ]

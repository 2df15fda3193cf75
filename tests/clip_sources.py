"""A clip source of arrays, and a network that learns it, for tests of training."""

import copy

import keras
import numpy as np
from keras import layers

from zoo.genotypes import ClipSpec
from zoo.genotypes.tiny_video import (
    SpatialLayer,
    Stream,
    TinyVideoBlock,
    TinyVideoGenotype,
)

TINY = ClipSpec(frames=2, rate=4.0, height=16, width=16)
SIZES = {"train": 12, "validation": 5, "test": 4}


class ArrayClips:
    """Noise with a brightness that tells the class; NumPy batches.

    Args:
        task: "single" or "multi" label.
        sizes: Clips in each split.
        classes: Their names.
    """

    def __init__(self, task="single", sizes=None, classes=("dark", "grey", "light")):
        self.task, self.classes = task, classes
        self.sizes = {**SIZES, **(sizes or {})}
        self.asked = []
        self.offset = 0  # Of a half, its first clip.

    def halves(self, seed):
        """Training clips with a low number, and those with a high one."""
        parts, size = [], self.sizes["train"]
        for low, high in ((0, size // 2), (size // 2, size)):
            part = copy.copy(self)
            part.sizes = {**self.sizes, "train": high - low}
            part.offset = low
            parts.append(part)
        return tuple(parts)

    def size(self, split):
        return self.sizes[split]

    def clip(self, spec, split, index, epoch=0):
        number = index % len(self.classes)
        rng = np.random.default_rng((len(split), index, epoch))
        level = (number + 0.5) / len(self.classes)
        clip = level + 0.1 * rng.standard_normal(spec.shape)
        hot = np.eye(len(self.classes), dtype="float32")[number]
        label = np.int32(number) if self.task == "single" else hot
        return np.clip(clip, 0, 1).astype("float32"), label

    def batches(self, spec, split, batch_size, seed=0, start=0):
        self.asked.append((split, batch_size, seed, start))
        return self._batches(spec, split, batch_size, seed, start)

    def _batches(self, spec, split, batch_size, seed, start):
        size = self.sizes[split]
        if split != "train":
            for first in range(start * batch_size, size, batch_size):
                indices = range(first, min(first + batch_size, size))
                yield (
                    *self._stack(spec, split, [(i, 0) for i in indices]),
                    np.array([f"{split}/{i}.mp4" for i in indices], dtype=object),
                )
            return
        while True:
            drawn = np.arange(start * batch_size, (start + 1) * batch_size)
            places = [((seed + i) % size, int(i) // size) for i in drawn]
            pairs = [(self.offset + i, epoch) for i, epoch in places]
            yield self._stack(spec, split, pairs)
            start += 1

    def _stack(self, spec, split, pairs):
        made = [self.clip(spec, split, int(i), epoch) for i, epoch in pairs]
        return np.stack([clip for clip, _ in made]), np.stack([y for _, y in made])


def tiny_network(classes=3, seed=1):
    """Convolution, batch norm and dropout: all state that a resume must bring back."""
    keras.utils.set_random_seed(seed)
    clip = keras.Input(TINY.shape, name="clip")
    x = layers.Reshape((16, 16, 6))(clip)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.8)(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    x = layers.Dropout(0.3)(x)
    return keras.Model(clip, layers.Dense(classes, name="head")(x))


def tiny_genotype():
    """A genotype that reads the clips of `TINY`."""
    spatial = SpatialLayer("conv", kernel=3, stride=2)
    block = TinyVideoBlock(filters=4, expand=2, spatial=spatial)
    return TinyVideoGenotype((Stream(frames=2, rate=4.0, size=16),), (block,))

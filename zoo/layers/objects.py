"""Segmentations of a clip's frames within a network."""

import math

import keras
from keras import ops

from zoo.genotypes.base import check


@keras.saving.register_keras_serializable(package="zoo")
class ObjectPool(keras.layers.Layer):
    """Tells which classes of objects each square of a frame shows.

    The maximum pool of AssembleNet++'s object stem (https://arxiv.org/abs/2008.08072)
    over a channel for each class, with TensorFlow's padding. It reads the number of
    each pixel's class; the channels are never there at the clip's own size.

    Input: `(batch, time, height, width)`, whole numbers; output `(batch, time,
    ceil(height / size), ceil(width / size), classes)`, zeros and ones. A number that
    is no class leaves zeros alone.

    Args:
        classes: Number of classes.
        size: Pixels of a square's side.
    """

    def __init__(self, classes: int, size: int = 4, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("classes", classes), ("size", size)):
            check(value >= 1, name, "at least 1", value)
        self.classes = classes
        self.size = size

    def call(self, inputs):
        numbers = ops.cast(inputs, "int32")
        margins = [_margins(length, self.size) for length in numbers.shape[2:]]
        around = [(0, 0), (0, 0), *margins]
        numbers = ops.pad(numbers, around, constant_values=self.classes)
        shown = None
        for row in range(self.size):
            for column in range(self.size):
                part = numbers[:, :, row :: self.size, column :: self.size]
                hot = ops.one_hot(part, self.classes, dtype=self.compute_dtype)
                shown = hot if shown is None else ops.maximum(shown, hot)
        return shown

    def compute_output_shape(self, input_shape):
        batch, time, *sides = input_shape
        sides = [-(-length // self.size) for length in sides]
        return (batch, time, *sides, self.classes)

    def cost(self, input_shape: tuple[int, ...]) -> tuple[int, int]:
        """No multiply-accumulates, and the elements of the output, for one clip."""
        return 0, math.prod(self.compute_output_shape(input_shape)[1:])

    def get_config(self):
        return {**super().get_config(), "classes": self.classes, "size": self.size}


def _margins(length: int, size: int) -> tuple[int, int]:
    """Pixels before and after, as TensorFlow pads to whole squares."""
    missing = -length % size
    return missing // 2, missing - missing // 2

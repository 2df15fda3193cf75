"""Mixins that run a 2D Keras layer over the frames of a clip, or over its time."""

import keras
from keras import ops

from zoo.genotypes.base import check

Shape = tuple[int | None, ...]


def check_static(shape: Shape) -> None:
    """Raises ValueError unless a clip's time, height and width are known."""
    check(None not in shape[1:4], "clip", "of static (time, height, width)", shape[1:4])


class _Folded:
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=5)

    def build(self, input_shape):
        check_static(input_shape)
        super().build(self.fold(input_shape))
        self.input_spec = keras.layers.InputSpec(ndim=5, axes={-1: input_shape[-1]})

    def call(self, inputs):
        outputs = super().call(_reshape(inputs, self.fold(inputs.shape)))
        return _reshape(outputs, self.compute_output_shape(inputs.shape))

    def compute_output_shape(self, input_shape):
        if len(input_shape) == 4:  # Keras' own `build` asks, with what it was given.
            return super().compute_output_shape(input_shape)
        folded = super().compute_output_shape(self.fold(input_shape))
        return self.unfold(folded, input_shape)


class OverSpace(_Folded):
    """Before a 2D layer: runs it on each frame of a clip."""

    def fold(self, shape: Shape) -> Shape:
        """(batch, time, height, width, channels) with time in the batch."""
        batch, time, *frame = shape
        return (None if batch is None else batch * time, *frame)

    def unfold(self, shape: Shape, original: Shape) -> Shape:
        """The output's folded shape with the clip's batch and time."""
        return (*original[:2], *shape[1:])


class OverTime(_Folded):
    """Before a 2D layer: runs it on a clip's (time, height * width)."""

    def fold(self, shape: Shape) -> Shape:
        """(batch, time, height, width, channels) with height and width in one."""
        batch, time, height, width, channels = shape
        return (batch, time, height * width, channels)

    def unfold(self, shape: Shape, original: Shape) -> Shape:
        """The output's folded shape with the clip's height and width."""
        return (*shape[:2], *original[2:4], shape[-1])


def _reshape(tensor, shape: Shape):
    return ops.reshape(tensor, [-1 if size is None else size for size in shape])

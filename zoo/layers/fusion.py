"""Brings feature maps of different shapes together."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="zoo")
class Resample(keras.layers.Layer):
    """Picks frames of a clip and resizes them.

    Frames are averaged over whole squares as far as the size shrinks by whole factors,
    then resized bilinearly: bilinear alone would skip pixels.

    Input: `(batch, time, height, width, channels)`; output `(batch, len(frames),
    height, width, channels)`.

    Args:
        frames: Indices of the frames to keep.
        height: Pixels.
        width: Pixels.
    """

    def __init__(self, frames: list[int], height: int, width: int, **kwargs):
        super().__init__(**kwargs)
        if len(frames) == 0 or min(height, width) < 1:
            raise ValueError(
                "`frames`, `height` and `width` must not be empty. "
                f"Got: {frames}, {height}, {width}"
            )
        self.frames = list(frames)
        self.height = height
        self.width = width

    def call(self, inputs):
        _, time, height, width, channels = inputs.shape
        kept = inputs
        if self.frames != list(range(time)):
            kept = ops.take(inputs, ops.convert_to_tensor(self.frames, "int32"), axis=1)
        if (height, width) == (self.height, self.width):
            return kept
        images = ops.reshape(kept, (-1, height, width, channels))
        factors = (max(1, height // self.height), max(1, width // self.width))
        images = ops.average_pool(images, factors, factors, "valid")
        images = ops.image.resize(
            images, (self.height, self.width), data_format="channels_last"
        )
        shape = (-1, len(self.frames), self.height, self.width, channels)
        return ops.reshape(images, shape)

    def compute_output_shape(self, input_shape):
        size = (len(self.frames), self.height, self.width)
        return (input_shape[0], *size, input_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "frames": self.frames,
            "height": self.height,
            "width": self.width,
        }

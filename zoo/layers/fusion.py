"""Brings feature maps of different shapes together."""

import math
from collections.abc import Sequence

import keras
from keras import ops

from zoo.genotypes.base import check


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
        check(len(frames) > 0, "frames", "at least one", frames)
        for name, side in (("height", height), ("width", width)):
            check(side >= 1, name, "at least 1", side)
        self.frames = list(frames)
        self.height = height
        self.width = width

    def build(self, input_shape):
        # TensorFlow says so by the number of an operation, JAX gives frames of NaN.
        inside = min(self.frames) >= 0 and max(self.frames) < input_shape[1]
        check(inside, "frames", f"from 0 to {input_shape[1] - 1}", self.frames)

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


@keras.saving.register_keras_serializable(package="zoo")
class GatedSum(keras.layers.Layer):
    """Sums feature maps of equal width, each scaled by a learned gate in (0, 1).

    The edge weights of AssembleNet (https://arxiv.org/abs/1905.13209):
    `y = sum_i sigmoid(w_i) * x_i`. Trained gates rank the edges for evolution.

    Input: list of `(batch, time, height, width, channels)`, equal but for the channels;
    output: a list of sums, one for each width, in the order of their first inputs.

    Args:
        gates: Every gate before training, in (0, 1); None begins near one half, as the
            released code does.
        learned: Whether training changes the gates.
    """

    def __init__(
        self, gates: Sequence[float] | None = None, learned: bool = True, **kwargs
    ):
        super().__init__(**kwargs)
        inside = gates is None or all(0 < gate < 1 for gate in gates)
        check(inside, "gates", "in (0, 1)", gates)
        self.gates = None if gates is None else list(gates)
        self.learned = learned

    def build(self, input_shapes):
        count = len(input_shapes)
        start = keras.initializers.TruncatedNormal(stddev=0.01)
        if self.gates is not None:
            rule = f"one for each of {count} inputs"
            check(len(self.gates) == count, "gates", rule, self.gates)
            logits = [math.log(gate / (1 - gate)) for gate in self.gates]
            start = keras.initializers.Constant(logits)
        self.logits = self.add_weight(
            (count,), start, trainable=self.learned, dtype="float32", name="logits"
        )
        self.widths = [shape[-1] for shape in input_shapes]

    def call(self, inputs):
        gates = ops.sigmoid(self.logits)
        sums = {}
        for index, x in enumerate(inputs):
            term = ops.cast(gates[index], x.dtype) * x
            width = self.widths[index]
            sums[width] = sums[width] + term if width in sums else term
        return list(sums.values())

    def compute_output_shape(self, input_shapes):
        return list({shape[-1]: tuple(shape) for shape in input_shapes}.values())

    def cost(self, input_shapes: list[tuple[int, ...]]) -> tuple[int, int]:
        """No multiply-accumulates, and the elements of all sums, for one clip."""
        sums = self.compute_output_shape(input_shapes)
        return 0, sum(math.prod(shape[1:]) for shape in sums)

    def get_config(self):
        return {
            **super().get_config(),
            "gates": self.gates,
            "learned": self.learned,
        }

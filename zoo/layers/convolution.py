"""Convolutions of clips: joint ones, and factorised ones as 2D on folded axes.

A spatial convolution folds time into the batch, a temporal one folds height and width
into one axis. Both are exact, fast on every backend, and exportable to LiteRT, which
has no dilated, grouped or depthwise 3D convolution.
"""

import functools
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from zoo.genotypes.base import check
from zoo.layers.folding import OverSpace, OverTime

# Input channels up to which groups are faster as one dense convolution: on two CPU
# cores with TensorFlow, forth and back, it takes 0.5 to 0.9 of the time of separate
# ones at 32 channels and fewer, and 1.1 at 64 in 4 groups.
DENSE = 32


class _Conv(keras.layers.Conv2D):
    def convolution_op(self, inputs, kernel):
        if self.groups == 1:
            return self._convolved(inputs, kernel)
        # Keras lets XLA compile what has groups, as TensorFlow has no gradient of it on
        # a CPU.
        if inputs.shape[-1] <= DENSE:
            return self._convolved(inputs, self._dense(kernel))
        parts = [ops.split(x, self.groups, axis=-1) for x in (inputs, kernel)]
        outputs = [self._convolved(*part) for part in zip(*parts, strict=True)]
        return ops.concatenate(outputs, axis=-1)

    def _dense(self, kernel):
        """The kernel of a convolution without groups: zeros between them."""
        size, filters = kernel.shape[2], kernel.shape[3] // self.groups
        between = np.kron(np.eye(self.groups), np.ones((size, filters)))
        return ops.tile(kernel, (1, 1, self.groups, 1)) * ops.cast(
            between, kernel.dtype
        )

    def _convolved(self, inputs, kernel):
        if self.kernel_size != (1, 1) or self.strides == (1, 1):
            return super().convolution_op(inputs, kernel)
        # The same, and safe: TensorFlow 2.21's gradient of a strided 1x1 convolution
        # of few channels (48x48x3, stride 2, oneDNN) writes beyond its memory.
        rows, columns = self.strides
        return ops.conv(inputs[:, ::rows, ::columns], kernel, padding=self.padding)


@keras.saving.register_keras_serializable(package="zoo")
class JointConv(keras.layers.Conv3D):
    """`Conv3D`, which may be longer than the clip that it strides over.

    Input: `(batch, time, height, width, channels)`; output the same, strided, with
    `filters` channels.

    Args:
        filters: Output channels.
        kernel_size: Frames, and pixels down and across.
        strides: In the same order.
        **kwargs: As for `keras.layers.Conv3D`.
    """

    def convolution_op(self, inputs, kernel):
        if max(self.strides) > 1 and self.groups == 1:
            return conv3d(inputs, kernel, self.strides, self.padding)
        dilation, *others = self.dilation_rate
        if dilation == 1 or max(others) > 1 or keras.backend.backend() == "jax":
            return super().convolution_op(inputs, kernel)
        length, *sides = kernel.shape[:3]
        if self.padding == "same":
            zeros = [((side - 1) // 2, side // 2) for side in sides]
            inputs = ops.pad(inputs, [(0, 0), (0, 0), *zeros, (0, 0)])
        convolve = functools.partial(ops.conv, kernel=kernel, padding="valid")
        return in_turn(convolve, inputs, length, dilation, self.padding)


def in_turn(convolve: Callable, inputs, length: int, dilation: int, padding: str):
    """A convolution that is dilated over time, by one that is not.

    TensorFlow puts `dilation` frames in turn into the batch by an operation that
    LiteRT lacks; this does it by those that it has.

    Args:
        convolve: Of (clips, time, ...), without padding over time.
        inputs: (batch, time, ...).
        length: Frames of the kernel.
        dilation: Frames from one of the kernel to the next.
        padding: Over time: "same" or "valid".
    """
    frames, *rest = inputs.shape[1:]
    reach = dilation * (length - 1)
    padded = frames + (reach if padding == "same" else 0)
    before, turns = (padded - frames) // 2, -(-padded // dilation)
    sides = (before, dilation * turns - frames - before)
    x = ops.pad(inputs, [(0, 0), sides, *[(0, 0)] * len(rest)])
    x = ops.swapaxes(ops.reshape(x, (-1, turns, dilation, *rest)), 1, 2)
    x = convolve(ops.reshape(x, (-1, turns, *rest)))
    frames, *rest = x.shape[1:]
    x = ops.swapaxes(ops.reshape(x, (-1, dilation, frames, *rest)), 1, 2)
    return ops.reshape(x, (-1, dilation * frames, *rest))[:, : padded - reach]


def conv3d(inputs, kernel, strides: tuple[int, int, int], padding: str):
    """A 3D convolution whose gradient is safe in TensorFlow.

    TensorFlow 2.21's gradient with stride 2 over time ends the process where 7 frames
    of a kernel meet 5 of a clip, and 11 meet 7 or 8 (on CPUs, by oneDNN, with padding
    "same"); with zeros put around the clip it does not.

    Args:
        inputs: (batch, time, height, width, channels).
        kernel: (time, height, width, channels, filters).
        strides: Frames, and pixels down and across.
        padding: "same" or "valid".
    """
    frames, length, stride = inputs.shape[1], kernel.shape[0], strides[0]
    if padding == "same" and stride > 1 and length > frames:
        sides = [(0, 0), (0, 0)]
        for i in range(3):
            size, step = inputs.shape[1 + i], strides[i]
            zeros = max(0, (-(-size // step) - 1) * step + kernel.shape[i] - size)
            sides.insert(-1, (zeros // 2, zeros - zeros // 2))
        inputs, padding = ops.pad(inputs, sides), "valid"
    return ops.conv(inputs, kernel, strides, padding)


@keras.saving.register_keras_serializable(package="zoo")
class SpatialConv(OverSpace, _Conv):
    """Convolves each frame: `Conv2D` on (batch * time, height, width, channels).

    Equal to a `Conv3D` of kernel (1, k, k).

    Input: `(batch, time, height, width, channels)`; output the same, strided, with
    `filters` channels.

    Args:
        filters: Output channels.
        kernel_size: Pixels a side.
        **kwargs: As for `keras.layers.Conv2D`.
    """


@keras.saving.register_keras_serializable(package="zoo")
class FactorisedReduce(keras.layers.Layer):
    """Halves height and width by two convolutions of one pixel, and reads all corners.

    DARTS' strided identity (https://arxiv.org/abs/1806.09055): one half of the output
    channels reads every second pixel from the first on, the other half from the second
    on, one row and one column further. Sizes that are odd end with zeros.

    Input: `(batch, time, height, width, channels)`; output `(batch, time, height / 2,
    width / 2, filters)`.

    Args:
        filters: Output channels.
        groups: Parts of the output channels, each of which has both halves.
        kernel_initializer: As for `keras.layers.Conv2D`.
        **kwargs: As for `keras.layers.Layer`.
    """

    use_bias = False

    def __init__(
        self,
        filters: int,
        groups: int = 1,
        kernel_initializer: str = "he_normal",
        **kwargs,
    ):
        super().__init__(**kwargs)
        shared = groups >= 1 and filters % groups == 0 and filters >= 2 * groups
        rule = f"at least 2 for each of {groups} groups, and divisible by them"
        check(shared, "filters", rule, filters)
        self.filters = filters
        self.groups = groups
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        shape = (input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape, self.kernel_initializer, name="kernel")

    def call(self, inputs):
        height, width, channels = inputs.shape[2:]
        odd = ((0, 0), (0, 0), (0, height % 2), (0, width % 2), (0, 0))
        even = ops.pad(inputs, odd) if height % 2 or width % 2 else inputs
        size = self.filters // self.groups
        kernel = ops.reshape(self.kernel, (channels, self.groups, size))
        corners = (even[:, :, ::2, ::2], even[:, :, 1::2, 1::2])
        halves = (kernel[..., : size // 2], kernel[..., size // 2 :])
        outputs = [
            self._point(corner, half)
            for corner, half in zip(corners, halves, strict=True)
        ]
        return ops.reshape(ops.concatenate(outputs, axis=-1), self._shape(inputs.shape))

    def _point(self, x, kernel):
        """(batch, time, height, width, groups, filters of each)."""
        channels, groups, size = kernel.shape
        y = ops.matmul(x, ops.reshape(kernel, (channels, groups * size)))
        return ops.reshape(y, (-1, *y.shape[1:-1], groups, size))

    def _shape(self, shape: tuple) -> tuple:
        return (-1, shape[1], *(-(-side // 2) for side in shape[2:4]), self.filters)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._shape(input_shape)[1:])

    def get_config(self):
        start = keras.initializers.serialize(self.kernel_initializer)
        return {
            **super().get_config(),
            "filters": self.filters,
            "groups": self.groups,
            "kernel_initializer": start,
        }


@keras.saving.register_keras_serializable(package="zoo")
class SpatialDepthwiseConv(OverSpace, keras.layers.DepthwiseConv2D):
    """Convolves each frame and channel by itself: `DepthwiseConv2D` on folded frames.

    Input: `(batch, time, height, width, channels)`; output the same, strided.

    Args:
        kernel_size: Pixels a side.
        **kwargs: As for `keras.layers.DepthwiseConv2D`.
    """


@keras.saving.register_keras_serializable(package="zoo")
class TemporalConv(OverTime, _Conv):
    """Convolves over time: `Conv2D` of kernel (k, 1) on (time, height * width).

    Equal to a `Conv3D` of kernel (k, 1, 1).

    Input: `(batch, time, height, width, channels)`; output the same, strided in time,
    with `filters` channels.

    Args:
        filters: Output channels.
        kernel_size: Frames.
        strides: Frames.
        dilation_rate: Frames.
        **kwargs: As for `keras.layers.Conv2D`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        dilation_rate: int = 1,
        **kwargs,
    ):
        dilation = (dilation_rate, 1)
        super().__init__(
            filters, (kernel_size, 1), (strides, 1), dilation_rate=dilation, **kwargs
        )

    def _convolved(self, inputs, kernel):
        dilation = self.dilation_rate[0]
        if dilation == 1 or keras.backend.backend() == "jax":
            return super()._convolved(inputs, kernel)
        convolve = functools.partial(ops.conv, kernel=kernel, padding="valid")
        return in_turn(convolve, inputs, kernel.shape[0], dilation, self.padding)

    def get_config(self):
        config = super().get_config()
        lengths = ("kernel_size", "strides", "dilation_rate")
        return {**config, **{name: config[name][0] for name in lengths}}

"""Factorised convolutions of clips, run as 2D convolutions on folded axes.

A spatial convolution folds time into the batch, a temporal one folds height and width
into one axis. Both are exact, fast on every backend, and exportable to LiteRT, which
has no dilated, grouped or depthwise 3D convolution.
"""

import keras
from keras import ops

from zoo.layers.folding import OverSpace, OverTime


class _Conv(keras.layers.Conv2D):
    def convolution_op(self, inputs, kernel):
        if self.kernel_size != (1, 1) or self.strides == (1, 1):
            return super().convolution_op(inputs, kernel)
        # The same, and safe: TensorFlow 2.21's gradient of a strided 1x1 convolution
        # of few channels (48x48x3, stride 2, oneDNN) writes beyond its memory.
        rows, columns = self.strides
        return ops.conv(inputs[:, ::rows, ::columns], kernel, padding=self.padding)


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

    def get_config(self):
        config = super().get_config()
        lengths = ("kernel_size", "strides", "dilation_rate")
        return {**config, **{name: config[name][0] for name in lengths}}

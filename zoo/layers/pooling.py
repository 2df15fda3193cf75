"""Pools over space and over time, each as a 2D pool.

One after the other they equal a 3D pool, which LiteRT does not have.
"""

import keras

from zoo.layers.folding import OverSpace, OverTime


@keras.saving.register_keras_serializable(package="zoo")
class SpatialMaxPool(OverSpace, keras.layers.MaxPooling2D):
    """The maximum over a square of each frame.

    Input: `(batch, time, height, width, channels)`; output the same, strided.

    Args:
        pool_size: Pixels a side.
        strides: Pixels; None is the size of the pool.
        **kwargs: As for `keras.layers.MaxPooling2D`.
    """


@keras.saving.register_keras_serializable(package="zoo")
class SpatialAveragePool(OverSpace, keras.layers.AveragePooling2D):
    """The mean over a square of each frame; padding does not count.

    Input: `(batch, time, height, width, channels)`; output the same, strided.

    Args:
        pool_size: Pixels a side.
        strides: Pixels; None is the size of the pool.
        **kwargs: As for `keras.layers.AveragePooling2D`.
    """


class _TemporalPool(OverTime):
    def __init__(self, pool_size: int, strides: int | None = None, **kwargs):
        strides = pool_size if strides is None else strides
        super().__init__((pool_size, 1), (strides, 1), **kwargs)

    def get_config(self):
        config = super().get_config()
        return {**config, **{k: config[k][0] for k in ("pool_size", "strides")}}


@keras.saving.register_keras_serializable(package="zoo")
class TemporalMaxPool(_TemporalPool, keras.layers.MaxPooling2D):
    """The maximum over neighbouring frames.

    Input: `(batch, time, height, width, channels)`; output the same, strided in time.

    Args:
        pool_size: Frames.
        strides: Frames; None is the size of the pool.
        **kwargs: As for `keras.layers.MaxPooling2D`.
    """


@keras.saving.register_keras_serializable(package="zoo")
class TemporalAveragePool(_TemporalPool, keras.layers.AveragePooling2D):
    """The mean over neighbouring frames; padding does not count.

    Input: `(batch, time, height, width, channels)`; output the same, strided in time.

    Args:
        pool_size: Frames.
        strides: Frames; None is the size of the pool.
        **kwargs: As for `keras.layers.AveragePooling2D`.
    """

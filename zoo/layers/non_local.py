"""Attention between all places of a clip."""

import math

import keras
from keras import ops

from zoo.genotypes.base import check
from zoo.layers.normalization import BatchNorm


@keras.saving.register_keras_serializable(package="zoo")
class NonLocal(keras.layers.Layer):
    """Adds to each place a mean of all others, weighted by likeness.

    The embedded Gaussian of Wang et al. (https://arxiv.org/abs/1711.07971):
    `y = x + norm(Wz softmax(theta(x) phi(x)^T) g(x))`, with `phi` and `g` max-pooled
    over space. The paper's softmax has no scale, its released code divides by the root
    of the bottleneck: `scaled` is the latter. The last norm's scale starts at 0, so
    that a new layer changes nothing.

    Input: `(batch, time, height, width, channels)`; output the same.

    Args:
        bottleneck: Channels of `theta`, `phi` and `g`.
        pool_size: Side and stride of the pool over `phi` and `g`.
        scaled: Whether the likeness is divided by the root of `bottleneck`.
    """

    def __init__(
        self, bottleneck: int, pool_size: int = 1, scaled: bool = True, **kwargs
    ):
        super().__init__(**kwargs)
        for name, value in [("bottleneck", bottleneck), ("pool_size", pool_size)]:
            check(value >= 1, name, "at least 1", value)
        self.bottleneck = bottleneck
        self.pool_size = pool_size
        self.scaled = scaled

    def build(self, input_shape):
        rule = "of more than one place after the pool"
        check(self._keys(input_shape) > 1, "input_shape", rule, input_shape)
        channels = input_shape[-1]
        self.theta = self._projection(self.bottleneck, channels, "theta")
        self.phi = self._projection(self.bottleneck, channels, "phi")
        self.g = self._projection(self.bottleneck, channels, "g")
        self.out = self._projection(channels, self.bottleneck, "out")
        self.norm = BatchNorm(
            momentum=0.9,
            epsilon=1e-5,
            gamma_initializer="zeros",
            dtype=self.dtype_policy,
            name="norm",
        )
        self.norm.build((None, None, channels))

    def _projection(self, units: int, fan_in: int, name: str) -> keras.layers.Dense:
        layer = keras.layers.Dense(
            units,
            use_bias=False,
            kernel_initializer="he_normal",
            dtype=self.dtype_policy,
            name=name,
        )
        layer.build((None, None, fan_in))
        return layer

    def call(self, inputs, training=None):
        _, time, height, width, channels = inputs.shape
        places = ops.reshape(inputs, (-1, time * height * width, channels))
        queries = self.theta(places)
        keys = self._pooled(self.phi(places), inputs.shape)
        values = self._pooled(self.g(places), inputs.shape)
        if self.scaled:
            queries = queries / math.sqrt(self.bottleneck)
        likeness = ops.softmax(ops.matmul(queries, ops.transpose(keys, (0, 2, 1))))
        answer = self.norm(self.out(ops.matmul(likeness, values)), training=training)
        return inputs + ops.reshape(answer, (-1, time, height, width, channels))

    def compute_output_shape(self, input_shape):
        return input_shape

    def _pooled(self, places, shape):
        if self.pool_size == 1:
            return places
        frames = ops.reshape(places, (-1, *shape[2:4], self.bottleneck))
        pooled = ops.max_pool(frames, self.pool_size, self.pool_size, "same")
        return ops.reshape(pooled, (-1, self._keys(shape), self.bottleneck))

    def _keys(self, shape) -> int:
        height, width = (math.ceil(side / self.pool_size) for side in shape[2:4])
        return shape[1] * height * width

    def cost(self, input_shape: tuple[int, ...]) -> tuple[int, int]:
        """Multiply-accumulates, and elements of all outputs within, for one clip."""
        places, channels = math.prod(input_shape[1:4]), input_shape[-1]
        keys, units = self._keys(input_shape), self.bottleneck
        macs = 4 * places * channels * units + 2 * places * keys * units
        attention = 2 * places * keys + 4 * places * units + 2 * keys * units
        return macs, attention + 3 * places * channels

    def get_config(self):
        return {
            **super().get_config(),
            "bottleneck": self.bottleneck,
            "pool_size": self.pool_size,
            "scaled": self.scaled,
        }

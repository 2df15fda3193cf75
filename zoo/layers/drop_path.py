"""Paths through a network that training leaves out at random."""

import keras
from keras import ops

from zoo.genotypes.base import check


@keras.saving.register_keras_serializable(package="zoo")
class DropPath(keras.layers.Layer):
    """In training sets the input of some clips to zero, and scales up that of others.

    As FractalNet's (https://arxiv.org/abs/1605.07648) in NASNet and DARTS: the share of
    clips that lose the path rises linearly from 0 over the first steps of training.

    Input: `(batch, ...)`; output the same.

    Args:
        rate: Share of the clips, in [0, 1), once it has risen.
        steps: Of training in which it rises; with 0 it is there at once.
        seed: Of the draws, or None for another each time.
        **kwargs: As for `keras.layers.Layer`.
    """

    def __init__(self, rate: float, steps: int = 0, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        check(0 <= rate < 1, "rate", "in [0, 1)", rate)
        check(steps >= 0, "steps", "at least 0", steps)
        self.rate = rate
        self.steps = steps
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        if self.steps:
            options = {"trainable": False, "dtype": "float32", "autocast": False}
            self.step = self.add_weight((), "zeros", name="step", **options)

    def call(self, inputs, training=None):
        if not training or self.rate == 0:
            return inputs
        rate = self.rate
        if self.steps:
            rate = rate * ops.minimum(ops.convert_to_tensor(self.step) / self.steps, 1)
            self.step.assign(self.step + 1)
        shape = (ops.shape(inputs)[0], *[1] * (len(inputs.shape) - 1))
        draws = keras.random.uniform(shape, dtype="float32", seed=self.generator)
        kept = ops.cast(draws >= rate, "float32") / (1 - rate)
        return inputs * ops.cast(kept, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "steps": self.steps,
            "seed": self.seed,
        }

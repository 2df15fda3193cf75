"""Gates over channels that a clip's own average opens and closes."""

import math

import keras
from keras import ops

from zoo.genotypes.base import check


class _Gate(keras.layers.Layer):
    """Multiplies its input by dense layers over the input's average."""

    def build(self, input_shape):
        widths = [*self.hidden_units(), input_shape[-1]]
        activations = ["relu"] * (len(widths) - 1) + ["sigmoid"]
        self.dense = []
        fan_in = input_shape[-1]
        for index, (width, activation) in enumerate(
            zip(widths, activations, strict=True)
        ):
            layer = keras.layers.Dense(
                width,
                activation,
                kernel_initializer="he_normal",
                dtype=self.dtype_policy,
                name=f"dense{index}",
            )
            layer.build((None, fan_in))
            self.dense.append(layer)
            fan_in = width

    def call(self, inputs):
        gate = ops.mean(inputs, axis=(1, 2, 3))
        for layer in self.dense:
            gate = layer(gate)
        return inputs * ops.reshape(gate, (-1, 1, 1, 1, inputs.shape[-1]))

    def compute_output_shape(self, input_shape):
        return input_shape

    def cost(self, input_shape: tuple[int, ...]) -> tuple[int, int]:
        """Multiply-accumulates, and elements of all outputs within, for one clip."""
        macs = sum(math.prod(layer.kernel.shape) for layer in self.dense)
        elements = input_shape[-1] + sum(layer.units for layer in self.dense)
        return macs, elements + math.prod(input_shape[1:])


@keras.saving.register_keras_serializable(package="zoo")
class SqueezeExcite(_Gate):
    """Scales each channel by a gate from two dense layers over the clip's average.

    Squeeze-and-excitation (https://arxiv.org/abs/1709.01507) over time and space:
    `y = x * sigmoid(W2 relu(W1 mean(x) + b1) + b2)`.

    Input: `(batch, time, height, width, channels)`; output the same.

    Args:
        units: Width of the hidden layer.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        check(units >= 1, "units", "at least 1", units)
        self.units = units

    def hidden_units(self) -> list[int]:
        """Widths between the average and the gate."""
        return [self.units]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="zoo")
class ContextGate(_Gate):
    """Scales each channel by a gate from one dense layer over the clip's average.

    Context gating (https://arxiv.org/abs/1706.06905), on the average and not on each
    place as Tiny Video Networks use it: `y = x * sigmoid(W mean(x) + b)`.

    Input: `(batch, time, height, width, channels)`; output the same.
    """

    def hidden_units(self) -> list[int]:
        """Widths between the average and the gate: none."""
        return []

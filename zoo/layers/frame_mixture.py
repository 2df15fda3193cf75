"""Mixtures of neighbouring frames: depthwise convolutions over time."""

import keras
from keras import activations, layers, ops

from zoo.genotypes.base import check, check_whole

PADDINGS = ("same", "valid")


@keras.saving.register_keras_serializable(package="zoo")
class FrameMixture(layers.Layer):
    """Sums neighbouring frames, weighed for each channel: what `InflatedTGM` ends with.

    A depthwise convolution over time: `y[t, c] = sum_l K[l, c] x[t + l - L // 2, c]`.

    Input: `(batch, time, height, width, channels)`; output the same.

    Args:
        kernel_size: Frames.
        padding: "same" or "valid".
        use_bias: Whether to add a bias.
        activation: After the bias.
        **kwargs: As for `keras.layers.Layer`.
    """

    def __init__(
        self,
        kernel_size: int,
        padding: str = "same",
        use_bias: bool = True,
        activation: str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_whole(kernel_size, "kernel_size")
        check(padding in PADDINGS, "padding", f"one of {PADDINGS}", padding)
        self.kernel_size = kernel_size
        self.padding = padding
        self.use_bias = use_bias
        self.activation = activations.get(activation)

    def build(self, input_shape):
        channels = input_shape[-1]
        self.kernel = self.add_weight((self.kernel_size, channels), name="kernel")
        if self.use_bias:
            self.bias = self.add_weight((channels,), "zeros", name="bias")

    def call(self, inputs):
        outputs = mix_frames(inputs, self.kernel, self.padding)
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "padding": self.padding,
            "use_bias": self.use_bias,
            "activation": activations.serialize(self.activation),
        }


def mix_frames(clip, kernel, padding: str):
    """A depthwise convolution over time.

    Args:
        clip: (batch, time, height, width, channels).
        kernel: (frames, channels).
        padding: "same" or "valid".
    """
    length, frames = kernel.shape[0], clip.shape[1]
    # TensorFlow would put out what is in its memory, JAX no frames.
    whole = padding == "same" or length <= frames
    check(whole, "clip", f"of at least {length} frames", frames)
    if length == 1:
        return clip * kernel[0]
    if keras.backend.backend() == "tensorflow":
        _, _, height, width, channels = clip.shape
        folded = ops.reshape(clip, (-1, frames, height * width, channels))
        kernel = kernel[:, None, :, None]
        mixed = ops.depthwise_conv(folded, kernel, padding=padding)
        return ops.reshape(mixed, (-1, mixed.shape[1], height, width, channels))
    # On a CPU, XLA's depthwise convolution takes longer than these in one loop.
    if padding == "same":
        before = (length - 1) // 2
        sides = [(0, 0), (before, length - 1 - before), *[(0, 0)] * 3]
        clip = ops.pad(clip, sides)
    left = clip.shape[1] - length + 1
    return sum(clip[:, i : i + left] * kernel[i] for i in range(length))

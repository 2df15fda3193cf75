"""2D convolutions inflated over time by learned mixtures of Gaussians."""

import math

import keras
from keras import initializers, layers, ops

from zoo.genotypes.base import check, check_whole
from zoo.layers.convolution import conv3d
from zoo.layers.folding import check_static
from zoo.layers.frame_mixture import PADDINGS, FrameMixture, mix_frames

PROFILES = ("gaussian", "cauchy")


@keras.saving.register_keras_serializable(package="zoo")
class InflatedTGM(layers.Layer):
    """iTGM: a 3D convolution whose kernel is a 2D one times a mixture over time.

    The layer of EvaNet (https://arxiv.org/abs/1811.10636, Eq. 1 to 4). Its kernel of
    L frames is `S[h, w, in, out] * K[l, out]`. Each row of K is a mixture of M bells
    that the whole layer shares, each with the sum 1 over the frames, so the kernel's
    sum over time is S, and L costs no parameters.

    `"gaussian"` is the paper: `mu = (L - 1) (tanh(centre) + 1) / 2`, `sigma^2 =
    exp(width)`, and a softmax over the M Gaussians for each output channel. The paper
    prints no sum over them, nor initial values: these are the code's. `"cauchy"` is the
    released code (google-research, evanet, commit 066e6a12): the bells are
    `1 / (1 + pi (l - mu)^2 / w)` with `w = exp(1.5 - 2 |tanh(width)|)`, and each pair
    of an input and an output channel has a mixture of its own, `K[l, in, out]`.

    A kernel of one frame is a 2D convolution of each frame, with no weights but S. With
    `"gaussian"` the layer convolves each frame by S and then mixes the frames of each
    channel by K, which is the same in a fraction of the time: 1 / L of the products,
    and L for each element out. It makes the 3D kernel for `"cauchy"`, and where it
    strides over time, which mixes frames that nobody reads. Of a kernel that is longer
    than what a clip lets it see, only that part is made.

    Input: `(batch, time, height, width, channels)`; output the same, strided, with
    `filters` channels.

    Args:
        filters: Output channels.
        kernel_size: (frames, pixels down, pixels across); the frames are odd.
        strides: In the same order.
        gaussians: M, how many bells the layer mixes.
        profile: "gaussian" or "cauchy".
        padding: "same" or "valid".
        kernel_initializer: Of S.
        **kwargs: As for `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: tuple[int, int, int],
        strides: tuple[int, int, int] = (1, 1, 1),
        gaussians: int = 4,
        profile: str = "gaussian",
        padding: str = "same",
        kernel_initializer: str | initializers.Initializer = "he_normal",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_whole(filters, "filters")
        check_whole(gaussians, "gaussians")
        check(profile in PROFILES, "profile", f"one of {PROFILES}", profile)
        check(padding in PADDINGS, "padding", f"one of {PADDINGS}", padding)
        odd = _sizes(kernel_size) and kernel_size[0] % 2 == 1
        rule = "three whole numbers of at least 1, of which the first, time, is odd"
        check(odd, "kernel_size", rule, kernel_size)
        rule = "three whole numbers of at least 1"
        check(_sizes(strides), "strides", rule, strides)
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)
        self.gaussians = gaussians
        self.profile = profile
        self.padding = padding
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.input_spec = layers.InputSpec(ndim=5)

    def build(self, input_shape):
        check_static(input_shape)
        channels = input_shape[-1]
        self.input_spec = layers.InputSpec(ndim=5, axes={-1: channels})
        shape = (*self.kernel_size[1:], channels, self.filters)
        self.kernel = self._weight("kernel", shape, self.kernel_initializer)
        if self.kernel_size[0] == 1:
            return
        pairs = 1 if self.profile == "gaussian" else channels
        self.centre, self.width, self.mixture_logits = (
            self._weight(name, shape, initializer)
            for name, shape, initializer in [
                ("centre", (self.gaussians,), initializers.RandomNormal(stddev=0.5)),
                ("width", (self.gaussians,), initializers.RandomNormal(stddev=0.1)),
                (
                    "mixture_logits",
                    (pairs * self.filters, self.gaussians),
                    initializers.TruncatedNormal(stddev=1.0),
                ),
            ]
        )

    def _weight(self, name: str, shape: tuple[int, ...], initializer):
        # In half precision the mixture would not sum to 1: only what comes of it is
        # cast.
        return self.add_weight(shape, initializer, name=name, autocast=False)

    def call(self, inputs):
        # A size of 1 is strided by slices: TensorFlow 2.21's gradient of a strided
        # 1x1 convolution writes beyond its memory (see SpatialConv).
        steps = [
            stride if size == 1 else 1
            for size, stride in zip(self.kernel_size, self.strides, strict=True)
        ]
        strides = [s // t for s, t in zip(self.strides, steps, strict=True)]
        if max(steps) > 1:
            inputs = inputs[:, :: steps[0], :: steps[1], :: steps[2]]
        frames = inputs.shape[1]
        if self.separates:
            outputs = self._each_frame(inputs, self.kernel, strides[1:])
            mixture = ops.cast(self._mixture(frames)[:, 0], self.compute_dtype)
            return mix_frames(outputs, mixture, self.padding)
        kernel = self.inflated_kernel(frames)
        if kernel.shape[0] == 1:  # Or there is but one frame to stride over.
            return self._each_frame(inputs, kernel[0], strides[1:])
        kernel = ops.cast(kernel, self.compute_dtype)
        return conv3d(inputs, kernel, strides, self.padding)

    def _each_frame(self, inputs, kernel, strides: list[int]):
        """The 2D convolution of every frame."""
        kernel = ops.cast(kernel, self.compute_dtype)
        frames = ops.reshape(inputs, (-1, *inputs.shape[2:]))
        outputs = ops.conv(frames, kernel, strides, self.padding)
        return ops.reshape(outputs, (-1, inputs.shape[1], *outputs.shape[1:]))

    @property
    def separates(self) -> bool:
        """Whether it convolves each frame and then mixes frames."""
        over_time = self.kernel_size[0] > 1 and self.strides[0] == 1
        return self.profile == "gaussian" and over_time

    def seen(self, frames: int | None = None) -> int:
        """How many frames of its kernel meet any of a clip's; None is any clip."""
        length = self.kernel_size[0]
        if frames is None or self.padding == "valid":
            return length
        return min(length, 2 * frames - 1)

    def profiles(self):
        """The bells over time, (M, L); each has the sum 1."""
        centre, width = self._wide(self.centre), self._wide(self.width)
        length = self.kernel_size[0]
        mean = (length - 1) * (ops.tanh(centre) + 1) / 2
        frames = ops.arange(length, dtype=mean.dtype)
        squares = ops.square(frames[None] - mean[:, None])
        if self.profile == "gaussian":
            return ops.softmax(-squares / (2 * ops.exp(width)[:, None]), axis=1)
        spread = ops.exp(1.5 - 2 * ops.abs(ops.tanh(width)))
        bells = 1 / (1 + math.pi * squares / spread[:, None])
        return bells / (ops.sum(bells, axis=1, keepdims=True) + 1e-6)

    def inflated_kernel(self, frames: int | None = None):
        """The kernel as of a 3D convolution, (L, height, width, in, out).

        Args:
            frames: Of the clips that it meets: only its middle, where they are few.
        """
        kernel = self._wide(self.kernel)[None]
        if self.kernel_size[0] == 1:
            return kernel
        mixture = self._mixture(frames)
        if keras.backend.backend() == "jax":
            # XLA's gradient of the one product takes half as long again.
            return ops.stack([kernel[0] * mixture[i] for i in range(len(mixture))])
        return kernel * mixture[:, None, None]

    def mixture(self, frames: int | None = None) -> FrameMixture:
        """A layer, built, that mixes the frames after the convolution of each by S.

        Args:
            frames: Of the clips that it meets: only its middle, where they are few.

        Raises:
            ValueError: The layer is not one that `separates`.
        """
        check(self.separates, "layer", "one that separates", self.name)
        check(self.built, "layer", "built before it is folded", self.name)
        mixture = self._mixture(frames)[:, 0]
        options = {"use_bias": False, "dtype": self.dtype_policy, "name": self.name}
        layer = FrameMixture(mixture.shape[0], self.padding, **options)
        layer.build((None, None, None, None, self.filters))
        layer.kernel.assign(mixture)
        return layer

    def _mixture(self, frames: int | None):
        """K, (L, 1 or in, out)."""
        seen = self.seen(frames)
        cut = (self.kernel_size[0] - seen) // 2
        bells = ops.transpose(self.profiles()[:, cut : cut + seen])
        logits = ops.transpose(self._wide(self.mixture_logits))
        # A softmax, but over the first axis, where TensorFlow's takes twice as long.
        shares = ops.exp(logits - ops.stop_gradient(ops.max(logits, axis=0)))
        mixture = ops.matmul(bells, shares) / ops.sum(shares, axis=0)
        return ops.reshape(mixture, (seen, -1, self.filters))

    def _wide(self, weight):
        """At least float32."""
        return ops.cast(weight, keras.backend.result_type(weight.dtype, "float32"))

    def fold(self, frames: int | None = None) -> layers.Conv3D:
        """A plain convolution, built, with the kernel and the name of this layer.

        Args:
            frames: Of the clips that it meets: its kernel is no longer than what they
                let it see. None is any.
        """
        check(self.built, "layer", "built before it is folded", self.name)
        conv = self._plain(self.seen(frames))
        conv.build((None, None, None, None, self.kernel.shape[-2]))
        conv.kernel.assign(self.inflated_kernel(frames))
        return conv

    def _plain(self, length: int | None = None) -> layers.Conv3D:
        return layers.Conv3D(
            self.filters,
            (length or self.kernel_size[0], *self.kernel_size[1:]),
            self.strides,
            self.padding,
            use_bias=False,
            kernel_initializer="zeros",  # Overwritten; drawing takes JAX seconds.
            dtype=self.dtype_policy,
            name=self.name,
        )

    def compute_output_shape(self, input_shape):
        return self._plain().compute_output_shape(input_shape)

    def cost(self, input_shape: tuple[int, ...]) -> tuple[int, int]:
        """Multiply-accumulates and elements out of the 3D convolution, of one clip.

        So it is counted in both profiles, being what it folds to. Where it `separates`
        it makes about `elements * (height * width * in + L)`; see docs/decisions.md.
        """
        elements = math.prod(self.compute_output_shape(input_shape)[1:])
        return elements * math.prod(self.kernel_size) * input_shape[-1], elements

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "gaussians": self.gaussians,
            "profile": self.profile,
            "padding": self.padding,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }


def _sizes(value: object) -> bool:
    """Whether it is three whole numbers of at least 1."""
    return (
        isinstance(value, (tuple, list))
        and len(value) == 3
        and all(type(size) is int and size >= 1 for size in value)
    )

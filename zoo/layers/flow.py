"""Optical flow as layers: from the frames of a clip to how its pixels move."""

import keras
from keras import ops

from zoo.genotypes.base import check
from zoo.layers import images
from zoo.layers.total_variation import Solver

GREY = (0.299, 0.587, 0.114)
AXES = (images.COLUMNS, images.ROWS)
LEAST_SIDE = 8  # Pixels of the smallest image in a pyramid.


class _Flow(keras.layers.Layer):
    """What flow layers share: frames in pairs, in single precision."""

    def __init__(self, **kwargs):
        # Half precision has too few digits for many small steps.
        super().__init__(autocast=False, **kwargs)

    def build(self, input_shape):
        rule = "of (batch, time, height, width, 3), of two frames or more"
        valid = len(input_shape) == 5 and input_shape[-1] == 3
        valid = valid and None not in input_shape[1:] and input_shape[1] >= 2
        check(valid, "clip", rule, tuple(input_shape))

    def call(self, inputs):
        _, time, height, width, _ = inputs.shape
        grey = self.grey(ops.cast(inputs, "float32"))
        first, second = (
            ops.reshape(frames, (-1, height, width, 1))
            for frames in (grey[:, :-1], grey[:, 1:])
        )
        flow = ops.reshape(self.flow(first, second), (-1, time - 1, height, width, 2))
        flow = ops.concatenate([flow, flow[:, -1:]], axis=1)
        return ops.cast(flow, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2)


@keras.saving.register_keras_serializable(package="zoo")
class TVL1Flow(_Flow):
    """The optical flow of a clip, by total variation and an L1 data term.

    Zach, Pock and Bischof's algorithm (https://doi.org/10.1007/978-3-540-74936-3_22) as
    a fixed number of tensor operations, each pair of frames by itself: from the
    smallest image of a pyramid to the largest, the second frame is warped by the flow
    so far, and the flow refined. `tau`, `attachment` and `theta` are OpenCV's, for
    grey values from 0 to 255. Its pyramid of step 0.8 misses shifts of 12 pixels, which
    the step 0.5 of this one finds.

    Input: RGB in [0, 1] of `(batch, time, height, width, 3)`; output `(batch, time,
    height, width, 2)`: how far each pixel moves until the next frame, to the right and
    down. The last frame has the flow of the one before.

    Args:
        bound: Pixels that are 1 in the output, which is clipped to [-1, 1]; None is
            pixels as they are.
        scales: Images in the pyramid; fewer where the smallest would be tiny.
        warps: Of each image.
        iterations: After each warp.
        tau: Step size.
        attachment: Weight of the data term (lambda); less is smoother.
        theta: Coupling of the data term and the smoothness.
        median: Whether a 3x3 median follows each warp, against single pixels.
        differentiable: Whether gradients pass to the frames.
    """

    def __init__(
        self,
        bound: float | None = 20.0,
        scales: int = 5,
        warps: int = 5,
        iterations: int = 30,
        tau: float = 0.25,
        attachment: float = 0.15,
        theta: float = 0.3,
        median: bool = True,
        differentiable: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        _check_positive(scales=scales, warps=warps, iterations=iterations)
        _check_positive(tau=tau, attachment=attachment, theta=theta)
        if bound is not None:
            _check_positive(bound=bound)
        self.bound = bound
        self.scales = scales
        self.warps = warps
        self.iterations = iterations
        self.tau = tau
        self.attachment = attachment
        self.theta = theta
        self.median = median
        self.differentiable = differentiable

    def grey(self, clip):
        """Grey values from 0 to 255."""
        clip = clip if self.differentiable else ops.stop_gradient(clip)
        weights = ops.convert_to_tensor(GREY, "float32")
        return 255 * ops.sum(clip * weights, axis=-1, keepdims=True)

    def flow(self, first, second):
        """The flow between images (images, height, width, 1)."""
        pyramid = [(first, second)]
        while len(pyramid) < self.scales:
            if min(pyramid[-1][0].shape[1:3]) < 2 * LEAST_SIDE:
                break
            pyramid.append(tuple(images.halved(image) for image in pyramid[-1]))
        # Compilers may round equal images differently.
        moves = ops.any(first != second, axis=(1, 2, 3), keepdims=True)
        flow = ops.repeat(ops.zeros_like(pyramid[-1][0]), 2, axis=-1)
        for first, second in reversed(pyramid):
            flow = images.enlarged(flow, *first.shape[1:3])
            known = ops.concatenate([second, images.slope(second)], axis=-1)
            flow = self._warped(first, known, flow)
        flow = ops.where(moves, flow, 0.0)
        return flow if self.bound is None else ops.clip(flow / self.bound, -1, 1)

    def _warped(self, first, known, flow):
        """The flow after all warps of one image size."""
        solve = Solver(
            self.iterations,
            self.tau,
            self.attachment,
            self.theta,
            lambda flow: [images.forward(flow, axis) for axis in AXES],
            lambda across, down: sum(map(images.backward, (across, down), AXES)),
        )

        def step(_, flow):
            warped = images.warp(known, flow)
            second, slope = warped[..., :1], warped[..., 1:]
            rest = second - first - ops.sum(slope * flow, axis=-1, keepdims=True)
            flow = solve(flow, slope, rest)
            return images.median(flow) if self.median else flow

        return ops.fori_loop(0, self.warps, step, flow)

    def get_config(self):
        names = ("bound", "scales", "warps", "iterations", "tau", "attachment")
        names += ("theta", "median", "differentiable")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="zoo")
class RepresentationFlow(_Flow):
    """The flow that AssembleNet's released code computes inside the network.

    Piergiovanni and Ryoo's layer (https://arxiv.org/abs/1810.01455) on frames: TV-L1's
    iterations on one image size and without a warp, so that motion of more than a pixel
    or two comes out short. Differences beyond an image are those to zero. As in the
    release of AssembleNet (google-research, assemblenet, commit 0c1bbe5f), whose
    numbers these are; that one scales the whole batch by its least and greatest value,
    so that a clip's flow depends on its neighbours. Here each clip is scaled by its
    own, unless `normalize="batch"`.

    Input: RGB of any range, `(batch, time, height, width, 3)`; output `(batch, time,
    height, width, 2)`: flow to the right and down, in pixels. The last frame has the
    flow of the one before.

    Args:
        iterations: 40 in AssembleNet, 20 in AssembleNet++ lite.
        normalize: "clip" or "batch": by whose least and greatest value grey is scaled
            to 0 to 255.
        learnable: Whether training changes the kernels of all differences, and tau,
            lambda and theta: 17 weights. Gradients pass to the frames, then, too.
    """

    def __init__(
        self,
        iterations: int = 40,
        normalize: str = "clip",
        learnable: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        _check_positive(iterations=iterations)
        known = normalize in ("clip", "batch")
        check(known, "normalize", '"clip" or "batch"', normalize)
        self.iterations = iterations
        self.normalize = normalize
        self.learnable = learnable

    def build(self, input_shape):
        super().build(input_shape)
        central, forward = (-0.5, 0.0, 0.5), (-1.0, 1.0)
        starts = {"tau": (0.25,), "attachment": (0.15,), "theta": (0.3,)}
        for axis in ("columns", "rows"):
            starts |= {f"slope_{axis}": central, f"gradient_{axis}": forward}
            starts[f"divergence_{axis}"] = forward
        self.settings = {
            name: self.add_weight(
                (len(values),),
                keras.initializers.Constant(values),
                dtype="float32",
                trainable=self.learnable,
                autocast=False,
                name=name,
            )
            for name, values in starts.items()
        }

    def grey(self, clip):
        """Grey values from 0 to 255; zeros where all are equal."""
        clip = clip if self.learnable else ops.stop_gradient(clip)
        grey = ops.mean(clip, axis=-1, keepdims=True)
        axes = (1, 2, 3, 4) if self.normalize == "clip" else None
        least = ops.min(grey, axis=axes, keepdims=True)
        span = ops.max(grey, axis=axes, keepdims=True) - least
        scaled = 255 * (grey - least) / ops.where(span > 0, span, 1.0)
        return ops.where(span > 0, scaled, grey)

    def flow(self, first, second):
        """The flow between images (images, height, width, 1)."""
        kernels, axes = self.settings, {"columns": images.COLUMNS, "rows": images.ROWS}
        slope = ops.concatenate(
            [images.around(second, kernels[f"slope_{n}"], axes[n]) for n in axes],
            axis=-1,
        )
        solve = Solver(
            self.iterations,
            kernels["tau"],
            kernels["attachment"],
            kernels["theta"],
            lambda flow: [
                images.ahead(flow, kernels[f"gradient_{n}"], axes[n]) for n in axes
            ],
            lambda across, down: sum(
                images.ahead(
                    images.shifted(field, axes[n]), kernels[f"divergence_{n}"], axes[n]
                )
                for n, field in zip(axes, (across, down), strict=True)
            ),
        )
        nothing = ops.zeros_like(slope)
        flow = solve(nothing, slope, second - first)
        return flow if self.learnable else ops.stop_gradient(flow)

    def get_config(self):
        return {
            **super().get_config(),
            "iterations": self.iterations,
            "normalize": self.normalize,
            "learnable": self.learnable,
        }


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        check(value > 0, name, "above 0", value)


FLOWS = {"tvl1": TVL1Flow, "representation": RepresentationFlow}


def flow_of(clip, kind: str, **options):
    """The flow of a clip within a network, by the layer `flow`.

    Args:
        clip: RGB in [0, 1] of (batch, time, height, width, 3).
        kind: "tvl1" or "representation".
        **options: Of its layer.

    Returns:
        (batch, time, height, width, 2), to the right and down: of "tvl1" in pixels /
        20, clipped to [-1, 1], of "representation" in pixels.

    Raises:
        ValueError: The kind is unknown, or the clip is no RGB or has a single frame.
    """
    check(kind in FLOWS, "flow", f"one of {[*FLOWS]}", kind)
    return FLOWS[kind](dtype="float32", name="flow", **options)(clip)

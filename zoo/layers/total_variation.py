"""Iterations that make a flow smooth where the images do not say otherwise."""

from collections.abc import Callable
from dataclasses import dataclass

from keras import ops

EPSILON = 1e-12  # 1e-6 under the root is off by 3e-5, 0 gives NaN on flat images.


@dataclass(frozen=True)
class Solver:
    """Iterations that make `attachment |rest + slope flow| + |grad flow|` smaller.

    Chambolle's dual scheme for total variation, as in Zach, Pock and Bischof, A Duality
    Based Approach for Realtime TV-L1 Optical Flow.

    Args:
        iterations: A fixed number, without a test of convergence.
        tau: Step size.
        attachment: Weight of the data term, the paper's lambda.
        theta: Coupling of the two terms.
        gradient: From (images, height, width, 2) to its slopes along columns and rows.
        divergence: From two such to one.
    """

    iterations: int
    tau: object
    attachment: object
    theta: object
    gradient: Callable
    divergence: Callable

    def __call__(self, flow, slope, rest):
        """The flow further on.

        Args:
            flow: Where it is, (images, height, width, 2), right and down.
            slope: Of the second image there, the same shape.
            rest: Second less first image, less slope times flow; one channel.
        """
        steepness = ops.sum(ops.square(slope), axis=-1, keepdims=True) + EPSILON
        most = self.attachment * self.theta
        pace = self.tau / self.theta

        def iterate(_, state):
            flow, across, down = state
            error = rest + ops.sum(slope * flow, axis=-1, keepdims=True)
            flow = flow + ops.clip(-error / steepness, -most, most) * slope
            flow = flow + self.theta * self.divergence(across, down)
            right, below = self.gradient(flow)
            size = ops.sqrt(ops.square(right) + ops.square(below) + EPSILON)
            damping = 1 + pace * size
            across = (across + pace * right) / damping
            return flow, across, (down + pace * below) / damping

        nothing = ops.zeros_like(flow)
        state = (flow, nothing, nothing)
        return ops.fori_loop(0, self.iterations, iterate, state)[0]

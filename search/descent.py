"""How a differentiable search descends: its learning rates and its optimizers.

The optimizers are pure functions: the virtual step of a second-order search looks into
that of the weights. Both are as DARTS (https://arxiv.org/abs/1806.09055) has them: a
velocity without the learning rate in it, and decay as a part of the gradient.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from keras import ops

from zoo.genotypes.base import check, check_whole


class Schedule(Protocol):
    """The learning rate of the weights in the course of a search."""

    def rate(self, peak: float, epoch: float, epochs: int) -> float:
        """The rate at an epoch.

        Args:
            peak: The recipe's.
            epoch: How far the search is, such as 1.5 in the midst of the second.
            epochs: Of the whole search.
        """


@dataclass(frozen=True)
class ConstantRate:
    """One learning rate all along."""

    def rate(self, peak: float, epoch: float, epochs: int) -> float:
        return peak


@dataclass(frozen=True)
class CosineRate:
    """A learning rate that falls a little in each step, in half a cosine.

    Args:
        end: The rate at the end.
    """

    end: float = 0.0

    def __post_init__(self):
        check(0 <= self.end < math.inf, "end", "at least 0", self.end)

    def rate(self, peak: float, epoch: float, epochs: int) -> float:
        share = (1 + math.cos(math.pi * min(epoch / epochs, 1.0))) / 2
        return self.end + (peak - self.end) * share


@dataclass(frozen=True)
class StepRate:
    """A learning rate that falls at once, every so many epochs.

    Args:
        epochs: Between two falls.
        factor: What is left of the rate.
    """

    epochs: int = 20
    factor: float = 0.1

    def __post_init__(self):
        check_whole(self.epochs, "epochs")
        check(0 < self.factor <= 1, "factor", "above 0, to 1", self.factor)

    def rate(self, peak: float, epoch: float, epochs: int) -> float:
        return peak * self.factor ** (int(epoch) // self.epochs)


@dataclass(frozen=True)
class Momentum:
    """SGD with momentum, of the weights.

    `v <- momentum * v + g + decay * w`, then `w <- w - rate * v`.

    Args:
        momentum: From 0 to below 1.
        decays: Of each weight, times which it is added to its gradient.
        clip_norm: Longest that the gradient of all weights together may be, or None.
    """

    momentum: float
    decays: Sequence[float]
    clip_norm: float | None = None

    def step(
        self, weights: list, velocities: list, slopes: list, rate
    ) -> tuple[list, list]:
        """The weights and velocities after a step.

        Args:
            weights: Before.
            velocities: Before.
            slopes: Gradients of the weights.
            rate: The learning rate.
        """
        if self.clip_norm is not None:
            # The small number is PyTorch's, and keeps 0 / 0 away.
            share = ops.minimum(self.clip_norm / (norm(slopes) + 1e-6), 1.0)
            slopes = [slope * share for slope in slopes]
        slopes = [
            slope + decay * weight if decay else slope
            for slope, decay, weight in zip(slopes, self.decays, weights, strict=True)
        ]
        velocities = along(slopes, self.momentum, velocities)
        return along(weights, -rate, velocities), velocities

    def ahead(self, weights: list, velocities: list, slopes: list, rate) -> list:
        """The weights after the virtual step of DARTS, which clips nothing."""
        return Momentum(self.momentum, self.decays).step(
            weights, velocities, slopes, rate
        )[0]


@dataclass(frozen=True)
class Adam:
    """Adam, of the architecture weights.

    Args:
        learning_rate: The same all along.
        betas: Decay of the mean gradient and of the mean square.
        weight_decay: Times each weight, added to its gradient.
        epsilon: Keeps steps finite.
    """

    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 1e-3
    epsilon: float = 1e-8

    def __post_init__(self):
        positive = 0 < self.learning_rate < math.inf
        check(positive, "learning_rate", "above 0", self.learning_rate)
        pair = isinstance(self.betas, tuple | list) and len(self.betas) == 2
        valid = pair and all(0 <= beta < 1 for beta in self.betas)
        check(valid, "betas", "two numbers from 0 to below 1", self.betas)
        decays = 0 <= self.weight_decay < 1
        check(decays, "weight_decay", "from 0 to below 1", self.weight_decay)
        check(self.epsilon > 0, "epsilon", "above 0", self.epsilon)

    def step(
        self, weights: list, means: list, squares: list, count, slopes: list
    ) -> tuple[list, list, list]:
        """The weights and both means after a step.

        Args:
            weights: Before.
            means: Of gradients before.
            squares: Means of their squares before.
            count: The number of this step, from 1 on.
            slopes: Gradients of the weights.
        """
        first, second = self.betas
        slopes = along(slopes, self.weight_decay, weights)
        means = [
            first * m + (1 - first) * g for m, g in zip(means, slopes, strict=True)
        ]
        squares = [
            second * s + (1 - second) * g * g
            for s, g in zip(squares, slopes, strict=True)
        ]
        # What the zeros that they began with still take from them.
        corrections = [1 - ops.power(beta, count) for beta in (first, second)]
        moved = [
            w
            - self.learning_rate
            * (m / corrections[0])
            / (ops.sqrt(s / corrections[1]) + self.epsilon)
            for w, m, s in zip(weights, means, squares, strict=True)
        ]
        return moved, means, squares


def norm(values: list):
    """Length of all values together, as one vector."""
    return ops.sqrt(sum(ops.sum(ops.square(value)) for value in values))


def along(values: list, distance, direction: list) -> list:
    """The values, moved by a distance times a direction."""
    return [v + distance * d for v, d in zip(values, direction, strict=True)]

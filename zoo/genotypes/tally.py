"""Adds up, layer by layer and on paper, what a network costs."""

import itertools
import math
from dataclasses import dataclass
from typing import Self

from zoo.genotypes.base import Cost


@dataclass(frozen=True)
class Features:
    """Shape of a feature map, without the batch."""

    frames: int
    height: int
    width: int
    channels: int

    @property
    def places(self) -> int:
        """Positions in time and space."""
        return self.frames * self.height * self.width

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.places * self.channels

    @property
    def exists(self) -> bool:
        """Whether there is any element."""
        return min(self.frames, self.height, self.width, self.channels) > 0

    def strided(self, frames: int = 1, size: int = 1) -> Self:
        """The shape after strides over time and over space, with SAME padding."""
        return Features(
            math.ceil(self.frames / frames),
            math.ceil(self.height / size),
            math.ceil(self.width / size),
            self.channels,
        )

    def with_channels(self, channels: int) -> Self:
        """The same places with other channels."""
        return Features(self.frames, self.height, self.width, channels)


class Tally:
    """Running totals of parameters, operations and outputs, one method per layer.

    Each method takes the shape that its layer puts out, and counts in it the layers
    that `zoo/layers` and the builders make of it: batch norm and activation are layers.
    """

    def __init__(self):
        self.parameters = 0
        self.macs = 0
        self.elements = 0

    def conv(
        self,
        output: Features,
        kernel: int,
        activate: bool,
        weights: int | None = None,
        norm: bool = True,
    ):
        """A convolution without bias, its norm, and perhaps an activation.

        Args:
            output: Shape that comes out.
            kernel: Elements of the kernel per output channel.
            activate: Whether an activation follows.
            weights: That the whole kernel is made of; None is its elements.
            norm: Whether there is a norm.
        """
        weights = kernel * output.channels if weights is None else weights
        self.parameters += weights + 2 * output.channels * norm
        self.macs += kernel * output.size
        self.elements += output.size * (1 + norm + activate)

    def norm(self, output: Features, affine: bool = True):
        """A batch norm, with scale and shift or without."""
        self.parameters += 2 * output.channels * affine
        self.elements += output.size

    def output(self, output: Features):
        """A layer without weights: a pool, a sum, an activation."""
        self.elements += output.size

    def gate(self, output: Features, units: tuple[int, ...]):
        """A product with dense layers of `units` over the averaged features."""
        widths = (output.channels, *units)
        for fan_in, fan_out in itertools.pairwise(widths):
            self.dense(fan_in, fan_out)
        self.elements += output.channels + output.size

    def non_local(self, output: Features, bottleneck: int, pooled: Features):
        """Wang et al.'s layer: three 1x1 convolutions, attention, a fourth, a sum."""
        channels, places, keys = output.channels, output.places, pooled.places
        self.parameters += 4 * channels * bottleneck + 2 * channels
        self.macs += 4 * places * channels * bottleneck
        self.macs += 2 * places * keys * bottleneck
        self.elements += 4 * places * bottleneck + 2 * keys * bottleneck
        self.elements += 2 * places * keys + 3 * output.size

    def dense(self, fan_in: int, fan_out: int):
        """A dense layer with bias, of one vector."""
        self.parameters += (fan_in + 1) * fan_out
        self.macs += fan_in * fan_out
        self.elements += fan_out

    def head(self, features: Features, num_classes: int, pooling: str = "average"):
        """What `VideoHead` makes of the features, with its `pooling`."""
        places = {"average": 1, "pairs": max(1, features.frames - 1)}
        places = places.get(pooling, features.frames)
        self.parameters += (features.channels + 1) * num_classes
        self.macs += places * features.channels * num_classes
        self.elements += places * (2 * features.channels + num_classes)
        self.elements += 0 if pooling == "average" else num_classes

    def cost(self) -> Cost:
        """The totals, with four bytes an element."""
        return Cost(self.parameters, self.macs, 4 * self.elements)

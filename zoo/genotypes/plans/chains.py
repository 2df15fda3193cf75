"""Chains of layers with their shapes, put together by an Inception genotype's rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo.genotypes.space_time import SpaceTimeConv
from zoo.genotypes.tally import Features, Tally

if TYPE_CHECKING:  # The genotype unfolds itself with this file.
    from zoo.genotypes.inception import InceptionGenotype

CONVOLUTIONS = ("space", "time", "space_time", "itgm")


@dataclass(frozen=True)
class Window:
    """Frames and pixels a side of a kernel or pool, and its strides over them."""

    time: int
    size: int
    time_stride: int = 1
    stride: int = 1

    @property
    def over_space(self) -> Window:
        """Its part within a frame."""
        return Window(1, self.size, 1, self.stride)

    @property
    def over_time(self) -> Window:
        """Its part across frames."""
        return Window(self.time, 1, self.time_stride, 1)

    @property
    def strided(self) -> bool:
        """Whether it strides at all."""
        return self.time_stride > 1 or self.stride > 1

    def valid(self, shape: Features) -> Features:
        """Shape of what it leaves without padding; sizes below 1 are nothing."""
        return Features(
            (shape.frames - self.time) // self.time_stride + 1,
            (shape.height - self.size) // self.stride + 1,
            (shape.width - self.size) // self.stride + 1,
            shape.channels,
        )


@dataclass(frozen=True)
class Step:
    """One layer of a chain.

    Args:
        kind: A convolution ("space", "time", "space_time", "itgm"), a maximum pool
            ("space_pool", "time_pool"), "pad" for zeros around a clip, or "frames" for
            every so many frames.
        name: Of the layer.
        input: Shape that it reads.
        output: Shape that it puts out.
        window: Its kernel or pool; of "pad" the frames and pixels on each side.
        padding: "same" or "valid".
        activation: Name of the ReLU that follows a norm; "" is neither of the two.
        gaussians: Of "itgm".
    """

    kind: str
    name: str
    input: Features
    output: Features
    window: Window
    padding: str = "same"
    activation: str = ""
    gaussians: int = 0

    def tally(self, tally: Tally) -> None:
        """Adds what the layer costs, and what follows it."""
        if self.kind not in CONVOLUTIONS:
            tally.output(self.output)
            return
        plane = self.window.size**2 * self.input.channels
        kernel, weights = plane * self.window.time, None
        if self.kind == "itgm":
            mixture = self.gaussians * (2 + self.output.channels)
            weights = plane * self.output.channels + mixture
        followed = bool(self.activation)
        tally.conv(self.output, kernel, followed, weights, norm=followed)


Chains = tuple[tuple[Step, ...], ...]


@dataclass(frozen=True)
class Stage:
    """What ends in one endpoint: a layer of the stem, a pool, or a module.

    Args:
        name: Of the endpoint.
        slots: By name, chains of layers that run in parallel. Those of a slot are
            averaged, the slots are concatenated.
        output: Shape that leaves it.
    """

    name: str
    slots: dict[str, Chains]
    output: Features

    @property
    def steps(self) -> Iterator[Step]:
        """All layers of all chains."""
        for chains in self.slots.values():
            for chain in chains:
                yield from chain

    def tally(self, tally: Tally) -> None:
        """Adds what the stage costs."""
        for step in self.steps:
            step.tally(tally)
        for chains in self.slots.values():
            if len(chains) > 1:
                tally.output(chains[0][-1].output)
        if len(self.slots) > 1:
            tally.output(self.output)


class Chain:
    """Puts layers together, one after the other.

    Args:
        genotype: Whose rules hold.
        shape: That the first layer reads.
    """

    def __init__(self, genotype: InceptionGenotype, shape: Features):
        self.genotype = genotype
        self.shape = shape
        self.steps: list[Step] = []

    def point(self, name: str, filters: int) -> Chain:
        """A 1x1x1 convolution, its norm and ReLU."""
        return self._conv("space", name, Window(1, 1), filters, f"{name}_activation")

    def conv(
        self,
        name: str,
        conv: SpaceTimeConv,
        filters: int,
        window: Window,
        endpoint: str = "",
    ) -> Chain:
        """A convolution of one of the three types, its norm and ReLU."""
        if conv.type == "conv2plus1d":
            spatial, temporal = f"{name}_spatial", f"{name}_temporal"
            inner = f"{spatial}_activation" if self.genotype.inner_norm else ""
            self._conv("space", spatial, window.over_space, filters, inner)
            outer = endpoint or f"{temporal}_activation"
            return self._conv("time", temporal, window.over_time, filters, outer)
        kind = {"conv3d": "space_time", "itgm": "itgm"}[conv.type]
        if conv.time == 1:  # Of both types it is a convolution of each frame.
            if window.time_stride > 1:
                self._add("frames", f"{name}_frames", window.over_time)
            kind, window = "space", window.over_space
        outer = endpoint or f"{name}_conv_activation"
        return self._conv(kind, f"{name}_conv", window, filters, outer)

    def pool(self, name: str, window: Window, endpoint: str = "") -> Chain:
        """A maximum pool over space, and over time where it is longer than a frame."""
        if window.time == 1:
            return self._add("space_pool", endpoint or f"{name}_space", window)
        self._add("space_pool", f"{name}_space", window.over_space)
        return self._add("time_pool", endpoint or f"{name}_time", window.over_time)

    def stage(self, name: str) -> Stage:
        """All of it as what ends in an endpoint."""
        return Stage(name, {"layer": (tuple(self.steps),)}, self.shape)

    def _conv(
        self, kind: str, name: str, window: Window, filters: int, activation: str
    ) -> Chain:
        filters = max(1, math.floor(filters * self.genotype.width + 0.5))
        return self._add(kind, name, window, filters, activation)

    def _add(
        self,
        kind: str,
        name: str,
        window: Window,
        filters: int | None = None,
        activation: str = "",
    ) -> Chain:
        padding = "same"
        if window.strided and self.genotype.padding == "symmetric":
            padding = "valid"
            self._pad(f"{name}_pad", window)
        shape = self.shape.strided(window.time_stride, window.stride)
        if padding == "valid":
            shape = window.valid(self.shape)
        output = shape.with_channels(filters or shape.channels)
        gaussians = self.genotype.gaussians if kind == "itgm" else 0
        rest = (output, window, padding, activation, gaussians)
        self.steps.append(Step(kind, name, self.shape, *rest))
        self.shape = output
        return self

    def _pad(self, name: str, window: Window) -> None:
        """Zeros on all sides, as PyTorch has them."""
        sides = Window((window.time - 1) // 2, (window.size - 1) // 2)
        if sides == Window(0, 0):
            return
        output = Features(
            self.shape.frames + 2 * sides.time,
            self.shape.height + 2 * sides.size,
            self.shape.width + 2 * sides.size,
            self.shape.channels,
        )
        self.steps.append(Step("pad", name, self.shape, output, sides))
        self.shape = output

"""How a residual EvaNet genotype unfolds: its convolutions and pools, in order.

The rules are those of the released code (google-research, evanet, commit 066e6a12): a
block's width is shared out among its branches, rounded down; its first repeat projects
the shortcut; every second repeat has no time in its convolutions, but in its pools.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from zoo.genotypes.base import revised
from zoo.genotypes.space_time import SpaceTimeConv
from zoo.genotypes.tally import Features, Tally

if TYPE_CHECKING:  # The genotype unfolds itself with this file.
    from zoo.genotypes.evanet import Branch, EvaNetBlock, EvaNetGenotype

STEM_CHANNELS = 64
POINT = SpaceTimeConv("conv3d", 1)  # Of 1x1x1, where the size is 1.


@dataclass(frozen=True)
class Convolution:
    """A convolution and its norm, and perhaps an activation.

    A (2+1)D one is temporal first, to half of the channels, with a norm and an
    activation of its own; so it is where its time is 1.
    """

    name: str
    conv: SpaceTimeConv
    filters: int
    size: int  # Pixels a side.
    activate: bool
    strides: tuple[int, int] = (1, 1)  # Frames, pixels.

    @property
    def mixes(self) -> bool:
        """Whether its kernel is a mixture: not where there is no time to mix over."""
        return self.conv.type == "itgm" and self.conv.time > 1

    @property
    def factorised(self) -> bool:
        """Whether it is a temporal and a spatial convolution."""
        return self.conv.type == "conv2plus1d"

    @property
    def inner_filters(self) -> int:
        """Channels between the two parts of a factorised one."""
        return self.filters // 2

    def output(self, shape: Features) -> Features:
        """Shape that comes out."""
        return shape.strided(*self.strides).with_channels(self.filters)

    def tally(self, tally: Tally, shape: Features, genotype: EvaNetGenotype) -> None:
        """Adds what it costs where `shape` goes in."""
        output, area = self.output(shape), self.size**2
        kernel, weights = self.conv.time * area * shape.channels, None
        if self.factorised:
            inner = shape.strided(self.strides[0]).with_channels(self.inner_filters)
            tally.conv(inner, self.conv.time * shape.channels, activate=True)
            kernel = area * self.inner_filters
        elif self.mixes:
            pairs = self.filters * (shape.channels if genotype.mixes_pairs else 1)
            weights = area * shape.channels * self.filters
            weights += genotype.gaussians * (2 + pairs)
        tally.conv(output, kernel, self.activate, weights)


@dataclass(frozen=True)
class Pool:
    """A max pool, over space and then over time."""

    name: str
    time: int
    size: int
    strides: tuple[int, int] = (1, 1)  # Frames, pixels.

    @property
    def over_time(self) -> bool:
        """Whether it does anything in time."""
        return self.time > 1 or self.strides[0] > 1

    def output(self, shape: Features) -> Features:
        """Shape that comes out."""
        return shape.strided(*self.strides)

    def tally(self, tally: Tally, shape: Features, genotype: EvaNetGenotype) -> None:
        """Adds what it costs where `shape` goes in."""
        tally.output(shape.strided(size=self.strides[1]))
        if self.over_time:
            tally.output(self.output(shape))


@dataclass(frozen=True)
class Repeat:
    """One of a block's repeats: branches side by side, and a shortcut around them."""

    place: str  # Of the block.
    block: EvaNetBlock
    index: int

    @property
    def name(self) -> str:
        """Of the repeat."""
        return f"{self.place}_repeat{self.index}"

    @property
    def output_name(self) -> str:
        """Of what leaves it: the last repeat's is the block's."""
        last = self.index == self.block.repeats - 1
        return self.place if last else f"{self.name}_output"

    @cached_property
    def branches(self) -> list[list[Convolution | Pool]]:
        """The layers of every branch."""
        return [
            self._layers(f"{self.name}_branch{index}", branch)
            for index, branch in enumerate(self.block.branches)
        ]

    @property
    def shortcut(self) -> Convolution | None:
        """What the shortcut projects with; None where it is the input itself."""
        if self.index:
            return None
        width = self.block.output_channels
        return Convolution(f"{self.name}_shortcut", POINT, width, 1, activate=False)

    def _layers(self, name: str, branch: Branch) -> list[Convolution | Pool]:
        width = self.block.branch_width
        if branch.type == "point":
            return [Convolution(f"{name}_point", POINT, width, 1, activate=False)]
        if branch.type == "pool":
            project = Convolution(f"{name}_project", POINT, width, 1, activate=False)
            return [Pool(name, branch.pool_time, 3), project]
        count = len(branch.convs)
        lead = Convolution(f"{name}_lead", POINT, width // 2**count, 1, activate=True)
        layers = [lead]
        for index, conv in enumerate(branch.convs):
            left = count - index - 1  # Each of these doubles the channels.
            own = revised(conv, time=1) if self.index % 2 else conv
            part = f"{name}_{('first', 'second')[index]}"
            layers.append(Convolution(part, own, width // 2**left, 3, left > 0))
        return layers

    def tally(self, tally: Tally, shape: Features, genotype: EvaNetGenotype) -> None:
        """Adds what it costs where `shape` goes in."""
        output = shape.with_channels(self.block.output_channels)
        for layers in self.branches:
            tally_row(tally, layers, shape, genotype)
        if len(self.branches) > 1:
            tally.output(output)
        if self.shortcut:
            self.shortcut.tally(tally, shape, genotype)
        tally.output(output)  # The sum with the shortcut.
        tally.output(output)  # Its activation.

    def output(self, shape: Features) -> Features:
        """Shape that comes out."""
        return shape.with_channels(self.block.output_channels)


def stem(genotype: EvaNetGenotype) -> Convolution:
    """The first convolution."""
    return Convolution("conv1", genotype.stem, STEM_CHANNELS, 7, True, strides=(2, 2))


def stages(genotype: EvaNetGenotype) -> list[tuple[Pool, list[Repeat]]]:
    """Every block's pool and repeats; the first block is the second part."""
    stages = []
    for index, block in enumerate(genotype.blocks):
        time = genotype.pool_times[index]
        size, strides = (2, (1, 2)) if index else (3, (2, 2))
        pool = Pool(f"pool{index + 1}", time, size, strides)
        place = f"block{index + 2}"
        repeats = [Repeat(place, block, i) for i in range(block.repeats)]
        stages.append((pool, repeats))
    return stages


def tally_row(
    tally: Tally, row: list, shape: Features, genotype: EvaNetGenotype
) -> Features:
    """Adds what layers cost one after the other; the shape that leaves the last."""
    for layer in row:
        layer.tally(tally, shape, genotype)
        shape = layer.output(shape)
    return shape

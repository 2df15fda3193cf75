"""How a Tiny Video genotype unfolds: every repeat of a block, with its shapes.

The rules are those of the released code (google-research, tiny_video_nets, commit
0c1bbe5f): strides belong to the first repeat, the temporal layer to every second one
and to clips of several frames, and a repeat that changes the frames has no skip. A
non-local layer, which that code lacks, needs two places to attend to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from zoo.genotypes.base import revised
from zoo.genotypes.tally import Features, Tally

if TYPE_CHECKING:  # The genotype unfolds itself with this file.
    from zoo.genotypes.tiny_video import (
        NonLocal,
        SpatialLayer,
        TemporalLayer,
        TinyVideoBlock,
    )


@dataclass(frozen=True)
class Instance:
    """One of a block's repeats, with the rules worked out."""

    name: str
    block: TinyVideoBlock
    input: Features
    spatial: SpatialLayer | None
    temporal: TemporalLayer | None

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:  # Else each look into a cache would work it out again.
        return hash((self.name, self.block, self.input, self.spatial, self.temporal))

    @property
    def lead(self) -> bool:
        """Whether it begins with a 1x1 convolution to the block's width."""
        convolves = self.spatial and self.spatial.type in ("conv", "depthwise")
        return self.block.inverted or bool(convolves)

    @cached_property
    def after_lead(self) -> Features:
        """Shape that enters the spatial layer."""
        return self.input.with_channels(self.block.width) if self.lead else self.input

    @cached_property
    def after_spatial(self) -> Features:
        """Shape that enters the temporal layer."""
        return self.after_lead.strided(size=self.spatial.stride if self.spatial else 1)

    @cached_property
    def after_temporal(self) -> Features:
        """Shape that enters the expansion."""
        if self.temporal is None:
            return self.after_spatial
        shape = self.after_spatial.strided(frames=self.temporal.stride)
        return shape.with_channels(
            self.block.width if self.temporal.type == "conv" else shape.channels
        )

    @cached_property
    def output(self) -> Features:
        """Shape that leaves the instance."""
        return self.after_temporal.with_channels(self.block.output_channels)

    @cached_property
    def gated(self) -> Features:
        """Shape that the squeeze-excite layer and the context gate read."""
        return self.after_temporal if self.block.inverted else self.output

    @property
    def skip(self) -> bool:
        """Whether it has a skip connection: not where it changes the frames."""
        return self.block.skip and self.output.frames == self.input.frames

    @property
    def squeeze_units(self) -> int:
        """Hidden units of the squeeze-excite layer; 0 where there is none."""
        return squeeze_units(self.gated.channels, self.block.squeeze_ratio)

    @property
    def pool_size(self) -> int:
        """Stride of the pool over the keys of the non-local layer."""
        side = max(self.output.height, self.output.width)
        return math.ceil(side / self.block.non_local.pooled_size)

    @property
    def keys(self) -> Features:
        """Shape of what the non-local layer attends to."""
        return self.output.strided(size=self.pool_size)

    @property
    def non_local(self) -> NonLocal | None:
        """The non-local layer: none where there is a single place to attend to."""
        attends = self.block.non_local and self.keys.places > 1
        return self.block.non_local if attends else None

    def tally(self, tally: Tally) -> None:
        """Adds what the instance costs."""
        if self.lead:
            tally.conv(self.after_lead, self.input.channels, activate=True)
        if self.spatial:
            channels = self.after_lead.channels if self.spatial.type == "conv" else 1
            kernel = self.spatial.kernel**2 * channels
            _tally_layer(tally, self.spatial, self.after_spatial, kernel)
        if self.temporal:
            kernel = self.temporal.kernel * self.after_spatial.channels
            _tally_layer(tally, self.temporal, self.after_temporal, kernel)
        if not self.block.inverted:
            kernel = self.after_temporal.channels
            tally.conv(self.output, kernel, activate=False)
        if self.squeeze_units:
            tally.gate(self.gated, (self.squeeze_units, self.gated.channels))
        if self.block.context_gate:
            tally.gate(self.gated, (self.gated.channels,))
        if self.block.inverted:
            tally.conv(self.output, self.gated.channels, activate=False)
        if self.non_local:
            tally.non_local(self.output, self.non_local.bottleneck, self.keys)
        if self.skip:
            tally.conv(self.output, self.input.channels, activate=False)
            tally.output(self.output)
        tally.output(self.output)


# A child has most blocks from its parent, and a search meets thousands of children.
@lru_cache(maxsize=4096)
def unfold(name: str, block: TinyVideoBlock, shape: Features) -> tuple[Instance, ...]:
    """Every repeat of a block that reads `shape`, in order."""
    return tuple(_repeats(name, block, shape))


def _repeats(name: str, block: TinyVideoBlock, shape: Features) -> Iterator[Instance]:
    spatial, temporal = block.spatial, block.temporal
    for repeat in range(block.repeats):
        if repeat == 1:
            spatial = spatial and revised(spatial, stride=1)
            temporal = temporal and revised(temporal, stride=1)
        timeless = repeat % 2 == 1 or shape.frames == 1
        own = None if timeless else temporal
        instance = Instance(f"{name}_repeat{repeat}", block, shape, spatial, own)
        yield instance
        shape = instance.output


def squeeze_units(channels: int, ratio: float) -> int:
    """Hidden units of a squeeze-excite layer: at least 8, or 0 for a ratio of 0."""
    return max(int(channels * ratio), 8) if ratio > 0 else 0


def merged(shapes: list[Features]) -> Features:
    """Shape of feature maps resampled to the smallest among them and concatenated."""
    if len(shapes) == 1:
        return shapes[0]
    return Features(
        min(shape.frames for shape in shapes),
        min(shape.height for shape in shapes),
        min(shape.width for shape in shapes),
        sum(shape.channels for shape in shapes),
    )


def _tally_layer(
    tally: Tally,
    layer: SpatialLayer | TemporalLayer,
    output: Features,
    kernel: int,
) -> None:
    if layer.type in ("conv", "depthwise"):
        tally.conv(output, kernel, activate=True)
    else:
        tally.output(output)


def tally_resampled(tally: Tally, shape: Features, target: Features) -> None:
    """Adds the layer that brings a feature map to `target`, where it needs one."""
    if shape != target:
        tally.output(target)

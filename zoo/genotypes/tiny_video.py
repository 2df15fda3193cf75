"""Tiny Video Networks (https://arxiv.org/abs/1910.06961) as genotypes.

A network is a row of blocks; a block is a spatial layer, a temporal layer, and what
follows them, repeated with separate weights. Where the paper's text and the released
code (google-research, tiny_video_nets, commit 0c1bbe5f) differ, the code is followed:
it alone has the expansion factor, the parameter counts of TVN-2 and TVN-4 are its
109.4 and 43.7 million and not the paper's 12 and 30, and an instance that changes the
number of frames has no skip connection.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Self

from zoo.genotypes.base import (
    ClipSpec,
    Cost,
    Genotype,
    check,
    check_fields,
    check_whole,
    revised,
)
from zoo.genotypes.plans.tiny_video import Instance, merged, tally_resampled, unfold
from zoo.genotypes.tally import Features, Tally

ACTIVATIONS = ("relu", "hard_swish")
POOL_TYPES = ("max_pool", "average_pool")
SPATIAL_TYPES = ("conv", "depthwise", *POOL_TYPES)
TEMPORAL_TYPES = ("conv", *POOL_TYPES)


@dataclass(frozen=True)
class Stream:
    """One input of the network: its frames, frames per second, and pixels a side."""

    frames: int
    rate: float
    size: int

    def __post_init__(self):
        check_fields(self)
        check_whole(self.frames, "frames")
        check(self.rate > 0, "rate", "above 0 frames per second", self.rate)
        check_whole(self.size, "size")


@dataclass(frozen=True)
class SpatialLayer:
    """A convolution or pool over height and width.

    A kernel of 1 is no layer at all in the released code: here that is `spatial=None`.
    """

    type: str  # "conv" and "depthwise" come after a 1x1 convolution of their own.
    kernel: int
    stride: int
    activation: str = "relu"  # After a convolution; a pool has none.

    def __post_init__(self):
        check_fields(self)
        _check_layer(self, "spatial", SPATIAL_TYPES)


@dataclass(frozen=True)
class TemporalLayer:
    """A convolution or pool over time, in every second instance of its block.

    A kernel of 1 is no layer at all in the released code: here that is `temporal=None`.
    """

    type: str
    kernel: int
    stride: int
    activation: str = "relu"  # After a convolution; a pool has none.

    def __post_init__(self):
        check_fields(self)
        _check_layer(self, "temporal", TEMPORAL_TYPES)


@dataclass(frozen=True)
class NonLocal:
    """A non-local layer: its inner channels, and the size its keys are pooled to."""

    bottleneck: int
    pooled_size: int

    def __post_init__(self):
        check_fields(self)
        check_whole(self.bottleneck, "bottleneck")
        check_whole(self.pooled_size, "pooled_size")


@dataclass(frozen=True)
class TinyVideoBlock:
    """A block: spatial, temporal, 1x1 expansion, gates, skip, activation."""

    filters: int
    expand: int  # The block's output has filters * expand channels.
    repeats: int = 1
    spatial: SpatialLayer | None = None
    temporal: TemporalLayer | None = None
    inverted: bool = False  # Expands first and ends with `filters` channels.
    squeeze_ratio: float = 0.0  # Squeeze-excite units per channel; 0 is none.
    context_gate: bool = False
    non_local: NonLocal | None = None
    skip: bool = False  # A 1x1 convolution around each instance.
    activation: str = "relu"
    inputs: tuple[str, ...] = ()  # "stream0", "block2"; empty is the one before.

    def __post_init__(self):
        check_fields(self)
        for name in ("filters", "expand", "repeats"):
            check_whole(getattr(self, name), name)
        in_range = 0 <= self.squeeze_ratio <= 1
        check(in_range, "squeeze_ratio", "from 0 to 1", self.squeeze_ratio)
        _check_activation(self.activation)

    @property
    def width(self) -> int:
        """Channels of the spatial and temporal layers."""
        return self.filters * self.expand if self.inverted else self.filters

    @property
    def output_channels(self) -> int:
        """Channels that leave the block."""
        return self.filters if self.inverted else self.filters * self.expand


@dataclass(frozen=True)
class TinyVideoGenotype(Genotype):
    """A Tiny Video Network: its input streams and its blocks.

    Several streams read one clip, at the largest size and rate among them; each picks
    its frames and resizes for itself. A block of several inputs resamples them to the
    smallest and concatenates them. The last block feeds the classifier.
    """

    family = "tiny_video"

    streams: tuple[Stream, ...]
    blocks: tuple[TinyVideoBlock, ...]

    def __post_init__(self):
        check_fields(self)
        check(len(self.streams) > 0, "streams", "at least one", self.streams)
        check(len(self.blocks) > 0, "blocks", "at least one", self.blocks)
        unread = {f"stream{i}" for i in range(len(self.streams))}
        known = set(unread)
        for index in range(len(self.blocks)):
            rule = f"streams or earlier blocks (block {index})"
            names = self.inputs_of(index)
            check(set(names) <= known, "inputs", rule, names)
            check(len(set(names)) == len(names), "inputs", "distinct", names)
            unread = unread - set(names) | {f"block{index}"}
            known.add(f"block{index}")
        unread.discard(f"block{len(self.blocks) - 1}")
        rule = "such that every stream and every block but the last is read"
        check(not unread, "inputs", rule, f"unread {sorted(unread)}")

    @property
    def clip_spec(self) -> ClipSpec:
        """As long as the longest stream, at the largest rate and size."""
        rate = max(stream.rate for stream in self.streams)
        size = max(stream.size for stream in self.streams)
        last = max(self.frames_of(i)[-1] for i in range(len(self.streams)))
        return ClipSpec(last + 1, rate, size, size)

    def frames_of(self, stream: int) -> list[int]:
        """Which of the clip's frames a stream reads."""
        own = self.streams[stream]
        step = max(other.rate for other in self.streams) / own.rate
        return [math.floor(i * step + 0.5) for i in range(own.frames)]

    def inputs_of(self, block: int) -> tuple[str, ...]:
        """Names of the streams and blocks that a block reads."""
        before = f"block{block - 1}" if block else "stream0"
        return self.blocks[block].inputs or (before,)

    def stream_shapes(self, input_shape: tuple | None = None) -> list[Features]:
        """Shape of each stream, for a clip of `input_shape` or of the clip spec.

        Raises:
            ValueError: `input_shape` is no shape of a clip, or there are several
                streams and it is not that of the clip spec.
        """
        own = [Features(s.frames, s.size, s.size, 3) for s in self.streams]
        if input_shape is None:
            return own
        shape = self.clip_shape(input_shape)
        if shape == self.clip_spec.shape:
            return own
        rule = f"{self.clip_spec.shape} for {len(own)} streams"
        check(len(own) == 1, "input_shape", rule, input_shape)
        return [Features(*shape)]

    def block_inputs(
        self, input_shape: tuple | None = None
    ) -> Sequence[tuple[list[Features], list[Instance]]]:
        """For every block: the shapes it reads, and its instances worked out.

        Args:
            input_shape: (frames, height, width, channels) in place of a single stream's
                own.
        """
        given = input_shape is not None
        return list(self._unfold(input_shape)) if given else self._unfolded

    @cached_property
    def _unfolded(self) -> Sequence[tuple[list[Features], list[Instance]]]:
        return tuple(self._unfold(None))

    def _unfold(
        self, input_shape: tuple | None
    ) -> Iterator[tuple[list[Features], list[Instance]]]:
        streams = self.stream_shapes(input_shape)
        shapes = {f"stream{i}": shape for i, shape in enumerate(streams)}
        for index, block in enumerate(self.blocks):
            inputs = [shapes[name] for name in self.inputs_of(index)]
            instances = list(unfold(f"block{index}", block, merged(inputs)))
            shapes[f"block{index}"] = instances[-1].output
            yield inputs, instances

    def cost(self, num_classes: int, input_shape: tuple | None = None) -> Cost:
        """Cost on paper, with a classifier over averaged features.

        Args:
            num_classes: Width of the classifier.
            input_shape: (frames, height, width, channels) in place of a single stream's
                own.
        """
        tally = Tally()
        clip = Features(*self.clip_shape(input_shape))
        for shape in self.stream_shapes(input_shape):
            tally_resampled(tally, clip, shape)
        for inputs, instances in self.block_inputs(input_shape):
            if len(inputs) > 1:
                for shape in inputs:
                    target = merged(inputs).with_channels(shape.channels)
                    tally_resampled(tally, shape, target)
                tally.output(merged(inputs))
            for instance in instances:
                instance.tally(tally)
        tally.head(instances[-1].output, num_classes)
        return tally.cost()

    def simplified(self) -> Self:
        """The same network without genes that change nothing in it.

        A temporal layer that only ever sees one frame, a pool of a single pixel, a
        stride beyond the size, attention to one place, a pooled size that the stride
        can not give, a skip that every instance loses.
        """
        firsts = [instances[0] for _, instances in self.block_inputs()]
        return revised(self, blocks=tuple(map(_simplified, firsts)))


@lru_cache(maxsize=4096)  # As `unfold`.
def _simplified(first: Instance) -> TinyVideoBlock:
    """The block whose first repeat this is, without genes that change nothing."""
    block, temporal, non_local = first.block, first.temporal, first.non_local
    spatial = block.spatial
    side = max(first.input.height, first.input.width)
    if spatial:
        spatial = revised(spatial, stride=min(spatial.stride, side))
        if side == 1 and spatial.type in POOL_TYPES:
            spatial = None
    if temporal:
        stride = min(temporal.stride, first.input.frames)
        temporal = revised(temporal, stride=stride)
    if non_local:
        side = max(first.output.height, first.output.width)
        pooled = math.ceil(side / first.pool_size)
        non_local = revised(non_local, pooled_size=pooled)
    instances = unfold(first.name, block, first.input)
    skip = any(instance.skip for instance in instances)
    return revised(
        block, spatial=spatial, temporal=temporal, non_local=non_local, skip=skip
    )


def _check_activation(activation: str) -> None:
    check(activation in ACTIVATIONS, "activation", f"one of {ACTIVATIONS}", activation)


def _check_layer(
    layer: SpatialLayer | TemporalLayer, name: str, types: tuple[str, ...]
) -> None:
    check(layer.type in types, f"{name} type", f"one of {types}", layer.type)
    check_whole(layer.kernel, f"{name} kernel", least=2)
    check_whole(layer.stride, f"{name} stride")
    _check_activation(layer.activation)
    plain = layer.type not in POOL_TYPES or layer.activation == "relu"
    check(plain, f"{name} activation", "left out for a pool", layer.activation)

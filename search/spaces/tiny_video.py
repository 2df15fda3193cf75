"""The space of Tiny Video Networks (https://arxiv.org/abs/1910.06961)."""

import dataclasses
import functools
import random
from dataclasses import dataclass

from search.spaces import draws
from zoo.genotypes.base import check, revised
from zoo.genotypes.plans.tiny_video import Instance, squeeze_units
from zoo.genotypes.tiny_video import (
    ACTIVATIONS,
    POOL_TYPES,
    SPATIAL_TYPES,
    TEMPORAL_TYPES,
    NonLocal,
    SpatialLayer,
    Stream,
    TemporalLayer,
    TinyVideoBlock,
    TinyVideoGenotype,
)

REDRAWS = 1000
RANGES = (
    *("frames", "sizes", "blocks", "repeats", "filters", "expands"),
    *("kernels", "strides", "temporal_kernels", "temporal_strides"),
    *("bottlenecks", "pooled_sizes"),
)
SHARES = ("squeeze", "context_gate", "non_local", "skip", "inverted")


@dataclass(frozen=True)
class TinyVideoSpace:
    """Networks of one stream and a row of blocks; by default the paper's whole space.

    A range is a pair (low, high) with both ends in it, a share the part of blocks that
    have the layer: 0 takes it out of the space. The paper says nothing of how its
    ranges are drawn from. Here frames, rates, repeats, strides, filters, expansion and
    bottlenecks are drawn by ratio (8 to 16 as often as 16 to 32), or else the median
    network would have 600 million parameters; all others evenly. Sizes, filters and
    bottlenecks are multiples of 8. What changes nothing is never kept: a genotype
    comes back `simplified()`, with the smallest kernel of a pool that covers all, the
    smallest hundredth that gives its squeeze-excite units, and the lowest rate where
    there is one frame.

    Args:
        frames: Frames of the clip.
        rates: Frames per second, in tenths.
        sizes: Pixels a side.
        blocks: Number of blocks.
        repeats: Instances of a block, each with its own weights.
        filters: Channels of the spatial and temporal layers.
        expands: Output channels of a block per filter. The paper's text has none; the
            released networks have 1 to 8.
        kernels: Spatial kernels; 1 is no layer.
        strides: Spatial strides.
        temporal_kernels: Temporal kernels; 1 is no layer.
        temporal_strides: Temporal strides.
        spatial_types: "conv", "depthwise", "max_pool", "average_pool".
        temporal_types: "conv", "max_pool", "average_pool".
        activations: "relu", and "hard_swish" as in the released mobile networks.
        bottlenecks: Inner channels of a non-local layer.
        pooled_sizes: Size to which a non-local layer pools its keys.
        squeeze: Share of blocks with a squeeze-excite layer, of any ratio to 1.
        context_gate: Share of blocks with a context gate.
        non_local: Share of blocks with a non-local layer.
        skip: Share of blocks with skip connections.
        inverted: Share of inverted bottlenecks, as in the released mobile networks.
    """

    frames: tuple[int, int] = (1, 128)
    rates: tuple[float, float] = (1.0, 25.0)
    sizes: tuple[int, int] = (32, 320)
    blocks: tuple[int, int] = (2, 10)
    repeats: tuple[int, int] = (1, 8)
    filters: tuple[int, int] = (32, 2048)
    expands: tuple[int, int] = (1, 8)
    kernels: tuple[int, int] = (1, 8)
    strides: tuple[int, int] = (1, 8)
    temporal_kernels: tuple[int, int] = (1, 8)
    temporal_strides: tuple[int, int] = (1, 8)
    spatial_types: tuple[str, ...] = SPATIAL_TYPES
    temporal_types: tuple[str, ...] = TEMPORAL_TYPES
    activations: tuple[str, ...] = ("relu",)
    bottlenecks: tuple[int, int] = (8, 512)
    pooled_sizes: tuple[int, int] = (1, 14)
    squeeze: float = 0.5
    context_gate: float = 0.5
    non_local: float = 0.125
    skip: float = 0.5
    inverted: float = 0.0

    def __post_init__(self):
        for name in RANGES:
            draws.check_range(getattr(self, name), name)
        draws.check_range(self.rates, "rates", least=0.1, whole=False)
        draws.check_choices(self.spatial_types, "spatial_types", SPATIAL_TYPES)
        draws.check_choices(self.temporal_types, "temporal_types", TEMPORAL_TYPES)
        draws.check_choices(self.activations, "activations", ACTIVATIONS)
        for name in SHARES:
            draws.check_share(getattr(self, name), name)

    def sample(self, rng: random.Random) -> TinyVideoGenotype:
        """Draws a network."""
        count = rng.randint(*self.blocks)
        blocks = tuple(_block(self._draw_genes(rng)) for _ in range(count))
        stream = Stream(**self._draw_stream(rng))
        return self._settled(TinyVideoGenotype((stream,), blocks))

    def mutate(
        self, parent: TinyVideoGenotype, rng: random.Random, feedback: object = None
    ) -> TinyVideoGenotype:
        """Redraws one part of a network; the child always differs from the parent.

        The part is, each as often: a property of the clip (frames, rate or size); the
        number of blocks, where new ones are drawn and put in anywhere and lost ones
        taken from anywhere; or one setting of one block.

        Args:
            parent: A network of one stream and a row of blocks.
            rng: Where the draws come from.
            feedback: What training the parent taught; not used in this space.

        Raises:
            ValueError: The parent is no row of blocks, or no part of it can change.
        """
        known = isinstance(parent, TinyVideoGenotype)
        row = known and len(parent.streams) == 1
        row = row and not any(block.inputs for block in parent.blocks)
        check(row, "parent", "one stream and a row of blocks", parent)
        parent = self._settled(parent)
        parts = (self._redraw_stream, self._redraw_count, self._redraw_block)
        for _ in range(REDRAWS):
            child = self._settled(rng.choice(parts)(parent, rng))
            if child != parent:
                return child
        raise ValueError(f"`space` must hold another network. Got: {self}")

    def _draw_stream(self, rng: random.Random) -> dict:
        return {
            "frames": draws.log_whole(rng, *self.frames),
            "rate": draws.log_tenth(rng, *self.rates),
            "size": draws.eights(rng, *self.sizes),
        }

    def _draw_genes(self, rng: random.Random) -> dict:
        return {
            "filters": draws.log_eights(rng, *self.filters),
            "expand": draws.log_whole(rng, *self.expands),
            "repeats": draws.log_whole(rng, *self.repeats),
            "spatial_type": rng.choice(self.spatial_types),
            "spatial_kernel": rng.randint(*self.kernels),
            "spatial_stride": draws.log_whole(rng, *self.strides),
            "spatial_activation": rng.choice(self.activations),
            "temporal_type": rng.choice(self.temporal_types),
            "temporal_kernel": rng.randint(*self.temporal_kernels),
            "temporal_stride": draws.log_whole(rng, *self.temporal_strides),
            "temporal_activation": rng.choice(self.activations),
            "inverted": rng.random() < self.inverted,
            "squeeze_ratio": rng.random() if rng.random() < self.squeeze else 0.0,
            "context_gate": rng.random() < self.context_gate,
            "non_local": rng.random() < self.non_local,
            "bottleneck": draws.log_eights(rng, *self.bottlenecks),
            "pooled_size": rng.randint(*self.pooled_sizes),
            "skip": rng.random() < self.skip,
            "activation": rng.choice(self.activations),
        }

    def _redraw_stream(
        self, parent: TinyVideoGenotype, rng: random.Random
    ) -> TinyVideoGenotype:
        drawn = self._draw_stream(rng)
        name = rng.choice(list(drawn))
        stream = dataclasses.replace(parent.streams[0], **{name: drawn[name]})
        return dataclasses.replace(parent, streams=(stream,))

    def _redraw_count(
        self, parent: TinyVideoGenotype, rng: random.Random
    ) -> TinyVideoGenotype:
        blocks, count = list(parent.blocks), rng.randint(*self.blocks)
        while len(blocks) > count:
            del blocks[rng.randrange(len(blocks))]
        while len(blocks) < count:
            block = _block(self._draw_genes(rng))
            blocks.insert(rng.randint(0, len(blocks)), block)
        return dataclasses.replace(parent, blocks=tuple(blocks))

    def _redraw_block(
        self, parent: TinyVideoGenotype, rng: random.Random
    ) -> TinyVideoGenotype:
        index, drawn = rng.randrange(len(parent.blocks)), self._draw_genes(rng)
        name = rng.choice(list(drawn))
        # A layer that comes in with its kernel takes its other settings from the draw.
        genes = {**drawn, **_genes(parent.blocks[index]), name: drawn[name]}
        blocks = (*parent.blocks[:index], _block(genes), *parent.blocks[index + 1 :])
        return dataclasses.replace(parent, blocks=blocks)

    def _settled(self, genotype: TinyVideoGenotype) -> TinyVideoGenotype:
        genotype = genotype.simplified()
        stream = genotype.streams[0]
        if stream.frames == 1:
            stream = revised(stream, rate=float(self.rates[0]))
        firsts = [instances[0] for _, instances in genotype.block_inputs()]
        blocks = tuple(map(_settled_block, firsts))
        return revised(genotype, streams=(stream,), blocks=blocks)


def _block(genes: dict) -> TinyVideoBlock:
    names = {field.name for field in dataclasses.fields(TinyVideoBlock)}
    plain = {name: value for name, value in genes.items() if name in names}
    plain["spatial"] = _layer(SpatialLayer, genes, "spatial")
    plain["temporal"] = _layer(TemporalLayer, genes, "temporal")
    if genes["non_local"]:
        plain["non_local"] = NonLocal(genes["bottleneck"], genes["pooled_size"])
    else:
        plain["non_local"] = None
    return TinyVideoBlock(**plain)


def _layer(layer_class: type, genes: dict, name: str) -> object:
    kind, kernel = genes[f"{name}_type"], genes[f"{name}_kernel"]
    activation = "relu" if kind in POOL_TYPES else genes[f"{name}_activation"]
    if kernel == 1:
        return None
    return layer_class(kind, kernel, genes[f"{name}_stride"], activation)


def _genes(block: TinyVideoBlock) -> dict:
    genes = {f.name: getattr(block, f.name) for f in dataclasses.fields(block)}
    del genes["inputs"]
    for name in ("spatial", "temporal"):
        layer = genes.pop(name)
        if layer is None:
            genes[f"{name}_kernel"] = 1
            continue
        for field in dataclasses.fields(layer):
            genes[f"{name}_{field.name}"] = getattr(layer, field.name)
        if layer.type in POOL_TYPES:
            del genes[f"{name}_activation"]
    if block.non_local:
        genes |= dataclasses.asdict(block.non_local)
    genes["non_local"] = block.non_local is not None
    return genes


# A child has most blocks from its parent, and a search meets thousands of children.
@functools.lru_cache(maxsize=4096)
def _settled_block(first: Instance) -> TinyVideoBlock:
    block = first.block
    side = max(first.input.height, first.input.width)
    spatial = _settled_pool(block.spatial, side)
    temporal = _settled_pool(block.temporal, first.input.frames)
    ratio = _settled_ratio(block.squeeze_ratio, first.gated.channels)
    return revised(block, spatial=spatial, temporal=temporal, squeeze_ratio=ratio)


def _settled_pool(layer: object, length: int) -> object:
    if layer is None or layer.type not in POOL_TYPES:
        return layer
    # With SAME padding a window of twice the length covers all from every place.
    return revised(layer, kernel=min(layer.kernel, 2 * length - 1))


@functools.lru_cache(maxsize=4096)
def _settled_ratio(ratio: float, channels: int) -> float:
    units = squeeze_units(channels, ratio)
    hundredths = (percent / 100 for percent in range(101))
    return next((r for r in hundredths if squeeze_units(channels, r) == units), ratio)

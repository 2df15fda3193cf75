"""PV-NAS' networks of four cells (https://arxiv.org/abs/2011.00826) as genotypes.

Cells over space come first, then cells over space and time; of both there is one that
keeps height and width and one that halves them. The cells that the paper found are in
a figure alone, which no text gives.
"""

from dataclasses import dataclass
from typing import ClassVar

from zoo.genotypes.base import ClipSpec, check, check_fields, check_whole
from zoo.genotypes.cells import Cell, CellGenotype
from zoo.genotypes.plans.cells import Stack
from zoo.genotypes.plans.pvnas import stacked
from zoo.genotypes.tally import Features

SPATIAL_OPERATIONS = (
    "skip",
    "zero",
    "average_pool3",  # Of 3x3 pixels, as all that follow.
    "max_pool3",
    "separable3",  # Channels apart, then 1x1 pixels, and both once more.
    "dilated3",  # Channels apart, pixels that are 2 apart, then 1x1 pixels.
)
TEMPORAL_OPERATIONS = (
    *SPATIAL_OPERATIONS,
    "temporal3x3x3",  # Of 3x3 pixels, then of 3 frames.
    "temporal3x1x1",  # Of 1x1 pixels, then of 3 frames.
)
SEARCH_ORDER = (
    "spatial_normal",
    "spatial_reduction",
    "temporal_normal",
    "temporal_reduction",
)
# The paper does not print it: with it 2 repeats give its 11 cells, and random cells
# its numbers of weights and operations.
ORDER = (*SEARCH_ORDER, "temporal_normal", "temporal_reduction", "temporal_normal")
STEM_STRIDES = (1, 2, 4)


@dataclass(frozen=True)
class PVNASGenotype(CellGenotype):
    """A network of cells of four kinds."""

    family = "pvnas"
    KINDS: ClassVar[dict[str, tuple[str, ...]]] = {
        "spatial_normal": SPATIAL_OPERATIONS,
        "spatial_reduction": SPATIAL_OPERATIONS,
        "temporal_normal": TEMPORAL_OPERATIONS,
        "temporal_reduction": TEMPORAL_OPERATIONS,
    }

    spatial_normal: Cell
    spatial_reduction: Cell
    temporal_normal: Cell
    temporal_reduction: Cell
    repeats: int = 1  # Of each normal cell.
    channels: int = 64  # Of each node of the first cells; a reduction doubles them.
    order: tuple[str, ...] = ORDER  # Kinds of cells, before normal ones are repeated.
    # Of the first convolution; at 4 a pool has half of it. Small clips need less.
    stem_stride: int = 4

    def __post_init__(self):
        check_fields(self)
        self.check_cells()
        check_whole(self.repeats, "repeats")
        check_whole(self.channels, "channels")
        rule = f"of {tuple(self.KINDS)}, each of them at least once"
        check(set(self.order) == set(self.KINDS), "order", rule, self.order)
        known = self.stem_stride in STEM_STRIDES
        check(known, "stem_stride", f"one of {STEM_STRIDES}", self.stem_stride)

    @property
    def sequence(self) -> list[str]:
        """The kind of every cell of the network."""
        return [
            kind
            for kind in self.order
            for _ in range(self.repeats if kind.endswith("normal") else 1)
        ]

    @property
    def clip_spec(self) -> ClipSpec:
        """8 frames of 224x224 pixels, from 64 frames at 30 a second."""
        return ClipSpec(frames=8, rate=3.75, height=224, width=224)

    def stack(self, shape: Features, norms: str) -> Stack:
        return stacked(self, shape, norms)

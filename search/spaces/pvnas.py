"""The space of PV-NAS (https://arxiv.org/abs/2011.00826)."""

from dataclasses import dataclass
from typing import ClassVar

from search.spaces.cells import CellSpace
from zoo.genotypes.pvnas import ORDER, SEARCH_ORDER, PVNASGenotype


@dataclass(frozen=True)
class PVNASSpace(CellSpace):
    """Networks of four cells, over space, then also over time; by default PV-NAS-L's.

    Args:
        nodes: Of each cell.
        edges: Of each node; the first has no more than two.
        least_convolutions: Edges of each cell with weights; the random cells of the
            paper's Table 3 have at least 4.
        repeats: Of the normal cells of the final network; PV-NAS-M has 2.
        channels: Of each node of its first cells; PV-NAS-M has 100.
        order: Kinds of its cells, before normal ones are repeated.
        stem_stride: Of its first layers.
        search_repeats: Of the normal cells of the supernet.
        search_channels: Of each node of its first cells.
        search_order: Kinds of its cells.
        search_stem_stride: Of its first layers.
    """

    nodes: int = 4
    edges: int = 2
    least_convolutions: int = 0
    repeats: int = 1
    channels: int = 64
    order: tuple[str, ...] = ORDER
    stem_stride: int = 4
    search_repeats: int = 1
    search_channels: int = 64
    search_order: tuple[str, ...] = SEARCH_ORDER
    search_stem_stride: int = 4

    genotype: ClassVar[type] = PVNASGenotype

    def __post_init__(self):
        self.check_cells()

    @property
    def layout(self) -> dict[str, object]:
        return {
            "repeats": self.repeats,
            "channels": self.channels,
            "order": tuple(self.order),
            "stem_stride": self.stem_stride,
        }

    @property
    def search_layout(self) -> dict[str, object]:
        return {
            "repeats": self.search_repeats,
            "channels": self.search_channels,
            "order": tuple(self.search_order),
            "stem_stride": self.search_stem_stride,
        }

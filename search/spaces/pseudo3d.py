"""The space of Peng et al.'s pseudo-3D cells (https://arxiv.org/abs/1907.04632)."""

from dataclasses import dataclass
from typing import ClassVar

from search.spaces.cells import CellSpace
from zoo.genotypes.pseudo3d import Pseudo3DGenotype


@dataclass(frozen=True)
class Pseudo3DSpace(CellSpace):
    """Networks that repeat one cell; by default the paper's.

    The paper's search has three cells, where its "reduction every two layers" leaves
    one reduction, before the second.

    Args:
        nodes: Of the cell.
        edges: Of each node; the first has no more than two.
        least_convolutions: Edges of the cell with weights; 4 makes a fair random cell.
        cells: Of the final network.
        channels: Of each node of its first cells.
        reductions: Its cells, counted from 0, that halve height and width.
        search_cells: Of the supernet.
        search_channels: Of each node of its first cells.
        search_reductions: Its cells that halve height and width.
    """

    nodes: int = 4
    edges: int = 2
    least_convolutions: int = 0
    cells: int = 6
    channels: int = 8
    reductions: tuple[int, ...] = (1, 3, 5)
    search_cells: int = 3
    search_channels: int = 4
    search_reductions: tuple[int, ...] = (1,)

    genotype: ClassVar[type] = Pseudo3DGenotype

    def __post_init__(self):
        self.check_cells()

    @property
    def layout(self) -> dict[str, object]:
        return {
            "cells": self.cells,
            "channels": self.channels,
            "reductions": tuple(self.reductions),
        }

    @property
    def search_layout(self) -> dict[str, object]:
        return {
            "cells": self.search_cells,
            "channels": self.search_channels,
            "reductions": tuple(self.search_reductions),
        }

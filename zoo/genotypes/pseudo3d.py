"""Pseudo-3D networks of one cell (https://arxiv.org/abs/1907.04632) as genotypes.

Peng, Hong and Zhao search one cell of operations that are factorised into space and
time. The cell that they found is in a figure alone, which no text gives.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from zoo.genotypes.base import ClipSpec, check, check_fields, check_whole
from zoo.genotypes.cells import Cell, CellGenotype
from zoo.genotypes.plans.cells import Stack
from zoo.genotypes.plans.pseudo3d import stacked
from zoo.genotypes.tally import Features

OPERATIONS = (
    "conv1",  # Of 1x1 pixels.
    "conv3",  # Of 3x3 pixels, then of 3 frames.
    "separable3",  # Of 3 frames, then of 3 rows, then of 3 columns.
    "dilated3",  # Of 3x3 pixels that are 2 apart, then of 3 frames.
    "max_pool3",  # Of 3x3 pixels, then of 3 frames, as the next.
    "average_pool3",
    "skip",
    "zero",
)


@dataclass(frozen=True)
class Pseudo3DGenotype(CellGenotype):
    """A network that repeats one cell."""

    family = "pseudo3d"
    KINDS: ClassVar[dict[str, tuple[str, ...]]] = {"cell": OPERATIONS}

    cell: Cell
    cells: int = 6  # How often it is repeated.
    channels: int = 8  # Of each node of the first cells; a reduction doubles them.
    # Cells, counted from 0, before which height and width are halved. The paper has
    # one "every two layers"; of such places only these give its number of weights.
    reductions: tuple[int, ...] = (1, 3, 5)

    def __post_init__(self):
        check_fields(self)
        self.check_cells()
        check_whole(self.cells, "cells")
        check_whole(self.channels, "channels")
        rule = f"rising numbers of cells, from 0 to {self.cells - 1}"
        places = [place for place in range(self.cells) if place in self.reductions]
        check(places == list(self.reductions), "reductions", rule, self.reductions)

    @classmethod
    def with_cells(cls, by_kind: Mapping[str, Cell], /, **layout) -> Self:
        """A network of this cell.

        Args:
            by_kind: Of which there is one: "cell".
            **layout: The other fields; `reductions` are before every second cell where
                only the number of cells is given.
        """
        count = layout.get("cells")
        if type(count) is int and "reductions" not in layout:
            layout["reductions"] = tuple(range(1, count, 2))
        return super().with_cells(by_kind, **layout)

    @property
    def clip_spec(self) -> ClipSpec:
        """The paper's 8 frames of 112x112 pixels, two of each quarter of a video."""
        return ClipSpec(frames=8, rate=25.0, height=112, width=112, segments=4)

    def stack(self, shape: Features, norms: str) -> Stack:
        return stacked(self, shape, norms)

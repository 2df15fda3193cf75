"""What spaces of cells share: draws, mutations, and what a trained supernet stands for.

A space of cells is searched in two ways. An evolution draws and mutates cells one by
one; a differentiable search trains a supernet of `searched()`, in which all of them
are, and `derived` reads the cells out of it.
"""

import abc
import random
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeVar

from zoo.genotypes.base import check, check_whole
from zoo.genotypes.cells import FREE, ZERO, Cell, CellGenotype, Edge, derive, plain
from zoo.genotypes.plans.cells import INPUTS

Network = TypeVar("Network", bound=CellGenotype)
REDRAWS = 10_000


class CellSpace(abc.ABC):
    """Base of the spaces whose networks stack cells of several kinds.

    A subclass is a frozen dataclass with the fields `nodes`, of each cell, `edges`, of
    each node, and `least_convolutions`, with weights, in each cell; it sets `genotype`,
    and tells the layout of its networks and of its supernet.
    """

    genotype: ClassVar[type[CellGenotype]]
    nodes: int
    edges: int
    least_convolutions: int

    @property
    @abc.abstractmethod
    def layout(self) -> dict[str, object]:
        """Fields of the final network, beside its cells."""

    @property
    @abc.abstractmethod
    def search_layout(self) -> dict[str, object]:
        """Fields of the network that the supernet is of, beside its cells."""

    @property
    def kinds(self) -> dict[str, tuple[str, ...]]:
        """Of each kind of cell, the operations that its edges may have."""
        return self.genotype.KINDS

    def check_cells(self) -> None:
        """Raises ValueError unless the space holds cells.

        For `__post_init__`.
        """
        for name in ("nodes", "edges"):
            check_whole(getattr(self, name), name)
        most = sum(min(self.edges, node + INPUTS) for node in range(self.nodes))
        least = self.least_convolutions
        check_whole(least, "least_convolutions", least=0)
        rule = f"at most {most}, the edges of a cell"
        check(least <= most, "least_convolutions", rule, least)
        self._plain(self.layout)
        try:
            self.searched()
        except ValueError as error:
            raise ValueError(f"{error}, in the layout of the supernet") from None

    def sample(self, rng: random.Random) -> CellGenotype:
        """Draws a network: of each node its sources, and of each an operation."""
        cells = {kind: self._draw_cell(rng, kind) for kind in self.kinds}
        return self._network(cells, self.layout)

    def mutate(
        self, parent: Network, rng: random.Random, feedback: object = None
    ) -> Network:
        """Redraws the source or the operation of one edge; the child always differs.

        As in the evolution of cells of AmoebaNet (https://arxiv.org/abs/1802.01548).
        The kind of cell is drawn first, then the edge, then which of the two.

        Args:
            parent: A network of the space's family.
            rng: Where the draws come from.
            feedback: What training the parent taught; not used in this space.

        Raises:
            ValueError: The parent is of another family, or no edge of it can change.
        """
        self._check_parent(parent)
        for _ in range(REDRAWS):
            kind = rng.choice(list(self.kinds))
            cell = self._mutate_cell(parent.by_kind[kind], rng, kind)
            if cell != parent.by_kind[kind] and self._holds(cell):
                cells = {**parent.by_kind, kind: cell}
                return self._network(cells, self.layout)
        raise ValueError(f"`space` must hold another network. Got: {self}")

    def searched(self) -> CellGenotype:
        """The layout of the supernet, with cells that say nothing but their nodes."""
        return self._plain(self.search_layout)

    def derived(self, shares: Mapping[str, Sequence[Sequence[float]]]) -> CellGenotype:
        """The final network that a supernet's architecture weights stand for.

        Args:
            shares: Of each kind of cell a table, a row for each edge that a cell may
                have and a column for each operation.
        """
        cells = {
            kind: derive(shares[kind], operations, self.nodes, self.edges)
            for kind, operations in self.kinds.items()
        }
        return self._network(cells, self.layout)

    def _network(self, cells: dict[str, Cell], layout: dict) -> CellGenotype:
        return self.genotype.with_cells(cells, **layout)

    def _plain(self, layout: dict) -> CellGenotype:
        return self._network(dict.fromkeys(self.kinds, plain(self.nodes)), layout)

    def _check_parent(self, parent: CellGenotype) -> None:
        rule = f"a {self.genotype.__name__}"
        check(isinstance(parent, self.genotype), "parent", rule, parent)
        counts = sorted({len(cell.nodes) for cell in parent.by_kind.values()})
        rule = f"of {self.nodes} nodes in each cell"
        check(counts == [self.nodes], "parent", rule, counts)

    def _draw_cell(self, rng: random.Random, kind: str) -> Cell:
        for _ in range(REDRAWS):
            cell = Cell(
                tuple(self._draw_node(rng, kind, node) for node in range(self.nodes))
            )
            if self._holds(cell):
                return cell
        rule = "few enough for a cell that is drawn to have them"
        check(False, "least_convolutions", rule, self.least_convolutions)

    def _draw_node(self, rng: random.Random, kind: str, node: int) -> tuple[Edge, ...]:
        known = range(node + INPUTS)
        sources = sorted(rng.sample(known, min(self.edges, len(known))))
        return tuple(
            Edge(source, self._draw_operation(rng, kind)) for source in sources
        )

    def _draw_operation(self, rng: random.Random, kind: str) -> str:
        return rng.choice([name for name in self.kinds[kind] if name != ZERO])

    def _mutate_cell(self, cell: Cell, rng: random.Random, kind: str) -> Cell:
        node = rng.randrange(len(cell.nodes))
        edges = list(cell.nodes[node])
        place = rng.randrange(len(edges))
        edge = edges.pop(place)
        taken = {other.source for other in edges}
        free = [s for s in range(node + INPUTS) if s not in taken]
        if rng.random() < 0.5:
            edge = Edge(rng.choice(free), edge.operation)
        else:
            edge = Edge(edge.source, self._draw_operation(rng, kind))
        changed = tuple(sorted([*edges, edge], key=lambda edge: edge.source))
        return Cell((*cell.nodes[:node], changed, *cell.nodes[node + 1 :]))

    def _holds(self, cell: Cell) -> bool:
        convolutions = [name for name in cell.operations if name not in FREE]
        return len(convolutions) >= self.least_convolutions

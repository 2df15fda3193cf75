"""Cells: small graphs of operations that differentiable searches find, and stack.

A cell reads the outputs of the two cells before it. Each of its nodes is the sum of
operations on these or on the nodes before; the cell puts out all nodes, concatenated.
"""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from zoo.genotypes.base import Cost, Genotype, check, check_fields, check_whole
from zoo.genotypes.plans.cells import INPUTS, Plan, Stack, connected, edges
from zoo.genotypes.plans.supernet import ZERO, SuperPlan, mixed
from zoo.genotypes.tally import Features, Tally

FREE = (ZERO, "skip", "max_pool3", "average_pool3")  # Operations without weights.


@dataclass(frozen=True)
class Edge:
    """What a node reads, and the operation on it.

    Source 0 is the output of the cell before the last, source 1 that of the last, 2
    and up are the cell's own nodes.
    """

    source: int
    operation: str

    def __post_init__(self):
        check_fields(self)
        check_whole(self.source, "source", least=0)


@dataclass(frozen=True)
class Cell:
    """The edges of each node, those of a node in the order of their sources."""

    nodes: tuple[tuple[Edge, ...], ...]

    def __post_init__(self):
        check_fields(self)
        check(len(self.nodes) > 0, "nodes", "at least one", self.nodes)
        for index, node in enumerate(self.nodes):
            rule = f"at least one edge into node {index}"
            check(len(node) > 0, "nodes", rule, self.nodes)
            sources = [edge.source for edge in node]
            rule = f"below {index + INPUTS} for node {index}"
            check(max(sources) < index + INPUTS, "source", rule, max(sources))
            rule = f"edges of node {index} by rising sources, each of them once"
            check(sources == sorted(set(sources)), "nodes", rule, sources)

    @classmethod
    def of(cls, *nodes: Sequence[tuple[int, str]]) -> Self:
        """A cell of nodes, each with the (source, operation) of its edges."""
        return cls(tuple(tuple(Edge(*edge) for edge in node) for node in nodes))

    @property
    def operations(self) -> list[str]:
        """Of all edges, node by node."""
        return [edge.operation for node in self.nodes for edge in node]


class CellGenotype(Genotype):
    """Base of the genotypes that stack cells of several kinds.

    A subclass has a field of type `Cell` for each of its `KINDS`; its other fields are
    the layout.
    """

    origin = "found by this project's search"  # No paper prints its cells.

    # Of each kind of cell, the operations that its edges may have.
    KINDS: ClassVar[dict[str, tuple[str, ...]]]

    @classmethod
    def with_cells(cls, by_kind: Mapping[str, Cell], /, **layout) -> Self:
        """A network of these cells.

        Args:
            by_kind: A cell for each kind.
            **layout: The other fields.
        """
        given = sorted(by_kind) if isinstance(by_kind, Mapping) else by_kind
        check(given == sorted(cls.KINDS), "by_kind", f"of {sorted(cls.KINDS)}", given)
        return cls(**by_kind, **layout)

    @property
    def by_kind(self) -> dict[str, Cell]:
        """The cells by their kind."""
        return {kind: getattr(self, kind) for kind in self.KINDS}

    def check_cells(self) -> None:
        """Raises ValueError unless each cell has operations of its kind alone."""
        for kind, operations in self.KINDS.items():
            # An edge that is not there is left out, so that networks have one form.
            known = tuple(name for name in operations if name != ZERO)
            for name in getattr(self, kind).operations:
                rule = f"one of {known} in a cell of kind {kind!r}"
                check(name in known, "operation", rule, name)

    @abc.abstractmethod
    def stack(self, shape: Features, norms: str) -> Stack:
        """The stem, and each cell's place and inputs, where `shape` goes in."""

    def plan(self, input_shape: tuple | None = None, norms: str = "final") -> Plan:
        """Every layer of the network, with its shapes.

        Args:
            input_shape: (frames, height, width, channels) of the clip; None is that of
                the clip spec.
            norms: "final", or "search" for those of a supernet: without scale and
                shift, and also after pools.
        """
        shape = Features(*self.clip_shape(input_shape))
        return connected(self.stack(shape, norms), self.by_kind)

    def super_plan(self, input_shape: tuple | None = None) -> SuperPlan:
        """Every layer of the supernet of this layout.

        All edges and all operations are there; of the genotype's own cells the numbers
        of nodes count alone.

        Args:
            input_shape: (frames, height, width, channels) of the clip; None is that of
                the clip spec.
        """
        shape = Features(*self.clip_shape(input_shape))
        nodes = {kind: len(cell.nodes) for kind, cell in self.by_kind.items()}
        return mixed(self.stack(shape, "search"), nodes, self.KINDS)

    def cost(self, num_classes: int, input_shape: tuple | None = None) -> Cost:
        """Cost on paper, with a classifier over averages.

        Args:
            num_classes: Width of the classifier.
            input_shape: (frames, height, width, channels) in place of the clip spec's
                own.
        """
        tally = Tally()
        plan = self.plan(input_shape)
        plan.tally(tally)
        tally.head(plan.output, num_classes)
        return tally.cost()


def derive(
    shares: Sequence[Sequence[float]],
    operations: Sequence[str],
    nodes: int,
    keep: int = 2,
) -> Cell:
    """The cell that a table of shares stands for, as in DARTS and in both papers.

    Of each edge the operation with the largest share, the zero excluded; of each node
    the edges on which that share is largest. The first of equals wins.

    Args:
        shares: A row for each of `edges(nodes)`, a column for each operation.
        operations: Names of the columns.
        nodes: Of the cell.
        keep: Edges of each node.
    """
    check_whole(nodes, "nodes")
    check_whole(keep, "keep")
    table = [[float(share) for share in row] for row in shares]
    shape = (len(edges(nodes)), len(operations))
    fits = len(table) == shape[0] and all(len(row) == shape[1] for row in table)
    given = (len(table), len(table[0]) if table else 0)
    check(fits, "shares", f"of shape {shape} for {nodes} nodes", given)
    known = [place for place, name in enumerate(operations) if name != ZERO]
    check(len(known) > 0, "operations", f"not {ZERO!r} alone", operations)
    found = [[] for _ in range(nodes)]
    for (node, source), row in zip(edges(nodes), table, strict=True):
        best = max(known, key=row.__getitem__)
        found[node].append((row[best], Edge(source, operations[best])))
    return Cell(tuple(_strongest(node, keep) for node in found))


def _strongest(candidates: list[tuple[float, Edge]], keep: int) -> tuple[Edge, ...]:
    ranked = sorted(candidates, key=lambda pair: -pair[0])[:keep]
    return tuple(sorted((edge for _, edge in ranked), key=lambda edge: edge.source))


def plain(nodes: int = 4) -> Cell:
    """A cell that reads both inputs as they are: where only the layout matters."""
    return Cell(((Edge(0, "skip"), Edge(1, "skip")),) * nodes)

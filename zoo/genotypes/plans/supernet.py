"""How the supernets of networks of cells unfold: all operations on all edges.

All that reads one source is computed side by side: operations with weights have as many
groups of channels as there are nodes that read the source, those without are computed
once for all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from zoo.genotypes.plans.cells import (
    INPUTS,
    KERNELS,
    Frame,
    Layer,
    Layers,
    Stack,
    edges,
)

ZERO = "zero"  # An edge that is not there.


@dataclass(frozen=True)
class Mixed:
    """Operations on one source of a supernet's cell that end with the same norm.

    Args:
        columns: Of each operation, in the table of shares.
        rows: The layers of each operation; none pass on the source as it is.
        norm: Of their outputs, which are then side by side; None where there is none.
    """

    columns: tuple[int, ...]
    rows: tuple[Layers, ...]
    norm: Layer | None


@dataclass(frozen=True)
class Mixture:
    """All operations on one source of a supernet's cell.

    Args:
        name: Of the source.
        targets: The nodes that read it.
        edges: Rows of the table of shares, one for each target.
        parts: The operations.
    """

    name: str
    targets: tuple[int, ...]
    edges: tuple[int, ...]
    parts: tuple[Mixed, ...]


@dataclass(frozen=True)
class SuperCell:
    """The layers of a supernet's cell.

    Args:
        frame: Its place.
        nodes: Number of nodes.
        sources: The operations on each.
    """

    frame: Frame
    nodes: int
    sources: tuple[Mixture, ...]


@dataclass(frozen=True)
class SuperPlan:
    """The layers of a supernet.

    Args:
        stem: Its first layers.
        cells: One after the other; each reads the two before.
        shares: Edges and operations of each kind of cell.
    """

    stem: Layers
    cells: tuple[SuperCell, ...]
    shares: dict[str, tuple[int, int]]


def mixed(
    stack: Stack, nodes: Mapping[str, int], operations: Mapping[str, Sequence[str]]
) -> SuperPlan:
    """The layers of a supernet.

    Args:
        stack: With the norms of a search.
        nodes: Of each kind of cell.
        operations: Of each kind of cell.
    """
    cells = tuple(
        SuperCell(
            frame,
            nodes[frame.kind],
            tuple(_mixtures(stack, frame, nodes[frame.kind], operations[frame.kind])),
        )
        for frame in stack.frames
    )
    shares = {
        kind: (len(edges(nodes[kind])), len(names))
        for kind, names in operations.items()
    }
    return SuperPlan(stack.stem, cells, shares)


def _mixtures(
    stack: Stack, frame: Frame, nodes: int, operations: Sequence[str]
) -> Iterator[Mixture]:
    places = {edge: place for place, edge in enumerate(edges(nodes))}
    for source in range(nodes + INPUTS - 1):
        name = f"{frame.name}_source{source}"
        targets = tuple(n for n in range(nodes) if (n, source) in places)
        rows = {
            column: stack.operation(
                frame, source, operation, f"{name}_{operation}", len(targets)
            )
            for column, operation in enumerate(operations)
            if operation != ZERO
        }
        table = tuple(places[node, source] for node in targets)
        yield Mixture(name, targets, table, tuple(_parts(name, rows)))


def _parts(name: str, rows: Mapping[int, Layers]) -> Iterator[Mixed]:
    """Operations by whether they end with a norm, and have weights."""
    groups = {"own": [], "common": [], "same": []}
    for column, row in rows.items():
        weighs = any(layer.kind in KERNELS for layer in row)
        group = ("own" if weighs else "common") if row else "same"
        groups[group].append(column)
    for group, columns in groups.items():
        if not columns:
            continue
        chosen = [rows[column] for column in columns]
        norm = None
        if group != "same":
            last = chosen[0][-1]
            wide = last.output.with_channels(last.output.channels * len(chosen))
            norm = replace(last, name=f"{name}_{group}_norm", input=wide, output=wide)
            chosen = [row[:-1] for row in chosen]
        yield Mixed(tuple(columns), tuple(chosen), norm)

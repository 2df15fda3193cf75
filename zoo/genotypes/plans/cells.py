"""How networks of cells unfold: every layer with its shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from zoo.genotypes.base import check
from zoo.genotypes.tally import Features, Tally

if TYPE_CHECKING:  # The genotypes unfold themselves with this file.
    from zoo.genotypes.cells import Cell

INPUTS = 2  # Sources that are no nodes: the outputs of the two cells before.
NORMS = ("final", "search")
# Of the kinds of layers with a kernel, how often its size is a factor of the kernel.
KERNELS = {
    "space": 2,
    "rows": 1,
    "columns": 1,
    "time": 1,
    "point": 0,
    "depthwise": 2,
    "reduce": 0,
}


@dataclass(frozen=True)
class Layer:
    """One layer.

    Args:
        kind: A convolution without bias: "space", "rows" or "columns" over frames,
            "time", "point" of one pixel, "depthwise" over frames, or "reduce", a point
            convolution to half of the pixels that reads all of them. Or "relu", "norm",
            pools "max_space", "max_time", "average_space" and "average_time", "pick"
            for every so many pixels, or "tile", which repeats the channels.
        name: Of the layer.
        input: Shape that it reads.
        output: Shape that it puts out.
        size: Frames, or pixels a side, of the kernel or pool; of "tile" how often.
        stride: Over space.
        dilation: Over space.
        groups: Groups of channels that a convolution keeps apart, or "reduce" puts out.
        affine: Whether a norm has scale and shift.
    """

    kind: str
    name: str
    input: Features
    output: Features
    size: int = 1
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    affine: bool = True

    def tally(self, tally: Tally) -> None:
        """Adds what the layer costs."""
        if self.kind in KERNELS:
            read = {"depthwise": 1, "reduce": self.input.channels}
            channels = read.get(self.kind, self.input.channels // self.groups)
            kernel = channels * self.size ** KERNELS[self.kind]
            tally.conv(self.output, kernel, activate=False, norm=False)
        elif self.kind == "norm":
            tally.norm(self.output, self.affine)
        else:
            tally.output(self.output)


Layers = tuple[Layer, ...]


class Row:
    """Puts layers together, one after the other.

    Args:
        name: That the names of the layers begin with.
        shape: That the first layer reads.
        norms: "final" or "search".
        groups: Of channels, side by side in a supernet.
    """

    def __init__(self, name: str, shape: Features, norms: str, groups: int = 1):
        check(norms in NORMS, "norms", f"one of {NORMS}", norms)
        self.name = name
        self.shape = shape
        self.norms = norms
        self.groups = groups
        self.layers: list[Layer] = []

    def add(
        self, kind: str, channels: int | None = None, stride: int = 1, **fields
    ) -> Self:
        """A layer; it keeps the channels where none are given."""
        output = self.shape.strided(size=stride)
        output = output.with_channels(channels or self.shape.channels)
        count = sum(layer.kind == kind for layer in self.layers)
        name = f"{self.name}_{kind}{count + 1 if count else ''}"
        layer = Layer(kind, name, self.shape, output, stride=stride, **fields)
        self.layers.append(layer)
        self.shape = output
        return self

    def first(self, kind: str, size: int = 1, stride: int = 1, **fields) -> Self:
        """A convolution of what all groups read, to channels of each."""
        channels = self.shape.channels * self.groups
        return self.add(kind, channels, stride, size=size, **fields)

    def then(self, kind: str, size: int = 1, **fields) -> Self:
        """A convolution that keeps groups apart."""
        return self.add(kind, size=size, groups=self.groups, **fields)

    def tile(self) -> Self:
        """The channels once for each group."""
        return self.first("tile", size=self.groups) if self.groups > 1 else self

    def norm(self) -> Self:
        """A norm after a convolution."""
        return self.add("norm", affine=self.norms == "final")

    def pool_norm(self) -> Self:
        """A norm after a pool, which there is in a search alone."""
        return self.norm() if self.norms == "search" else self

    def named(self, name: str) -> Layers:
        """All layers, the last one of this name."""
        return (*self.layers[:-1], replace(self.layers[-1], name=name))

    def done(self) -> Layers:
        """All layers."""
        return tuple(self.layers)


@dataclass(frozen=True)
class Frame:
    """A cell's place in a network, before it is known what is in the cell.

    Args:
        name: Of the cell.
        kind: Of the cell.
        inputs: What brings the outputs of the two cells before to one shape.
        stride: Over space, of operations on the inputs.
        node: Shape of each node.
    """

    name: str
    kind: str
    inputs: tuple[Layers, Layers]
    stride: int
    node: Features

    def source(self, index: int) -> tuple[Features, int]:
        """The shape of a source, and the stride of operations on it."""
        if index < INPUTS:
            return self.inputs[index][-1].output, self.stride
        return self.node, 1


@dataclass(frozen=True)
class Stack:
    """A network before it is known what is in its cells.

    Args:
        stem: Its first layers.
        frames: Places of cells.
        norms: "final" or "search".
        operate: Adds an operation, by its name, with a stride, to a row.
    """

    stem: Layers
    frames: tuple[Frame, ...]
    norms: str
    operate: Callable[[str, Row, int], Row]

    def operation(
        self, frame: Frame, source: int, operation: str, name: str, groups: int = 1
    ) -> Layers:
        """The layers of an operation on a source."""
        shape, stride = frame.source(source)
        row = Row(name, shape, self.norms, groups)
        return self.operate(operation, row, stride).done()


@dataclass(frozen=True)
class Connection:
    """What a node adds up: a source, and layers on it; none pass it on as it is."""

    source: int
    operation: str
    layers: Layers


@dataclass(frozen=True)
class CellPlan:
    """The layers of a cell.

    Args:
        frame: Its place.
        nodes: What each node adds up.
    """

    frame: Frame
    nodes: tuple[tuple[Connection, ...], ...]

    @property
    def output(self) -> Features:
        """Shape of all nodes, concatenated."""
        node = self.frame.node
        return node.with_channels(node.channels * len(self.nodes))

    def tally(self, tally: Tally) -> None:
        """Adds what the cell costs."""
        rows = [connection.layers for node in self.nodes for connection in node]
        for row in (*self.frame.inputs, *rows):
            for layer in row:
                layer.tally(tally)
        for node in self.nodes:
            if len(node) > 1:
                tally.output(self.frame.node)
        tally.output(self.output)


@dataclass(frozen=True)
class Plan:
    """The layers of a network.

    Args:
        stem: Its first layers.
        cells: One after the other; each reads the two before.
    """

    stem: Layers
    cells: tuple[CellPlan, ...]

    @property
    def output(self) -> Features:
        """Shape that is classified."""
        return self.cells[-1].output

    def tally(self, tally: Tally) -> None:
        """Adds what all costs but the classifier."""
        for part in (*self.stem, *self.cells):
            part.tally(tally)


def edges(nodes: int) -> list[tuple[int, int]]:
    """All edges that a cell may have, as (node, source), node by node."""
    return [(node, source) for node in range(nodes) for source in range(node + INPUTS)]


def connected(stack: Stack, cells: Mapping[str, Cell]) -> Plan:
    """The layers of a network of these cells, by their kind."""
    plans = []
    for frame in stack.frames:
        nodes = tuple(
            tuple(
                Connection(
                    edge.source,
                    edge.operation,
                    stack.operation(
                        frame,
                        edge.source,
                        edge.operation,
                        f"{frame.name}_node{index}_source{edge.source}",
                    ),
                )
                for edge in node
            )
            for index, node in enumerate(cells[frame.kind].nodes)
        )
        plans.append(CellPlan(frame, nodes))
    return Plan(stack.stem, tuple(plans))

"""How a pseudo-3D genotype unfolds: its stem, its cells' places, its operations.

What the paper leaves open is as in DARTS: a stem of three times the channels, a norm
after each point convolution of the inputs. As there is one kind of cell, no operation
has a stride: the point convolutions of the inputs do (the paper's "feature map
adaptation layer").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.genotypes.plans.cells import Frame, Layers, Row, Stack
from zoo.genotypes.tally import Features

if TYPE_CHECKING:  # The genotype unfolds itself with this file.
    from zoo.genotypes.pseudo3d import Pseudo3DGenotype

STEM = 3  # Times the channels of the first cell's nodes.


def stacked(genotype: Pseudo3DGenotype, shape: Features, norms: str) -> Stack:
    """The network that reads `shape`, but for what is in its cells."""
    width, nodes = genotype.channels, len(genotype.cell.nodes)
    stem = Row("stem", shape, norms).add("space", STEM * width, size=3).add("norm")
    # The two outputs before, and how often each is halved.
    before = last = (stem.shape, 0)
    frames = []
    for index in range(genotype.cells):
        node, halved = last
        if index in genotype.reductions:
            node, halved, width = node.strided(size=2), halved + 1, 2 * width
        node, name = node.with_channels(width), f"cell{index}"
        inputs = tuple(
            _adapted(
                f"{name}_input{place}", source, width, 2 ** (halved - times), norms
            )
            for place, (source, times) in enumerate((before, last))
        )
        frames.append(Frame(name, "cell", inputs, 1, node))
        before, last = last, (node.with_channels(width * nodes), halved)
    return Stack(stem.named("stem"), tuple(frames), norms, operate)


def _adapted(name: str, shape: Features, width: int, stride: int, norms: str) -> Layers:
    row = Row(name, shape, norms).add("relu").add("point", width, stride)
    return row.norm().done()


def operate(operation: str, row: Row, stride: int) -> Row:
    """Adds an operation to a row."""
    if operation == "skip":
        return row
    if operation.endswith("pool3"):
        kind = operation.removesuffix("_pool3")
        row.add(f"{kind}_space", size=3).add(f"{kind}_time", size=3)
        return row.pool_norm()
    row.add("relu")
    if operation == "conv1":
        row.first("point")
    elif operation == "separable3":
        row.first("time", 3).then("rows", 3).then("columns", 3)
    else:
        dilation = {"conv3": 1, "dilated3": 2}[operation]
        row.first("space", 3, dilation=dilation).then("time", 3)
    return row.norm()

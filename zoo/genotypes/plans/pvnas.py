"""How a PV-NAS genotype unfolds: its stem, its cells' places, its operations.

The stem is that of SlowFast's slow path, which the paper names. What it leaves open is
as in DARTS: separable convolutions twice, dilated ones once, a point convolution of
each input of a cell, which reads all pixels where it halves them. Frames are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.genotypes.plans.cells import Frame, Layers, Row, Stack
from zoo.genotypes.tally import Features

if TYPE_CHECKING:  # The genotype unfolds itself with this file.
    from zoo.genotypes.pvnas import PVNASGenotype


def stacked(genotype: PVNASGenotype, shape: Features, norms: str) -> Stack:
    """The network that reads `shape`, but for what is in its cells."""
    width = genotype.channels
    stem = _stem(genotype, shape, norms)
    before = last = stem[-1].output
    frames, halved = [], False
    for index, kind in enumerate(genotype.sequence):
        reduces, name = kind.endswith("reduction"), f"cell{index}"
        stride = 2 if reduces else 1
        width *= stride
        older = Row(f"{name}_input0", before, norms).add("relu")
        older.add("reduce", width, 2) if halved else older.add("point", width)
        newer = Row(f"{name}_input1", last, norms).add("relu").add("point", width)
        inputs = (older.norm().done(), newer.norm().done())
        node = last.strided(size=stride).with_channels(width)
        frames.append(Frame(name, kind, inputs, stride, node))
        nodes = len(getattr(genotype, kind).nodes)
        before, last, halved = last, node.with_channels(width * nodes), reduces
    return Stack(stem, tuple(frames), norms, operate)


def _stem(genotype: PVNASGenotype, shape: Features, norms: str) -> Layers:
    row, pools = Row("stem", shape, norms), genotype.stem_stride == 4
    stride = 2 if pools else genotype.stem_stride
    row.add("space", genotype.channels, stride, size=7).add("norm").add("relu")
    if pools:
        row.add("max_space", stride=2, size=3)
    return row.named("stem")


def operate(operation: str, row: Row, stride: int) -> Row:
    """Adds an operation to a row."""
    if operation == "skip":
        if stride == 1:
            return row
        return row.add("relu").first("reduce", stride=stride, groups=row.groups).norm()
    if operation.endswith("pool3"):
        kind = operation.removesuffix("_pool3")
        return row.add(f"{kind}_space", stride=stride, size=3).pool_norm()
    row.add("relu")
    if operation == "separable3":
        row.tile().add("depthwise", stride=stride, size=3).then("point").norm()
        row.add("relu").add("depthwise", size=3).then("point")
    elif operation == "dilated3" and stride == 1:
        row.tile().add("depthwise", size=3, dilation=2).then("point")
    elif operation == "dilated3":
        # Pixels that are 2 apart, at every second pixel, are every second pixel's.
        row.add("pick", stride=stride).tile().add("depthwise", size=3).then("point")
    else:
        kind, size = {"temporal3x3x3": ("space", 3), "temporal3x1x1": ("point", 1)}[
            operation
        ]
        row.first(kind, size, stride).then("time", 3)
    return row.norm()

"""Networks of cells, and their supernets, from the layers of a plan."""

from collections.abc import Callable

import keras
from keras import layers

from zoo.genotypes.base import check
from zoo.genotypes.cells import CellGenotype
from zoo.genotypes.plans.cells import CellPlan, Frame, Layer, Layers
from zoo.genotypes.plans.supernet import Mixture, SuperCell
from zoo.layers.convolution import (
    FactorisedReduce,
    SpatialConv,
    SpatialDepthwiseConv,
    TemporalConv,
)
from zoo.layers.drop_path import DropPath
from zoo.layers.head import VideoHead
from zoo.layers.mixture import CellWeights, MixedOperation
from zoo.layers.normalization import BatchNorm
from zoo.layers.pooling import (
    SpatialAveragePool,
    SpatialMaxPool,
    TemporalAveragePool,
    TemporalMaxPool,
)

POOLS = {
    "max_space": SpatialMaxPool,
    "average_space": SpatialAveragePool,
    "max_time": TemporalMaxPool,
    "average_time": TemporalAveragePool,
    "pick": SpatialMaxPool,
}
HE = {"kernel_initializer": "he_normal"}


def build(
    genotype: CellGenotype,
    input_shape: tuple[int, int, int, int] | None,
    head: VideoHead | None,
    norms: str,
    drop_path: Callable[[str], DropPath] | None,
) -> keras.Model:
    """Builds a network of cells.

    Args:
        genotype: Which network.
        input_shape: (frames, height, width, channels); None is the genotype's clip.
        head: Its last layer; None ends with the last cell.
        norms: "final" or "search".
        drop_path: Makes a layer of this name, for edges that do something.
    """
    input_shape = genotype.clip_shape(input_shape)
    plan = genotype.plan(input_shape, norms)
    clip = keras.Input(input_shape, name="clip")
    before = last = _row(clip, plan.stem)
    for cell in plan.cells:
        before, last = last, _cell(before, last, cell, drop_path)
    return keras.Model(clip, head(last) if head else last)


def supernet(
    genotype: CellGenotype,
    input_shape: tuple[int, int, int, int] | None,
    head: VideoHead,
) -> keras.Model:
    """Builds a network in which every cell has all edges and all operations.

    Args:
        genotype: Its layout; of its own cells the numbers of nodes count alone.
        input_shape: (frames, height, width, channels); None is the genotype's clip.
        head: Its last layer.
    """
    input_shape = genotype.clip_shape(input_shape)
    plan = genotype.super_plan(input_shape)
    clip = keras.Input(input_shape, name="clip")
    shares = {
        kind: CellWeights(*shape, dtype="float32", name=kind)(clip)
        for kind, shape in plan.shares.items()
    }
    before = last = _row(clip, plan.stem)
    for cell in plan.cells:
        table = shares[cell.frame.kind]
        before, last = last, _super_cell(before, last, cell, table)
    return keras.Model(clip, head(last))


def drop_paths(rate: float, steps: int) -> Callable[[str], DropPath] | None:
    """What makes layers that leave out paths; None where none is left out."""
    check(0 <= rate < 1, "drop_path", "in [0, 1)", rate)
    return (lambda name: DropPath(rate, steps, name=name)) if rate else None


def _cell(before, last, cell: CellPlan, drop_path: Callable | None):
    sources = _inputs(before, last, cell.frame)
    for index, node in enumerate(cell.nodes):
        name = f"{cell.frame.name}_node{index}"
        terms = []
        for connection in node:
            x = _row(sources[connection.source], connection.layers)
            if drop_path and connection.layers:
                x = drop_path(f"{name}_source{connection.source}_drop")(x)
            terms.append(x)
        sources.append(_sum(terms, name))
    return _joined(sources[2:], cell.frame)


def _super_cell(before, last, cell: SuperCell, shares):
    sources = _inputs(before, last, cell.frame)
    terms = [[] for _ in range(cell.nodes)]
    for index, mixture in enumerate(cell.sources):
        if index >= 2:  # A node, of which all terms are there by now.
            node = index - 2
            sources.append(_sum(terms[node], f"{cell.frame.name}_node{node}"))
        outputs = _mixture(sources[index], mixture, cell.frame, shares)
        for target, x in zip(mixture.targets, outputs, strict=True):
            terms[target].append(x)
    sources.append(_sum(terms[-1], f"{cell.frame.name}_node{cell.nodes - 1}"))
    return _joined(sources[2:], cell.frame)


def _mixture(x, mixture: Mixture, frame: Frame, shares):
    active, outputs = None, []
    for part in mixture.parts:
        own = []
        for row in part.rows:
            if row and row[0].kind == "relu":
                # All rows that begin so read the same.
                active = _row(x, row[:1]) if active is None else active
                own.append(_row(active, row[1:]))
            else:
                own.append(_row(x, row))
        y = own[0]
        if len(own) > 1:
            y = layers.Concatenate(name=f"{part.norm.name}_joined")(own)
        outputs.append(_layer(part.norm)(y) if part.norm else y)
    columns, channels = [p.columns for p in mixture.parts], frame.node.channels
    mixed = MixedOperation(mixture.edges, columns, channels, name=mixture.name)
    return mixed([shares, *outputs])


def _inputs(before, last, frame: Frame) -> list:
    older, newer = frame.inputs
    return [_row(before, older), _row(last, newer)]


def _sum(terms: list, name: str):
    return layers.Add(name=name)(terms) if len(terms) > 1 else terms[0]


def _joined(nodes: list, frame: Frame):
    return layers.Concatenate(name=frame.name)(nodes)


def _row(x, row: Layers):
    for layer in row:
        if layer.kind == "tile":
            x = layers.Concatenate(name=layer.name)([x] * layer.size)
        else:
            x = _layer(layer)(x)
    return x


def _layer(layer: Layer) -> layers.Layer:
    name, same = {"name": layer.name}, {"padding": "same", "name": layer.name}
    if layer.kind == "relu":
        return layers.Activation("relu", **name)
    if layer.kind == "norm":
        affine = {"center": layer.affine, "scale": layer.affine}
        return BatchNorm(momentum=0.9, epsilon=1e-5, **affine, **name)
    if layer.kind in POOLS:
        return POOLS[layer.kind](layer.size, layer.stride, **same)
    filters = layer.output.channels
    if layer.kind == "reduce":
        return FactorisedReduce(filters, layer.groups, **HE, **name)
    options = {**same, "use_bias": False}
    if layer.kind == "depthwise":
        return SpatialDepthwiseConv(
            layer.size,
            layer.stride,
            dilation_rate=layer.dilation,
            depthwise_initializer="he_normal",
            **options,
        )
    options |= {"groups": layer.groups, **HE}
    if layer.kind == "time":
        return TemporalConv(filters, layer.size, **options)
    size = {"rows": (layer.size, 1), "columns": (1, layer.size)}
    options |= {"dilation_rate": layer.dilation}
    return SpatialConv(
        filters, size.get(layer.kind, layer.size), layer.stride, **options
    )

"""What tests of the two families of cells share: random cells, and their supernets."""

import numpy as np
from keras import ops

from zoo.genotypes.cells import FREE, Cell, Edge, edges
from zoo.layers.mixture import architecture
from zoo.layers.normalization import BatchNorm

FAR = 200.0  # A softmax of it and of zeros is one and zeros.


def uniform(operation, nodes=4, keep=2):
    """A cell of one operation, whose nodes read the last sources that there are."""
    return Cell(
        tuple(
            tuple(Edge(source, operation) for source in range(n + 2 - keep, n + 2))
            for n in range(nodes)
        )
    )


def random_cell(operations, rng, nodes=4, keep=2, least=0):
    """Any cell with at least so many operations that have weights."""
    known = [name for name in operations if name != "zero"]
    while True:
        cell = Cell(
            tuple(
                tuple(
                    Edge(source, rng.choice(known))
                    for source in sorted(rng.sample(range(n + 2), keep))
                )
                for n in range(nodes)
            )
        )
        if sum(name not in FREE for name in cell.operations) >= least:
            return cell


def random_genotype(genotype_class, rng, nodes=4, keep=2, least=0, **layout):
    """Any network of cells of a layout."""
    cells = {
        kind: random_cell(operations, rng, nodes, keep, least)
        for kind, operations in genotype_class.KINDS.items()
    }
    return genotype_class.with_cells(cells, **layout)


def choose(supernet, genotype):
    """Gives a supernet the architecture weights that mean the genotype's cells."""
    weights = architecture(supernet)
    for kind, operations in genotype.KINDS.items():
        cell = getattr(genotype, kind)
        chosen = {
            (node, edge.source): edge.operation
            for node, row in enumerate(cell.nodes)
            for edge in row
        }
        logits = np.zeros((len(edges(len(cell.nodes))), len(operations)), "float32")
        for row, place in enumerate(edges(len(cell.nodes))):
            logits[row, operations.index(chosen.get(place, "zero"))] = FAR
        weights[kind].assign(logits)


def inherit(network, supernet, genotype):
    """Gives a network of cells, with the norms of a search, a supernet's weights."""
    plan = genotype.super_plan(supernet.input_shape[1:])
    # Of an edge's layers, the supernet's name and the part of the channels.
    known = {layer.name: layer for layer in supernet.layers}
    mixtures = {mix.name: (cell, mix) for cell in plan.cells for mix in cell.sources}
    for layer in network.layers:
        if layer.name in known and layer.weights:
            layer.set_weights(known[layer.name].get_weights())
        elif layer.weights:
            place, node, source, part = layer.name.split("_", 3)
            frame, mixture = mixtures[f"{place}_{source}"]
            target = mixture.targets.index(int(node.removeprefix("node")))
            edge = Edge(int(source.removeprefix("source")), "")
            operation = _operation(genotype, frame.frame.kind, int(node[4:]), edge)
            _inherit(layer, known, genotype, frame, mixture, target, operation, part)


def _operation(genotype, kind, node, edge):
    row = getattr(genotype, kind).nodes[node]
    return next(e.operation for e in row if e.source == edge.source)


def _inherit(layer, known, genotype, cell, mixture, target, operation, part):
    name = f"{mixture.name}_{operation}_{part}"
    channels, index = cell.frame.node.channels, target
    if name not in known:  # The last norm, of several operations.
        column = genotype.KINDS[cell.frame.kind].index(operation)
        group = next(p for p in mixture.parts if column in p.columns)
        name, place = group.norm.name, group.columns.index(column)
        each = group.norm.output.channels // len(group.columns) // channels
        index = place * each + (target if each > 1 else 0)
    begin = index * channels
    for weight, wide in zip(layer.weights, known[name].weights, strict=True):
        values = ops.convert_to_numpy(wide)
        axis = values.ndim - 1 - (layer.name.rpartition("_")[2].startswith("depth"))
        weight.assign(np.take(values, range(begin, begin + channels), axis))


def stir(model):
    """Other moving statistics for each channel of each norm."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, BatchNorm):
            size = layer.moving_mean.shape
            layer.moving_mean.assign(rng.normal(size=size) * 0.3)
            layer.moving_variance.assign(rng.uniform(0.5, 2, size=size))

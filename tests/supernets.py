"""A supernet's weights for one network of cells, as tests compare the two."""

import numpy as np

from zoo.genotypes.cells import edges
from zoo.layers.mixture import architecture
from zoo.layers.normalization import BatchNorm

FAR = 200.0  # A softmax of it and of zeros is one and zeros.


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
    known = {layer.name: layer for layer in supernet.layers}
    places = {mix.name: (cell, mix) for cell in plan.cells for mix in cell.sources}
    for layer in network.layers:
        if layer.name in known and layer.weights:
            layer.set_weights(known[layer.name].get_weights())
        elif layer.weights:
            cell, node, source, part = layer.name.split("_", 3)
            frame, mixture = places[f"{cell}_{source}"]
            row = getattr(genotype, frame.frame.kind).nodes[int(node[len("node") :])]
            edge = next(e for e in row if f"source{e.source}" == source)
            target = mixture.targets.index(int(node[len("node") :]))
            column = genotype.KINDS[frame.frame.kind].index(edge.operation)
            name = f"{mixture.name}_{edge.operation}_{part}"
            if name not in known:  # The last norm, of several operations.
                name, target = _norm(mixture, column, target)
            _copy(layer, known[name], target * frame.frame.node.channels)


def _norm(mixture, column, target):
    """The name of an operation's last norm, and where its channels begin in that."""
    part = next(part for part in mixture.parts if column in part.columns)
    place, own = part.columns.index(column), len(mixture.targets)
    groups = own if part.norm.name.endswith("own_norm") else 1
    return part.norm.name, place * groups + (target if groups > 1 else 0)


def _copy(layer, wide, begin):
    """Gives a layer the channels of a wide one from `begin` on."""
    for weight, values in zip(layer.weights, wide.get_weights(), strict=True):
        # A depthwise kernel ends with (channels, 1), any other with filters.
        axis = values.ndim - (2 if values.shape[-1] == 1 < values.ndim else 1)
        places = range(begin, begin + weight.shape[axis])
        weight.assign(np.take(values, places, axis))


def stir(model):
    """Other moving statistics for each channel of each norm."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, BatchNorm):
            size = layer.moving_mean.shape
            layer.moving_mean.assign(rng.normal(size=size) * 0.3)
            layer.moving_variance.assign(rng.uniform(0.5, 2, size=size))

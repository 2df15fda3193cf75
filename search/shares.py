"""What the architecture weights of a supernet say: shares, and how sure they are."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import ops

from zoo.genotypes.cells import FREE, CellGenotype
from zoo.layers import mixture


def shares(network: keras.Model) -> dict[str, np.ndarray]:
    """Of each kind of cell the table (edges, operations) of softmax shares."""
    found = mixture.architecture(network).items()
    return {kind: ops.convert_to_numpy(ops.softmax(v)) for kind, v in found}


def free_share(table: np.ndarray, operations: Sequence[str]) -> float:
    """The share of operations without weights, mean over the edges."""
    columns = [place for place, name in enumerate(operations) if name in FREE]
    return float(table[:, columns].sum(axis=1).mean())


def entropy(table: np.ndarray) -> float:
    """The entropy of the shares of an edge in nats, mean over the edges."""
    sure = np.maximum(table, np.finfo("float32").tiny)
    return float(-(table * np.log(sure)).sum(axis=1).mean())


def measures(
    tables: Mapping[str, np.ndarray], kinds: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Both measures, of each kind of cell and as means over the kinds."""
    free = {kind: free_share(tables[kind], names) for kind, names in kinds.items()}
    unsure = {kind: entropy(tables[kind]) for kind in kinds}
    measured = {}
    for name, values in (("parameter_free", free), ("entropy", unsure)):
        measured[name] = sum(values.values()) / len(values)
        measured |= {f"{name}_{kind}": value for kind, value in values.items()}
    return measured


def derived_free_share(genotype: CellGenotype) -> float:
    """The part of all edges of derived cells that have no weights."""
    cells = genotype.by_kind.values()
    names = [name for cell in cells for name in cell.operations]
    return sum(name in FREE for name in names) / len(names)

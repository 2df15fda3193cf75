"""Takes from a graph the connections that training found to be of little use."""

from collections.abc import Mapping

from zoo.genotypes.assemblenet import AssembleNetGenotype
from zoo.genotypes.base import check, revised

Edge = tuple[int, int]
# A weight is between 0 and 1; in float32 a sigmoid gets to either.
NEAREST = 1e-6


def prune(
    genotype: AssembleNetGenotype,
    gates: Mapping[str, float],
    threshold: float | None = None,
    keep: float | None = None,
) -> AssembleNetGenotype:
    """A graph with the strongest of its edges, which carry their learned weights.

    Every node keeps its strongest input, and one that no other would read its
    strongest reader, so that more edges may stay than are asked for.

    Args:
        genotype: A graph with too many edges.
        gates: Their weights after training, such as {"3>7": 0.61}; one that is missing
            counts as 1.
        threshold: Edges whose weight is above it stay.
        keep: The share of all edges that stay, the strongest; in place of a threshold.

    Returns:
        The graph, its nodes in the order that they had.

    Raises:
        ValueError: A gate is of no edge, or not one of `threshold` and `keep` is given,
            within its range.
    """
    check((threshold is None) != (keep is None), "keep", "given, or `threshold`", keep)
    edges = list(genotype.edges)
    strange = sorted({*gates} - {f"{a}>{b}" for a, b in edges})
    check(not strange, "gates", "of edges of the graph", strange)
    weights = {(a, b): gates.get(f"{a}>{b}", 1.0) for a, b in edges}
    if keep is None:
        check(0 <= threshold < 1, "threshold", "from 0 to below 1", threshold)
        kept = {edge for edge in edges if weights[edge] > threshold}
    else:
        check(0 < keep <= 1, "keep", "a share above 0, at most 1", keep)
        ranked = sorted(edges, key=weights.get, reverse=True)
        kept = set(ranked[: max(1, round(keep * len(edges)))])
    for end in (1, 0):  # Inputs first, as one that must stay is a reader, too.
        for index in range(len(genotype.nodes)):
            own = [edge for edge in edges if edge[end] == index]
            if own and kept.isdisjoint(own):
                kept.add(max(own, key=weights.get))
    return _with_edges(genotype, kept, weights)


def _with_edges(
    genotype: AssembleNetGenotype, kept: set[Edge], weights: dict[Edge, float]
) -> AssembleNetGenotype:
    nodes = []
    for index, node in enumerate(genotype.nodes):
        inputs = tuple(source for source in node.inputs if (source, index) in kept)
        learned = [weights[source, index] for source in inputs]
        inside = tuple(min(max(w, NEAREST), 1 - NEAREST) for w in learned)
        gates = inside if len(inputs) > 1 else ()
        nodes.append(revised(node, inputs=inputs, weights=gates))
    return revised(genotype, nodes=tuple(nodes))

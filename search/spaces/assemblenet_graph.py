"""AssembleNet's graphs while a search changes them."""

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from zoo.genotypes.assemblenet import LEVELS, SOURCES, AssembleNetGenotype, Node

Edge = tuple[int, int]
KINDS = (*SOURCES, "block")


class Traits(NamedTuple):
    """What a node is, but for its edges: fields of a genotype's `Node`."""

    level: int
    kind: str
    channels: int
    dilation: int = 1
    stride: int = 1

    @property
    def rank(self) -> tuple[int, ...]:
        """What orders nodes first."""
        return (self.level, KINDS.index(self.kind), *self[2:])


class Graph:
    """Nodes by key and the edges between them, on the way to a genotype.

    On the way nodes may lack an input or a reader, which `mend` draws.

    Args:
        traits: Of each node; their keys are 0, 1, ...
        edges: From and to which node.
    """

    def __init__(self, traits: Iterable[Traits], edges: Iterable[Edge] = ()):
        self.traits = dict(enumerate(traits))
        self.edges = set(edges)

    @classmethod
    def of(cls, genotype: AssembleNetGenotype) -> Self:
        """The graph of a genotype, without what its edges learnt."""
        traits = [
            Traits(node.level, node.kind, node.channels, node.dilation, node.stride)
            for node in genotype.nodes
        ]
        return cls(traits, genotype.edges)

    @property
    def blocks(self) -> list[int]:
        """Keys of the blocks."""
        return [key for key, node in self.traits.items() if node.level > 0]

    @property
    def possible_edges(self) -> list[Edge]:
        """Every edge there could be, from a lower to a higher level."""
        levels = {key: node.level for key, node in self.traits.items()}
        return [(a, b) for a in levels for b in levels if levels[a] < levels[b]]

    @property
    def depth(self) -> int:
        """Blocks on the longest path."""
        depths = {}
        for key in sorted(self.traits, key=lambda key: self.traits[key].level):
            own = int(self.traits[key].level > 0)
            depths[key] = own + max((depths[i] for i in self.inputs(key)), default=0)
        return max(depths.values())

    def inputs(self, key: int) -> list[int]:
        """The nodes that a node reads."""
        return [source for source, reader in self.edges if reader == key]

    def readers(self, key: int) -> list[int]:
        """The nodes that read a node."""
        return [reader for source, reader in self.edges if source == key]

    def split(self, key: int) -> None:
        """Makes two nodes of one: the same edges, half the channels each."""
        whole, twin = self.traits[key], max(self.traits) + 1
        half = whole.channels // 2
        self.traits[key] = whole._replace(channels=whole.channels - half)
        self.traits[twin] = whole._replace(channels=half)
        self.edges |= {(source, twin) for source in self.inputs(key)}
        self.edges |= {(twin, reader) for reader in self.readers(key)}

    def merge(self, kept: int, lost: int) -> None:
        """Makes one node of two: the edges and channels of both.

        Args:
            kept: Whose dilation stays.
            lost: Another of its level.
        """
        channels = self.traits[kept].channels + self.traits.pop(lost).channels
        self.traits[kept] = self.traits[kept]._replace(channels=channels)
        renamed = {lost: kept}
        self.edges = {
            (renamed.get(source, source), renamed.get(reader, reader))
            for source, reader in self.edges
        }

    def mend(self, rng: random.Random) -> None:
        """Draws an input for each block without one, then a reader for each unread."""
        levels = {key: node.level for key, node in self.traits.items()}
        for key in self.blocks:
            if not self.inputs(key):
                lower = [other for other in levels if levels[other] < levels[key]]
                self.edges.add((rng.choice(lower), key))
        for key in self.traits:
            if levels[key] < LEVELS and not self.readers(key):
                higher = [other for other in levels if levels[other] > levels[key]]
                self.edges.add((key, rng.choice(higher)))

    def nodes(self) -> tuple[Node, ...]:
        """The nodes of a genotype, in the one order that all equal graphs have."""
        keys = list(self.traits)
        places = {key: place for place, key in enumerate(keys)}
        edges = [(places[source], places[reader]) for source, reader in self.edges]
        order = canonical_order([self.traits[key].rank for key in keys], edges)
        places = {keys[old]: new for new, old in enumerate(order)}
        return tuple(
            Node(
                **self.traits[key]._asdict(),
                inputs=tuple(sorted(places[source] for source in self.inputs(key))),
            )
            for key in places
        )


def canonical_order(known: Sequence[tuple], edges: Iterable[Edge]) -> list[int]:
    """The order of nodes in which graphs are equal that differ only in their order.

    Nodes are ranked by what they are, then again and again by the ranks around them.
    Where some stay equal, each of them is tried as the first, and what gives the least
    edges is taken; of twins, which have the same edges, one is enough.

    Args:
        known: What each node is, as a tuple to sort by.
        edges: From and to which node.

    Returns:
        The old place of each node, in the new order.
    """
    edges = list(edges)
    inputs: list[list[int]] = [[] for _ in known]
    readers: list[list[int]] = [[] for _ in known]
    for source, reader in edges:
        inputs[reader].append(source)
        readers[source].append(reader)

    def refined(ranks: list[int]) -> list[int]:
        around = [
            (rank, *(tuple(sorted(ranks[i] for i in near[key])) for near in beside))
            for key, rank in enumerate(ranks)
        ]
        finer = _ranked(around)
        return ranks if finer == ranks else refined(finer)

    def least(ranks: list[int]) -> tuple[list[Edge], list[int]]:
        ranks = refined(ranks)
        equals: dict[int, list[int]] = {}
        for key, rank in enumerate(ranks):
            equals.setdefault(rank, []).append(key)
        tied = [equals[rank] for rank in sorted(equals) if len(equals[rank]) > 1]
        if not tied:
            named = sorted((ranks[source], ranks[reader]) for source, reader in edges)
            return named, [equals[rank][0] for rank in sorted(equals)]
        firsts = {tuple(map(frozenset, (inputs[k], readers[k]))): k for k in tied[0]}
        return min(
            least(_ranked([(rank, key != first) for key, rank in enumerate(ranks)]))
            for first in firsts.values()
        )

    beside = (inputs, readers)
    return least(_ranked(list(known)))[1]


def _ranked(values: list) -> list[int]:
    places = {value: place for place, value in enumerate(sorted(set(values)))}
    return [places[value] for value in values]

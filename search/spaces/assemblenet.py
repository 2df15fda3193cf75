"""The space of AssembleNet's graphs (https://arxiv.org/abs/1905.13209)."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from search.spaces import draws
from search.spaces.assemblenet_graph import Edge, Graph, Traits
from zoo.genotypes.assemblenet import DEPTHS, INNER, LEVELS, AssembleNetGenotype
from zoo.genotypes.base import check, check_whole, revised

REDRAWS = 1000
TRIES = 100  # Of other edges, until something else is changed.
KINDS = ("rgb", "flow")
STEM_CHANNELS = 128  # Of all stems together.
NODES = (2, 2, 2, 1)  # Blocks of each level before any is split.
CHANNELS = (128, 256, 512, 512)  # Of each level's blocks together.
UNIFORM = "uniform"


@dataclass(frozen=True)
class AssembleNetSpace:
    """Graphs of stems and blocks; by default the paper's whole space.

    `sample` draws the paper's over-connected graphs: stems, two blocks at levels 1 to 3
    and one at level 4, of which some are split; the dilation of each; and each possible
    edge, from a lower to a higher level, by chance. Graphs without a path through all
    levels are drawn again. The paper leaves open what is done with a node that no edge
    reaches or leaves: here it draws one. The channels of each level's blocks sum to
    those of the published network, 128, 256, 512 and 512, and those of the stems to
    128, whatever is split or merged. Stems are neither, as in the paper.

    Nodes of a level may stand in any order: a genotype has the one order that all
    graphs equal to it have, and no weights of edges, which training has yet to find.
    A convolution whose dilation is the clip's length or more reads but one frame and
    padding: all such dilations are one network, and its weights are wasted. `frames`
    refuses them; the paper's, up to 8, are for 32 frames.

    Args:
        stems: Numbers of stems, each as often; an equal part of each source.
        sources: "rgb" and "flow", or one of them.
        dilations: Of convolutions over time.
        splits: Fewest and most splits of a new graph.
        edge_probability: Of each possible edge in a new graph; 1 has them all.
        threshold: A child keeps the edges of its parent whose weight is above this; or
            "uniform", a random number for each edge. The paper has both.
        edge_changes: Share of edges that a child loses by chance, whatever they learnt;
            a third in the paper's standard evolution. None goes by their weights.
        depth: Layers of the longest path, as the paper counts: a key of `DEPTHS`.
        width: Times all channels: below 1 for a search in little time.
        least_channels: Fewest, before `width`, that a split may leave to a block.
        frames: Of the clips, which `dilations` must be below; None checks nothing.
    """

    stems: tuple[int, ...] = (2, 4)
    sources: tuple[str, ...] = KINDS
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    splits: tuple[int, int] = (1, 5)
    edge_probability: float = 0.5
    threshold: float | str = UNIFORM
    edge_changes: float | None = None
    depth: int = 50
    width: float = 1.0
    least_channels: int = 8
    frames: int | None = None

    def __post_init__(self):
        draws.check_choices(self.sources, "sources", KINDS)
        each = len(set(self.sources))
        rule = f"some multiples of {each}, the number of sources"
        _check_whole(self.stems, "stems", rule, each)
        _check_whole(self.dilations, "dilations", "some whole numbers of at least 1")
        draws.check_range(self.splits, "splits", least=0)
        draws.check_share(self.edge_probability, "edge_probability")
        if self.threshold != UNIFORM:
            number = isinstance(self.threshold, int | float)
            inside = number and 0 <= self.threshold < 1
            rule = f'from 0 to below 1, or "{UNIFORM}"'
            check(inside, "threshold", rule, self.threshold)
        if self.edge_changes is not None:
            draws.check_share(self.edge_changes, "edge_changes")
        check(self.depth in DEPTHS, "depth", f"one of {[*DEPTHS]}", self.depth)
        number = isinstance(self.width, int | float)
        wide = number and STEM_CHANNELS * self.width >= max(self.stems)
        check(wide, "width", "such that each stem has a channel", self.width)
        check_whole(self.least_channels, "least_channels")
        if self.frames is not None:
            check_whole(self.frames, "frames")
            short = max(self.dilations) < max(2, self.frames)
            rule = f"below `frames`, {self.frames}"
            check(short, "dilations", rule, self.dilations)

    def sample(self, rng: random.Random) -> AssembleNetGenotype:
        """Draws a network.

        Raises:
            ValueError: No graph that was drawn has a path through all levels.
        """
        inner = tuple(self._scaled(channels) for channels in INNER)
        for _ in range(REDRAWS):
            graph = self._drawn(rng)
            if graph.depth == LEVELS:
                return AssembleNetGenotype(graph.nodes(), DEPTHS[self.depth], inner)
        raise ValueError(f"`space` must hold graphs of all levels. Got: {self}")

    def mutate(
        self,
        parent: AssembleNetGenotype,
        rng: random.Random,
        feedback: Mapping[str, float] | None = None,
    ) -> AssembleNetGenotype:
        """Changes the blocks of a network, or its edges by what they learnt.

        The child always differs from its parent in more than the order of nodes and
        the weights of edges, of which it has none. Without feedback it is one change,
        each as often: a block is split in two, with the same edges and half the
        channels each; two blocks of a level are merged, which have the edges and the
        channels of both; or a node has another dilation.

        With feedback the edges change. Those whose weight is above the threshold stay,
        and if that is all of them, one of the weakest goes. Then each edge that the
        parent could have, and has not, comes in with such a probability that as many
        are expected to come as went. What lacks an input or a reader then draws one.
        The child is drawn again where it has fewer blocks on its longest path; where
        that helps nothing, it is one of the other changes.

        Args:
            parent: A graph; its depth, its inner channels and its stems stay.
            rng: Where the draws come from.
            feedback: The weights of the parent's edges, such as {"3>7": 0.61}; one that
                is missing counts as 1.

        Raises:
            ValueError: The parent is no such graph, or nothing of it can change.
        """
        known = isinstance(parent, AssembleNetGenotype)
        family = getattr(parent, "family", parent)
        check(known, "parent", "a graph of AssembleNet", family)
        graph = Graph.of(parent)
        changed = None
        if feedback is not None:
            changed = self._rewired(graph, feedback, rng)
        if changed is None:
            changed = self._changed(graph, parent.modules, rng)
        check(changed is not None, "space", "one that holds another network", self)
        return revised(parent, nodes=changed.nodes())

    def _scaled(self, channels: int) -> int:
        return max(1, round(channels * self.width))

    def _drawn(self, rng: random.Random) -> Graph:
        stems = rng.choice(self.stems)
        kinds = sorted(set(self.sources), key=KINDS.index)
        shares = _shares(self._scaled(STEM_CHANNELS), stems)
        traits = [
            Traits(0, kinds[index * len(kinds) // stems], channels)
            for index, channels in enumerate(shares)
        ]
        for level, (count, total) in enumerate(zip(NODES, CHANNELS, strict=True), 1):
            stride = 1 if level == 1 else 2
            for channels in _shares(max(count, self._scaled(total)), count):
                traits.append(Traits(level, "block", channels, stride=stride))
        graph = Graph(traits)
        for _ in range(rng.randint(*self.splits)):
            self._split(graph, rng)
        for key, node in graph.traits.items():
            if node.kind != "flow":
                dilation = rng.choice(self.dilations)
                graph.traits[key] = node._replace(dilation=dilation)
        chance = self.edge_probability
        graph.edges = {e for e in graph.possible_edges if rng.random() < chance}
        graph.mend(rng)
        return graph

    def _changed(
        self, graph: Graph, modules: tuple[int, ...], rng: random.Random
    ) -> Graph | None:
        mutations = [
            self._split,
            self._merge,
            lambda graph, rng: self._dilate(graph, modules, rng),
        ]
        rng.shuffle(mutations)
        return graph if any(mutation(graph, rng) for mutation in mutations) else None

    def _split(self, graph: Graph, rng: random.Random) -> bool:
        least = 2 * self._scaled(self.least_channels)
        wide = [key for key in graph.blocks if graph.traits[key].channels >= least]
        if wide:
            graph.split(rng.choice(wide))
        return bool(wide)

    def _merge(self, graph: Graph, rng: random.Random) -> bool:
        levels = {key: graph.traits[key].level for key in graph.blocks}
        pairs = [
            (kept, lost)
            for kept in levels
            for lost in levels
            if kept != lost and levels[kept] == levels[lost]
        ]
        if pairs:
            graph.merge(*rng.choice(pairs))
        return bool(pairs)

    def _dilate(
        self, graph: Graph, modules: tuple[int, ...], rng: random.Random
    ) -> bool:
        # Flow and objects have no convolution over time, nor has a single module.
        changes = [
            (key, node._replace(dilation=dilation))
            for key, node in graph.traits.items()
            for dilation in self.dilations
            if dilation != node.dilation
            and (node.kind == "rgb" or (node.level and modules[node.level - 1] > 1))
        ]
        if changes:
            key, node = rng.choice(changes)
            graph.traits[key] = node
        return bool(changes)

    def _rewired(
        self, graph: Graph, gates: Mapping[str, float], rng: random.Random
    ) -> Graph | None:
        weights = {
            (source, reader): gates.get(f"{source}>{reader}", 1.0)
            for source, reader in sorted(graph.edges)
        }
        absent = [edge for edge in graph.possible_edges if edge not in weights]
        depth, nodes = graph.depth, graph.nodes()
        for _ in range(TRIES):
            kept = self._kept(weights, rng)
            chance = (len(weights) - len(kept)) / max(1, len(absent))
            added = [edge for edge in absent if rng.random() < chance]
            child = Graph(graph.traits.values(), [*kept, *added])
            child.mend(rng)
            if child.depth >= depth and child.nodes() != nodes:
                return child
        return None

    def _kept(self, weights: dict[Edge, float], rng: random.Random) -> list[Edge]:
        if self.edge_changes is not None:
            kept = [edge for edge in weights if rng.random() >= self.edge_changes]
        elif self.threshold == UNIFORM:
            kept = [edge for edge, weight in weights.items() if weight > rng.random()]
        else:
            kept = [edge for edge, w in weights.items() if w > self.threshold]
        if len(kept) == len(weights):
            least = min(weights.values())
            kept.remove(rng.choice([e for e in kept if weights[e] == least]))
        return kept


def _check_whole(value: object, name: str, rule: str, least: int = 1) -> None:
    some = isinstance(value, tuple | list) and len(value) > 0
    whole = some and all(type(v) is int and v >= least for v in value)
    check(whole and not any(v % least for v in value), name, rule, value)


def _shares(total: int, count: int) -> list[int]:
    """Parts of a whole number that sum to it, as equal as can be."""
    return [total // count + (index < total % count) for index in range(count)]

"""AssembleNet's multi-stream graphs (https://arxiv.org/abs/1905.13209) as genotypes.

A network is a graph of sources (RGB, optical flow, objects) and of residual blocks at
levels 1 to 4. An edge goes from a lower to a strictly higher level and may carry the
weight that training gave it. Where the paper and the released code (google-research,
assemblenet, commit 0c1bbe5f) differ, the code is followed, whose forward pass the
networks equal; its asn101 is narrower than the paper's text says.

The lite form is AssembleNet++'s (https://arxiv.org/abs/2008.08072) for small memory:
inverted bottlenecks with 3x3x3 convolutions, lighter stems, a wider head.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from zoo.genotypes.base import (
    ClipSpec,
    Cost,
    Genotype,
    check,
    check_fields,
    check_whole,
    revised,
)
from zoo.genotypes.plans.assemblenet import LEVELS, Plan
from zoo.genotypes.tally import Tally

SOURCES = ("rgb", "flow", "object")
# Modules of each level, by the layers that the paper counts.
DEPTHS = {
    26: (2, 2, 2, 2),
    38: (2, 4, 4, 2),
    50: (3, 4, 6, 3),
    68: (3, 4, 12, 3),
    77: (3, 4, 15, 3),
    101: (3, 4, 23, 3),
}
# Channels of the convolutions inside a module, by level, as published.
INNER = (64, 128, 256, 512)
LITE_INNER = (27, 54, 152, 432)
ATTENTIONS = ("none", "self", "peer")


@dataclass(frozen=True)
class Node:
    """A source or a block of the graph."""

    kind: str  # "rgb", "flow", "object" or "block".
    channels: int  # A block puts out four times as many, a source or lite block these.
    level: int = 0  # 0 for sources, 1 to 4 for blocks.
    dilation: int = 1  # Of the convolutions over time; of flow and objects none is.
    stride: int = 1  # 1 or 2: over space, in the block's first module.
    inputs: tuple[int, ...] = ()  # Indices of the nodes that it reads.
    weights: tuple[float, ...] = ()  # Learned gate of each input, 0 to 1; or none.

    def __post_init__(self):
        check_fields(self)
        kinds = (*SOURCES, "block")
        check(self.kind in kinds, "kind", f"one of {kinds}", self.kind)
        for name in ("channels", "dilation"):
            check_whole(getattr(self, name), name)
        check(self.stride in (1, 2), "stride", "1 or 2", self.stride)
        if self.kind == "block":
            check(self.level in range(1, LEVELS + 1), "level", "1 to 4", self.level)
            check(len(self.inputs) > 0, "inputs", "at least one", self.inputs)
        else:
            check(self.level == 0, "level", "0 for a source", self.level)
            check(not self.inputs, "inputs", "none for a source", self.inputs)
            check(self.stride == 1, "stride", "1 for a source", self.stride)
            plain = self.kind == "rgb" or self.dilation == 1
            check(plain, "dilation", f"1 for {self.kind}", self.dilation)
        distinct = len(set(self.inputs)) == len(self.inputs)
        check(distinct, "inputs", "distinct", self.inputs)
        gates = len(self.inputs) if len(self.inputs) > 1 else 0
        fits = not self.weights or len(self.weights) == gates
        why = "one an input" if gates else "only sums of several inputs have them"
        check(fits, "weights", f"none, or {gates}: {why}", self.weights)
        inside = all(0 < weight < 1 for weight in self.weights)
        check(inside, "weights", "between 0 and 1", self.weights)


@dataclass(frozen=True)
class AssembleNetGenotype(Genotype):
    """A graph of sources and blocks, whose nodes of level 4 are classified.

    Every node is read, or is of level 4. The nodes stand in the order of their levels.
    With attention, that of AssembleNet++ (https://arxiv.org/abs/2008.08072), the
    channels of whatever a block reads are scaled by what its frames show: by "peer"
    those of all nodes at lower levels, by "self" its own.
    """

    family = "assemblenet"

    nodes: tuple[Node, ...]
    modules: tuple[int, ...] = DEPTHS[50]  # Of a block at each level.
    inner: tuple[int, ...] = INNER  # Channels inside them, at each level.
    attention: str = "none"  # Or "self" or "peer".
    lite: bool = False  # With the stems, modules and head of AssembleNet++ lite.

    def __post_init__(self):
        check_fields(self)
        for name in ("modules", "inner"):
            values = getattr(self, name)
            check(len(values) == LEVELS, name, f"{LEVELS}, one a level", values)
            for value in values:
                check_whole(value, name)
        rule = f"one of {ATTENTIONS}"
        check(self.attention in ATTENTIONS, "attention", rule, self.attention)
        levels = [node.level for node in self.nodes]
        check(levels == sorted(levels), "nodes", "in the order of their levels", levels)
        sources = {"rgb", "flow"} & {*self.kinds}
        check(bool(sources), "nodes", "with a source of RGB or flow", self.kinds)
        widths = {node.channels for node in self.nodes if node.kind == "object"}
        rule = "with one number of channels for all sources of objects"
        check(len(widths) < 2, "nodes", rule, sorted(widths))
        # The released code has none either.
        rule = "without objects where `lite` is set"
        check(not (self.lite and widths), "nodes", rule, self.kinds)
        check(LEVELS in levels, "nodes", f"with a block of level {LEVELS}", levels)
        for index, node in enumerate(self.nodes):
            known = all(source in range(len(levels)) for source in node.inputs)
            rule = f"numbers of nodes, 0 to {len(levels) - 1}"
            check(known, f"nodes[{index}].inputs", rule, node.inputs)
            lower = all(levels[source] < node.level for source in node.inputs)
            rule = f"of nodes at a lower level than node {index}, which is at "
            check(lower, f"nodes[{index}].inputs", f"{rule}{node.level}", node.inputs)
        unread = [index for index in range(len(self.nodes)) if not self.is_read(index)]
        check(not unread, "nodes", "such that each is read", f"unread {unread}")

    def is_read(self, index: int) -> bool:
        """Whether another node, or the classifier, reads the node or its means."""
        if self.nodes[index].level == LEVELS or self.attention == "peer":
            return True
        return any(index in node.inputs for node in self.nodes)

    @property
    def clip_spec(self) -> ClipSpec:
        """32 frames of 224x224 pixels at 12.5 a second, as for Moments in Time."""
        return ClipSpec(frames=32, rate=12.5, height=224, width=224)

    @property
    def edges(self) -> Iterator[tuple[int, int]]:
        """Every edge, from and to which node."""
        for index, node in enumerate(self.nodes):
            for source in node.inputs:
                yield source, index

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of sources there are."""
        known = {node.kind for node in self.nodes}
        return tuple(kind for kind in SOURCES if kind in known)

    def plan(self, input_shape: tuple | None = None) -> Plan:
        """Every layer of the network, with its shapes.

        Args:
            input_shape: (frames, height, width, channels) of the clip; None is that of
                the clip spec.
        """
        if input_shape is None:
            return self._plan
        return Plan(self, self.clip_shape(input_shape))

    @cached_property
    def _plan(self) -> Plan:
        return Plan(self, self.clip_spec.shape)

    def cost(self, num_classes: int, input_shape: tuple | None = None) -> Cost:
        """Cost on paper, with flow computed inside and a classifier over averages.

        The iterations that compute flow are not counted; AssembleNet's 40 make a
        hundredth of the network's operations.

        Args:
            num_classes: Width of the classifier.
            input_shape: (frames, height, width, channels) in place of the clip spec's
                own.
        """
        tally = Tally()
        plan = self.plan(input_shape)
        plan.tally(tally)
        tally.head(plan.output, num_classes)
        return tally.cost()

    def without_weights(self) -> Self:
        """The same graph with nothing learned."""
        nodes = tuple(revised(node, weights=()) for node in self.nodes)
        return revised(self, nodes=nodes)

"""How an AssembleNet genotype unfolds: every layer of its graph, with its shapes.

The rules are those of the released code (google-research, assemblenet, commit
0c1bbe5f). Inputs that meet are brought to the smallest size among them by maximum pools
of whole squares; those of equal width are weighted and summed; sums of another width
than the widest input, objects aside, are projected to that; and all are added. The code
takes `(size + 1) // smallest` for the side of a square, which misses some sizes where
nodes are more than one stride apart. Here it is the ratio of their strides, which
equals the code's in the published networks and never misses.

The lite form's convolutions that stride have TensorFlow's padding, those of the others
as many zeros on each side. Its code takes the width of a picture for the channels that
sums are projected to; here it is the widest input's, as in the other networks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from zoo.genotypes.base import check
from zoo.genotypes.plans.assemblenet_modules import (
    bottleneck,
    inverted,
    same_strided,
)
from zoo.genotypes.plans.residual import Layer, Module, conv, pool, strided
from zoo.genotypes.tally import Features, Tally

if TYPE_CHECKING:  # The genotype unfolds itself with this file.
    from zoo.genotypes.assemblenet import AssembleNetGenotype, Node

LEVELS = 4
STEM_STRIDE = 4  # Of RGB and flow: a convolution and a pool; of objects: one pool.
LITE_STEM_STRIDE = 2  # A convolution alone.
LITE_HEAD = (432, 2048)  # Channels of the 1x1x1 convolutions before the classifier.


@dataclass(frozen=True)
class Group:
    """Inputs of a node that have one width, which are weighted and summed.

    Args:
        positions: Of the inputs, among those of the node.
        output: Shape of the sum.
        projection: To the widest; None where it is.
    """

    positions: tuple[int, ...]
    output: Features
    projection: Layer | None


@dataclass(frozen=True)
class Fusion:
    """How the inputs of a node become one.

    Args:
        pools: For each input the pool over space; None where it is small enough.
        groups: By width, in order of their first inputs; none for one input.
        output: Shape of the whole.
    """

    pools: tuple[Layer | None, ...]
    groups: tuple[Group, ...]
    output: Features

    def tally(self, tally: Tally) -> None:
        """Adds what the fusion costs: a weight an input, too."""
        for layer in filter(None, self.pools):
            layer.tally(tally)
        for group in self.groups:
            tally.parameters += len(group.positions)
            tally.output(group.output)
            if group.projection:
                group.projection.tally(tally)
        if len(self.groups) > 1:
            tally.output(self.output)


@dataclass(frozen=True)
class Attention:
    """Gates of the channels of all inputs of a node, frame by frame.

    Args:
        inputs: Their shapes, pooled.
        peers: Shapes of the nodes whose means over pixels decide; none are the inputs.
    """

    inputs: tuple[Features, ...]
    peers: tuple[Features, ...]

    def tally(self, tally: Tally) -> None:
        """Adds what the attention costs: a weight for each input and peer, too."""
        frames, width = self.inputs[0].frames, 0
        if self.peers:
            width = max(peer.channels for peer in self.peers)
            shares = len(self.inputs) * len(self.peers)
            tally.parameters += shares if len(self.peers) > 1 else 0
            tally.elements += frames * width * len(self.inputs)
        for peer in self.peers:
            _tally_dense(tally, frames, peer.channels, width)
        for shape in self.inputs:
            tally.elements += 0 if self.peers else frames * shape.channels
            _tally_dense(tally, frames, width or shape.channels, shape.channels)
            tally.output(shape)


@dataclass(frozen=True)
class Part:
    """What a node of the graph unfolds to.

    Args:
        node: Of the genotype.
        name: Of its output.
        stride: Over space, of its output in the whole clip.
        output: Shape that leaves it.
        stem: Layers of a source.
        attention: To a block's inputs, before they are fused.
        fusion: Of a block's inputs.
        modules: Of a block.
    """

    node: Node
    name: str
    stride: int
    output: Features
    stem: tuple[Layer, ...] = ()
    attention: Attention | None = None
    fusion: Fusion | None = None
    modules: tuple[Module, ...] = ()

    def tally(self, tally: Tally) -> None:
        """Adds what the node costs."""
        for layer in self.stem:
            layer.tally(tally)
        for step in (self.attention, self.fusion):
            if step:
                step.tally(tally)
        for module in self.modules:
            module.tally(tally)


class Plan:
    """The layers of a whole network.

    Args:
        genotype: Of the network.
        input_shape: (frames, height, width, channels) of the clip.
    """

    def __init__(self, genotype: AssembleNetGenotype, input_shape: tuple):
        self.genotype = genotype
        self.clip = Features(*input_shape)
        rule = "of at least two frames, which flow needs"
        still = "flow" in genotype.kinds and self.clip.frames < 2
        check(not still, "input_shape", rule, tuple(input_shape))
        self.parts: list[Part] = []
        for index, node in enumerate(genotype.nodes):
            unfolded = self._source if node.kind != "block" else self._block
            self.parts.append(unfolded(index, node))

    @property
    def tops(self) -> list[Part]:
        """Nodes that are classified."""
        last = max(part.node.level for part in self.parts)
        return [part for part in self.parts if part.node.level == last]

    def peers(self, level: int) -> list[Part]:
        """Nodes that a block of this level attends to."""
        attend = self.genotype.attention == "peer"
        return [part for part in self.parts if attend and part.node.level < level]

    @cached_property
    def head(self) -> tuple[Layer, ...]:
        """Convolutions between the nodes of the last level and the classifier."""
        shape, layers = self.joined, []
        for index, channels in enumerate(LITE_HEAD if self.genotype.lite else ()):
            layers.append(conv("space", f"top_expand{index}", shape, channels, 1))
            shape = layers[-1].output
        return tuple(layers)

    @property
    def output(self) -> Features:
        """Shape that is classified."""
        return self.head[-1].output if self.head else self.joined

    @cached_property
    def joined(self) -> Features:
        """Shape of the last level; the places of several nodes are averaged."""
        shapes = [top.output for top in self.tops]
        if len(shapes) == 1:
            return shapes[0]
        widths = {shape.channels for shape in shapes}
        # Those of several widths can not be averaged.
        channels = sum(shape.channels for shape in shapes)
        channels = shapes[0].channels if len(widths) == 1 else channels
        return Features(shapes[0].frames, 1, 1, channels)

    def tally(self, tally: Tally) -> None:
        """Adds what all costs but the classifier."""
        if "flow" in self.genotype.kinds:
            tally.output(self.clip.with_channels(2))
        for part in self.parts:
            part.tally(tally)
        for peer in self.peers(LEVELS):
            tally.elements += peer.output.frames * peer.output.channels
        if len(self.tops) > 1:
            for top in self.tops:
                tally.elements += top.output.frames * top.output.channels
            tally.output(self.joined)
        for layer in self.head:
            layer.tally(tally)

    def _source(self, index: int, node: Node) -> Part:
        name, filters = f"node{index}", node.channels
        if self.genotype.lite:
            return self._lite_source(name, node)
        if node.kind == "object":
            shape = self.clip.with_channels(filters)
            layers = [pool(name, shape, STEM_STRIDE, STEM_STRIDE)]
        elif node.kind == "flow":
            clip = self.clip.with_channels(2)
            layers = strided("space", f"{name}_conv", clip, filters, 7, 2)
            layers.append(pool(name, layers[-1].output, 2, 2))
        else:
            layers = strided("space", f"{name}_conv", self.clip, filters, 7, 2)
            before = layers[-1].output
            time = f"{name}_time"
            layers.append(conv("time", time, before, filters, 5, node.dilation))
            layers.append(pool(name, before, 3, 2))
        return Part(node, name, STEM_STRIDE, layers[-1].output, stem=tuple(layers))

    def _lite_source(self, name: str, node: Node) -> Part:
        clip = self.clip if node.kind == "rgb" else self.clip.with_channels(2)
        space = conv("space", f"{name}_conv", clip, node.channels, 3)
        space = same_strided(space, LITE_STEM_STRIDE)
        shape, dilation = space.output, node.dilation
        time = conv("time", f"{name}_time", shape, node.channels, 3, dilation)
        time = replace(time, activation=name)
        return Part(node, name, LITE_STEM_STRIDE, time.output, stem=(space, time))

    def _block(self, index: int, node: Node) -> Part:
        name = f"node{index}"
        inputs = [self.parts[source] for source in node.inputs]
        fusion, attention = _fused(name, inputs), None
        if self.genotype.attention != "none":
            pooled = [
                pool.output if pool else part.output
                for pool, part in zip(fusion.pools, inputs, strict=True)
            ]
            peers = [part.output for part in self.peers(node.level)]
            attention = Attention(tuple(pooled), tuple(peers))
        stride = node.stride * max(part.stride for part in inputs)
        modules, shape = [], fusion.output
        count = self.genotype.modules[node.level - 1]
        for position in range(count):
            last = position == count - 1
            inner = self.genotype.inner[node.level - 1]
            unfolded = inverted if self.genotype.lite else bottleneck
            module = unfolded(name, position, shape, node, inner, last)
            modules.append(module)
            shape = module.output
        return Part(node, name, stride, shape, (), attention, fusion, tuple(modules))


def _fused(name: str, inputs: list[Part]) -> Fusion:
    coarsest = max(inputs, key=lambda part: part.stride)
    target = coarsest.output
    pools = []
    for position, part in enumerate(inputs):
        side = coarsest.stride // part.stride
        place = f"{name}_input{position}_pool"
        pools.append(pool(place, part.output, side, side) if side > 1 else None)
    if len(inputs) == 1:
        return Fusion(tuple(pools), (), target)
    # Objects have many channels, to which no others are projected.
    plain = [part for part in inputs if part.node.kind != "object"] or inputs
    widest = max(part.output.channels for part in plain)
    output = target.with_channels(widest)
    groups = []
    for width in dict.fromkeys(part.output.channels for part in inputs):
        positions = [i for i, p in enumerate(inputs) if p.output.channels == width]
        shape = target.with_channels(width)
        projection = Layer("space", f"{name}_project{width}", shape, output, 1)
        groups.append(
            Group(tuple(positions), shape, projection if width != widest else None)
        )
    return Fusion(tuple(pools), tuple(groups), output)


def _tally_dense(tally: Tally, frames: int, fan_in: int, fan_out: int) -> None:
    """A dense layer with bias, of a vector a frame."""
    tally.parameters += (fan_in + 1) * fan_out
    tally.macs += frames * fan_in * fan_out
    tally.elements += frames * fan_out

"""Residual modules of AssembleNet's blocks, and of its lite form's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zoo.genotypes.plans.residual import Layer, Module, conv, strided
from zoo.genotypes.tally import Features

if TYPE_CHECKING:  # The genotype unfolds itself with this file.
    from zoo.genotypes.assemblenet import Node


def bottleneck(
    name: str, position: int, shape: Features, node: Node, inner: int, last: bool
) -> Module:
    """A module: a 2D one, or every second time one over space and time."""
    stride = node.stride if position == 0 else 1
    place, channels = f"{name}_module{position}", node.channels
    if position % 2 == 0:
        first = conv("space", f"{place}_reduce", shape, channels, 1)
    else:
        first = conv("time", f"{place}_time", shape, channels, 3, node.dilation)
    space = strided("space", f"{place}_space", first.output, inner, 3, stride)
    before = space[-1].output
    output = before.with_channels(4 * channels)
    expand = Layer("space", f"{place}_expand", before, output, 1, norm="zero")
    layers = (first, *space, expand)
    return _closed(name, position, shape, layers, stride, last)


def inverted(
    name: str, position: int, shape: Features, node: Node, inner: int, last: bool
) -> Module:
    """An inverted bottleneck, which convolves space and time apart where it strides."""
    stride = node.stride if position == 0 else 1
    place = f"{name}_module{position}"
    expand = conv("space", f"{place}_expand", shape, inner, 1)
    if stride == 1:
        wide, both = expand.output, f"{place}_conv"
        middle = [conv("space_time", both, wide, inner, 3, node.dilation)]
    else:
        space = conv("space", f"{place}_space", expand.output, inner, 3)
        space = same_strided(space, stride)
        time = f"{place}_time"
        time = conv("time", time, space.output, inner, 3, node.dilation)
        middle = [space, time]
    before = middle[-1].output
    output = before.with_channels(node.channels)
    reduce = Layer("space", f"{place}_reduce", before, output, 1, norm="zero")
    layers = (expand, *middle, reduce)
    return _closed(name, position, shape, layers, stride, last)


def _closed(
    name: str,
    position: int,
    shape: Features,
    layers: tuple[Layer, ...],
    stride: int,
    last: bool,
) -> Module:
    """A module of these layers; the first of a block has a shortcut of its own."""
    place, output, shortcut = f"{name}_module{position}", layers[-1].output, ()
    if position == 0:
        around = f"{place}_shortcut"
        shortcut = (Layer("space", around, shape, output, 1, stride, norm="plain"),)
    activation = name if last else f"{place}_output"
    return Module(layers, shortcut, f"{place}_add", activation)


def same_strided(layer: Layer, stride: int) -> Layer:
    """The same over space with a stride and TensorFlow's padding."""
    output = layer.input.strided(size=stride).with_channels(layer.output.channels)
    return replace(layer, output=output, stride=stride)

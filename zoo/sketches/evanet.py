"""What the picture of a residual EvaNet shows: stem, blocks, and pools."""

import dataclasses
import string
from collections.abc import Iterator

from zoo.genotypes.base import ClipSpec
from zoo.genotypes.evanet import EvaNetGenotype
from zoo.genotypes.plans.evanet import Convolution, Pool, Repeat, stem
from zoo.genotypes.tally import Features
from zoo.sketches.parts import (
    Box,
    Cell,
    Series,
    Sketch,
    Split,
    chain,
    clip_box,
    shape_text,
)
from zoo.sketches.space_time import PAIRS_HEAD, convolution, point, pool


def sketch(genotype: EvaNetGenotype, clip: ClipSpec) -> Sketch:
    """The boxes of a residual EvaNet, one after the other."""
    first, shape = stem(genotype), Features(*clip.shape)
    boxes = [clip_box(clip)]
    layers = (convolution(first.conv, first.size, first.filters, first.strides[1]),)
    parts = ("stem", "Stem", tuple(_options(genotype)))
    shape = first.output(shape)
    for before, repeats in genotype.stages:
        shape = before.output(shape)
        name, title, lines = parts or (before.name, _titled(before.name), ())
        layers += (pool(before.time, before.size, before.strides),)
        boxes.append(Box(name, title, lines, shape_text(shape), name, layers))
        shape = repeats[0].output(shape)
        name, lines = repeats[0].place, tuple(_lines(repeats))
        own = _block(repeats)
        boxes.append(Box(name, _titled(name), lines, shape_text(shape), layers=own))
        parts, layers = None, ()
    return chain([*boxes, PAIRS_HEAD])


def _titled(name: str) -> str:
    """Block 12 of block12."""
    kind = name.rstrip(string.digits)
    return f"{kind.capitalize()} {name.removeprefix(kind)}"


def _options(genotype: EvaNetGenotype) -> Iterator[str]:
    if genotype.profile != "cauchy":
        yield f"{genotype.profile} profiles"
    if genotype.gaussians != 4:
        yield f"{genotype.gaussians} mixed"


def _lines(repeats: list[Repeat]) -> Iterator[str]:
    block = repeats[0].block
    if len(repeats) > 1:
        yield f"{len(repeats)} times"
        if any(conv.time > 1 for branch in block.branches for conv in branch.convs):
            yield "every 2nd: time 1"
    branches = "branch" if len(block.branches) == 1 else "branches"
    yield f"{len(block.branches)} {branches} of {block.branch_width}"


def _block(repeats: list[Repeat]) -> Series:
    """The layers of the first repeat.

    Their titles leave out channels, which change in all branches with each that comes.
    """
    often = len(repeats) > 1
    rows = tuple(
        tuple(_layer(layer, often) for layer in branch)
        for branch in repeats[0].branches
    )
    inner = rows[0]
    if len(rows) > 1:
        inner = (Split(rows, Cell("concat", "Concatenation of all above", "concat")),)
    title = f"{point().title}, the shortcut{' of the first repeat' if often else ''}"
    shortcut = Cell("point", title, point().text)
    return (Split(((shortcut,), inner), Cell("sum", "Sum with the shortcut", "sum")),)


def _layer(layer: Convolution | Pool, often: bool) -> Cell:
    if isinstance(layer, Pool):
        return pool(layer.time, layer.size)
    cell = convolution(layer.conv, layer.size)
    if layer.conv.time == 1 or not often:
        return cell
    title = f"{cell.title} (of 1 frame in every second repeat)"
    return dataclasses.replace(cell, title=title)

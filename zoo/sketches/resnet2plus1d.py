"""What the picture of a (2+1)D ResNet shows: stem, stages, and the head."""

from zoo.genotypes.base import ClipSpec
from zoo.genotypes.plans.residual import CONVOLUTIONS, Layer, Module
from zoo.genotypes.resnet2plus1d import ResNet2Plus1DGenotype
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
from zoo.sketches.space_time import MEAN_HEAD, strided


def sketch(genotype: ResNet2Plus1DGenotype, clip: ClipSpec) -> Sketch:
    """The boxes of a (2+1)D ResNet, one after the other."""
    plan = genotype.plan(clip.shape)
    boxes = [clip_box(clip)]
    shape = shape_text(plan.stem[-1].output)
    boxes.append(Box("stem", "Stem", (), shape, "stem", _layers(plan.stem)))
    for number, blocks in enumerate(plan.stages, 1):
        lines = (f"{len(blocks)} blocks",) if len(blocks) > 1 else ()
        shape, layers = shape_text(blocks[-1].output), _block(blocks)
        name = f"stage{number}"
        boxes.append(Box(name, f"Stage {number}", lines, shape, layers=layers))
    return chain([*boxes, MEAN_HEAD])


def _block(blocks: tuple[Module, ...]) -> Series:
    """The layers of the first block."""
    around = ()
    if blocks[0].shortcut:
        often = " of the first block" if len(blocks) > 1 else ""
        around = (Cell("point", f"1x1x1 convolution, the shortcut{often}", "1"),)
    branches = (around, _layers(blocks[0].layers))
    return (Split(branches, Cell("sum", "Sum with the shortcut", "sum")),)


def _layers(layers: tuple[Layer, ...]) -> Series:
    return tuple(_layer(layer) for layer in layers if layer.kind in CONVOLUTIONS)


def _layer(layer: Layer) -> Cell:
    ends = f" to {layer.output.channels} channels{strided(layer.stride)}"
    if layer.kind == "time":
        title = f"Convolution of {layer.size} frames{ends}"
        return Cell("temporal", title, str(layer.size), f"time {layer.size}{ends}")
    size = f"{layer.size}x{layer.size}"
    title = f"Convolution of {size} pixels{ends}"
    return Cell("spatial", title, size, f"{size}{ends}")

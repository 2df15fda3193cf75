"""How a (2+1)D ResNet genotype unfolds: every layer of it, with its shapes.

The rules are those of torchvision's `r2plus1d_18`: each convolution over space and time
is one over space, to as many channels as make both parts together as large as the
convolution that they replace, and one over time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zoo.genotypes.plans.residual import Layer, Module, strided
from zoo.genotypes.tally import Features, Tally

if TYPE_CHECKING:  # The genotype unfolds itself with this file.
    from zoo.genotypes.resnet2plus1d import ResNet2Plus1DGenotype

STEM_INNER = 45  # Channels between the two parts of the stem.


@dataclass(frozen=True)
class Plan:
    """The layers of a network.

    Args:
        stem: Its first layers.
        stages: The blocks of each.
    """

    stem: tuple[Layer, ...]
    stages: tuple[tuple[Module, ...], ...]

    @property
    def output(self) -> Features:
        """Shape that is classified."""
        return self.stages[-1][-1].output

    def tally(self, tally: Tally) -> None:
        """Adds what all costs but the classifier."""
        for part in (*self.stem, *(block for stage in self.stages for block in stage)):
            part.tally(tally)


def unfold(genotype: ResNet2Plus1DGenotype, shape: Features) -> Plan:
    """The layers of a network that reads `shape`."""
    first = genotype.stages[0].channels
    stem = strided("space", "stem_space", shape, STEM_INNER, 7, 2)
    stem += strided("time", "stem_time", stem[-1].output, first, 3, 1)
    stem[-1] = replace(stem[-1], activation="stem")
    shape, stages = stem[-1].output, []
    for number, stage in enumerate(genotype.stages, 1):
        blocks = []
        for index in range(stage.blocks):
            stride = 2 if number > 1 and index == 0 else 1
            place, name = f"stage{number}_block{index}", f"stage{number}"
            name = name if index == stage.blocks - 1 else f"{place}_output"
            blocks.append(_block(place, name, shape, stage.channels, stride))
            shape = blocks[-1].output
        stages.append(tuple(blocks))
    return Plan(tuple(stem), tuple(stages))


def _block(place: str, name: str, shape: Features, filters: int, stride: int) -> Module:
    fan_in = shape.channels
    # Of both convolutions, though the second reads `filters` channels.
    inner = 27 * fan_in * filters // (9 * fan_in + 3 * filters)
    layers = _factorised(f"{place}_first", shape, inner, filters, stride)
    layers += _factorised(f"{place}_second", layers[-1].output, inner, filters, 1)
    layers[-1] = replace(layers[-1], activation="")
    output, around, shortcut = layers[-1].output, f"{place}_shortcut", []
    if stride > 1:
        picked = shape.strided(frames=stride)
        shortcut.append(Layer("frames", f"{around}_frames", shape, picked, 1, stride))
    if stride > 1 or fan_in != filters:
        before = shape.strided(frames=stride)
        shortcut.append(Layer("space", around, before, output, 1, stride, norm="plain"))
    return Module(tuple(layers), tuple(shortcut), f"{place}_add", name)


def _factorised(
    name: str, shape: Features, inner: int, filters: int, stride: int
) -> list[Layer]:
    layers = strided("space", f"{name}_space", shape, inner, 3, stride)
    before = layers[-1].output
    return [*layers, *strided("time", f"{name}_time", before, filters, 3, stride)]

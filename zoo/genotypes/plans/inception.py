"""How an Inception genotype unfolds: every layer of it, with its shapes.

The channels are those of Inception-v1 in the public I3D code (deepmind, kinetics-i3d,
commit 0667e889), on which EvaNet builds. What the paper leaves open is decided here:
each parallel layer of a slot has that slot's channels, norm and ReLU of its own, and
they are averaged after that; a 1x1x1 convolution follows each pool, before its average.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo.genotypes.plans.chains import Chain, Chains, Stage, Window
from zoo.genotypes.tally import Features

if TYPE_CHECKING:  # The genotype unfolds itself with this file.
    from zoo.genotypes.inception import InceptionGenotype, InceptionModule


@dataclass(frozen=True)
class Widths:
    """Channels of a module's slots, and of the 1x1x1 convolutions that lead in two."""

    point: int
    wide_lead: int
    wide: int
    narrow_lead: int
    narrow: int
    pool: int


MODULES = {
    "module3b": Widths(64, 96, 128, 16, 32, 32),
    "module3c": Widths(128, 128, 192, 32, 96, 64),
    "module4b": Widths(192, 96, 208, 16, 48, 64),
    "module4c": Widths(160, 112, 224, 24, 64, 64),
    "module4d": Widths(128, 128, 256, 24, 64, 64),
    "module4e": Widths(112, 144, 288, 32, 64, 64),
    "module4f": Widths(256, 160, 320, 32, 128, 128),
    "module5b": Widths(256, 160, 320, 32, 128, 128),
    "module5c": Widths(384, 192, 384, 48, 128, 128),
}
# Pools that come before a module.
POOLS = {
    "module4b": ("pool4a", Window(3, 3, 2, 2)),
    "module5b": ("pool5a", Window(2, 2, 2, 2)),
}


def unfold(genotype: InceptionGenotype, shape: Features) -> Iterator[Stage]:
    """Every stage of a network that reads `shape`, in order.

    With symmetric padding nothing, sizes below 1, may be left of a small shape.
    """
    for stage in _stem(genotype, shape):
        yield stage
        shape = stage.output
    for (name, widths), module in zip(MODULES.items(), genotype.modules, strict=True):
        if name in POOLS:
            pool, window = POOLS[name]
            chain = Chain(genotype, shape).pool(pool, window, endpoint=pool)
            yield chain.stage(pool)
            shape = chain.shape
        slots = _slots(genotype, name, shape, module, widths)
        channels = sum(chains[0][-1].output.channels for chains in slots.values())
        shape = shape.with_channels(channels)
        yield Stage(name, slots, shape)


def _stem(genotype: InceptionGenotype, shape: Features) -> Iterator[Stage]:
    conv1a, conv2b, conv2c = genotype.stem
    for name, size, filters, stride, conv in [
        ("conv1a", 7, 64, 2, conv1a),
        ("pool2a", 3, None, 2, None),
        ("conv2b", 1, 64, 1, conv2b),
        ("conv2c", 3, 192, 1, conv2c),
        ("pool3a", 3, None, 2, None),
    ]:
        chain = Chain(genotype, shape)
        if conv is None:
            chain.pool(name, Window(1, size, 1, stride), endpoint=name)
        else:
            window = Window(conv.time, size, stride, stride)
            chain.conv(name, conv, filters, window, endpoint=name)
        yield chain.stage(name)
        shape = chain.shape


def _slots(
    genotype: InceptionGenotype,
    name: str,
    shape: Features,
    module: InceptionModule,
    widths: Widths,
) -> dict[str, Chains]:
    slots = {"point": [Chain(genotype, shape).point(f"{name}_point", widths.point)]}
    for slot, convs, lead, filters in [
        ("wide", module.wide, widths.wide_lead, widths.wide),
        ("narrow", module.narrow, widths.narrow_lead, widths.narrow),
    ]:
        slots[slot] = [
            Chain(genotype, shape)
            .point(f"{name}_{slot}{index}_lead", lead)
            .conv(f"{name}_{slot}{index}", conv, filters, Window(conv.time, 3))
            for index, conv in enumerate(convs)
        ]
    slots["pool"] = [
        Chain(genotype, shape)
        .pool(f"{name}_pool{index}", Window(time, 3))
        .point(f"{name}_pool{index}_project", widths.pool)
        for index, time in enumerate(module.pools)
    ]
    return {
        slot: tuple(tuple(chain.steps) for chain in chains)
        for slot, chains in slots.items()
    }

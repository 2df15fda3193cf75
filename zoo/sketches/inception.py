"""What the picture of an Inception network shows: stem, nine modules, and pools."""

from collections.abc import Iterator

from zoo.genotypes.base import ClipSpec
from zoo.genotypes.inception import InceptionGenotype, InceptionModule
from zoo.genotypes.plans.inception import Stage
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

STEM = ("conv1a", "pool2a", "conv2b", "conv2c", "pool3a")


def sketch(genotype: InceptionGenotype, clip: ClipSpec) -> Sketch:
    """The boxes of an Inception network, one after the other."""
    stages = {stage.name: stage for stage in genotype.stages(clip.shape)}
    convs = dict(zip(("conv1a", "conv2b", "conv2c"), genotype.stem, strict=True))
    modules = iter(genotype.modules)
    boxes = [clip_box(clip)]
    layers = tuple(_single(stages[name], convs.get(name)) for name in STEM)
    shape = shape_text(stages[STEM[-1]].output)
    boxes.append(Box("stem", "Stem", tuple(_options(genotype)), shape, "stem", layers))
    for name, stage in stages.items():
        if name in STEM:
            continue
        kind, place = name[:-2], name[-2:]
        module = next(modules) if kind == "module" else None
        layers = _module(stage, module) if module else (_single(stage),)
        shape = shape_text(stage.output)
        boxes.append(Box(name, f"{kind.capitalize()} {place}", (), shape, name, layers))
    return chain([*boxes, PAIRS_HEAD])


def _options(genotype: InceptionGenotype) -> Iterator[str]:
    if genotype.width != 1:
        yield f"width x{genotype.width:g}"
    if genotype.padding != "same":
        yield f"{genotype.padding} padding"
    if genotype.inner_norm:
        yield "norm in (2+1)D"
    if genotype.gaussians != 4:
        yield f"{genotype.gaussians} Gaussians"


def _single(stage: Stage, conv: object = None) -> Cell:
    """The layer of a stage that has one, with its strides."""
    windows = [step.window for step in stage.slots["layer"][0] if step.kind != "pad"]
    size = max(window.size for window in windows)
    strides = [max(window.time_stride for window in windows)]
    strides += [max(window.stride for window in windows)]
    if conv:
        return convolution(conv, size, stage.output.channels, strides[1])
    time = max(window.time for window in windows)
    return pool(time, size, (strides[0], strides[1]))


def _module(stage: Stage, module: InceptionModule) -> Series:
    leads = {slot: chains[0][0].output for slot, chains in stage.slots.items()}
    widths = {slot: chains[0][-1].output for slot, chains in stage.slots.items()}
    branches = [(point(widths["point"].channels),)]
    for slot in ("wide", "narrow"):
        lead, width = leads[slot].channels, widths[slot].channels
        convs = getattr(module, slot)
        rows = [(point(lead), convolution(conv, 3, width)) for conv in convs]
        branches.append(_averaged(rows))
    width = widths["pool"].channels
    branches.append(_averaged([(pool(t, 3), point(width)) for t in module.pools]))
    title = f"Concatenation to {stage.output.channels} channels"
    return (Split(tuple(branches), Cell("concat", title, "concat")),)


def _averaged(rows: list[Series]) -> Series:
    """Layers of one slot side by side, and their average; a single one as it is."""
    if len(rows) == 1:
        return rows[0]
    mean = Cell("mean", f"Average of the {len(rows)} layers above", "mean")
    return (Split(tuple(rows), mean),)

"""What the picture of an AssembleNet shows: sources and blocks, level by level."""

from collections.abc import Iterator

from zoo.genotypes.assemblenet import INNER, LEVELS, LITE_INNER, AssembleNetGenotype
from zoo.genotypes.base import ClipSpec
from zoo.genotypes.plans.assemblenet import Part
from zoo.sketches.parts import Box, Sketch, shape_text

SOURCES = {"rgb": "RGB", "flow": "Flow", "object": "Objects"}
HEAD = "head"
LITE = "Modules are inverted bottlenecks."
WEIGHTS = "The darker an edge, the larger the weight that it learned."
ATTENTION = {
    "none": "",
    "self": "What a block reads attends to itself.",
    "peer": "What a block reads attends to all nodes at lower levels.",
}


def sketch(genotype: AssembleNetGenotype, clip: ClipSpec) -> Sketch:
    """The boxes of a graph by their levels, and edges with what they have learned."""
    plan = genotype.plan(clip.shape)
    parts = plan.parts
    boxes = [_box(genotype, part) for part in parts]
    names = [box.name for box in boxes]
    levels = [part.node.level for part in parts]
    edges = [(names[source], names[reader]) for source, reader in genotype.edges]
    tops = [name for name, level in zip(names, levels, strict=True) if level == LEVELS]
    joined = (f"{len(tops)} nodes", "joined") if len(tops) > 1 else ()
    wider = [f"1x1 to {layer.output.channels}" for layer in plan.head]
    lines = (*joined, *wider, "mean", "dense")
    boxes.append(Box(HEAD, "Head", lines, kind="head"))
    weights = {
        (names[source], names[index]): weight
        for index, node in enumerate(genotype.nodes)
        for source, weight in zip(node.inputs, node.weights, strict=False)
    }
    notes = [f"Reads {clip.frames} frames of {clip.width}x{clip.height} pixels."]
    notes += [LITE if genotype.lite else ""]
    notes += [WEIGHTS if weights else "", ATTENTION[genotype.attention]]
    return Sketch(
        tuple(boxes),
        (*edges, *((top, HEAD) for top in tops)),
        levels=(*levels, LEVELS + 1),
        weights=weights,
        note=" ".join(filter(None, notes)),
    )


def _box(genotype: AssembleNetGenotype, part: Part) -> Box:
    node, name = part.node, part.name
    title = SOURCES.get(node.kind, f"Node {name.removeprefix('node')}")
    kind = node.kind if node.level == 0 else f"level{node.level}"
    shape = shape_text(part.output).partition("x")[2]  # Of a frame: all are kept.
    return Box(name, title, tuple(_lines(genotype, part)), shape, kind)


def _lines(genotype: AssembleNetGenotype, part: Part) -> Iterator[str]:
    node = part.node
    yield f"{node.channels} channels"
    if node.kind in ("rgb", "block"):
        yield f"dilation {node.dilation}"
    if node.level == 0:
        return
    count = genotype.modules[node.level - 1]
    yield f"{count} module" if count == 1 else f"{count} modules"
    if genotype.inner != (LITE_INNER if genotype.lite else INNER):
        yield f"{genotype.inner[node.level - 1]} inside"
    if node.stride != (1 if node.level == 1 and not genotype.lite else 2):
        yield f"stride {node.stride}"

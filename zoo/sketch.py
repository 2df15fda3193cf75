"""What a picture of a network shows: boxes and edges, as each family gives them."""

from collections.abc import Callable

from zoo.genotypes import (
    AssembleNetGenotype,
    EvaNetGenotype,
    Genotype,
    InceptionGenotype,
    Pseudo3DGenotype,
    PVNASGenotype,
    ResNet2Plus1DGenotype,
    TinyVideoGenotype,
)
from zoo.genotypes.base import ClipSpec, check
from zoo.sketches import (
    assemblenet,
    cells,
    evanet,
    inception,
    resnet2plus1d,
    tiny_video,
)
from zoo.sketches.parts import Sketch

SKETCHES: dict[type[Genotype], Callable[[Genotype, ClipSpec], Sketch]] = {
    AssembleNetGenotype: assemblenet.sketch,
    EvaNetGenotype: evanet.sketch,
    InceptionGenotype: inception.sketch,
    PVNASGenotype: cells.sketch,
    Pseudo3DGenotype: cells.sketch,
    ResNet2Plus1DGenotype: resnet2plus1d.sketch,
    TinyVideoGenotype: tiny_video.sketch,
}


def sketch(genotype: Genotype, clip: ClipSpec | None = None) -> Sketch:
    """The boxes and edges of a network of any family.

    Args:
        genotype: Of the network.
        clip: That it reads; None is what the genotype says.

    Raises:
        ValueError: The family has no sketch.
    """
    known = [genotype_class.__name__ for genotype_class in SKETCHES]
    check(type(genotype) in SKETCHES, "genotype", f"one of {known}", genotype)
    return SKETCHES[type(genotype)](genotype, clip or genotype.clip_spec)

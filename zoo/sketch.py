"""What a picture of a network shows: boxes and edges, as each family gives them."""

from collections.abc import Callable

from zoo.genotypes import Genotype, TinyVideoGenotype
from zoo.genotypes.base import check
from zoo.genotypes.evanet import EvaNetGenotype
from zoo.genotypes.inception import InceptionGenotype
from zoo.sketches import evanet, inception, tiny_video
from zoo.sketches.parts import Sketch

SKETCHES: dict[type[Genotype], Callable[[Genotype], Sketch]] = {
    EvaNetGenotype: evanet.sketch,
    InceptionGenotype: inception.sketch,
    TinyVideoGenotype: tiny_video.sketch,
}


def sketch(genotype: Genotype) -> Sketch:
    """The boxes and edges of a network of any family."""
    known = [genotype_class.__name__ for genotype_class in SKETCHES]
    check(type(genotype) in SKETCHES, "genotype", f"one of {known}", genotype)
    return SKETCHES[type(genotype)](genotype)

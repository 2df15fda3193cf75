"""Architectures as data: frozen dataclasses, standard library only.

`FOUND` holds the published architectures by name, `FAMILIES` the genotype classes.
"""

import fnmatch
import functools

from zoo.genotypes.assemblenet import AssembleNetGenotype
from zoo.genotypes.base import ClipSpec, Cost, Genotype, check, parse_object
from zoo.genotypes.evanet import EvaNetGenotype
from zoo.genotypes.found import (
    assemblenet,
    assemblenet_plus,
    evanet,
    inception,
    pseudo3d,
    pvnas,
    resnet2plus1d,
    tiny_video,
)
from zoo.genotypes.inception import InceptionGenotype
from zoo.genotypes.pseudo3d import Pseudo3DGenotype
from zoo.genotypes.pvnas import PVNASGenotype
from zoo.genotypes.resnet2plus1d import ResNet2Plus1DGenotype
from zoo.genotypes.tiny_video import TinyVideoGenotype

__all__ = [
    "FAMILIES",
    "FOUND",
    "ClipSpec",
    "Cost",
    "Genotype",
    "from_json",
    "list_models",
]

FAMILIES: dict[str, type[Genotype]] = {
    genotype_class.family: genotype_class
    for genotype_class in [
        AssembleNetGenotype,
        EvaNetGenotype,
        InceptionGenotype,
        PVNASGenotype,
        Pseudo3DGenotype,
        ResNet2Plus1DGenotype,
        TinyVideoGenotype,
    ]
}
FOUND: dict[str, Genotype] = {
    **assemblenet.FOUND,
    **assemblenet_plus.FOUND,
    **evanet.FOUND,
    **inception.FOUND,
    **pseudo3d.FOUND,
    **pvnas.FOUND,
    **resnet2plus1d.FOUND,
    **tiny_video.FOUND,
}


def list_models(pattern: str = "*") -> list[str]:
    """Names of the published networks, by a shell pattern such as "tvn*"."""
    return sorted(fnmatch.filter(FOUND, pattern))


def from_json(text: str) -> Genotype:
    """Reads a genotype of any family from its canonical JSON.

    Raises:
        ValueError: The text is no JSON, names no known family, or is invalid.
    """
    check(isinstance(text, str), "genotype", "JSON text", text)
    return _read(text)


@functools.lru_cache(maxsize=256)  # A search reads its parents again and again.
def _read(text: str) -> Genotype:
    family = parse_object(text).get("family")
    known = isinstance(family, str) and family in FAMILIES
    check(known, "genotype family", f"one of {sorted(FAMILIES)}", family)
    return FAMILIES[family].from_json(text)

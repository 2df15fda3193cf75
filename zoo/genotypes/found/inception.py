"""Inception networks over space and time by name.

The baselines of https://arxiv.org/abs/1811.10636 (section "Baselines"), I3D
(https://arxiv.org/abs/1705.07750) and S3D (https://arxiv.org/abs/1712.04851). The
networks that EvaNet found are in its figures alone, which no text gives.
"""

from zoo.genotypes.inception import InceptionGenotype, InceptionModule
from zoo.genotypes.space_time import SpaceTimeConv


def uniform(
    type: str, time: int, first: int | None = None, **options: object
) -> InceptionGenotype:
    """A network of one type of convolution and one time size, with one of each slot.

    The pools in its modules have the same time size; conv2b, of one pixel, sees one
    frame, as in I3D. The strided pools between the modules are those of I3D always.

    Args:
        type: "conv3d", "conv2plus1d" or "itgm".
        time: Frames of each kernel.
        first: Of the first convolution, where that differs.
        **options: Other fields of the genotype.
    """
    conv = SpaceTimeConv(type, time)
    conv1a = SpaceTimeConv(type, time if first is None else first)
    stem = (conv1a, SpaceTimeConv("conv3d", 1), conv)
    return InceptionGenotype(
        stem, (InceptionModule((conv,), (conv,), (time,)),) * 9, **options
    )


FOUND = {
    "i3d": uniform("conv3d", 3, first=7),
    # As its public weights for PyTorch have it: torchvision's `s3d`.
    "s3d": uniform("conv2plus1d", 3, first=7, inner_norm=True, padding="symmetric"),
    "inception_3d": uniform("conv3d", 3),
    "inception_2plus1d": uniform("conv2plus1d", 3),
    "inception_itgm": uniform("itgm", 3),
    # Each frame by itself, but for the strides over time of the others.
    "inception_2d": uniform("conv3d", 1),
}

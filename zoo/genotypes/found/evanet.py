"""The two residual networks of EvaNet's release.

Decoded from google-research, evanet, commit 066e6a12, where each serves for RGB and,
in exactly the same form, for optical flow. The figures with the Inception networks of
https://arxiv.org/abs/1811.10636 are in no text or code.
"""

from zoo.genotypes.evanet import Branch, EvaNetBlock, EvaNetGenotype
from zoo.genotypes.space_time import SpaceTimeConv


def _conv(type: str, time: int) -> Branch:
    return Branch("conv", convs=(SpaceTimeConv(type, time),))


def _conv_conv(first: tuple[str, int], second: tuple[str, int]) -> Branch:
    convs = (SpaceTimeConv(*first), SpaceTimeConv(*second))
    return Branch("conv_conv", convs=convs)


def _pool(time: int) -> Branch:
    return Branch("pool", pool_time=time)


_POINT = Branch("point")

# Trained on Kinetics-400; the four networks together (both, on RGB and on flow) reach
# 77.2 % there by the release's own word.
EVANET_K400_A = EvaNetGenotype(
    stem=SpaceTimeConv("conv2plus1d", 3),
    pool_times=(1, 1, 1, 9),
    blocks=(
        EvaNetBlock(width=256, repeats=2, branches=(_conv("conv3d", 1), _pool(7))),
        EvaNetBlock(
            width=512,
            repeats=4,
            branches=(
                _pool(3),
                _POINT,
                _conv("conv3d", 1),
                _POINT,
                _conv("conv3d", 5),
            ),
        ),
        EvaNetBlock(
            width=1024,
            repeats=5,
            branches=(_pool(7), _POINT, _conv("itgm", 11), _pool(11)),
        ),
        EvaNetBlock(
            width=2048,
            repeats=3,
            branches=(_pool(11), _conv("conv3d", 1), _conv("itgm", 3)),
        ),
    ),
)
EVANET_K400_B = EvaNetGenotype(
    stem=SpaceTimeConv("conv2plus1d", 3),
    pool_times=(1, 1, 3, 9),
    blocks=(
        EvaNetBlock(
            width=256,
            repeats=2,
            branches=(
                _pool(1),
                _pool(3),
                _conv_conv(("itgm", 1), ("conv2plus1d", 9)),
                _pool(1),
                _POINT,
            ),
        ),
        EvaNetBlock(
            width=512,
            repeats=3,
            branches=(
                _pool(1),
                _pool(7),
                _conv_conv(("conv2plus1d", 5), ("conv3d", 1)),
                _conv_conv(("itgm", 1), ("conv2plus1d", 11)),
                _POINT,
                _conv_conv(("conv2plus1d", 11), ("conv3d", 1)),
            ),
        ),
        EvaNetBlock(width=1024, repeats=5, branches=(_pool(5), _POINT, _pool(9))),
        EvaNetBlock(
            width=2048, repeats=4, branches=(_conv("conv2plus1d", 1), _pool(5))
        ),
    ),
)

FOUND = {"evanet_k400_a": EVANET_K400_A, "evanet_k400_b": EVANET_K400_B}

"""(2+1)D ResNets by name.

Those of 18 and 34 layers are R(2+1)D of https://arxiv.org/abs/1711.11248 with the
channels of torchvision's `r2plus1d_18`. Those of 50 and 101 layers are the baselines of
AssembleNet (https://arxiv.org/abs/1905.13209): its blocks in a single stream of RGB,
which its text names "(2+1)D ResNet" and does not print; they are not dilated.
"""

from zoo.genotypes.assemblenet import DEPTHS, INNER, AssembleNetGenotype, Node
from zoo.genotypes.found.assemblenet import STEM_CHANNELS, block
from zoo.genotypes.resnet2plus1d import ResNet2Plus1DGenotype, Stage

STREAM = (
    Node("rgb", STEM_CHANNELS),
    *(block(level, (level - 1,), size) for level, size in enumerate(INNER, 1)),
)


def basic(*blocks: int) -> ResNet2Plus1DGenotype:
    """A network of so many basic blocks at each of four stages."""
    sizes = zip(INNER, blocks, strict=True)
    return ResNet2Plus1DGenotype(tuple(Stage(*size) for size in sizes))


FOUND = {
    "resnet2plus1d_18": basic(2, 2, 2, 2),
    "resnet2plus1d_34": basic(3, 4, 6, 3),
    "resnet2plus1d_50": AssembleNetGenotype(STREAM),
    "resnet2plus1d_101": AssembleNetGenotype(STREAM, DEPTHS[101]),
}

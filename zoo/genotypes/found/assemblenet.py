"""AssembleNet's graphs by name.

The found graph with its learned weights is that of the released code (google-research,
assemblenet, commit 0c1bbe5f): with 50 layers it is Table 5 of
https://arxiv.org/abs/1905.13209, with 101 it is narrower than the paper's text says.
The networks designed by hand are those of Table 3, whose channels the paper does not
print: here each level has 128, 256, 512 and 512 of them in all, sources are dilated as
in Table 5, blocks are not.
"""

from collections.abc import Sequence

from zoo.genotypes.assemblenet import DEPTHS, INNER, AssembleNetGenotype, Node
from zoo.genotypes.base import revised

STEM_CHANNELS = 128  # Of all sources together.


def block(
    level: int,
    inputs: tuple[int, ...],
    channels: int,
    dilation: int = 1,
    weights: tuple[float, ...] = (),
) -> Node:
    """A block that strides as the published ones: at all levels but the first."""
    stride = 1 if level == 1 else 2
    return Node("block", channels, level, dilation, stride, inputs, weights)


def parallel(
    kinds: Sequence[str],
    edges: Sequence[Sequence[Sequence[int]]],
    channels: Sequence[int] = INNER,
    dilation: int = 4,
) -> AssembleNetGenotype:
    """A network of 50 layers, with a block for each source at every level but the last.

    Args:
        kinds: Of the sources.
        edges: For every level, for each of its blocks, which blocks or sources it
            reads, counted in the level below.
        channels: Of each block, by level.
        dilation: Of sources of RGB.
    """
    width = STEM_CHANNELS // len(kinds)
    nodes = [Node(k, width, dilation=dilation if k == "rgb" else 1) for k in kinds]
    first = 0
    for level, (blocks, size) in enumerate(zip(edges, channels, strict=True), 1):
        below, first = first, len(nodes)
        for inputs in blocks:
            nodes.append(block(level, tuple(below + i for i in inputs), size))
    return AssembleNetGenotype(tuple(nodes))


def _revised(
    genotype: AssembleNetGenotype, widths: dict[int, int], depth: int
) -> AssembleNetGenotype:
    """The same graph with other channels of some nodes, and of another depth."""
    nodes = tuple(
        revised(node, channels=widths.get(index, node.channels))
        for index, node in enumerate(genotype.nodes)
    )
    return revised(genotype, nodes=nodes, modules=DEPTHS[depth])


ASN50 = AssembleNetGenotype(
    (
        Node("rgb", 32, dilation=4),
        Node("rgb", 32, dilation=4),
        Node("flow", 32),
        Node("flow", 32),
        block(1, (1,), 32),
        block(1, (0,), 32, 4),
        block(
            1,
            (0, 1, 2, 3),
            32,
            1,
            (
                0.13810564577579498,
                0.8465337157249451,
                0.3072969317436218,
                0.2867436408996582,
            ),
        ),
        block(1, (2, 3), 32, 2, (0.5846117734909058, 0.6066334843635559)),
        block(
            2,
            (0, 4, 5, 6, 7),
            64,
            2,
            (
                0.16382087767124176,
                0.8852924704551697,
                0.4039595425128937,
                0.6823437809944153,
                0.5331538319587708,
            ),
        ),
        block(
            2,
            (0, 2, 4, 7),
            64,
            1,
            (
                0.028569204732775688,
                0.10333596915006638,
                0.7517264485359192,
                0.9260114431381226,
            ),
        ),
        block(
            2,
            (0, 5, 7),
            64,
            4,
            (0.28832191228866577, 0.7627848982810974, 0.404977947473526),
        ),
        block(2, (0, 5), 64, 1, (0.23474831879138947, 0.7841425538063049)),
        block(
            3,
            (4, 8, 10, 11),
            256,
            1,
            (
                0.27616503834724426,
                0.9514784812927246,
                0.6568767428398132,
                0.9547983407974243,
            ),
        ),
        block(3, (8, 9), 256, 4, (0.5047007203102112, 0.8876819610595703)),
        block(4, (12, 13), 512, 2, (0.9892204403877258, 0.8454614877700806)),
    )
)
TWO = ("rgb", "flow")
APART, BOTH, TO_RGB = ((0,), (1,)), ((0, 1),) * 2, ((0, 1), (1,))
LATE, JOINED = (APART,) * 4, ((0, 1),)
FOUR, ALL = ("rgb", "rgb", "flow", "flow"), (0, 1, 2, 3)

FOUND = {
    "assemblenet50": ASN50,
    "assemblenet101": _revised(ASN50, {12: 192, 13: 192, 14: 256}, 101),
    "two_stream_late_fusion": parallel(TWO, LATE),
    "two_stream_late_fusion_256": parallel(TWO, LATE, (*INNER[:3], 256)),
    "two_stream_fusion_at_4": parallel(TWO, (APART, APART, APART, JOINED)),
    "two_stream_flow_to_rgb": parallel(TWO, (TO_RGB, TO_RGB, TO_RGB, JOINED)),
    "two_stream_fully_fuse_at_4": parallel(TWO, (BOTH, BOTH, BOTH, JOINED)),
    "four_stream_fully_fuse_at_4": parallel(
        FOUR, ((ALL,) * 4, (ALL,) * 4, (ALL,) * 4, (ALL,)), (32, 64, 128, 512)
    ),
}

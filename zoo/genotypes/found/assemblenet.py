"""AssembleNet's graphs by name.

The found graphs with their learned weights are those of the released code
(google-research, assemblenet, commit 0c1bbe5f); that of 50 layers is Table 5 of
https://arxiv.org/abs/1905.13209, that of 101 is narrower than the paper's text says.
AssembleNet++ is https://arxiv.org/abs/2008.08072; a node of its released graph that no
other reads is left out. The networks designed by hand are those of Table 3, whose
channels the paper does not print: here each level has 128, 256, 512 and 512 of them in
all, sources are dilated as in Table 5, blocks are not.
"""

from zoo.genotypes.assemblenet import DEPTHS, AssembleNetGenotype, Node

RGB4 = Node("rgb", 32, dilation=4)
FLOW = Node("flow", 32)


def _block(
    level: int,
    inputs: tuple[int, ...],
    channels: int,
    dilation: int = 1,
    weights: tuple[float, ...] = (),
) -> Node:
    stride = 1 if level == 1 else 2
    return Node("block", channels, level, dilation, stride, inputs, weights)


ASN50 = (
    Node("rgb", 32, dilation=4),
    Node("rgb", 32, dilation=4),
    Node("flow", 32),
    Node("flow", 32),
    _block(1, (1,), 32),
    _block(1, (0,), 32, 4),
    _block(
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
    _block(1, (2, 3), 32, 2, (0.5846117734909058, 0.6066334843635559)),
    _block(
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
    _block(
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
    _block(
        2,
        (0, 5, 7),
        64,
        4,
        (0.28832191228866577, 0.7627848982810974, 0.404977947473526),
    ),
    _block(2, (0, 5), 64, 1, (0.23474831879138947, 0.7841425538063049)),
    _block(
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
    _block(3, (8, 9), 256, 4, (0.5047007203102112, 0.8876819610595703)),
    _block(4, (12, 13), 512, 2, (0.9892204403877258, 0.8454614877700806)),
)


ASN101 = (
    Node("rgb", 32, dilation=4),
    Node("rgb", 32, dilation=4),
    Node("flow", 32),
    Node("flow", 32),
    _block(1, (1,), 32),
    _block(1, (0,), 32, 4),
    _block(
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
    _block(1, (2, 3), 32, 2, (0.5846117734909058, 0.6066334843635559)),
    _block(
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
    _block(
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
    _block(
        2,
        (0, 5, 7),
        64,
        4,
        (0.28832191228866577, 0.7627848982810974, 0.404977947473526),
    ),
    _block(2, (0, 5), 64, 1, (0.23474831879138947, 0.7841425538063049)),
    _block(
        3,
        (4, 8, 10, 11),
        192,
        1,
        (
            0.27616503834724426,
            0.9514784812927246,
            0.6568767428398132,
            0.9547983407974243,
        ),
    ),
    _block(3, (8, 9), 192, 4, (0.5047007203102112, 0.8876819610595703)),
    _block(4, (12, 13), 256, 2, (0.9892204403877258, 0.8454614877700806)),
)


OBJECTS = 151  # Classes of ADE20K and the background, whose maps the paper reads.


ASNP50 = (
    Node("rgb", 25, dilation=2),
    Node("rgb", 25, dilation=4),
    Node("flow", 25),
    Node("flow", 25),
    Node("object", OBJECTS),
    _block(
        1,
        (0, 1, 2, 3, 4),
        32,
        1,
        (
            0.6143830418586731,
            0.7111759185791016,
            0.19351491332054138,
            0.1701001077890396,
            0.7178536653518677,
        ),
    ),
    _block(
        1,
        (0, 1, 4),
        32,
        4,
        (0.5755624771118164, 0.5644599795341492, 0.7128658294677734),
    ),
    _block(
        1,
        (2, 3, 4),
        32,
        8,
        (0.26563042402267456, 0.3033692538738251, 0.8244096636772156),
    ),
    _block(
        1,
        (2, 3, 4),
        32,
        1,
        (0.07013848423957825, 0.07905343919992447, 0.8767927885055542),
    ),
    _block(
        2,
        (2, 3, 4, 7, 8),
        64,
        1,
        (
            0.47034338116645813,
            0.4694305658340454,
            0.767791748046875,
            0.5539310574531555,
            0.4520096182823181,
        ),
    ),
    _block(
        2,
        (0, 4, 5, 6, 7),
        128,
        8,
        (
            0.2769702076911926,
            0.8116549253463745,
            0.597356915473938,
            0.6585626602172852,
            0.5915306210517883,
        ),
    ),
    _block(3, (4, 10), 256, 8, (0.501274824142456, 0.5016682147979736)),
    _block(
        3,
        (2, 3, 4, 5, 6, 7, 8, 9, 10),
        256,
        4,
        (
            0.0866393893957138,
            0.08469288796186447,
            0.9739039540290833,
            0.058271341025829315,
            0.08397126197814941,
            0.10285478830337524,
            0.18506969511508942,
            0.23874442279338837,
            0.9188644886016846,
        ),
    ),
    _block(4, (11, 12), 512, 2, (0.4174623489379883, 0.5844835638999939)),
)


TWO_STREAM_LATE_FUSION_2X512 = (
    Node("rgb", 64, dilation=4),
    Node("flow", 64),
    _block(1, (0,), 64),
    _block(1, (1,), 64),
    _block(2, (2,), 128),
    _block(2, (3,), 128),
    _block(3, (4,), 256),
    _block(3, (5,), 256),
    _block(4, (6,), 512),
    _block(4, (7,), 512),
)


TWO_STREAM_LATE_FUSION_2X256 = (
    Node("rgb", 64, dilation=4),
    Node("flow", 64),
    _block(1, (0,), 64),
    _block(1, (1,), 64),
    _block(2, (2,), 128),
    _block(2, (3,), 128),
    _block(3, (4,), 256),
    _block(3, (5,), 256),
    _block(4, (6,), 256),
    _block(4, (7,), 256),
)


TWO_STREAM_FUSION_AT_LV4 = (
    Node("rgb", 64, dilation=4),
    Node("flow", 64),
    _block(1, (0,), 64),
    _block(1, (1,), 64),
    _block(2, (2,), 128),
    _block(2, (3,), 128),
    _block(3, (4,), 256),
    _block(3, (5,), 256),
    _block(4, (6, 7), 512),
)


TWO_STREAM_FULLY_FUSE_AT_4 = (
    Node("rgb", 64, dilation=4),
    Node("flow", 64),
    _block(1, (0, 1), 64),
    _block(1, (0, 1), 64),
    _block(2, (2, 3), 128),
    _block(2, (2, 3), 128),
    _block(3, (4, 5), 256),
    _block(3, (4, 5), 256),
    _block(4, (6, 7), 512),
)


TWO_STREAM_FLOW_TO_RGB = (
    Node("rgb", 64, dilation=4),
    Node("flow", 64),
    _block(1, (0, 1), 64),
    _block(1, (1,), 64),
    _block(2, (2, 3), 128),
    _block(2, (3,), 128),
    _block(3, (4, 5), 256),
    _block(3, (5,), 256),
    _block(4, (6, 7), 512),
)


FOUR_STREAM_FULLY_FUSE_AT_4 = (
    Node("rgb", 32, dilation=4),
    Node("rgb", 32, dilation=4),
    Node("flow", 32),
    Node("flow", 32),
    _block(1, (0, 1, 2, 3), 32),
    _block(1, (0, 1, 2, 3), 32),
    _block(1, (0, 1, 2, 3), 32),
    _block(1, (0, 1, 2, 3), 32),
    _block(2, (4, 5, 6, 7), 64),
    _block(2, (4, 5, 6, 7), 64),
    _block(2, (4, 5, 6, 7), 64),
    _block(2, (4, 5, 6, 7), 64),
    _block(3, (8, 9, 10, 11), 128),
    _block(3, (8, 9, 10, 11), 128),
    _block(3, (8, 9, 10, 11), 128),
    _block(3, (8, 9, 10, 11), 128),
    _block(4, (12, 13, 14, 15), 512),
)


FOUND = {
    "assemblenet50": AssembleNetGenotype(ASN50),
    "assemblenet101": AssembleNetGenotype(ASN101, DEPTHS[101]),
    "assemblenet_plus50": AssembleNetGenotype(ASNP50),
    "two_stream_late_fusion": AssembleNetGenotype(TWO_STREAM_LATE_FUSION_2X512),
    "two_stream_late_fusion_256": AssembleNetGenotype(TWO_STREAM_LATE_FUSION_2X256),
    "two_stream_fusion_at_4": AssembleNetGenotype(TWO_STREAM_FUSION_AT_LV4),
    "two_stream_flow_to_rgb": AssembleNetGenotype(TWO_STREAM_FLOW_TO_RGB),
    "two_stream_fully_fuse_at_4": AssembleNetGenotype(TWO_STREAM_FULLY_FUSE_AT_4),
    "four_stream_fully_fuse_at_4": AssembleNetGenotype(FOUR_STREAM_FULLY_FUSE_AT_4),
}

"""AssembleNet++ by name (https://arxiv.org/abs/2008.08072).

Its graph with the learned weights is that of the released code (google-research,
assemblenet, commit 0c1bbe5f). No block reads its node 9, but all above attend to it.
Without objects the code has the graph of AssembleNet-50 in its place. The lite graph is
the code's, too, which has no objects there. Whether it has attention is a flag there;
here it attends to its peers, as the others do.
"""

from zoo.genotypes.assemblenet import LITE_INNER, AssembleNetGenotype, Node
from zoo.genotypes.base import revised
from zoo.genotypes.found.assemblenet import ASN50, block

OBJECTS = 151  # Classes of ADE20K and the background, whose maps the paper reads.


ASNP50 = AssembleNetGenotype(
    (
        Node("rgb", 25, dilation=2),
        Node("rgb", 25, dilation=4),
        Node("flow", 25),
        Node("flow", 25),
        Node("object", OBJECTS),
        block(
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
        block(
            1,
            (0, 1, 4),
            32,
            4,
            (0.5755624771118164, 0.5644599795341492, 0.7128658294677734),
        ),
        block(
            1,
            (2, 3, 4),
            32,
            8,
            (0.26563042402267456, 0.3033692538738251, 0.8244096636772156),
        ),
        block(
            1,
            (2, 3, 4),
            32,
            1,
            (0.07013848423957825, 0.07905343919992447, 0.8767927885055542),
        ),
        block(
            2,
            (0, 1, 2, 4, 5, 6, 7, 8),
            64,
            4,
            (
                0.5008697509765625,
                0.5020178556442261,
                0.49819135665893555,
                0.5015180706977844,
                0.4987695813179016,
                0.4990265369415283,
                0.499239057302475,
                0.4974501430988312,
            ),
        ),
        block(
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
        block(
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
        block(3, (4, 11), 256, 8, (0.501274824142456, 0.5016682147979736)),
        block(
            3,
            (2, 3, 4, 5, 6, 7, 8, 10, 11),
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
        block(4, (12, 13), 512, 2, (0.4174623489379883, 0.5844835638999939)),
    ),
    attention="peer",
)


def _lite(
    level: int, inputs: tuple[int, ...], dilation: int, weights: tuple[float, ...]
) -> Node:
    """A block of the lite graph, which strides at every level."""
    return Node("block", LITE_CHANNELS[level - 1], level, dilation, 2, inputs, weights)


LITE_CHANNELS = (12, 24, 68, 192)  # Of a block by its level.
ASNP_LITE = AssembleNetGenotype(
    (
        Node("rgb", 24),
        Node("flow", 24),
        _lite(1, (0, 1), 1, (0.19914183020591736, 0.9278576374053955)),
        _lite(1, (0, 1), 4, (0.010816320776939392, 0.888792097568512)),
        _lite(
            2,
            (0, 1, 2, 3),
            2,
            (
                0.9473835825920105,
                0.6303419470787048,
                0.1704932451248169,
                0.05950307101011276,
            ),
        ),
        _lite(
            2,
            (0, 1, 2, 3),
            1,
            (
                0.9560931324958801,
                0.7898273468017578,
                0.36138781905174255,
                0.07344610244035721,
            ),
        ),
        _lite(
            2,
            (0, 1, 2, 3),
            4,
            (
                0.9213919043540955,
                0.13418640196323395,
                0.8371981978416443,
                0.07936054468154907,
            ),
        ),
        _lite(
            2,
            (0, 1, 2, 3),
            1,
            (
                0.9441559910774231,
                0.9435100555419922,
                0.7253988981246948,
                0.13498817384243011,
            ),
        ),
        _lite(
            3,
            (0, 1, 2, 3, 4, 5, 6, 7),
            1,
            (
                0.9964852333068848,
                0.8427878618240356,
                0.8895476460456848,
                0.11014710366725922,
                0.6270533204078674,
                0.44782018661499023,
                0.61344975233078,
                0.44898226857185364,
            ),
        ),
        _lite(
            3,
            (0, 1, 2, 3, 4, 5, 6, 7),
            4,
            (
                0.9970942735671997,
                0.7105681896209717,
                0.5078442096710205,
                0.0951600968837738,
                0.624282717704773,
                0.8527252674102783,
                0.8105692863464355,
                0.7857823967933655,
            ),
        ),
        _lite(
            4,
            (2, 3, 4, 5, 6, 7, 8, 9),
            2,
            (
                0.6180334091186523,
                0.11882413923740387,
                0.06102970987558365,
                0.04484326392412186,
                0.05602221190929413,
                0.052324872463941574,
                0.9969874024391174,
                0.9987731575965881,
            ),
        ),
    ),
    modules=(3, 5, 11, 7),
    inner=LITE_INNER,
    attention="peer",
    lite=True,
)

FOUND = {
    "assemblenet_plus50": ASNP50,
    "assemblenet_plus_lite": ASNP_LITE,
    "assemblenet50_peer": revised(ASN50, attention="peer"),
}

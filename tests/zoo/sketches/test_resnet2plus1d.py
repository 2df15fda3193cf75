import itertools

from zoo.genotypes import FOUND
from zoo.genotypes.resnet2plus1d import ResNet2Plus1DGenotype, Stage
from zoo.sketch import sketch
from zoo.sketches.parts import walk

NETWORK = ResNet2Plus1DGenotype((Stage(8, 1), Stage(12, 3)))


def boxes(genotype):
    return {box.name: box for box in sketch(genotype).boxes}


def layers(box):
    return [(cell.kind, cell.text) for cell in walk(box.layers)]


def test_boxes_are_the_stages_in_order():
    drawn = sketch(NETWORK)
    names = ["clip", "stem", "stage1", "stage2", "head"]
    assert [box.name for box in drawn.boxes] == names
    assert drawn.edges == tuple(itertools.pairwise(names))
    shapes = ["16x112x112x3", "16x56x56x8", "16x56x56x8", "8x28x28x12", ""]
    assert [box.shape for box in drawn.boxes] == shapes


def test_every_layer_of_a_block_is_a_cell():
    found = boxes(NETWORK)
    inner = [("spatial", "3x3"), ("temporal", "3")] * 2
    assert layers(found["stem"]) == [("spatial", "7x7"), ("temporal", "3")]
    assert layers(found["stage1"]) == [*inner, ("sum", "sum")]
    assert layers(found["stage2"]) == [("point", "1"), *inner, ("sum", "sum")]


def test_tells_of_blocks_channels_and_strides():
    found = boxes(FOUND["resnet2plus1d_18"])
    assert found["stage2"].lines == ("2 blocks",)
    assert boxes(NETWORK)["stage1"].lines == ()
    labels = [cell.label for cell in walk(found["stage2"].layers) if cell.label]
    assert labels == [
        "3x3 to 230 channels, stride 2",
        "time 3 to 128 channels, stride 2",
        "3x3 to 230 channels",
        "time 3 to 128 channels",
    ]
    titles = [cell.title for cell in walk(found["stage2"].layers)]
    assert titles[0] == "1x1x1 convolution, the shortcut of the first block"

import json

import pytest

from zoo.genotypes import from_json
from zoo.genotypes.found.resnet2plus1d import FOUND, basic
from zoo.genotypes.resnet2plus1d import ResNet2Plus1DGenotype, Stage

# Trainable weights: of 18 and 34 layers as torchvision's blocks have them, of 50 and
# 101 another count of AssembleNet's baselines.
PARAMETERS = {
    ("resnet2plus1d_18", 400): 31_505_325,
    ("resnet2plus1d_34", 400): 61_831_661,
    ("resnet2plus1d_50", 339): 28_279_763,
    ("resnet2plus1d_101", 339): 51_466_195,
}


def network(*sizes):
    return ResNet2Plus1DGenotype(tuple(Stage(*size) for size in sizes))


@pytest.mark.parametrize(("name", "classes"), sorted(PARAMETERS))
def test_parameters_are_the_published_ones(name, classes):
    assert FOUND[name].cost(classes).parameters == PARAMETERS[name, classes]


def test_operations_are_those_that_torchvision_tells():
    assert round(FOUND["resnet2plus1d_18"].cost(400).macs / 1e9, 2) == 40.52


def test_shapes_on_the_way():
    plan = FOUND["resnet2plus1d_18"].plan()
    shapes = [plan.stem[-1].output, *(stage[-1].output for stage in plan.stages)]
    assert [(s.frames, s.height, s.channels) for s in shapes] == [
        (16, 56, 64),
        (16, 56, 64),
        (8, 28, 128),
        (4, 14, 256),
        (2, 7, 512),
    ]


def test_both_convolutions_of_a_block_have_one_width_inside():
    block = FOUND["resnet2plus1d_18"].plan().stages[1][0]
    convolutions = [layer for layer in block.layers if not layer.kind.startswith("pad")]
    assert [layer.output.channels for layer in convolutions] == [230, 128, 230, 128]
    assert [layer.stride for layer in convolutions] == [2, 2, 1, 1]


def test_only_what_changes_the_shape_has_a_shortcut_of_its_own():
    stages = network((4, 1), (4, 2), (6, 1)).plan((5, 9, 9, 3)).stages
    kinds = [[layer.kind for layer in b.shortcut] for blocks in stages for b in blocks]
    assert kinds == [[], ["frames", "space"], [], ["frames", "space"]]


def test_sizes_are_rounded_up():
    output = network((4, 1), (4, 1), (4, 1)).plan((5, 9, 11, 3)).output
    assert (output.frames, output.height, output.width) == (2, 2, 2)
    assert network((4, 1), (4, 1)).cost(3, (1, 1, 1, 3)).macs > 0


def test_the_baselines_of_assemblenet_are_one_stream_of_rgb():
    for name in ("resnet2plus1d_50", "resnet2plus1d_101"):
        assert FOUND[name].kinds == ("rgb",)
        assert len(list(FOUND[name].edges)) == 4
        assert {node.dilation for node in FOUND[name].nodes} == {1}


def test_is_its_own_json():
    for genotype in (*FOUND.values(), network((3, 1), (5, 2))):
        assert from_json(genotype.to_json()) == genotype
    fields = json.loads(basic(2, 2, 2, 2).to_json())
    assert fields["stages"][0] == {"channels": 64, "blocks": 2}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stage(0, 1), "`channels` must be a whole number"),
        (lambda: Stage(4.0, 1), "`channels` must be of type int"),
        (lambda: Stage(4, 0), "`blocks` must be a whole number"),
        (lambda: Stage(4, True), "`blocks` must be of type int"),
        (lambda: ResNet2Plus1DGenotype(()), "`stages` must be at least one"),
        (lambda: ResNet2Plus1DGenotype([Stage(4, 1)]), "`stages` must be of type"),
        (lambda: ResNet2Plus1DGenotype((64, 128)), "`stages` must be of type"),
    ],
)
def test_refuses_nonsense(make, message):
    with pytest.raises(ValueError, match=message):
        make()

import dataclasses

import pytest

from zoo.genotypes import from_json
from zoo.genotypes.found.inception import FOUND, uniform
from zoo.genotypes.inception import InceptionGenotype, InceptionModule
from zoo.genotypes.space_time import SpaceTimeConv

# Trainable weights with 400, 157 and 51 classes, as another count of the same table.
PARAMETERS = {
    "i3d": (12_697_264, 12_448_189, 12_339_539),
    "inception_3d": (12_659_632, 12_410_557, 12_301_907),
    "inception_2plus1d": (8_297_008, 8_047_933, 7_939_283),
    "inception_itgm": (6_023_376, 5_774_301, 5_665_651),
}
# Billions of multiply-accumulates, of the same count.
GMACS = {
    "i3d": 111.2,
    "inception_3d": 96.0,
    "inception_2plus1d": 65.3,
    "inception_itgm": 96.0,
    "inception_2d": 36.9,
    "s3d": 71.9,
}
CONV3D = SpaceTimeConv("conv3d", 3)
ITGM = SpaceTimeConv("itgm", 5)
MODULE = InceptionModule((CONV3D,), (CONV3D,), (3,))
STEM = (CONV3D,) * 3


def network(**fields):
    return InceptionGenotype(**{"stem": STEM, "modules": (MODULE,) * 9, **fields})


def stage(genotype, name, input_shape=(8, 32, 32, 3)):
    (found,) = (s for s in genotype.stages(input_shape) if s.name == name)
    return found


def names(stage):
    return [
        step.name
        for chains in stage.slots.values()
        for chain in chains
        for step in chain
    ]


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_parameters_by_number_of_classes(name):
    counted = tuple(FOUND[name].cost(n).parameters for n in (400, 157, 51))
    assert counted == PARAMETERS[name]


@pytest.mark.parametrize("name", sorted(GMACS))
def test_operations_are_those_of_the_table(name):
    assert round(FOUND[name].cost(400).macs / 1e9, 1) == GMACS[name]


def test_shapes_on_the_way():
    shapes = {s.name: s.output for s in FOUND["i3d"].stages()}
    sizes = {n: (s.frames, s.height, s.channels) for n, s in shapes.items()}
    assert sizes["conv1a"] == (32, 112, 64)
    assert sizes["pool2a"] == (32, 56, 64)
    assert sizes["conv2b"] == (32, 56, 64)
    assert sizes["conv2c"] == (32, 56, 192)
    assert sizes["pool3a"] == (32, 28, 192)
    assert sizes["module3c"] == (32, 28, 480)
    assert sizes["pool4a"] == (16, 14, 480)
    assert sizes["module4f"] == (16, 14, 832)
    assert sizes["pool5a"] == (8, 7, 832)
    assert sizes["module5c"] == (8, 7, 1024)


def test_the_clip_is_that_of_the_paper():
    assert FOUND["i3d"].clip_spec.shape == (64, 224, 224, 3)


def test_flow_has_two_channels():
    rgb, flow = (FOUND["i3d"].cost(5, (16, 64, 64, n)) for n in (3, 2))
    assert rgb.parameters - flow.parameters == 7 * 7 * 7 * 64


@pytest.mark.parametrize(
    ("type", "expected"),
    [
        ("conv3d", ["conv2c_conv"]),
        ("itgm", ["conv2c_conv"]),
        ("conv2plus1d", ["conv2c_spatial", "conv2c_temporal"]),
    ],
)
def test_each_type_has_its_layers(type, expected):
    assert names(stage(uniform(type, 3), "conv2c")) == expected


def test_a_convolution_of_one_frame_convolves_frames():
    for type in ("conv3d", "itgm"):
        (step,) = stage(uniform(type, 1), "conv2c").slots["layer"][0]
        assert step.kind == "space"
        frames, conv = stage(uniform(type, 1), "conv1a").slots["layer"][0]
        assert (frames.kind, conv.kind) == ("frames", "space")
        assert (frames.output.frames, conv.output.height) == (4, 16)


def test_a_pool_of_one_frame_has_no_layer_over_time():
    pools = names(stage(uniform("conv3d", 1), "module3b"))
    assert "module3b_pool0_space" in pools
    assert "module3b_pool0_time" not in pools


def test_parallel_layers_share_the_channels_of_their_slot():
    module = InceptionModule((CONV3D, ITGM), (CONV3D,), (1, 3, 5))
    crowded = stage(network(modules=(module,) * 9), "module4b")
    channels = {
        slot: [chain[-1].output.channels for chain in chains]
        for slot, chains in crowded.slots.items()
    }
    expected = {"point": [192], "wide": [208] * 2, "narrow": [48], "pool": [64] * 3}
    assert channels == expected
    assert list(channels) == list(expected)
    assert crowded.output.channels == 512
    leads = [chain[0].output.channels for chain in crowded.slots["wide"]]
    assert leads == [96, 96]


def test_inner_norm_adds_a_norm_to_each_2plus1d():
    plain = uniform("conv2plus1d", 3)
    normed = dataclasses.replace(plain, inner_norm=True)
    # Once more the norms of conv1a, conv2c and both slots of each module.
    outer = 64 + 192 + (128 + 32) + (192 + 96) + (208 + 48) + (224 + 64)
    outer += (256 + 64) + (288 + 64) + 2 * (320 + 128) + (384 + 128)
    assert normed.cost(5).parameters - plain.cost(5).parameters == 2 * outer


def test_width_multiplies_all_channels():
    half = network(width=0.5)
    assert stage(half, "module5c").output.channels == 512
    assert stage(half, "conv1a").output.channels == 32
    thin = network(width=1e-9)
    assert stage(thin, "module5c").output.channels == 4


@pytest.mark.parametrize(
    ("size", "frames", "expected"),
    [(64, 16, (8, 32)), (63, 15, (8, 32)), (65, 17, (9, 33))],
)
def test_symmetric_padding_keeps_the_sizes_of_the_stem(size, frames, expected):
    genotype = network(padding="symmetric")
    output = stage(genotype, "conv1a", (frames, size, size, 3)).output
    assert (output.frames, output.height) == expected


def test_symmetric_padding_rounds_a_pool_of_two_down():
    genotype, shape = network(padding="symmetric"), (24, 96, 96, 3)
    assert stage(genotype, "pool4a", shape).output.height == 6
    assert stage(genotype, "pool5a", shape).output.frames == 3
    odd = (20, 72, 72, 3)  # 5 frames and 5 pixels before the last pool.
    assert stage(genotype, "pool5a", odd).output.frames == 2
    assert stage(network(), "pool5a", odd).output.frames == 3


def test_symmetric_padding_refuses_a_clip_that_nothing_is_left_of():
    with pytest.raises(ValueError, match="`input_shape` must be large enough for pool"):
        network(padding="symmetric").cost(5, (2, 64, 64, 3))
    with pytest.raises(ValueError, match=r"Got: \(1, 9, 7, 2\)$"):
        network(padding="symmetric").stages((1, 9, 7, 2))
    network().cost(5, (1, 1, 1, 3))


def test_simplified_is_one_way_to_write_a_network():
    still = SpaceTimeConv("itgm", 1)
    module = InceptionModule((ITGM, CONV3D), (still, CONV3D), (5, 1, 3))
    given = network(stem=(still,) * 3, modules=(module,) * 9)
    plain = SpaceTimeConv("conv3d", 1)
    expected = InceptionModule((CONV3D, ITGM), (plain, CONV3D), (1, 3, 5))
    assert given.simplified() == network(stem=(plain,) * 3, modules=(expected,) * 9)
    assert given.cost(5) == given.simplified().cost(5)


def test_two_plus_one_d_of_one_frame_stays():
    genotype = uniform("conv2plus1d", 1)
    assert genotype.simplified() is genotype


def test_is_its_own_json():
    module = InceptionModule((CONV3D, ITGM), (ITGM,), (1, 11))
    genotype = network(modules=(module,) * 9, inner_norm=True, gaussians=6, width=2)
    assert from_json(genotype.to_json()) == genotype


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InceptionModule((), (CONV3D,), (3,)), "`wide` must be at least one"),
        (lambda: InceptionModule((CONV3D,), (), (3,)), "`narrow` must be at least one"),
        (lambda: InceptionModule((CONV3D,), (CONV3D,), ()), "`pools` must be at least"),
        (lambda: InceptionModule((CONV3D,), (CONV3D,), (2,)), "`time` must be one of"),
        (lambda: InceptionModule((CONV3D,), (CONV3D,), (True,)), "pools"),
        (lambda: InceptionModule([CONV3D], (CONV3D,), (3,)), "wide"),
        (lambda: InceptionModule((CONV3D,), ("conv3d",), (3,)), "narrow"),
        (lambda: network(stem=(CONV3D,) * 2), "`stem` must be three convolutions"),
        (lambda: network(stem=(3, 3, 3)), "stem"),
        (lambda: network(modules=(MODULE,) * 8), "`modules` must be 9 modules"),
        (lambda: network(modules=(MODULE, None)), "modules"),
        (lambda: network(inner_norm=1), "inner_norm"),
        (lambda: network(padding="valid"), "padding"),
        (lambda: network(gaussians=0), "gaussians"),
        (lambda: network(gaussians=4.0), "gaussians"),
        (lambda: network(width=0.0), "`width` must be above 0"),
        (lambda: network(width=float("nan")), "width"),
        (lambda: SpaceTimeConv("conv2d", 3), "convolution type"),
        (lambda: SpaceTimeConv("itgm", 4), "time"),
    ],
)
def test_refuses_nonsense(make, message):
    with pytest.raises(ValueError, match=message):
        make()

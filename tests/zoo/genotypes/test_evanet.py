import dataclasses

import pytest

from zoo.genotypes.evanet import Branch, EvaNetBlock, EvaNetGenotype
from zoo.genotypes.found.evanet import FOUND
from zoo.genotypes.plans.evanet import Convolution, Pool, stem, tally_row
from zoo.genotypes.space_time import SpaceTimeConv
from zoo.genotypes.tally import Features, Tally

# Measured from the release, with 400 classes.
PARAMETERS = {
    "evanet_k400_a": {
        "rgb": 32_804_188,
        "flow": 32_804_092,
        "parts": [100_832, 227_072, 1_614_252, 6_530_584, 23_512_648],
        "head": 818_800,
    },
    "evanet_k400_b": {
        "rgb": 40_296_514,
        "flow": 40_296_418,
        "parts": [100_832, 121_602, 957_396, 5_241_852, 33_055_232],
        "head": 819_600,
    },
}
GIGA_MACS = {"evanet_k400_a": 142.708, "evanet_k400_b": 101.0}
CLIP = Features(64, 224, 224, 3)
STEM = SpaceTimeConv("conv3d", 3)
MIXTURE = Branch("conv", (SpaceTimeConv("itgm", 3),))
POINT = Branch("point")


def conv(type="conv3d", time=3):
    return SpaceTimeConv(type, time)


def network(*branches, width=8, repeats=1, **fields):
    block = EvaNetBlock(width, repeats, branches or (POINT,))
    return EvaNetGenotype(
        **{"stem": STEM, "pool_times": (1,), "blocks": (block,)} | fields
    )


def repeats_of(genotype):
    [(_, repeats)] = genotype.stages
    return repeats


@pytest.mark.parametrize("name", sorted(FOUND))
def test_parameters_are_those_of_the_release(name):
    genotype, known = FOUND[name], PARAMETERS[name]
    assert genotype.cost(400).parameters == known["rgb"]
    assert genotype.cost(400, (64, 224, 224, 2)).parameters == known["flow"]
    assert genotype.cost(1).parameters == known["rgb"] - 399 * known["head"] // 400


@pytest.mark.parametrize("name", sorted(FOUND))
def test_every_part_has_its_parameters(name):
    genotype, counts = FOUND[name], []
    shape = CLIP
    parts = [[stem(genotype)]]
    parts += [[pool, *repeats] for pool, repeats in genotype.stages]
    for part in parts:
        tally = Tally()
        shape = tally_row(tally, part, shape, genotype)
        counts.append(tally.parameters)
    assert counts == PARAMETERS[name]["parts"]


@pytest.mark.parametrize("name", sorted(FOUND))
def test_operations_are_those_of_the_release(name):
    assert FOUND[name].cost(400).macs / 1e9 == pytest.approx(GIGA_MACS[name], abs=1e-3)


def test_found_networks_read_the_papers_clip():
    assert FOUND["evanet_k400_a"].clip_spec.shape == (64, 224, 224, 3)
    assert FOUND["evanet_k400_a"].clip_spec.rate == 25


def test_branches_share_the_width_rounded_down():
    [block] = network(POINT, POINT, POINT, width=256).blocks
    assert (block.branch_width, block.output_channels) == (85, 255)


def test_every_second_repeat_has_no_time_but_in_its_pools():
    both = Branch("conv_conv", (conv("conv2plus1d", 9), conv("itgm", 5)))
    genotype = network(both, Branch("pool", pool_time=7), repeats=4)
    times = []
    for repeat in repeats_of(genotype):
        row, pool_row = repeat.branches
        times.append((row[1].conv.time, row[2].conv.time, pool_row[0].time))
    assert times == [(9, 5, 7), (1, 1, 7), (9, 5, 7), (1, 1, 7)]


def test_only_the_first_repeat_projects_its_shortcut():
    repeats = repeats_of(network(repeats=3))
    assert [repeat.shortcut is not None for repeat in repeats] == [True, False, False]


def test_channels_double_along_a_branch():
    one = Branch("conv", (conv(),))
    two = Branch("conv_conv", (conv(), conv()))
    [repeat] = repeats_of(network(one, two, width=102))
    assert [layer.filters for layer in repeat.branches[0]] == [25, 51]
    assert [layer.filters for layer in repeat.branches[1]] == [12, 25, 51]
    activated = [[layer.activate for layer in row] for row in repeat.branches]
    assert activated == [[True, False], [True, True, False]]


def test_pools_halve_space_and_the_first_halves_time():
    genotype = network(pool_times=(1, 3, 5), blocks=network().blocks * 3)
    shape = stem(genotype).output(CLIP)
    assert shape == Features(32, 112, 112, 64)
    shapes = []
    for pool, _ in genotype.stages:
        shape = pool.output(shape)
        shapes.append((shape.frames, shape.height, shape.width))
    assert shapes == [(16, 56, 56), (16, 28, 28), (16, 14, 14)]
    assert [pool.time for pool, _ in genotype.stages] == [1, 3, 5]
    assert [pool.over_time for pool, _ in genotype.stages] == [True, True, True]


@pytest.mark.parametrize(
    ("type", "time", "parameters"),
    [
        ("conv3d", 3, 3 * 9 * 6 * 10),
        ("conv3d", 1, 9 * 6 * 10),
        ("conv2plus1d", 3, 3 * 6 * 5 + 2 * 5 + 9 * 5 * 10),
        ("conv2plus1d", 1, 6 * 5 + 2 * 5 + 9 * 5 * 10),
        ("itgm", 3, 9 * 6 * 10 + 2 * 4 + 4 * 6 * 10),
        ("itgm", 1, 9 * 6 * 10),
    ],
)
def test_parameters_of_a_convolution(type, time, parameters):
    tally = Tally()
    layer = Convolution("conv", conv(type, time), 10, 3, activate=False)
    layer.tally(tally, Features(4, 8, 8, 6), network())
    assert tally.parameters == parameters + 2 * 10


def test_a_gaussian_mixture_is_of_output_channels():
    pairs, outputs = network(MIXTURE), network(MIXTURE, profile="gaussian")
    saved = pairs.cost(5).parameters - outputs.cost(5).parameters
    assert saved == 4 * (4 * 8 - 8)  # 4 channels in, 8 out, 4 profiles.
    more = network(MIXTURE, gaussians=5).cost(5).parameters
    assert more - pairs.cost(5).parameters == 2 + 4 * 8


def test_a_pool_of_one_frame_is_over_space_alone():
    assert not Pool("pool", 1, 3).over_time
    assert Pool("pool", 1, 3, (2, 2)).over_time
    tally = Tally()
    Pool("pool", 1, 3).tally(tally, Features(2, 4, 4, 3), network())
    assert tally.elements == 2 * 4 * 4 * 3


@pytest.mark.parametrize("genotype", [*FOUND.values(), network(profile="gaussian")])
def test_is_its_own_json(genotype):
    assert EvaNetGenotype.from_json(genotype.to_json()) == genotype


def test_json_is_in_words():
    text = network(MIXTURE).to_json()
    assert '"convs":[{"time":3,"type":"itgm"}],"pool_time":null,"type":"conv"' in text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Branch("conv3d"), "branch type"),
        (lambda: Branch(None), "type"),
        (lambda: Branch("conv"), "convs.*1 for a branch of type 'conv'"),
        (lambda: Branch("conv", (conv(), conv())), "convs"),
        (lambda: Branch("conv_conv", (conv(),)), "convs.*2 for"),
        (lambda: Branch("point", (conv(),)), "convs.*0 for"),
        (lambda: Branch("conv", [conv()]), "convs"),
        (lambda: Branch("conv", ("itgm",)), "convs"),
        (lambda: Branch("pool"), "time"),
        (lambda: Branch("pool", pool_time=2), "time"),
        (lambda: Branch("pool", pool_time=3.0), "pool_time"),
        (lambda: Branch("point", pool_time=3), "pool_time.*None"),
        (lambda: EvaNetBlock(0, 1, (POINT,)), "width"),
        (lambda: EvaNetBlock(8.5, 1, (POINT,)), "width"),
        (lambda: EvaNetBlock(2, 1, (POINT, POINT, POINT)), "width.*at least 3"),
        (lambda: EvaNetBlock(3, 1, (MIXTURE, POINT)), "width.*at least 4"),
        (lambda: EvaNetBlock(8, 0, (POINT,)), "repeats"),
        (lambda: EvaNetBlock(8, True, (POINT,)), "repeats"),
        (lambda: EvaNetBlock(8, 1, ()), "branches"),
        (lambda: EvaNetBlock(8, 1, POINT), "branches"),
        (lambda: network(stem="conv3d"), "stem"),
        (lambda: network(stem=conv(time=2)), "time"),
        (lambda: network(pool_times=()), "pool_times.*one for each of 1 blocks"),
        (lambda: network(pool_times=(1, 1)), "pool_times"),
        (lambda: network(pool_times=(4,)), "time"),
        (lambda: network(pool_times=[1]), "pool_times"),
        (lambda: network(blocks=()), "blocks"),
        (lambda: network(blocks=(POINT,)), "blocks"),
        (lambda: network(profile="bell"), "profile"),
        (lambda: network(gaussians=0), "gaussians"),
        (lambda: network(gaussians="4"), "gaussians"),
    ],
)
def test_refuses_nonsense(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_can_not_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        network().gaussians = 3

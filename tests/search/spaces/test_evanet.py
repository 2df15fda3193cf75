import dataclasses
import random
import subprocess
import sys
from collections import Counter

import pytest

from search.budget import Budget
from search.spaces.evanet import EvaNetSpace
from zoo.genotypes import FOUND, from_json
from zoo.genotypes.found.inception import uniform
from zoo.genotypes.inception import InceptionModule
from zoo.genotypes.space_time import CONV_TYPES, TIME_SIZES, SpaceTimeConv

SPACE = EvaNetSpace()
SPACES = {
    "whole": SPACE,
    "pools": EvaNetSpace(pool_mutations=True),
    "uniform": EvaNetSpace(uniform=True),
    "itgm": EvaNetSpace(types=("itgm",), times=(1, 5, 11), pool_times=(1, 3)),
    "small": EvaNetSpace(max_convs=2, max_pools=1),
}
SHAPE = (8, 32, 32, 3)


def layers(genotype):
    """Every layer over time by its slot, which no order of them changes."""
    slots = [("stem", i, conv) for i, conv in enumerate(genotype.stem)]
    for index, module in enumerate(genotype.modules):
        for slot in ("wide", "narrow", "pools"):
            slots += [(slot, index, layer) for layer in getattr(module, slot)]
    return Counter(slots)


def difference(parent, child):
    before, after = layers(parent), layers(child)
    return list((before - after).elements()), list((after - before).elements())


def kind(parent, child):
    """Which mutation made the child."""
    lost, new = difference(parent, child)
    if len(lost) != len(new):
        assert len(lost) + len(new) == 1
        (layer,) = lost + new
        return f"{'pool' if layer[0] == 'pools' else 'conv'} {'-' if lost else '+'}"
    ((slot, index, old),), ((new_slot, new_index, new),) = lost, new
    assert (slot, index) == (new_slot, new_index)
    if slot == "pools":
        return "pool time"
    if old.time == new.time:
        return "type"
    # An iTGM of one frame is written as a 3D convolution.
    assert old.type == new.type or 1 in (old.time, new.time)
    return "time"


def test_samples_lie_within_the_caps():
    rng = random.Random(0)
    modules = [m for _ in range(60) for m in SPACE.sample(rng).modules]
    assert {len(m.wide) + len(m.narrow) for m in modules} == {2, 3, 4}
    assert {len(m.wide) for m in modules} == {1, 2, 3}
    assert {len(m.narrow) for m in modules} == {1, 2, 3}
    assert {len(m.pools) for m in modules} == {1, 2, 3, 4}
    assert {time for m in modules for time in m.pools} == set(TIME_SIZES)
    convs = {conv for m in modules for conv in (*m.wide, *m.narrow)}
    expected = {SpaceTimeConv(t, time) for t in CONV_TYPES for time in TIME_SIZES}
    assert convs == expected - {SpaceTimeConv("itgm", 1)}


def test_the_number_of_layers_is_drawn_evenly():
    rng = random.Random(0)
    modules = [m for _ in range(100) for m in SPACE.sample(rng).modules]
    convs = Counter(len(m.wide) + len(m.narrow) for m in modules)
    pools = Counter(len(m.pools) for m in modules)
    assert all(250 < count < 350 for count in convs.values())
    assert all(180 < count < 270 for count in pools.values())


def test_options_are_those_of_the_genotype():
    space = EvaNetSpace(
        types=["itgm", "conv2plus1d"],
        times=[3, 7],
        pool_times=[5],
        max_convs=2,
        max_pools=1,
        inner_norm=False,
        gaussians=6,
        width=1,
    )
    rng = random.Random(0)
    genotype = space.sample(rng)
    assert (genotype.inner_norm, genotype.gaussians) == (False, 6)
    assert genotype.width == 1.0
    for _ in range(30):
        genotype = space.mutate(genotype, rng)
        found = layers(genotype)
        convs = {conv for slot, _, conv in found if slot != "pools"}
        assert {conv.type for conv in convs} <= {"itgm", "conv2plus1d"}
        assert {conv.time for conv in convs} <= {3, 7}
        assert {time for slot, _, time in found if slot == "pools"} == {5}
        assert sum(found.values()) == 3 + 9 * 3


def test_draws_depend_on_the_seed_alone():
    def draw(seed):
        rng = random.Random(seed)
        genotype = SPACE.sample(rng)
        return genotype.to_json(), SPACE.mutate(genotype, rng).to_json()

    assert draw("0/7") == draw("0/7")
    assert draw("0/7") != draw("0/8")


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_children_are_valid_and_build_another_network(space):
    rng = random.Random(1)
    parent = space.sample(rng)
    for _ in range(20):
        child = space.mutate(parent, rng)
        assert from_json(child.to_json()) == child
        assert child.simplified() is child
        assert child.stages(SHAPE) != parent.stages(SHAPE)
        parent = child


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_thousand_children_in_a_line_are_valid_and_differ(space):
    rng = random.Random(1)
    parent = space.sample(rng)
    for _ in range(1000):
        child = space.mutate(parent, rng)
        assert from_json(child.to_json()) == child
        assert child.simplified() == child
        assert child.stages(SHAPE) != parent.stages(SHAPE)
        for module in child.modules:
            assert 2 <= len(module.wide) + len(module.narrow) <= space.max_convs
            assert len(module.pools) <= space.max_pools
        parent = child


def test_each_mutation_changes_one_layer_and_comes_as_often():
    rng = random.Random(0)
    parent = SPACE.sample(rng)
    kinds = Counter(kind(parent, SPACE.mutate(parent, rng)) for _ in range(150))
    assert set(kinds) == {"type", "time", "pool time", "conv +", "conv -"}
    thirds = [kinds["type"], kinds["time"] + kinds["pool time"]]
    thirds.append(kinds["conv +"] + kinds["conv -"])
    assert all(35 < count < 65 for count in thirds)


def test_every_layer_can_mutate():
    rng, space = random.Random(0), SPACES["small"]
    parent, lost = space.sample(rng), Counter()
    for _ in range(250):
        lost.update(difference(parent, space.mutate(parent, rng))[0])
    assert set(lost) == set(layers(parent))


def test_pools_come_and_go_where_the_space_says_so():
    rng, space = random.Random(0), SPACES["pools"]
    parent = space.sample(rng)
    kinds = Counter(kind(parent, space.mutate(parent, rng)) for _ in range(200))
    assert min(kinds["pool +"], kinds["pool -"], kinds["conv +"], kinds["conv -"]) > 5


def test_an_added_convolution_stands_in_either_slot():
    rng, parent = random.Random(0), FOUND["inception_3d"]
    slots = Counter()
    for _ in range(200):
        lost, new = difference(parent, SPACE.mutate(parent, rng))
        if not lost:
            slots.update([new[0][0]])
    assert set(slots) == {"wide", "narrow"}
    assert min(slots.values()) > 15


def test_a_slot_keeps_its_last_layer():
    conv = SpaceTimeConv("conv3d", 3)
    module = InceptionModule((conv,) * 3, (conv,), (3,))
    parent = dataclasses.replace(FOUND["i3d"], modules=(module,) * 9)
    rng = random.Random(0)
    for _ in range(60):
        lost, new = difference(parent, SPACE.mutate(parent, rng))
        if not new:
            assert lost[0][0] == "wide"


@pytest.mark.parametrize("name", ["i3d", "s3d", "inception_2d"])
def test_what_does_not_mutate_stays(name):
    rng, parent = random.Random(0), FOUND[name]
    for _ in range(20):
        child = SPACE.mutate(parent, rng)
        kind(parent, child)
        kept = ("inner_norm", "padding", "gaussians", "width")
        assert all(getattr(child, n) == getattr(parent, n) for n in kept)


def test_order_and_still_mixtures_are_settled():
    wide = tuple(SpaceTimeConv(type, 3) for type in ("itgm", "conv3d"))
    module = InceptionModule(wide, (SpaceTimeConv("itgm", 1),), (5, 3))
    parent = dataclasses.replace(FOUND["i3d"], modules=(module,) * 9)
    child = SPACE.mutate(parent, random.Random(0))
    assert child.simplified() is child
    kind(parent.simplified(), child)


def test_a_uniform_space_changes_whole_modules():
    rng, space = random.Random(0), SPACES["uniform"]
    parent = space.sample(rng)
    changed = set()
    for _ in range(200):
        child = space.mutate(parent, rng)
        for module in child.modules:
            (conv,) = {*module.wide, *module.narrow}
            assert module == InceptionModule((conv,), (conv,), (conv.time,))
        pairs = zip(
            (*parent.stem, *(m.wide[0] for m in parent.modules)),
            (*child.stem, *(m.wide[0] for m in child.modules)),
            strict=True,
        )
        ((index, old, new),) = (
            (i, old, new) for i, (old, new) in enumerate(pairs) if old != new
        )
        assert old.type == new.type or old.time == new.time or 1 in (old.time, new.time)
        changed.add(index)
    assert changed == set(range(12))


def test_a_still_convolution_mutates_as_an_itgm_where_there_is_no_other():
    rng, space = random.Random(0), SPACES["itgm"]
    genotype = space.sample(rng)
    for _ in range(100):
        genotype = space.mutate(genotype, rng)
        for slot, _, layer in layers(genotype):
            if slot != "pools":
                assert layer.type == ("conv3d" if layer.time == 1 else "itgm")


def test_samples_keep_a_budget():
    rng = random.Random(0)
    budget = Budget(parameters=15e6, macs=140e9, memory=1e12)
    found = budget.sample(lambda: SPACE.sample(rng), lambda g: g.cost(51))
    assert not budget.violations(found.cost(51))
    thin = EvaNetSpace(width=0.0833)
    budget = Budget(parameters=500_000, macs=1e9, memory=1e9)
    shape = (16, 64, 64, 3)
    found = budget.sample(lambda: thin.sample(rng), lambda g: g.cost(8, shape))
    assert found.cost(8, shape).parameters < 500_000


def test_another_meta_architecture_is_refused():
    rule = "`parent` must be an Inception network, not a genotype of another"
    for parent in (FOUND["tvn1"], None):
        with pytest.raises(ValueError, match=rule):
            SPACE.mutate(parent, random.Random(0))


def test_a_uniform_space_refuses_a_mixed_parent():
    parent = SPACE.sample(random.Random(0))
    with pytest.raises(ValueError, match="`parent` must be of one type and time size"):
        SPACES["uniform"].mutate(parent, random.Random(0))
    SPACES["uniform"].mutate(FOUND["inception_itgm"], random.Random(0))


def test_a_space_of_one_network_has_no_mutations():
    one = EvaNetSpace(types=("conv3d",), times=(3,), max_convs=2, max_pools=1)
    only = one.sample(random.Random(0))
    conv = SpaceTimeConv("conv3d", 3)
    assert only.modules == uniform("conv3d", 3).modules
    assert only.stem == (conv,) * 3
    with pytest.raises(ValueError, match="`space` must hold another network"):
        one.mutate(only, random.Random(0))


@pytest.mark.parametrize(
    "bad",
    [
        {"types": ("conv2d",)},
        {"types": ()},
        {"times": (2,)},
        {"times": (True, 3)},
        {"times": 3},
        {"pool_times": ()},
        {"pool_times": (3,), "uniform": True},
        {"max_convs": 1},
        {"max_pools": 0},
        {"uniform": 1},
        {"pool_mutations": "no"},
        {"inner_norm": None},
        {"gaussians": 0},
        {"width": 0},
        {"width": "thin"},
    ],
)
def test_a_bad_setting_is_refused(bad):
    name = next(iter(bad))
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        EvaNetSpace(**bad)


def test_imports_no_keras():
    code = "import sys, search.spaces.evanet; print('keras' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr

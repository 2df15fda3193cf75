import dataclasses
import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from zoo.genotypes import FAMILIES, FOUND, ClipSpec, Cost, Genotype, from_json
from zoo.genotypes.base import revised


@dataclass(frozen=True)
class Part:
    size: int


@dataclass(frozen=True)
class Toy(Genotype):
    family = "toy"
    rate: float
    name: str = "a"
    parts: tuple[Part, ...] = ()
    extra: Part | None = None

    @property
    def clip_spec(self):
        return ClipSpec(1, self.rate, 1, 1)

    def cost(self, num_classes, input_shape=None):
        return Cost(1, 1, 1)


def toy_json(**changes):
    fields = json.loads(Toy(2.0, parts=(Part(1), Part(2))).to_json())
    return json.dumps({**fields, **changes})


def test_json_is_canonical():
    expected = (
        '{"extra":null,"family":"toy","name":"a","parts":[{"size":1}],"rate":2.0,'
        '"version":1}'
    )
    assert Toy(2, parts=(Part(1),)).to_json() == expected


def test_json_comes_back():
    toy = Toy(2.5, "b", (Part(1), Part(2)), Part(3))
    assert Toy.from_json(toy.to_json()) == toy


@pytest.mark.parametrize("name", sorted(FOUND))
def test_published_genotypes_come_back(name):
    assert from_json(FOUND[name].to_json()) == FOUND[name]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "other"}, "family"),
        ({"version": 2}, "version"),
        ({"unknown": 1}, "fields of Toy"),
        ({"rate": "fast"}, "rate"),
        ({"rate": True}, "rate"),
        ({"rate": 10**400}, "rate"),
        ({"name": 3}, "name"),
        ({"parts": {"size": 1}}, "parts"),
        ({"parts": [{"size": 1.5}]}, r"parts\[0\].size"),
        ({"parts": [3]}, r"parts\[0\]"),
        ({"extra": []}, "extra"),
    ],
)
def test_refuses_json_that_is_not_a_toy(changes, message):
    with pytest.raises(ValueError, match=message):
        Toy.from_json(toy_json(**changes))


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "3", '{"family": []}', "{}", None, {}, b"{}"),
        *("[" * 100_000, f'{{"family":{"1" * 5000}}}'),
    ],
)
def test_refuses_text_that_is_no_genotype(text):
    with pytest.raises(ValueError, match=r"^`genotype"):
        from_json(text)


@pytest.mark.parametrize("name", ["assemblenet50", "evanet_k400_a", "i3d", "tvn1"])
@pytest.mark.parametrize(
    "shape",
    [
        *((16, 112, 112), (1, 16, 112, 112, 3), (None, 112, 112, 3), (8, 0, 64, 3)),
        *((8.0, 64, 64, 3), "64", 64, ()),
    ],
)
def test_a_clip_has_four_sizes(name, shape):
    with pytest.raises(ValueError, match="`input_shape` must be four whole numbers"):
        FOUND[name].cost(10, shape)


def test_shapes_of_any_integers_are_shapes_of_clips():
    class Size:
        def __index__(self):
            return 32

    genotype = FOUND["tvn1"]
    assert genotype.clip_shape([2, Size(), 32, 3]) == (2, 32, 32, 3)
    assert genotype.clip_shape() == genotype.clip_spec.shape
    expected = genotype.cost(10, (2, 32, 32, 3))
    assert genotype.cost(10, [2, Size(), 32, 3]) == expected


def test_an_unknown_family_lists_the_known_ones():
    with pytest.raises(ValueError, match=next(iter(FAMILIES))):
        from_json('{"family": "resnet", "version": 1}')


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": 0},
        {"frames": 2.0},
        {"rate": 0},
        {"rate": "3"},
        {"rate": 10**400},
        {"height": -1},
        {"width": True},
        {"segments": 0},
        {"segments": 2.0},
        {"segments": 3},
        {"segments": 4},
    ],
)
def test_a_clip_spec_refuses_nonsense(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        dataclasses.replace(ClipSpec(2, 3.0, 4, 5), **changes)


def test_memory_counts_weights_gradients_momentum_and_activations():
    assert Cost(parameters=10, macs=1, activation_bytes=100).memory(3) == 120 + 300


def test_genotypes_need_no_keras():
    code = (
        "import sys, zoo; zoo.list_models();"
        "print([m for m in ('keras', 'numpy', 'tensorflow') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


def test_what_is_revised_to_the_same_is_the_same():
    part = Part(2)
    assert revised(part, size=2) is part
    assert revised(part, size=3) == Part(3)

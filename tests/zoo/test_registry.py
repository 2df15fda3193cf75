import numpy as np
import pytest
from helpers import known_clip

import zoo
from zoo import registry
from zoo.genotypes import FOUND

SMALL = {"num_classes": 3, "input_shape": (2, 32, 32, 3)}


@pytest.fixture(scope="module")
def small():
    return zoo.tvn_mobile1(**SMALL)


def test_models_are_listed_by_pattern():
    assert zoo.list_models("tvn?") == ["tvn1", "tvn2", "tvn3", "tvn4"]
    assert zoo.list_models() == sorted(FOUND)


def test_a_named_model_takes_a_clip_and_gives_logits(small):
    assert small(known_clip((2, 2, 32, 32, 3))).shape == (2, 3)


def test_a_named_model_says_what_it_reads():
    assert "2 frames of 224x224 pixels at 3 a second" in zoo.tvn1.__doc__


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("tvn1", "published by its authors"),
        ("pvnas_m", "found by this project's search"),
    ],
)
def test_a_named_model_says_who_found_it(name, origin):
    assert f"{origin}.\n" in getattr(zoo, name).__doc__


def test_an_unknown_name_lists_the_near_ones():
    with pytest.raises(ValueError, match="tvn1"):
        zoo.create("tvn11")
    with pytest.raises(ValueError, match="tvn_mobile2"):
        zoo.create("slowfast")


def test_build_refuses_what_is_no_genotype():
    with pytest.raises(ValueError, match="genotype"):
        zoo.build("tvn1")


@pytest.mark.parametrize("build", [zoo.build, registry.supernet])
@pytest.mark.parametrize("classes", [0, -1, 2.5, "3", None])
def test_no_network_is_built_for_a_wrong_number_of_classes(build, classes):
    with pytest.raises(ValueError, match="`num_classes` must be a whole number"):
        build(FOUND["pseudo3d"], num_classes=classes)


@pytest.mark.parametrize(
    "name", sorted({type(g): n for n, g in FOUND.items()}.values())
)
def test_every_family_refuses_what_is_no_shape_of_a_clip(name):
    for shape in ((16, 112, 112), (None, 112, 112, 3)):
        with pytest.raises(ValueError, match="`input_shape` must be four"):
            zoo.create(name, input_shape=shape)


def test_numpy_may_count_the_classes():
    labels = np.array([0, 4, 2])
    shape = (1, 16, 16, 3)
    model = zoo.tvn_mobile1(num_classes=labels.max() + 1, input_shape=shape)
    assert model.output_shape == (None, 5)


def test_a_long_genotype_does_not_fill_the_screen():
    with pytest.raises(ValueError, match="`genotype` must be one of") as error:
        registry.supernet(FOUND["assemblenet50"])
    assert len(str(error.value)) < 500


def test_unknown_options_list_the_known_ones():
    with pytest.raises(ValueError, match=r"`options` must be .*'dropout'.*dropuot"):
        zoo.tvn1(dropuot=0.2)


def test_features_come_by_name(small):
    features = zoo.features(small, ["block0"])
    outputs = features(known_clip((1, 2, 32, 32, 3)))
    assert {name: x.shape for name, x in outputs.items()} == {
        "block0": (1, 2, 8, 8, 96)
    }


def test_unknown_features_list_the_known_ones(small):
    with pytest.raises(ValueError, match="block1"):
        zoo.features(small, ["block7"])

import json
import pathlib

import keras
import numpy as np
import pytest
from helpers import fill, known_clip, without_weights
from keras import ops

import zoo
from zoo import cost
from zoo.genotypes import FOUND
from zoo.genotypes.resnet2plus1d import ResNet2Plus1DGenotype, Stage

FOLDER = pathlib.Path(__file__).parent
GOLDEN = json.loads((FOLDER / "golden_resnet2plus1d.json").read_text())
# Trainable weights with 400 classes.
PARAMETERS = {
    "resnet2plus1d_18": 31_505_325,  # As torchvision's.
    "resnet2plus1d_34": 61_831_661,
    "resnet2plus1d_50": 28_404_752,
    "resnet2plus1d_101": 51_591_184,
}
TINY = ResNet2Plus1DGenotype((Stage(3, 1), Stage(4, 1)))
SHAPE = (5, 12, 16, 3)


@pytest.fixture(scope="module")
def tiny():
    return zoo.build(TINY, SHAPE, num_classes=5)


def test_every_named_model_has_its_parameter_count():
    assert sorted(PARAMETERS) == zoo.list_models("resnet2plus1d*")
    for name, parameters in PARAMETERS.items():
        assert FOUND[name].cost(400).parameters == parameters


@pytest.mark.model
@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_named_models_cost_what_they_cost_on_paper(name):
    shape = (3, 40, 56, 3)
    with without_weights():
        model = zoo.create(name, num_classes=5, input_shape=shape)
    assert cost.count(model) == FOUND[name].cost(5, shape)
    assert model.output_shape == (None, 5)


@pytest.mark.model
def test_18_layers_are_torchvisions():
    model = zoo.resnet2plus1d_18(input_shape=(8, 56, 56, 3))
    fill(model)
    ends = {name: model.get_layer(name).output for name in GOLDEN["endpoints"]}
    outputs = keras.Model(model.input, {**ends, "logits": model.output})
    found = outputs(known_clip((1, 8, 56, 56, 3)))
    for name, golden in {**GOLDEN["endpoints"], "logits": GOLDEN["logits"]}.items():
        values = ops.convert_to_numpy(found[name])
        assert list(values.shape) == golden["shape"]
        facts = [values.mean(dtype="float64"), values.std(dtype="float64")]
        facts += [np.abs(values).max(), *values.ravel()[:6]]
        known = [golden[key] for key in ("mean", "std", "absmax")] + golden["first"]
        close(facts, known, golden["absmax"])
    logits = ops.convert_to_numpy(found["logits"])[0]
    close(logits[:10], GOLDEN["logits_first10"], GOLDEN["logits"]["absmax"])
    assert logits.argmax() == GOLDEN["argmax"]


def close(actual, expected, scale):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale)


def test_costs_what_it_costs_on_paper(tiny):
    assert cost.count(tiny) == TINY.cost(5, SHAPE)


def test_layers_are_named_by_their_place(tiny):
    names = [layer.name for layer in tiny.layers]
    assert zoo.endpoints(tiny) == ["stem", "stage1", "stage2"]
    for name in (
        "stem_space_pad",
        "stem_time_norm",
        "stage1_block0_first_space",
        "stage1_block0_second_time_norm",
        "stage2_block0_first_time_pad",
        "stage2_block0_shortcut_frames",
        "stage2_block0_shortcut_norm",
        "stage2_block0_add",
    ):
        assert name in names


def test_gives_logits(tiny):
    assert tiny(known_clip((2, *SHAPE))).shape == (2, 5)
    assert tiny.get_layer("stage2").output.shape == (None, 3, 3, 4, 4)


@pytest.mark.model
def test_every_weight_trains():
    model = zoo.build(TINY, SHAPE, num_classes=5)
    before = [ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    model.compile("sgd", "mse")
    model.train_on_batch(known_clip((2, *SHAPE)), np.ones((2, 5)))
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.abs(ops.convert_to_numpy(weight) - old).max() > 0, weight.path

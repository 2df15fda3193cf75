import keras
import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_network
from keras import ops

from zoo import freezing, training

RECIPE = training.Recipe(2, 4, 0.1, 0, weight_decay=0.01)
NORM = "batch_normalization.*"


def values(variables):
    return [ops.convert_to_numpy(v.value) for v in variables]


def test_layers_are_found_by_their_whole_names():
    network = tiny_network()
    assert [layer.name for layer in freezing.find(network, "he.*d|none")] == ["head"]
    names = [layer.name for layer in freezing.find(network, "(?!head).*")]
    assert names == [layer.name for layer in network.layers[2:4]]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("hea", "`freeze` must be a regular expression of whole names: conv2d.*, head"),
        ("clip|dropout.*", "of whole names"),
        (".*", "`freeze` must be one that leaves layers to train"),
        ("(head", r"a regular expression \(missing \)"),
        (3, "a regular expression"),
    ],
)
def test_expressions_that_freeze_nothing_or_all_are_refused(expression, reason):
    with pytest.raises(ValueError, match=reason):
        training.fit(tiny_network(), ArrayClips(), TINY, RECIPE, freeze=expression)


def test_long_lists_of_names_are_cut():
    clip = x = keras.Input((2,))
    for number in range(9):
        x = keras.layers.Dense(1, name=f"layer{number}")(x)
    with pytest.raises(
        ValueError, match=r"layer0, .*layer5, \.\.\., layer7, layer8\. "
    ):
        freezing.find(keras.Model(clip, x), "layer")


def test_layers_train_again_afterwards():
    network = tiny_network()
    with freezing.frozen(network, "(?!head).*"):
        assert len(network.trainable_variables) == 2
    assert len(network.trainable_variables) == 5


@pytest.mark.model
def test_frozen_layers_stay_as_they_are(tmp_path):
    network = tiny_network()
    before = values(network.variables)
    how = {"save_every": 1, "verbose": False, "freeze": f"conv2d.*|{NORM}"}
    training.fit(network, ArrayClips(), TINY, RECIPE, tmp_path, **how)
    changed = {
        variable.path.split("/")[0].split("_")[0]
        for variable, old, new in zip(
            network.variables, before, values(network.variables), strict=True
        )
        if not np.array_equal(old, new)
    }
    # The seed is of dropout. The norm's moving statistics stay.
    assert changed == {"head", "seed"}

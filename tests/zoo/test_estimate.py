import math

import keras
import pytest
from clip_sources import tiny_genotype

from zoo import estimate, inference, training

RECIPE = training.Recipe(steps=4, batch_size=6)


@pytest.fixture(scope="module")
def built():
    genotype = tiny_genotype()
    spec = genotype.clip_spec
    about = inference.Description(genotype, ("a", "b", "c"), "single", spec)
    return about, about.build()


@pytest.mark.model
def test_memory_is_of_weights_their_gradients_slots_and_activations(built):
    about, network = built
    cost = about.genotype.cost(3, about.clip_spec.shape)
    found = estimate.memory(about, network, RECIPE)
    assert found["gradients"] == 4 * cost.parameters
    others = sum(math.prod(w.shape) for w in network.non_trainable_variables)
    assert found["weights"] == 4 * (cost.parameters + others)
    assert (
        0 <= found["optimizer"] - 4 * cost.parameters < 100
    )  # Momentum, and the step.
    assert found["activations"] == 6 * cost.activation_bytes


@pytest.mark.model
def test_frozen_layers_have_no_gradients(built):
    about, network = built
    found = estimate.memory(about, network, RECIPE, "(?!head).*")
    head = network.get_layer("head").trainable_variables
    assert found["gradients"] == sum(4 * math.prod(w.shape) for w in head)
    assert all(layer.trainable for layer in network.layers)


@pytest.mark.model
def test_activations_in_half_precision_are_half(built, capsys):
    whole = estimate.memory(*built, RECIPE)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = estimate.memory(*built, RECIPE)
        estimate.show(*built, RECIPE)
    finally:
        keras.config.set_dtype_policy("float32")
    assert half == {**whole, "activations": whole["activations"] // 2}
    out = capsys.readouterr().out
    assert "memory, as an estimate: weights 1 MB" in out
    assert f"{built[1].count_params():,}" not in out  # Statistics are no parameters.


@pytest.mark.parametrize(
    ("count", "shown"), [(1, "1 MB"), (340e6, "340 MB"), (1.25e10, "12 GB")]
)
def test_sizes_are_short(count, shown):
    assert estimate.size(count) == shown

import functools

import keras
import pytest
from helpers import without_weights
from keras import layers

import zoo
from zoo import cost


def test_counts_a_network_by_hand():
    with without_weights():
        clip = keras.Input((2, 8, 8, 3))
        x = layers.Conv3D(4, 3, 2, padding="same")(clip)
        x = layers.GlobalAveragePooling3D()(x)
        model = keras.Model(clip, layers.Dense(5)(x))
    counted = cost.count(model)
    conv, dense = 27 * 3 * 4, 4 * 5
    assert counted.parameters == conv + 4 + dense + 5
    assert counted.macs == 1 * 4 * 4 * conv + dense
    assert counted.activation_bytes == 4 * (1 * 4 * 4 * 4 + 4 + 5)


def test_latency_is_of_one_batch():
    clip = keras.Input((1, 8, 8, 3))
    model = keras.Model(clip, layers.GlobalAveragePooling3D()(clip))
    latency = cost.latency_ms(model, batch_size=1, seconds=0.0, least=3)
    assert 0 < latency < 10_000


def test_the_machine_multiplies():
    assert cost.matmul_rate(size=64, seconds=0.0) > 1e5


@pytest.mark.jax
@pytest.mark.model
@pytest.mark.parametrize("name", ["tvn1", "tvn_mobile1"])
def test_operations_are_those_that_the_compiler_counts(name):
    import jax

    with without_weights():
        model = zoo.create(name, num_classes=10)
    groups = model.trainable_variables, model.non_trainable_variables
    shapes = [[jax.ShapeDtypeStruct(v.shape, v.dtype) for v in g] for g in groups]
    clip = jax.ShapeDtypeStruct((1, *model.input_shape[1:]), "float32")
    network = functools.partial(model.stateless_call, training=False)
    lowered = jax.jit(network).lower(*shapes, clip)
    flops = lowered.cost_analysis()["flops"]
    assert flops == pytest.approx(2 * cost.count(model).macs, rel=0.1)

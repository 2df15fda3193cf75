import functools
import itertools
import math
import statistics

import keras
import pytest
from helpers import without_weights
from keras import layers

import zoo
from zoo import cost, runtimes
from zoo.layers.non_local import NonLocal


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


def chain():
    """Two convolutions one after the other, and a shortcut around them."""
    clip = keras.Input((2, 8, 8, 3))
    x = layers.Conv3D(4, 1, name="wide")(clip)
    y = layers.Conv3D(16, 1, name="wider")(x)
    y = layers.Conv3D(4, 1, name="narrow")(y)
    return keras.Model(clip, layers.Add(name="sum")([x, y]))


def test_each_layer_has_its_row():
    with without_weights():
        rows = cost.layers(chain())
    row = cost.LayerCost("wider", "Conv3D", (2, 8, 8, 16), 80, 8192, 4 * 2048)
    assert rows[1] == row
    assert [row.name for row in rows] == ["wide", "wider", "narrow", "sum"]


def test_layers_of_an_inner_network_count():
    with without_weights():
        inner, clip = chain(), keras.Input((2, 8, 8, 3))
        outer = keras.Model(clip, layers.ReLU(name="end")(inner(clip)))
        alone, rows = cost.layers(inner), cost.layers(outer)
    assert [row.name for row in rows] == [
        *(f"{inner.name}/{row.name}" for row in alone),
        "end",
    ]
    assert cost.count(outer).macs == cost.count(inner).macs > 0


def test_peak_is_what_is_alive_at_once():
    with without_weights():
        model = chain()
        clip = keras.Input((2, 8, 8, 3))
        outer = keras.Model(clip, model(clip))
    # The shortcut waits, while the last convolution reads its input.
    places, peak = 4 * 2 * 8 * 8, 4 + 16 + 4
    assert cost.peak_bytes(model) == places * peak
    assert cost.peak_bytes(outer) == places * peak
    assert cost.count(model).activation_bytes == places * (4 + 16 + 4 + 4)


def test_what_a_layer_computes_on_the_way_is_in_the_peak():
    clip = keras.Input((4, 4, 4, 8))
    with without_weights():
        model = keras.Model(clip, NonLocal(4)(clip))
    [row] = cost.layers(model)
    assert cost.peak_bytes(model) == 4 * math.prod(clip.shape[1:]) + (
        row.activation_bytes
    )


@pytest.mark.parametrize(
    ("name", "shape", "macs"),
    [
        ("tvn1", None, 4.33e9),
        ("assemblenet50", (32, 224, 224, 3), 250.5e9),
        ("i3d", (64, 224, 224, 3), 111.2e9),
    ],
)
@pytest.mark.model
def test_published_networks_cost_what_is_known(name, shape, macs):
    classes = 339 if name != "i3d" else 400
    with without_weights():
        model = zoo.create(name, num_classes=classes, input_shape=shape)
    rows, counted = cost.layers(model), cost.count(model)
    assert counted.macs == pytest.approx(macs, rel=2e-3)
    assert sum(row.parameters for row in rows) == counted.parameters
    largest = max(row.activation_bytes for row in rows)
    assert 2 * largest <= cost.peak_bytes(model) < counted.activation_bytes


def test_calls_take_turns_until_each_has_enough(monkeypatch):
    monkeypatch.setattr(cost, "TURN", 0.0)
    made, shares = [], []
    calls = {name: functools.partial(made.append, name) for name in "abc"}
    found = cost.measure(calls, seconds=0.0, least=4, progress=shares.append)
    warm, turns = made[:6], made[6:]
    assert warm == list("aabbcc")
    rounds = [turns[k : k + 3] for k in range(0, len(turns), 3)]
    assert len(rounds) == 4
    assert all(sorted(turn) == list("abc") for turn in rounds)
    assert any(one != other for one, other in itertools.pairwise(rounds))
    assert [latency.calls for latency in found.values()] == [4, 4, 4]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_latency_has_the_median_and_the_quartiles(monkeypatch):
    times = [0.004, 0.001, 0.002, 0.009, 0.003]
    monkeypatch.setattr(cost, "_turn", lambda call: times)
    found = cost.measure({"a": lambda: None}, seconds=0.0)["a"]
    assert found.median == pytest.approx(1000 * statistics.median(times))
    assert (found.lower, found.upper) == pytest.approx((2.0, 4.0))


def test_a_runtime_by_name_runs_the_network(monkeypatch):
    asked = []
    monkeypatch.setattr(
        runtimes, "caller", lambda *a: asked.append(a) or (lambda clip: clip.shape)
    )
    clip = keras.Input((1, 8, 8, 3))
    model = keras.Model(clip, layers.GlobalAveragePooling3D()(clip))
    assert cost.prepared(model, 2, "litert", 3)() == (2, 1, 8, 8, 3)
    assert asked == [(model, "litert", 3)]
    with pytest.raises(ValueError, match="`threads` must be left out"):
        cost.prepared(model, threads=1)


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

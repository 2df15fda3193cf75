import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_network
from keras import layers, ops

from zoo import checkpoints, optimizers, session, training
from zoo.layers.gating import SqueezeExcite
from zoo.recipe import Recipe, optimizer


def fit(network, workdir=None, recipe=None, **options):
    options = {"save_every": 3, "log_every": 1, "verbose": False, **options}
    return training.fit(network, ArrayClips(), TINY, recipe, workdir, **options)


def values(variables):
    return [ops.convert_to_numpy(v.value) for v in variables]


def rates(recipe, count):
    return [float(recipe.schedule()(step)) for step in range(count)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": 2.5},
        {"batch_size": -1},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"warmup_steps": 6},
        {"momentum": 1.0},
        {"weight_decay": -0.1},
        {"label_smoothing": 1.0},
        {"clip_norm": 0.0},
        {"optimizer": "adam"},
        {"nesterov": 1},
        {"nesterov": True, "momentum": 0.0},
        {"nesterov": True, "optimizer": "adamw"},
        {"decay": "linear"},
        {"drops": (0.5,)},
        {"drops": (), "decay": "step"},
        {"drops": (0.5, 0.5), "decay": "step"},
        {"drops": (0.5, 1.0), "decay": "step"},
        {"drop_factor": 1.0},
        {"base_batch_size": 0},
        {"accumulate": 0},
        {"accumulate": 7},
        {"ema": 1.0},
        {"ema": 0.0},
        {"ema": "0.9"},
        {"drops": 0.5},
        {"drops": ("a",), "decay": "step"},
        {"learning_rate": True},
        {"norm_groups": 3},
        {"norm_groups": 0},
    ],
)
def test_recipe_rejects_nonsense(wrong):
    fields = {"steps": 6, "batch_size": 4, "learning_rate": 0.1, **wrong}
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be"):
        Recipe(**fields)


def test_what_a_recipe_leaves_to_its_defaults_is_not_shown():
    text = repr(Recipe(ema=0.9))
    assert text.startswith("Recipe(steps=1000, batch_size=16, learning_rate=0.1, ")
    assert text.endswith("clip_norm=None, class_weights=None, ema=0.9)")


def test_rate_rises_in_a_line_and_falls_in_a_cosine():
    found = rates(Recipe(10, 1, learning_rate=2.0, warmup_steps=4), 11)
    np.testing.assert_allclose(found[:5], [0, 0.5, 1, 1.5, 2])
    np.testing.assert_allclose(found[7], 1, rtol=1e-6)
    np.testing.assert_allclose(found[10], 0, atol=1e-6)


def test_rate_starts_at_its_peak_without_a_warmup():
    assert rates(Recipe(10, 1, 2.0, warmup_steps=0), 1) == [2]


def test_warmup_is_a_tenth_unless_given():
    given, tenth = Recipe(30, 1, 2.0, 3), Recipe(30, 1, 2.0)
    assert rates(given, 3)[2] == rates(tenth, 3)[2] < 2


def test_rate_falls_in_steps():
    recipe = Recipe(12, 1, 2.0, 2, decay="step", drops=(0.2, 0.5), drop_factor=0.5)
    expected = [0, 1, 2, 2, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5]
    np.testing.assert_allclose(rates(recipe, 12), expected)
    schedule = recipe.schedule()
    again = type(schedule).from_config(schedule.get_config())
    assert float(again(4)) == 1


def test_rate_stays():
    expected = [0, 1, 2, 2, 2, 2]
    np.testing.assert_allclose(
        rates(Recipe(6, 1, 2.0, 2, decay="constant"), 6), expected
    )


def test_rate_grows_with_the_batch():
    recipe = Recipe(10, 8, 0.1, 0, base_batch_size=32)
    assert recipe.peak == pytest.approx(0.025)
    assert rates(recipe, 1) == pytest.approx([0.025])
    assert Recipe(10, 8, 0.1, accumulate=2, base_batch_size=32).peak == 0.05
    assert Recipe(10, 8, 0.1, accumulate=2).peak == 0.1


@pytest.mark.parametrize("decay", ["cosine", "step"])
def test_batches_of_an_update_have_its_rate(decay):
    how = {"decay": decay, "drops": (0.5,) if decay == "step" else ()}
    whole = rates(Recipe(3, 4, 2.0, 1, **how), 3)
    halves = Recipe(6, 2, 2.0, 2, accumulate=2, **how)
    np.testing.assert_allclose(rates(halves, 6), np.repeat(whole, 2), rtol=1e-6)
    schedule = halves.schedule()
    again = type(schedule).from_config(schedule.get_config())
    assert float(again(5)) == float(schedule(5))


def test_keras_asks_for_the_rate_of_the_batch():
    recipe = Recipe(6, 1, 1.0, 0, momentum=0.0, accumulate=3)
    weight, made = keras.Variable(np.zeros(1, "float32")), optimizer(recipe)
    made.build([weight])
    seen = [0.0]
    for _ in range(6):
        made.apply([ops.ones(1)])
        seen.append(float(ops.convert_to_numpy(weight.value)[0]))
    changes = -np.diff(seen)
    np.testing.assert_allclose(changes[[2, 5]], rates(Recipe(2, 1, 1.0, 0), 2))
    np.testing.assert_array_equal(changes[[0, 1, 3, 4]], 0)


@pytest.mark.parametrize(
    ("name", "momentum"), [("sgd", 0.0), ("adamw", 0.9)], ids=["sgd", "adamw"]
)
def test_only_kernels_decay(name, momentum):
    recipe = Recipe(
        1, 1, 0.5, momentum=momentum, weight_decay=0.1, optimizer=name, decay="constant"
    )
    kernel = keras.Variable(np.ones(2, "float32"), name="kernel")
    bias = keras.Variable(np.ones(2, "float32"), name="bias")
    zero = ops.zeros(2)
    optimizer(recipe).apply([zero, zero], [kernel, bias])
    np.testing.assert_allclose(values([kernel])[0], 0.95)
    np.testing.assert_allclose(values([bias])[0], 1)


def test_kernels_in_gates_decay():
    recipe = Recipe(1, 1, learning_rate=0.5, momentum=0.0, weight_decay=0.1)
    gate = SqueezeExcite(2)
    gate.build((None, 1, 1, 1, 3))
    weights = gate.trainable_variables
    before = values(weights)
    optimizer(recipe).apply([ops.zeros(w.shape) for w in weights], weights)
    for weight, old, new in zip(weights, before, values(weights), strict=True):
        factor = 0.95 if weight.name == "kernel" else 1
        np.testing.assert_allclose(new, factor * old, rtol=1e-6)


def test_optimizers_are_as_the_recipe_says():
    made = optimizer(Recipe(momentum=0.8, nesterov=True, clip_norm=2.0))
    assert (made.momentum, made.nesterov, made.global_clipnorm) == (0.8, True, 2.0)
    made = optimizer(Recipe(momentum=0.8, optimizer="adamw", clip_norm=2.0))
    assert (made.beta_1, made.global_clipnorm) == (0.8, 2.0)


@pytest.mark.tensorflow
def test_accumulation_on_several_devices_is_refused(monkeypatch):
    import tensorflow as tf

    strategy = SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: strategy)
    with pytest.raises(ValueError, match="`accumulate` must be 1 on several devices"):
        optimizer(Recipe(accumulate=2))


def test_average_of_a_weight():
    made = optimizer(Recipe(8, 1, 1.0, 0, 0.0, decay="constant", ema=0.75))
    network = keras.Sequential([keras.Input((1,)), layers.Dense(1, use_bias=False)])
    network.compile(made)
    made.build(network.trainable_variables)
    (weight,) = network.trainable_variables
    weight.assign([[4.0]])
    for _ in range(2):  # To 3 and to 2.
        made.apply([ops.ones((1, 1))])
    with optimizers.averaged(network):
        assert values([weight])[0] == 0.75 * 3 + 0.25 * 2
    assert values([weight])[0] == 2
    network.compile(optimizer(Recipe()))
    with optimizers.averaged(network):
        assert values([weight])[0] == 2


def plain_network():
    """Without batch norm, which would see parts of a batch."""
    keras.utils.set_random_seed(1)
    clip = keras.Input(TINY.shape)
    return keras.Model(clip, layers.Dense(3, name="head")(layers.Flatten()(clip)))


@pytest.mark.model
@pytest.mark.parametrize("how", [{}, {"optimizer": "adamw"}])
def test_two_halves_of_a_batch_make_the_update_of_the_whole(how):
    whole, halves = plain_network(), plain_network()
    how = {"learning_rate": 0.01, "weight_decay": 0.01, "clip_norm": 1.0, **how}
    fit(whole, recipe=Recipe(2, 4, warmup_steps=1, **how))
    fit(halves, recipe=Recipe(4, 2, warmup_steps=2, accumulate=2, **how))
    parts = zip(values(whole.variables), values(halves.variables), strict=True)
    for one, other in parts:
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


class KilledError(Exception):
    pass


@pytest.mark.model
def test_resumed_run_equals_the_uninterrupted_one(tmp_path, monkeypatch):
    how = {"optimizer": "adamw", "accumulate": 2, "ema": 0.9}
    recipe = Recipe(5, 4, 0.01, 1, weight_decay=0.01, **how)
    whole, resumed = tiny_network(), tiny_network(seed=5)
    fit(whole, tmp_path / "whole", recipe)
    save = session.checkpoints.save

    def save_and_die(*args):
        save(*args)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(session.checkpoints, "save", save_and_die)
        with pytest.raises(KilledError):  # After the third batch, amid an update.
            fit(tiny_network(), tmp_path / "cut", recipe)
    fit(resumed, tmp_path / "cut", recipe)
    runs = zip(values(whole.variables), values(resumed.variables), strict=True)
    for one, other in runs:
        np.testing.assert_array_equal(one, other)
    files = [np.load(tmp_path / run / "checkpoint.npz") for run in ("whole", "cut")]
    assert len(files[0].files) == len(files[1].files)
    for name in files[0].files:
        np.testing.assert_array_equal(files[0][name], files[1][name])


class Recorder(keras.callbacks.Callback):
    """Keeps the weights after each step."""

    def on_train_begin(self, logs=None):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(values(self.model.trainable_variables))


@pytest.mark.model
def test_averages_are_scored_and_kept_and_the_weights_train_on(tmp_path, monkeypatch):
    network, recorder = tiny_network(), Recorder()
    scored = []
    fake = {"loss": 1.0, "top1": 1.0, "top5": 1.0}
    monkeypatch.setattr(
        training,
        "scorer",
        lambda model, *_: (
            lambda: scored.append(values(model.trainable_variables)) or fake
        ),
    )
    recipe = Recipe(6, 4, 0.1, 0, ema=0.5)
    fit(network, tmp_path, recipe, callbacks=[recorder])
    averages = []
    for weights in recorder.seen:
        old = averages[-1] if averages else weights
        averages.append([(a + w) / 2 for a, w in zip(old, weights, strict=True)])
    best = tiny_network(seed=7)
    best.load_weights(tmp_path / "best.weights.h5")
    again = tiny_network(seed=8)
    fit(again, tmp_path, recipe)  # Is finished.
    kept = [values(m.trainable_variables) for m in (network, best, again)]
    for found, step in [(scored[0], 2), (scored[1], 5), *((k, 5) for k in kept)]:
        for one, other in zip(found, averages[step], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    raw = tiny_network(seed=9)
    made = optimizer(recipe)
    made.build(raw.trainable_variables)
    state = [*raw.variables, *made.variables]
    checkpoints.restore(tmp_path / "checkpoint.npz", state)
    for one, other in zip(
        values(raw.trainable_variables), recorder.seen[-1], strict=True
    ):
        np.testing.assert_array_equal(one, other)

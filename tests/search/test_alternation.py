"""The algorithms on a loss of one weight and one architecture weight, by hand.

`L_training(w, a) = w^2 sin(a) / 2 + w`, `L_held_out(w, a) = w^2 exp(a) / 2`.
"""

import dataclasses
import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from search import gradients
from search.alternation import (
    ALGORITHMS,
    Alternation,
    Slope,
    State,
    hessian_product,
    supernet_slope,
    weights_of,
)
from search.descent import Adam, Momentum

TRAINING, HELD_OUT = ("training",), ("held out",)
RATE, DECAY, MOMENTUM = 0.1, 0.01, 0.9
ADAM = Adam(learning_rate=0.01, betas=(0.5, 0.999), weight_decay=0.001)
W, A, V = 2.0, 0.3, 0.7


def slope_by_hand(state, batch):
    [w], [a] = state.weights, state.architecture
    w, a = float(w), float(a)
    if batch == HELD_OUT:
        slopes = w * math.exp(a), w * w * math.exp(a) / 2, w * w * math.exp(a) / 2
    else:
        loss = w * w * math.sin(a) / 2 + w
        slopes = w * math.sin(a) + 1, w * w * math.cos(a) / 2, loss
    by_w, by_a, loss = slopes
    return Slope([by_w], [by_a], loss, 0.25, [state.others[0] + 1])


def start():
    return State([W], [A], [0], [V], [0.0], [0.0], [0.0], [0.0, 0.0, 0.0])


def alternation(**changes):
    descent = Momentum(MOMENTUM, decays=(DECAY,))
    return dataclasses.replace(Alternation(slope_by_hand, descent, ADAM), **changes)


def after_adam(slope):
    """The first step of Adam is of the rate's length, wherever it goes."""
    slope += ADAM.weight_decay * A
    mean, square = slope, slope * slope
    return A - ADAM.learning_rate * mean / (math.sqrt(square) + 1e-8), slope


def after_momentum(a):
    slope = W * math.sin(a) + 1 + DECAY * W
    return W - RATE * (MOMENTUM * V + slope)


def check(state, slope):
    a, slope = after_adam(slope)
    assert float(state.means[0]) == pytest.approx(0.5 * slope, rel=1e-4)
    assert float(state.squares[0]) == pytest.approx(0.001 * slope**2, rel=1e-4)
    assert float(state.architecture[0]) == pytest.approx(a, rel=1e-5)
    assert float(state.weights[0]) == pytest.approx(after_momentum(a), rel=1e-5)


def test_first_order_by_hand():
    state = alternation().first_order(start(), RATE, TRAINING, HELD_OUT)
    check(state, W * W * math.exp(A) / 2)


def test_one_level_by_hand():
    state = alternation().one_level(start(), RATE, TRAINING)
    check(state, W * W * math.cos(A) / 2)


def test_weights_that_warm_up_leave_the_architecture_alone():
    state = alternation().weights_alone(start(), RATE, TRAINING, HELD_OUT)
    assert float(state.weights[0]) == pytest.approx(after_momentum(A), rel=1e-5)
    kept = ("architecture", "means", "squares", "counts")
    assert all(getattr(state, name) == getattr(start(), name) for name in kept)
    assert [float(total) > 0 for total in state.sums] == [True, False, True]


def test_second_order_by_hand():
    state = alternation().second_order(start(), RATE, TRAINING, HELD_OUT)
    ahead = W - RATE * (MOMENTUM * V + W * math.sin(A) + 1 + DECAY * W)
    vector = ahead * math.exp(A)
    product = W * math.cos(A) * vector
    check(state, ahead * ahead * math.exp(A) / 2 - RATE * product)


def test_the_second_order_differs_from_the_first():
    first = alternation().first_order(start(), RATE, TRAINING, HELD_OUT)
    second = alternation().second_order(start(), RATE, TRAINING, HELD_OUT)
    assert abs(float(first.means[0]) - float(second.means[0])) > 0.1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_statistics_are_those_of_the_weights_own_pass(algorithm):
    state = getattr(alternation(), algorithm)(start(), RATE, TRAINING, HELD_OUT)
    assert state.others == [1]
    assert float(state.counts[0]) == 1
    loss, own_loss, accuracy = map(float, state.sums)
    a = float(state.architecture[0])
    assert loss == pytest.approx(W * W * math.sin(a) / 2 + W)
    assert accuracy == 0.25
    assert own_loss > 0
    state = getattr(alternation(), algorithm)(state, RATE, TRAINING, HELD_OUT)
    assert float(state.counts[0]) == 2
    assert float(state.sums[2]) == 0.5


def test_a_vector_of_zero_has_a_product_of_zero():
    [product] = hessian_product(slope_by_hand, start(), [0.0], TRAINING)
    assert float(product) == 0


def small_network(norm=True):
    """Two candidates, mixed by the softmax of an architecture weight of two."""
    keras.utils.set_random_seed(3)
    clip = keras.Input((2, 4, 4, 3))
    choice = Choice(name="choice")
    x = choice([layers.Dense(5, activation="tanh")(clip), layers.Dense(5)(clip)])
    x = layers.BatchNormalization(momentum=0.8)(x) if norm else x
    x = layers.GlobalAveragePooling3D()(layers.Activation("tanh")(x))
    return keras.Model(clip, layers.Dense(3)(x)), choice


class Choice(layers.Layer):
    def build(self, shapes):
        self.logits = self.add_weight((len(shapes),), "random_normal", name="logits")

    def call(self, inputs):
        shares = ops.softmax(self.logits)
        return sum(shares[i] * x for i, x in enumerate(inputs))


def state_of(network, choice):
    architecture = [choice.logits]
    weights = weights_of(network, architecture)
    groups = (weights, architecture, network.non_trainable_variables)
    first = [[ops.convert_to_tensor(v.numpy()) for v in group] for group in groups]
    zeros = lambda group: [ops.zeros(v.shape) for v in group]  # noqa: E731
    means, squares = zeros(architecture), zeros(architecture)
    nothing = [ops.zeros(()) for _ in range(4)]
    return State(*first, zeros(weights), means, squares, nothing[:1], nothing[1:])


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)
    batch = rng.random((6, 2, 4, 4, 3), "float32"), np.int32([0, 1, 2, 0, 1, 2])
    return tuple(map(ops.convert_to_tensor, batch))


@pytest.mark.model
def test_the_product_is_nearly_the_exact_one(clips):
    # TensorFlow's second derivative of a batch norm is wrong: its variance is taken
    # about a mean whose gradient is stopped.
    network, choice = small_network(norm=False)
    state = state_of(network, choice)
    slope = supernet_slope(network, [choice.logits], "single", 0.0)
    rng = np.random.default_rng(1)
    vector = [
        ops.convert_to_tensor(rng.standard_normal(w.shape), "float32")
        for w in state.weights
    ]

    def along_vector(architecture):
        slopes = slope(state._replace(architecture=architecture), clips).weights
        pairs = zip(slopes, vector, strict=True)
        return sum(ops.sum(s * v) for s, v in pairs), ()

    [exact], _, _ = gradients.gradient(along_vector)(state.architecture)
    [product] = hessian_product(slope, state, vector, clips)
    exact, product = map(ops.convert_to_numpy, (exact, product))
    assert np.abs(exact).max() > 1e-3
    np.testing.assert_allclose(product, exact, rtol=0.05, atol=1e-3)


@pytest.mark.model
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_compiled_step_is_the_plain_one_and_learns(clips, algorithm):
    network, choice = small_network()
    before = state_of(network, choice)
    steps = Alternation(
        supernet_slope(network, [choice.logits], "single", 0.1),
        Momentum(0.9, decays=[1e-3] * len(before.weights), clip_norm=5.0),
        Adam(learning_rate=0.01),
    )
    step = getattr(steps, algorithm)
    compiled, rate = gradients.compiled(step), ops.convert_to_tensor(0.1, "float32")
    plain, state = (f(before, rate, clips, clips) for f in (step, compiled))
    for one, other in zip(plain, state, strict=True):
        for left, right in zip(one, other, strict=True):
            left, right = map(ops.convert_to_numpy, (left, right))
            np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-5)
    for _ in range(60):
        state = compiled(state, rate, clips, clips)
    first, mean = float(plain.sums[0]), float(state.sums[0]) / 61
    assert mean < first
    moved = ops.convert_to_numpy(state.architecture[0] - before.architecture[0])
    assert np.abs(moved).min() > 1e-3


def test_an_unknown_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ValueError, match="`KERAS_BACKEND` must be tensorflow or jax"):
        gradients.compiled(abs)

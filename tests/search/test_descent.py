import keras
import numpy as np
import pytest

from search.descent import Adam, ConstantRate, CosineRate, Momentum, StepRate


def numbers(arrays):
    return [keras.ops.convert_to_numpy(array) for array in arrays]


def test_rates_of_each_schedule():
    assert ConstantRate().rate(0.1, 7.5, 10) == 0.1
    cosine = CosineRate(end=0.001)
    rates = [cosine.rate(0.025, epoch, 50) for epoch in (0, 25, 50, 60)]
    np.testing.assert_allclose(rates, [0.025, 0.013, 0.001, 0.001])
    step = StepRate(epochs=20, factor=0.1)
    rates = [step.rate(0.1, epoch, 80) for epoch in (0, 19.99, 20, 45, 60)]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.01, 0.001, 0.0001])


def test_momentum_by_hand():
    # Gradients of length 5, cut to 1; then only the first weight decays.
    weights, velocities = [np.float32(2.0), np.float32(1.0)], [np.float32(1.0)] * 2
    slopes = [np.float32(3.0), np.float32(4.0)]
    descent = Momentum(0.5, decays=(0.1, 0.0), clip_norm=1.0)
    moved, velocities = descent.step(weights, velocities, slopes, 0.1)
    np.testing.assert_allclose(numbers(velocities), [0.5 + 0.6 + 0.2, 0.5 + 0.8], 1e-5)
    np.testing.assert_allclose(numbers(moved), [2 - 0.13, 1 - 0.13], 1e-5)


def test_a_virtual_step_clips_nothing():
    descent = Momentum(0.5, decays=(0.1,), clip_norm=1.0)
    [moved] = descent.ahead([2.0], [1.0], [3.0], 0.1)
    assert float(moved) == pytest.approx(2 - 0.1 * (0.5 + 3 + 0.2))


def test_short_gradients_are_left_as_they_are():
    descent = Momentum(0.0, decays=(0.0,), clip_norm=10.0)
    [moved], _ = descent.step([np.float32(1.0)], [0.0], [np.float32(3.0)], 0.1)
    assert float(moved) == pytest.approx(0.7)


@pytest.mark.parametrize("betas", [(0.5, 0.999), (0.0, 0.999)])
def test_adam_is_that_of_keras(betas):
    ours = Adam(learning_rate=0.1, betas=betas, weight_decay=0.0)
    theirs = keras.optimizers.Adam(0.1, *betas, epsilon=1e-8)
    variable = keras.Variable(np.float32([1.0, -2.0]))
    weights, means, squares = [np.float32([1.0, -2.0])], [0.0], [0.0]
    for count, slope in enumerate(np.float32([[1, 2], [-3, 0.5], [0.1, 0]]), 1):
        weights, means, squares = ours.step(
            weights, means, squares, np.float32(count), [slope]
        )
        theirs.apply([keras.ops.convert_to_tensor(slope)], [variable])
    ours = numbers(weights)[0]
    np.testing.assert_allclose(ours, keras.ops.convert_to_numpy(variable), rtol=1e-5)


def test_decay_goes_through_adam():
    adam = Adam(learning_rate=0.1, betas=(0.0, 0.999), weight_decay=0.01)
    weights = [np.float32([3.0, -3.0])]
    moved, means, _ = adam.step(weights, [0.0], [0.0], np.float32(1), [0.0])
    np.testing.assert_allclose(numbers(means)[0], [0.03, -0.03], rtol=1e-6)
    np.testing.assert_allclose(numbers(moved)[0], [2.9, -2.9], rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "bad"),
    [
        (Adam, {"learning_rate": 0.0}),
        (Adam, {"betas": (0.5,)}),
        (Adam, {"betas": (0.5, 1.0)}),
        (Adam, {"weight_decay": 1.0}),
        (Adam, {"epsilon": 0.0}),
        (CosineRate, {"end": -0.1}),
        (StepRate, {"epochs": 0}),
        (StepRate, {"factor": 0.0}),
    ],
)
def test_nonsense_is_refused(make, bad):
    with pytest.raises(ValueError, match=f"`{next(iter(bad))}` must be"):
        make(**bad)

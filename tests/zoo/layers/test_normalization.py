import keras
import numpy as np
import pytest
from helpers import check_layer, known_clip
from keras import ops

from zoo.layers.normalization import BatchNorm, FixedBatchNorm, set_groups

CLIP = 1 + 3 * known_clip((2, 3, 4, 5, 6))


def trained(layer_class, compiled, clip=CLIP):
    """Outputs and weights after a step, from known weights."""
    layer = layer_class(momentum=0.9, epsilon=1e-5)
    layer.build(clip.shape)
    layer.gamma.assign(np.linspace(0.5, 2, 6))
    layer.beta.assign(np.linspace(-1, 1, 6))
    clips = keras.Input(clip.shape[1:])
    model = keras.Model(clips, layer(clips))
    target = known_clip((*clip.shape[:-1], 6))
    how = {"jit_compile": False, "run_eagerly": not compiled}
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error", **how)
    model.train_on_batch(clip, target)
    outputs = model(clip, training=True)
    arrays = [outputs, *layer.weights]
    return [np.array(ops.convert_to_numpy(array)) for array in arrays]


@pytest.mark.parametrize("shape", [(2, 3, 4, 5, 6), (3, 7, 6)])
def test_training_is_that_of_keras(shape, compiled):
    clip = 1 + 3 * known_clip(shape)
    pairs = zip(
        trained(BatchNorm, compiled, clip),
        trained(keras.layers.BatchNormalization, compiled, clip),
        strict=True,
    )
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("affine", [(False, False), (True, False), (False, True)])
def test_training_without_scale_or_shift_is_that_of_keras(affine):
    options = {"scale": affine[0], "center": affine[1], "momentum": 0.9}
    norms = BatchNorm(**options), keras.layers.BatchNormalization(**options)
    ours, theirs = (norm(CLIP, training=True) for norm in norms)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    for new, old in zip(norms[0].weights, norms[1].weights, strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")  # Of JAX.
def test_training_in_double_precision_is_that_of_keras():
    clip = CLIP.astype("float64")
    norms = BatchNorm(dtype="float64"), keras.layers.BatchNormalization(dtype="float64")
    ours, theirs = (norm(clip, training=True) for norm in norms)
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(norms[0].moving_variance, norms[1].moving_variance)


def test_a_frozen_norm_does_not_move():
    layer = BatchNorm()
    layer.trainable = False
    layer(CLIP, training=True)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(6))


def test_contract():
    check_layer(BatchNorm(momentum=0.9), CLIP, CLIP.shape)


def test_fixed_statistics_stay_while_scale_and_shift_train(compiled):
    _, gamma, beta, mean, variance = trained(FixedBatchNorm, compiled)
    np.testing.assert_array_equal(mean, np.zeros(6))
    np.testing.assert_array_equal(variance, np.ones(6))
    assert not np.isclose(gamma, np.linspace(0.5, 2, 6)).any()
    assert not np.isclose(beta, np.linspace(-1, 1, 6)).any()


def test_fixed_statistics_are_those_of_inference():
    layer = FixedBatchNorm(epsilon=1e-5)
    layer.build(CLIP.shape)
    layer.moving_mean.assign(np.arange(6))
    expected = (CLIP - np.arange(6)) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(layer(CLIP, training=True), expected, rtol=1e-5)
    check_layer(layer, CLIP, CLIP.shape)


def test_groups_are_normalized_each_by_itself():
    clip = 1 + 3 * known_clip((4, 2, 3, 3, 6))
    layer, parts = BatchNorm(momentum=0.9), BatchNorm(momentum=0.9)
    model = keras.Model(x := keras.Input(clip.shape[1:]), layer(x))
    set_groups(model, 2)
    together = layer(clip, training=True)
    moments = []
    for half, place in [(clip[:2], slice(2)), (clip[2:], slice(2, 4))]:
        np.testing.assert_allclose(
            together[place], BatchNorm()(half, training=True), rtol=1e-4, atol=1e-5
        )
        axes = (0, 1, 2, 3)
        moments.append([half.mean(axes), half.var(axes)])
    mean, variance = np.mean(moments, axis=0)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-4, atol=1e-6)
    expected = 0.9 + 0.1 * variance
    np.testing.assert_allclose(layer.moving_variance, expected, rtol=1e-4)
    set_groups(model, 1)
    whole = layer(clip, training=True)
    np.testing.assert_allclose(whole, parts(clip, training=True), rtol=1e-4, atol=1e-5)


def test_groups_must_be_a_whole_number():
    with pytest.raises(ValueError, match="`norm_groups` must be a whole number"):
        set_groups(keras.Model(x := keras.Input((2,)), BatchNorm()(x)), 0)

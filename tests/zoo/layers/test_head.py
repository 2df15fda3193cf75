import keras
import numpy as np
import pytest
from helpers import check_layer, known_clip
from keras import ops

from zoo.layers.head import POOLINGS, VideoHead

CLIP = 1 + known_clip((2, 3, 4, 5, 6))


def run(pooling):
    layer = VideoHead(4, pooling)
    outputs = ops.convert_to_numpy(layer(CLIP, training=False))
    kernel, bias = (ops.convert_to_numpy(w) for w in layer.trainable_weights)
    return outputs, CLIP.mean(axis=(2, 3)) @ kernel + bias


def test_average_by_hand():
    outputs, logits = run("average")
    np.testing.assert_allclose(outputs, logits.mean(axis=1), rtol=1e-4, atol=1e-6)


def test_pairs_by_hand():
    outputs, logits = run("pairs")
    first, second, third = logits.transpose(1, 0, 2)
    expected = (first + 2 * second + third) / 4
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-6)


def test_pairs_of_one_frame_are_the_frame():
    layer = VideoHead(4, "pairs")
    outputs = ops.convert_to_numpy(layer(CLIP[:, :1], training=False))
    kernel, bias = (ops.convert_to_numpy(w) for w in layer.trainable_weights)
    expected = CLIP[:, 0].mean(axis=(1, 2)) @ kernel + bias
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-6)


def test_max_by_hand():
    outputs, logits = run("max")
    np.testing.assert_allclose(outputs, logits.max(axis=1), rtol=1e-4, atol=1e-6)


def test_softmax_by_hand():
    outputs, logits = run("softmax")
    weights = np.exp(logits / np.sqrt(3))
    weights /= weights.sum(axis=1, keepdims=True)
    expected = (logits * weights).sum(axis=1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-6)


def test_dropout_acts_in_training_alone():
    keras.utils.set_random_seed(0)
    clip = known_clip((2, 3, 4, 5, 64))
    layer = VideoHead(4, dropout=0.5)
    still = [ops.convert_to_numpy(layer(clip, training=False)) for _ in range(2)]
    np.testing.assert_array_equal(*still)
    moving = [ops.convert_to_numpy(layer(clip, training=True)) for _ in range(2)]
    assert not np.allclose(*moving, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_contract(pooling):
    check_layer(VideoHead(4, pooling, dropout=0.0), CLIP, (2, 4))


@pytest.mark.parametrize(
    "arguments",
    [{"num_classes": 0}, {"pooling": "mean"}, {"dropout": 1.0}, {"dropout": -0.1}],
)
def test_rejects(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        VideoHead(**{"num_classes": 4, **arguments})

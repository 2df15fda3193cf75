import numpy as np
import pytest
from helpers import check_layer, known_clip
from keras import ops

from zoo.layers.gating import ContextGate, SqueezeExcite

CLIP = known_clip((2, 3, 4, 5, 6))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_context_gate_by_hand():
    layer = ContextGate()
    outputs = layer(CLIP)
    [kernel, bias] = map(ops.convert_to_numpy, layer.weights)
    gate = sigmoid(CLIP.mean(axis=(1, 2, 3)) @ kernel + bias)
    expected = CLIP * gate[:, None, None, None, :]
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-6)


def test_squeeze_excite_by_hand():
    layer = SqueezeExcite(units=4)
    outputs = layer(CLIP)
    w1, b1, w2, b2 = map(ops.convert_to_numpy, layer.weights)
    hidden = np.maximum(CLIP.mean(axis=(1, 2, 3)) @ w1 + b1, 0)
    expected = CLIP * sigmoid(hidden @ w2 + b2)[:, None, None, None, :]
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layer", [ContextGate(), SqueezeExcite(units=8)])
def test_contract(layer):
    check_layer(layer, 3 + CLIP, CLIP.shape)


def test_rejects_no_units():
    with pytest.raises(ValueError, match="units"):
        SqueezeExcite(units=0)

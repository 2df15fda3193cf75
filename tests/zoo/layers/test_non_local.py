import numpy as np
import pytest
from helpers import check_layer, known_clip
from keras import ops

from zoo.layers.non_local import NonLocal

CLIP = known_clip((2, 3, 4, 5, 6))


def weights_of(layer):
    return {w.path.split("/", 1)[1]: ops.convert_to_numpy(w) for w in layer.weights}


@pytest.mark.parametrize("scaled", [True, False])
def test_by_hand(scaled):
    layer = NonLocal(bottleneck=2, scaled=scaled)
    layer.build(CLIP.shape)
    layer.norm.gamma.assign(np.full(6, 0.7))
    w = weights_of(layer)
    places = CLIP.reshape(2, 60, 6)
    theta, phi, g = (places @ w[f"{name}/kernel"] for name in ("theta", "phi", "g"))
    likeness = theta @ phi.transpose(0, 2, 1) / (np.sqrt(2) if scaled else 1)
    attention = np.exp(likeness) / np.exp(likeness).sum(-1, keepdims=True)
    answer = attention @ g @ w["out/kernel"] * 0.7 / np.sqrt(1 + 1e-5)
    expected = CLIP + answer.reshape(CLIP.shape)
    np.testing.assert_allclose(layer(CLIP), expected, rtol=1e-4, atol=1e-5)


def test_a_new_layer_changes_nothing():
    np.testing.assert_array_equal(NonLocal(bottleneck=2, pool_size=2)(CLIP), CLIP)


@pytest.mark.parametrize("pool_size", [1, 2])
def test_contract(pool_size):
    layer = NonLocal(bottleneck=2, pool_size=pool_size)
    layer.build(CLIP.shape)
    layer.norm.gamma.assign(np.ones(6))  # At 0 it would stop all other gradients.
    check_layer(layer, CLIP, CLIP.shape)


@pytest.mark.parametrize("name", ["bottleneck", "pool_size"])
def test_rejects_zero(name):
    with pytest.raises(ValueError, match=name):
        NonLocal(**{"bottleneck": 1, name: 0})


def test_rejects_attention_to_one_place():
    with pytest.raises(ValueError, match="more than one place"):
        NonLocal(bottleneck=2, pool_size=4)(CLIP[:, :1, :, :4])

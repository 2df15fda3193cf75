import numpy as np
import pytest
from helpers import check_layer, known_clip

from zoo.layers.drop_path import DropPath

CLIP = known_clip((2, 2, 3, 3, 4))
MANY = np.ones((400, 1, 1, 1, 2), "float32")


def test_a_clip_is_dropped_whole_or_scaled_up():
    outputs = np.asarray(DropPath(0.2, seed=0)(MANY, training=True))
    kept = outputs[:, 0, 0, 0, 0]
    np.testing.assert_allclose(np.unique(kept), [0, 1.25])
    np.testing.assert_array_equal(outputs[..., 0], outputs[..., 1])
    assert 0.1 < (kept == 0).mean() < 0.3


def test_nothing_is_dropped_but_in_training():
    np.testing.assert_array_equal(DropPath(0.9)(MANY), MANY)
    np.testing.assert_array_equal(DropPath(0.0)(MANY, training=True), MANY)


def test_the_share_rises_with_the_steps():
    layer = DropPath(0.8, steps=4, seed=0)
    dropped = [(np.asarray(layer(MANY, training=True)) == 0).mean() for _ in range(6)]
    assert dropped[0] == 0
    np.testing.assert_allclose(dropped[1:], [0.2, 0.4, 0.6, 0.8, 0.8], atol=0.1)
    assert float(layer.step) == 6
    layer(MANY)
    assert float(layer.step) == 6  # Only training counts.


def test_contract():
    check_layer(DropPath(0.5, steps=3), CLIP, CLIP.shape)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rate": 1.0}, r"`rate` must be in \[0, 1\)"),
        ({"rate": -0.1}, r"`rate` must be in \[0, 1\)"),
        ({"rate": 0.1, "steps": -1}, "`steps` must be at least 0"),
    ],
)
def test_refuses_nonsense(fields, message):
    with pytest.raises(ValueError, match=message):
        DropPath(**fields)

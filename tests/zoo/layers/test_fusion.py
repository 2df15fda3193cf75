import numpy as np
import pytest
from helpers import check_layer, known_clip

from zoo.layers.fusion import Resample

CLIP = known_clip((2, 4, 6, 8, 3))


def test_picks_frames():
    np.testing.assert_array_equal(Resample([3, 1], 6, 8)(CLIP), CLIP[:, [3, 1]])


def test_halves_by_averages():
    expected = CLIP.reshape(2, 4, 3, 2, 4, 2, 3).mean(axis=(3, 5))
    outputs = Resample([0, 1, 2, 3], 3, 4)(CLIP)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_a_constant_stays_one():
    outputs = Resample([0], 5, 5)(np.full((1, 2, 7, 8, 3), 0.3, "float32"))
    np.testing.assert_allclose(outputs, np.full((1, 1, 5, 5, 3), 0.3), rtol=1e-5)


def test_contract():
    check_layer(Resample([0, 2], 4, 4), CLIP, (2, 2, 4, 4, 3))


@pytest.mark.parametrize("arguments", [([], 4, 4), ([0], 0, 4), ([0], 4, 0)])
def test_rejects_nothing(arguments):
    with pytest.raises(ValueError, match="must not be empty"):
        Resample(*arguments)

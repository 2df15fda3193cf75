import numpy as np
import pytest
from helpers import check_layer, known_clip
from keras import ops

from zoo.layers import pooling

CLIP = known_clip((2, 5, 6, 7, 3))


@pytest.mark.parametrize(
    ("kind", "pool3d"), [("Max", ops.max_pool), ("Average", ops.average_pool)]
)
def test_space_then_time_is_a_3d_pool(kind, pool3d):
    space = getattr(pooling, f"Spatial{kind}Pool")(3, 2, padding="same")
    time = getattr(pooling, f"Temporal{kind}Pool")(3, 2, padding="same")
    expected = pool3d(CLIP, 3, 2, "same")
    np.testing.assert_allclose(time(space(CLIP)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_contract(kind):
    space = getattr(pooling, f"Spatial{kind}Pool")(3, 2, padding="same")
    check_layer(space, CLIP, (2, 5, 3, 4, 3))
    time = getattr(pooling, f"Temporal{kind}Pool")(3, 2, padding="same")
    check_layer(time, CLIP, (2, 3, 6, 7, 3))

import numpy as np
import pytest
from helpers import check_layer
from keras import ops

from zoo.layers.objects import ObjectPool
from zoo.layers.pooling import SpatialMaxPool


def test_a_square_shows_the_classes_in_it():
    maps = np.array([[0, 0, 2, 9], [0, 1, 9, 9]], "uint8")[None, None]
    shown = ops.convert_to_numpy(ObjectPool(3, 2)(maps))
    assert shown.shape == (1, 1, 1, 2, 3)
    assert shown[0, 0, 0].tolist() == [[1, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("sides", [(8, 8), (9, 7), (6, 11), (3, 2)])
def test_equals_the_pool_of_a_channel_for_each_class(sides):
    maps = np.random.default_rng(0).integers(0, 6, (2, 3, *sides))
    channels = np.eye(6, dtype="float32")[maps][..., :5]
    expected = SpatialMaxPool(4, 4, padding="same")(channels)
    found = ObjectPool(5)(maps.astype("uint8"))
    np.testing.assert_array_equal(found, expected)


def test_costs_what_it_puts_out():
    assert ObjectPool(5).cost((None, 2, 9, 8)) == (0, 2 * 3 * 2 * 5)


def test_contract():
    maps = np.random.default_rng(0).integers(0, 4, (2, 3, 6, 5)).astype("float32")
    check_layer(ObjectPool(4, 3), maps, output_shape=(2, 3, 2, 2, 4))


@pytest.mark.parametrize("arguments", [(0,), (3, 0)])
def test_rejects_nonsense(arguments):
    with pytest.raises(ValueError, match="must be at least 1"):
        ObjectPool(*arguments)

import numpy as np
from helpers import check_layer, known_clip

from zoo.layers.scaling import ClipScale

CLIP = known_clip((2, 3, 4, 4, 3))


def test_clip_stays_as_it_is_at_first():
    np.testing.assert_array_equal(ClipScale()(CLIP), CLIP)


def test_each_channel_has_its_own_scale_and_offset():
    layer = ClipScale()
    layer.build(CLIP.shape)
    layer.scale.assign([1.0, 2.0, 3.0])
    layer.offset.assign([0.5, -1.0, 0.0])
    expected = CLIP * [1, 2, 3] + [0.5, -1, 0]
    np.testing.assert_allclose(layer(CLIP), expected, rtol=1e-6, atol=1e-6)


def test_nothing_trains():
    layer = ClipScale()
    layer(CLIP)
    assert layer.trainable_weights == []
    assert len(layer.weights) == 2


def test_contract():
    check_layer(ClipScale(), CLIP, CLIP.shape)

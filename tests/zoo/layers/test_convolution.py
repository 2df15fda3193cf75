import keras
import numpy as np
import pytest
from helpers import check_layer, known_clip
from keras import ops

from zoo.layers import convolution
from zoo.layers.convolution import (
    FactorisedReduce,
    JointConv,
    SpatialConv,
    SpatialDepthwiseConv,
    TemporalConv,
)

CLIP = known_clip((2, 4, 6, 5, 3))


def conv3d(clip, kernel, strides, dilation=1):
    return ops.conv(clip, kernel, strides, "same", dilation_rate=dilation)


# The first two end the process, with TensorFlow 2.21's own padding.
@pytest.mark.parametrize(("length", "frames"), [(7, 5), (11, 8), (3, 4), (5, 1)])
def test_joint_conv_is_a_conv3d_that_trains(length, frames):
    clip = known_clip((1, frames, 6, 5, 2))
    layer = JointConv(4, (length, 7, 7), 2, padding="same", use_bias=False)
    outputs = layer(clip)
    expected = conv3d(clip, layer.kernel, 2)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    check_layer(layer, clip, outputs.shape)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_spatial_conv_is_a_flat_conv3d(stride):
    layer = SpatialConv(7, 4, stride, padding="same")
    outputs = layer(CLIP)
    kernel = ops.expand_dims(layer.kernel, 0)
    expected = conv3d(CLIP, kernel, (1, stride, stride))
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("stride", [2, 3, 4])
def test_a_strided_pointwise_conv_is_a_flat_conv3d(stride):
    layer = SpatialConv(7, 1, stride, padding="same", use_bias=False)
    outputs = layer(CLIP)
    kernel = ops.expand_dims(layer.kernel, 0)
    expected = conv3d(CLIP, kernel, (1, stride, stride))
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_a_strided_temporal_conv_of_one_frame_reads_every_other():
    layer = TemporalConv(7, 1, 2, padding="same", use_bias=False)
    outputs = layer(CLIP)
    expected = ops.matmul(CLIP[:, ::2], layer.kernel[0, 0])
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "stride", "dilation"),
    [(3, 1, 1), (3, 2, 1), (3, 1, 2), (2, 1, 3), (4, 1, 3), (3, 1, 9)],
)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_temporal_conv_is_a_conv3d_over_time(size, stride, dilation, padding):
    layer = TemporalConv(7, size, stride, dilation, padding=padding)
    clip = np.concatenate([CLIP, 2 * CLIP, 3 * CLIP, CLIP, CLIP], axis=1)
    outputs = layer(clip)
    kernel = ops.expand_dims(layer.kernel, 2)
    rate = (dilation, 1, 1)
    expected = ops.conv(clip, kernel, (stride, 1, 1), padding, dilation_rate=rate)
    assert layer.compute_output_shape(clip.shape) == outputs.shape
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("size", "dilation"), [((3, 3, 3), 2), ((2, 4, 2), 3)])
def test_a_joint_conv_dilates_over_time(size, dilation, padding):
    rate = (dilation, 1, 1)
    layer = JointConv(7, size, padding=padding, dilation_rate=rate)
    clip = np.concatenate([CLIP, 2 * CLIP, 3 * CLIP], axis=1)
    outputs = layer(clip)
    expected = ops.conv(clip, layer.kernel, 1, padding, dilation_rate=rate)
    assert layer.compute_output_shape(clip.shape) == outputs.shape
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "layer",
    [
        TemporalConv(7, 3, dilation_rate=2, padding="same"),
        JointConv(7, 3, dilation_rate=(2, 1, 1), padding="same"),
    ],
)
def test_a_dilated_conv_is_of_what_litert_has(layer):
    import tensorflow as tf

    function = tf.function(layer).get_concrete_function(tf.TensorSpec(CLIP.shape))
    kinds = {operation.type for operation in function.graph.get_operations()}
    assert kinds & {"Conv2D", "Conv3D"}
    assert "SpaceToBatchND" not in kinds


@pytest.mark.parametrize("dense", [0, 32])
def test_groups_are_convolutions_of_their_own(dense, monkeypatch):
    monkeypatch.setattr(convolution, "DENSE", dense)  # Both ways to compute them.
    layer = TemporalConv(6, 3, groups=3, padding="same", use_bias=False)
    outputs = np.asarray(layer(CLIP))
    assert layer.kernel.shape == (3, 1, 1, 6)
    for group in range(3):
        kernel = ops.expand_dims(layer.kernel[..., 2 * group : 2 * group + 2], 2)
        expected = conv3d(CLIP[..., group : group + 1], kernel, (1, 1, 1))
        found = outputs[..., 2 * group : 2 * group + 2]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_factorised_reduce_reads_two_corners(groups):
    clip = known_clip((2, 2, 4, 6, 3))
    layer = FactorisedReduce(8, groups)
    outputs = np.asarray(layer(clip))
    kernel = np.asarray(layer.kernel)
    first, second = clip[:, :, ::2, ::2], clip[:, :, 1::2, 1::2]
    size = 8 // groups
    for channel in range(8):
        corner = first if channel % size < size // 2 else second
        expected = corner @ kernel[:, channel]
        np.testing.assert_allclose(outputs[..., channel], expected, 1e-4, 1e-6)


def test_a_factorised_reduce_ends_odd_sizes_with_zeros():
    layer = FactorisedReduce(2)
    outputs = np.asarray(layer(CLIP))
    assert outputs.shape == (2, 4, 3, 3, 2)
    np.testing.assert_array_equal(outputs[:, :, :, 2, 1], 0)
    assert np.abs(outputs[:, :, :, 2, 0]).min() > 0


@pytest.mark.parametrize(("filters", "groups"), [(1, 1), (5, 2), (2, 2), (4, 0)])
def test_a_factorised_reduce_needs_channels_for_both_corners(filters, groups):
    with pytest.raises(ValueError, match="`filters` must be at least 2 for each"):
        FactorisedReduce(filters, groups)


def test_depthwise_conv_keeps_channels_apart():
    layer = SpatialDepthwiseConv(3, padding="same")
    before = np.array(layer(CLIP))
    changed = CLIP.copy()
    changed[..., 1] += 1
    after = np.array(layer(changed))
    np.testing.assert_array_equal(before[..., [0, 2]], after[..., [0, 2]])
    assert not np.allclose(before[..., 1], after[..., 1])


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (SpatialConv(7, 3, 2, padding="same"), (2, 4, 3, 3, 7)),
        (SpatialDepthwiseConv(3, 2, padding="same"), (2, 4, 3, 3, 3)),
        (TemporalConv(7, 3, 2, padding="same"), (2, 2, 6, 5, 7)),
        (SpatialConv(6, 3, groups=3, padding="same"), (2, 4, 6, 5, 6)),
        (FactorisedReduce(6, 2), (2, 4, 3, 3, 6)),
        (TemporalConv(7, 2, dilation_rate=2, padding="same"), (2, 4, 6, 5, 7)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_contract(layer, shape):
    check_layer(layer, CLIP, shape)


def test_refuses_a_size_that_is_not_static():
    with pytest.raises(ValueError, match="static"):
        SpatialConv(7, 3)(keras.Input((4, None, None, 3)))

"""Batch norm that trains fast on every backend, and on several devices."""

import keras
from keras import ops

from zoo import devices
from zoo.genotypes.base import check, check_whole


@keras.saving.register_keras_serializable(package="zoo")
class BatchNorm(keras.layers.BatchNormalization):
    """`BatchNormalization` over the last axis, in one operation on TensorFlow.

    Keras computes a training step of batch norm from a dozen operations, which XLA
    merges and TensorFlow without XLA does not: on two CPU cores they take two to three
    times as long as its fused operation (benches/RESULTS.md). Numbers are Keras'.

    Where TensorFlow spreads a batch over devices, its statistics are those of the whole
    batch, as they are on JAX by themselves. `set_groups` makes them those of parts.

    Input: `(batch, ..., channels)`; output the same.

    Args:
        **kwargs: As for `keras.layers.BatchNormalization`, but `axis` and
            `synchronized`.

    Attributes:
        groups: Parts of a training batch that are normalized each by itself. Moving
            statistics follow the mean over the parts.
    """

    groups = 1

    def call(self, inputs, training=None, mask=None):
        if not (training and self.trainable) or mask is not None:
            return super().call(inputs, training=training, mask=mask)
        replicas = devices.mirrors()
        if replicas > 1 and self.groups == 1:
            normalize = self._synchronized
        elif self.groups > replicas:
            normalize = self._grouped
        elif keras.backend.backend() == "tensorflow" and not self._doubles:
            normalize = self._fused
        else:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = normalize(ops.cast(inputs, "float32"))
        if replicas > 1 and self.groups > 1:  # Else each device would keep its own.
            mean, variance = _mean_of_devices(mean), _mean_of_devices(variance)
        for moving, new in [(self.moving_mean, mean), (self.moving_variance, variance)]:
            new = ops.cast(new, moving.dtype)
            moving.assign(moving * self.momentum + new * (1.0 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)

    @property
    def _doubles(self) -> bool:
        """Whether it computes in a precision that the fused operation has not."""
        return self.compute_dtype == "float64"

    def _synchronized(self, inputs):
        """With the statistics of all devices' inputs, of which all have as many."""
        import tensorflow as tf

        axes = [*range(len(inputs.shape) - 1)]
        mean = _mean_of_devices(tf.reduce_mean(inputs, axes))
        square = tf.reduce_mean(tf.square(inputs - mean), axes)
        variance = _mean_of_devices(square)
        return self._normalized(inputs, mean, variance), mean, variance

    def _grouped(self, inputs):
        """With the statistics of each group of this device's inputs."""
        groups = self.groups // devices.mirrors()
        parts = ops.reshape(inputs, (groups, -1, *inputs.shape[1:]))
        axes = tuple(range(1, len(parts.shape) - 1))
        mean = ops.mean(parts, axes, keepdims=True)
        variance = ops.mean(ops.square(parts - mean), axes, keepdims=True)
        outputs = ops.reshape(
            self._normalized(parts, mean, variance), ops.shape(inputs)
        )
        channels = (groups, inputs.shape[-1])
        means = (ops.mean(ops.reshape(x, channels), 0) for x in (mean, variance))
        return outputs, *means

    def _normalized(self, inputs, mean, variance):
        outputs = (inputs - mean) * ops.rsqrt(variance + self.epsilon)
        outputs = outputs * ops.cast(self.gamma, "float32") if self.scale else outputs
        return outputs + ops.cast(self.beta, "float32") if self.center else outputs

    def _fused(self, inputs):
        import tensorflow as tf  # Its own operation, and only where it is the backend.

        shape = tf.shape(inputs)
        channels = (inputs.shape[-1],)
        scale = self.gamma if self.scale else ops.ones(channels)
        offset = self.beta if self.center else ops.zeros(channels)
        flat = tf.reshape(inputs, (shape[0], -1, 1, *channels))
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=flat,
            scale=ops.cast(scale, "float32"),
            offset=ops.cast(offset, "float32"),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        # Keras keeps the variance of the batch, the operation gives the estimate of
        # the population's.
        count = tf.cast(tf.size(inputs) / tf.size(mean), "float32")
        return tf.reshape(outputs, shape), mean, variance * (count - 1) / count


@keras.saving.register_keras_serializable(package="zoo")
class FixedBatchNorm(BatchNorm):
    """`BatchNorm` that uses its moving statistics in training, too, and keeps them.

    Its scale and shift train. A layer, as `training=True` of a whole network replaces
    the `training=False` of a call within.

    Input: `(batch, ..., channels)`; output the same.

    Args:
        **kwargs: As for `BatchNorm`.
    """

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=False, mask=mask)


def set_groups(model: keras.Model, groups: int) -> None:
    """Makes batch norm take its statistics from parts of each training batch.

    The papers' networks trained on TPUs, whose cores each normalize their own clips.

    Args:
        model: All its `BatchNorm` layers are set.
        groups: 1 is the whole batch. On several devices of TensorFlow otherwise a
            multiple of their number.
    """
    check_whole(groups, "norm_groups")
    replicas = devices.mirrors()
    rule = f"1, or a multiple of the {replicas} devices"
    check(groups == 1 or groups % replicas == 0, "norm_groups", rule, groups)
    for layer in model._flatten_layers():
        if isinstance(layer, BatchNorm):
            layer.groups = groups


def _mean_of_devices(value):
    import tensorflow as tf

    return tf.distribute.get_replica_context().all_reduce("MEAN", value)

"""Batch norm that trains fast on every backend."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="zoo")
class BatchNorm(keras.layers.BatchNormalization):
    """`BatchNormalization` over the last axis, in one operation on TensorFlow.

    Keras computes a training step of batch norm from a dozen operations, which XLA
    merges and TensorFlow without XLA does not: on two CPU cores they take two to three
    times as long as its fused operation (benches/RESULTS.md). Numbers are Keras'.

    Input: `(batch, ..., channels)`; output the same.

    Args:
        **kwargs: As for `keras.layers.BatchNormalization`, but `axis`.
    """

    def call(self, inputs, training=None, mask=None):
        if (
            not (training and self.trainable)
            or mask is not None
            or self.synchronized
            or keras.backend.backend() != "tensorflow"
        ):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = self._fused(ops.cast(inputs, "float32"))
        for moving, new in [(self.moving_mean, mean), (self.moving_variance, variance)]:
            moving.assign(moving * self.momentum + new * (1.0 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)

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

"""From a feature map to one vector of logits."""

import math

import keras
from keras import ops

from zoo.genotypes.base import check

POOLINGS = ("average", "pairs", "max", "softmax")


@keras.saving.register_keras_serializable(package="zoo")
class VideoHead(keras.layers.Layer):
    """Classifies a clip by its average, or frame by frame for long videos.

    `"average"` classifies the mean over time and space. `"pairs"` classifies the mean
    of each frame and the next, and takes the mean of the logits, as I3D
    (https://arxiv.org/abs/1705.07750) and EvaNet (https://arxiv.org/abs/1811.10636) do;
    the first and the last frame count half. `"max"` and `"softmax"` classify the mean
    over space of each frame, then take over the frames the maximum of each logit, or
    `sum_t z_t softmax_t(z_t / sqrt(T))`, the variant of Tiny Video Networks' released
    code (tiny_video_nets, commit 0c1bbe5f).

    Input: `(batch, time, height, width, channels)`; output `(batch, num_classes)`.

    Args:
        num_classes: Number of logits.
        pooling: One of "average", "pairs", "max", "softmax".
        dropout: Share of the features that training drops, in [0, 1).
    """

    def __init__(
        self, num_classes: int, pooling: str = "average", dropout: float = 0.5, **kwargs
    ):
        super().__init__(**kwargs)
        check(num_classes >= 1, "num_classes", "at least 1", num_classes)
        check(pooling in POOLINGS, "pooling", f"one of {POOLINGS}", pooling)
        check(0 <= dropout < 1, "dropout", "in [0, 1)", dropout)
        self.num_classes = num_classes
        self.pooling = pooling
        self.dropout = dropout

    def build(self, input_shape):
        self.drop = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)
        self.dense = keras.layers.Dense(
            self.num_classes,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dense.build((None, input_shape[-1]))

    def call(self, inputs, training=None):
        axes = (1, 2, 3) if self.pooling == "average" else (2, 3)
        features = ops.mean(inputs, axis=axes)
        if self.pooling == "pairs" and inputs.shape[1] > 1:
            features = (features[:, :-1] + features[:, 1:]) / 2
        logits = self.dense(self.drop(features, training=training))
        if self.pooling == "pairs":
            return ops.mean(logits, axis=1)
        if self.pooling == "max":
            return ops.max(logits, axis=1)
        if self.pooling == "softmax":
            weights = ops.softmax(logits / math.sqrt(inputs.shape[1]), axis=1)
            return ops.sum(logits * weights, axis=1)
        return logits

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)

    def cost(self, input_shape: tuple[int, ...]) -> tuple[int, int]:
        """Multiply-accumulates, and elements of all outputs within, for one clip."""
        places = {"average": 1, "pairs": max(1, input_shape[1] - 1)}
        places = places.get(self.pooling, input_shape[1])
        channels, classes = input_shape[-1], self.num_classes
        pooled = 0 if self.pooling == "average" else classes
        elements = places * (2 * channels + classes) + pooled
        return places * channels * classes, elements

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "pooling": self.pooling,
            "dropout": self.dropout,
        }

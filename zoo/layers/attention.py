"""Attention from one feature map to the channels of others."""

import math

import keras
from keras import ops

from zoo.genotypes.base import check


@keras.saving.register_keras_serializable(package="zoo")
class PeerAttention(keras.layers.Layer):
    """Scales the channels of feature maps by what others show, frame by frame.

    The attention of AssembleNet++ (https://arxiv.org/abs/2008.08072), with all peers at
    once as its released code has it (google-research, assemblenet, commit 0c1bbe5f):
    `y_i = sigmoid(V_i sum_k softmax(s_i)_k U_k p_k) x_i`, where `U_k` and `V_i` are
    affine, `U_k` to the width of the widest peer. Without peers each input attends to
    itself: `y_i = sigmoid(V_i mean(x_i)) x_i`, over the pixels of a frame.

    Input: a list of first the `(batch, time, height, width, channels)` to scale, then
    the peers, means over pixels of `(batch, time, 1, 1, channels)`; output: a list of
    the first, scaled.

    Args:
        count: How many are to be scaled.
    """

    def __init__(self, count: int, **kwargs):
        super().__init__(**kwargs)
        check(count >= 1, "count", "at least 1", count)
        self.count = count

    def build(self, input_shapes):
        inputs, peers = self._channels(input_shapes)
        width = max(peers, default=0)
        self.projections = [
            self._dense(f"peer{index}", channels, width)
            for index, channels in enumerate(peers)
        ]
        self.gates = [
            self._dense(f"gate{index}", width or channels, channels)
            for index, channels in enumerate(inputs)
        ]
        if len(peers) > 1:
            start = keras.initializers.TruncatedNormal(stddev=0.01)
            shape = (len(inputs), len(peers))
            self.logits = self.add_weight(shape, start, dtype="float32", name="logits")

    def call(self, tensors):
        inputs, peers = self._split(tensors)
        if peers:
            means = self._merged(peers)
        else:
            means = [ops.mean(x, axis=(2, 3), keepdims=True) for x in inputs]
        return [
            x * ops.sigmoid(gate(mean))
            for x, gate, mean in zip(inputs, self.gates, means, strict=True)
        ]

    def _merged(self, peers):
        """What each input attends to."""
        projected = [
            dense(peer) for dense, peer in zip(self.projections, peers, strict=True)
        ]
        if len(peers) == 1:
            return projected * self.count
        shares = ops.cast(ops.softmax(self.logits), self.compute_dtype)
        return [
            sum(shares[i, k] * peer for k, peer in enumerate(projected))
            for i in range(self.count)
        ]

    def compute_output_shape(self, input_shapes):
        return [tuple(shape) for shape in self._split(input_shapes)[0]]

    def cost(self, input_shapes: list[tuple[int, ...]]) -> tuple[int, int]:
        """Multiply-accumulates, and elements of all outputs within, for one clip."""
        shapes, _ = self._split(input_shapes)
        inputs, peers = self._channels(input_shapes)
        frames, width = shapes[0][1], max(peers, default=0)
        macs = sum(channels * width for channels in peers)
        macs += sum((width or channels) * channels for channels in inputs)
        vectors = width * (len(peers) + self.count) if peers else sum(inputs)
        maps = sum(math.prod(shape[1:]) for shape in shapes)
        return frames * macs, frames * (vectors + sum(inputs)) + maps

    def get_config(self):
        return {**super().get_config(), "count": self.count}

    def _channels(self, input_shapes):
        return [[shape[-1] for shape in part] for part in self._split(input_shapes)]

    def _split(self, items):
        if not isinstance(items, list):  # Keras' form of a list of one.
            items = [items]
        rule = f"at least {self.count}, as `count` says"
        check(len(items) >= self.count, "inputs", rule, len(items))
        return list(items[: self.count]), list(items[self.count :])

    def _dense(self, name: str, fan_in: int, units: int) -> keras.layers.Dense:
        start = keras.initializers.RandomNormal(stddev=0.01)
        dense = keras.layers.Dense(
            units, kernel_initializer=start, dtype=self.dtype_policy, name=name
        )
        dense.build((None, fan_in))
        return dense

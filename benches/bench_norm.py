"""How long a training step of batch norm takes: Keras' own, and `zoo`'s.

    python benches/bench_norm.py

Forward and backward on TensorFlow, medians of one run; the ratio is what counts.
"""

import statistics
import time

import keras
import numpy as np
import tensorflow as tf

from zoo.layers.normalization import BatchNorm

SHAPES = [(16, 5, 40, 40, 16), (16, 5, 20, 20, 16), (2, 2, 112, 112, 64)]


def step_ms(layer: keras.layers.Layer, clip: tf.Tensor) -> float:
    layer.build(clip.shape)

    @tf.function
    def step(clip):
        with tf.GradientTape() as tape:
            tape.watch(clip)
            loss = tf.reduce_sum(layer(clip, training=True) ** 3)
        return tape.gradient(loss, [clip, *layer.trainable_variables])

    times = []
    for _ in range(25):
        start = time.perf_counter()
        step(clip)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[5:])


def main():
    print("{:24} {:>8} {:>8} {:>6}".format("shape", "Keras ms", "ours ms", "ratio"))
    for shape in SHAPES:
        clip = tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)
        theirs = step_ms(keras.layers.BatchNormalization(), clip)
        ours = step_ms(BatchNorm(), clip)
        print(f"{shape!s:24} {theirs:8.2f} {ours:8.2f} {theirs / ours:6.1f}")


if __name__ == "__main__":
    main()

"""A network at work: its compiled function, its word on a split, and a trained run."""

import itertools
import math
from collections.abc import Callable, Iterator

import keras
import numpy as np

from zoo.genotypes import ClipSpec
from zoo.genotypes.base import check


def compiles_with_xla() -> bool:
    """Whether XLA compiles: always on JAX, on TensorFlow only for accelerators.

    On a CPU it makes convolutions two to five times slower (docs/decisions.md).
    """
    if keras.backend.backend() != "tensorflow":
        return True
    devices = keras.distribution.list_devices()
    return any(not device.lower().startswith("cpu") for device in devices)


def compiled(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """The model's inference as one compiled function of a batch of clips.

    Unlike `model.predict` it costs no more than the network does, and it follows the
    weights: one function serves a model in training.
    """
    if keras.backend.backend() == "jax":
        return _compiled_by_jax(model)
    import tensorflow as tf  # Only where it is the backend.

    function = tf.function(
        lambda clip: model(clip, training=False),
        input_signature=[tf.TensorSpec(model.input_shape, model.input.dtype)],
        jit_compile=compiles_with_xla(),
    )
    # A concrete function: else TensorFlow warns of "retracing" after a few models.
    function = function.get_concrete_function()
    return lambda clip: function(tf.convert_to_tensor(clip, model.input.dtype)).numpy()


def _compiled_by_jax(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    import jax  # Only where it is the backend.

    @jax.jit
    def infer(trained, others, clip):
        return model.stateless_call(trained, others, clip, training=False)[0]

    trained, others = model.trainable_variables, model.non_trainable_variables

    def call(clip):
        values = [[v.value for v in group] for group in (trained, others)]
        return np.asarray(infer(*values, np.asarray(clip)))

    return call


def predictions(
    predict: Callable[[np.ndarray], np.ndarray],
    clips,
    clip_spec: ClipSpec,
    split: str,
    batch_size: int,
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """What a model says about every clip of a split.

    Args:
        predict: What `compiled` gives.
        clips: A clip source.
        clip_spec: Which clips to ask it for.
        split: "validation", "test", or "train" for about as many as that holds.
        batch_size: Clips at once.

    Returns:
        Keys (empty for "train"), labels and logits, a row for each clip.

    Raises:
        ValueError: The split holds no clips.
    """
    size = clips.size(split)
    check(size > 0, "split", "one that holds clips", f"{split!r}, which is empty")
    keys, labels, logits = [], [], []
    for clip, label, key in _batches(clips, clip_spec, split, batch_size, size):
        keys.extend(key)
        labels.append(label)
        logits.append(predict(_padded(clip, batch_size))[: len(clip)])
    check(len(labels) > 0, "split", "one whose clips can be read", repr(split))
    return keys, np.concatenate(labels), np.concatenate(logits)


def _batches(clips, clip_spec, split, batch_size, size) -> Iterator[tuple]:
    batches = clips.batches(clip_spec, split, batch_size)
    if split == "train":  # Endless, and without keys.
        batches = itertools.islice(batches, math.ceil(size / batch_size))
    for clip, label, *rest in batches:
        keys = [k.decode() if isinstance(k, bytes) else str(k) for k in _rows(rest)]
        yield np.asarray(clip), np.asarray(label), keys


def _rows(rest: list) -> list:
    return list(np.asarray(rest[0])) if rest else []


def _padded(clip: np.ndarray, batch_size: int) -> np.ndarray:
    """Full batches have one shape, which is compiled once."""
    missing = batch_size - len(clip)
    return np.pad(clip, [(0, missing)] + [(0, 0)] * (clip.ndim - 1))

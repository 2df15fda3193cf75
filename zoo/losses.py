"""What training makes small, and the accuracy that it shows."""

import numpy as np
from keras import ops

from zoo.genotypes.base import check


def cross_entropy(
    task: str, labels, logits, smoothing: float = 0.0, weights: np.ndarray | None = None
):
    """Mean cross-entropy, of a softmax ("single") or of sigmoids ("multi").

    Args:
        task: "single" or "multi" label.
        labels: Numbers of classes, (batch,), or of mixed clips the shares of all,
            (batch, classes); of several labels 0 and 1.
        logits: (batch, classes).
        smoothing: Share of the target that is spread over the classes.
        weights: Of single-label clips, by their class, (classes,); None is 1.
    """
    logits = ops.cast(logits, "float32")
    if task == "multi":
        targets = ops.cast(labels, "float32") * (1 - smoothing) + smoothing / 2
        return ops.mean(ops.binary_crossentropy(targets, logits, from_logits=True))
    classes = logits.shape[-1]
    targets = shares(labels, classes)
    smooth = targets * (1 - smoothing) + smoothing / classes
    each = ops.categorical_crossentropy(smooth, logits, from_logits=True)
    if weights is not None:
        each = each * ops.sum(targets * ops.convert_to_tensor(weights), axis=-1)
    return ops.mean(each)


def shares(labels, classes: int):
    """What share each class has in single labels, (batch, classes).

    Args:
        labels: Numbers, (batch,), or shares as they are, (batch, classes).
        classes: How many.
    """
    if len(labels.shape) == 2:
        return ops.cast(labels, "float32")
    return ops.one_hot(ops.cast(labels, "int32"), classes)


def accuracy(labels, logits):
    """The share of each clip that its likeliest class has: 0 or 1, if not mixed.

    Args:
        labels: Numbers of classes, (batch,), or shares of all, (batch, classes).
        logits: (batch, classes).

    Returns:
        (batch,).
    """
    classes = logits.shape[-1]
    guesses = ops.one_hot(ops.argmax(logits, axis=-1), classes)
    return ops.sum(guesses * shares(labels, classes), axis=-1)


def class_weights(clips) -> np.ndarray:
    """Weights of the classes such that all count alike, and training clips 1 in mean.

    Args:
        clips: A clip source of single labels, with `labels`.

    Returns:
        float32 (classes,): of a class with a share s of the clips 1 / (s classes),
        where only classes with clips count.

    Raises:
        ValueError: The clips have several labels each, or do not tell them.
    """
    check(clips.task == "single", "class_weights", "None of several labels", "balanced")
    rule = "None, as these clips have no `labels`"
    check(hasattr(clips, "labels"), "class_weights", rule, "balanced")
    counts = np.bincount(clips.labels("train"), minlength=len(clips.classes))
    if getattr(clips, "flip", False):  # Half of the clips have their partner's label.
        counts = (counts + counts[list(clips.partners)]) / 2
    classes = np.count_nonzero(counts)
    return (counts.sum() / (classes * np.maximum(counts, 1))).astype("float32")

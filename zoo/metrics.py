"""Scores of predictions, in NumPy: top-k, mean average precision, confusion."""

import numpy as np


def top_k(labels: np.ndarray, scores: np.ndarray, k: int = 1) -> float:
    """Share of clips whose label is among the `k` classes scored highest.

    A class that ties with the label counts as above it, so that constant scores, and
    scores that are not numbers, earn nothing.

    Args:
        labels: Class numbers, (clips,).
        scores: Logits or probabilities, (clips, classes).
        k: Size of the guess; all classes where there are fewer.
    """
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    rank = np.sum(~(scores < own), axis=1)  # Counts the label itself.
    hits = (rank <= min(k, scores.shape[1])) & np.isfinite(own[:, 0])
    return float(np.mean(hits))


def mean_average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean over classes of the average precision; classes without positives left out.

    Args:
        labels: 0 or 1, (clips, classes).
        scores: Logits or probabilities, (clips, classes).

    Raises:
        ValueError: No class has a positive.
    """
    values = average_precisions(labels, scores)
    if np.isnan(values).all():
        raise ValueError("`labels` must hold a positive. Got: none in any class")
    return float(np.nanmean(values))


def average_precisions(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision of each class, as scikit-learn has it: equal scores are one.

    A positive whose score is not a number counts as missed, a negative as above all.

    Returns:
        Array (classes,); NaN for a class without positives.
    """
    columns = zip(np.asarray(labels).T, np.asarray(scores).T, strict=True)
    return np.array([_average_precision(truth, score) for truth, score in columns])


def _average_precision(truth: np.ndarray, scores: np.ndarray) -> float:
    if not np.any(truth):
        return np.nan
    hits = truth.astype(bool) & np.isfinite(scores)
    scores = np.where(np.isnan(scores), np.inf, scores)
    order = np.argsort(-scores, kind="stable")
    hits, scores = hits[order], scores[order]
    # Only where the score falls does a threshold lie.
    ends = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    found = np.cumsum(hits)[ends]
    precision = found / (ends + 1)
    gained = np.diff(found, prepend=0) / np.count_nonzero(truth)
    return float(np.sum(precision * gained))


def confusion_matrix(
    labels: np.ndarray, guesses: np.ndarray, num_classes: int
) -> np.ndarray:
    """Counts of clips by true class (row) and guessed class (column)."""
    counts = np.zeros((num_classes, num_classes), int)
    np.add.at(counts, (labels, guesses), 1)
    return counts


def scores_of(task: str, labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """The scores of a task by name.

    Args:
        task: "single" gives "top1" and "top5"; "multi" gives "map".
        labels: (clips,) or (clips, classes).
        scores: Logits or probabilities, (clips, classes).
    """
    if task == "multi":
        return {"map": mean_average_precision(labels, scores)}
    return {"top1": top_k(labels, scores), "top5": top_k(labels, scores, 5)}


def probabilities(task: str, logits: np.ndarray) -> np.ndarray:
    """Softmax ("single") or sigmoid ("multi") of logits, (…, classes)."""
    logits = np.asarray(logits, "float64")
    if task == "multi":
        return np.exp(-np.logaddexp(0, -logits)).astype("float32")
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (exponents / exponents.sum(axis=-1, keepdims=True)).astype("float32")

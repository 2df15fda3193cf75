"""Scores of predictions, in NumPy: top-k, mean average precision, confusion, fusion."""

from collections.abc import Sequence

import numpy as np

from zoo.genotypes.base import check

AVERAGES = ("probabilities", "logits")


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


def mean_class_accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean over classes of the share of their clips that is right; see `top_k`.

    Args:
        labels: Class numbers, (clips,); classes without clips are left out.
        scores: Logits or probabilities, (clips, classes).
    """
    right, known = hits(labels, scores), np.unique(labels)
    return float(np.mean([np.mean(right[labels == label]) for label in known]))


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

    Args:
        labels: 0 or 1, (clips, classes).
        scores: Logits or probabilities, (clips, classes).

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
    """Counts of clips by true class (row) and guessed class (column).

    Args:
        labels: Class numbers, (clips,).
        guesses: The same.
        num_classes: Rows and columns.
    """
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


def of_classes(task: str, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Accuracy ("single") or average precision ("multi") of each class.

    Args:
        task: "single" or "multi" label.
        labels: (clips,) or (clips, classes).
        scores: Logits or probabilities, (clips, classes); ties as in `top_k`.

    Returns:
        Array (classes,); NaN for a class without clips.
    """
    if task == "multi":
        return average_precisions(labels, scores)
    count = scores.shape[1]
    counts = np.bincount(labels, minlength=count)
    right = np.bincount(labels[hits(labels, scores)], minlength=count)
    missing = np.full(count, np.nan)
    return np.divide(right, counts, where=counts > 0, out=missing)


def probabilities(task: str, logits: np.ndarray) -> np.ndarray:
    """Softmax ("single") or sigmoid ("multi") of logits, in float32.

    Args:
        task: "single" or "multi" label.
        logits: (…, classes).
    """
    logits = np.asarray(logits, "float64")
    if task == "multi":
        return np.exp(-np.logaddexp(0, -logits)).astype("float32")
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (exponents / exponents.sum(axis=-1, keepdims=True)).astype("float32")


def logits_of(task: str, values: np.ndarray) -> np.ndarray:
    """Logits whose `probabilities` are these, so far as they are not 0 or 1.

    Args:
        task: "single" or "multi" label.
        values: Probabilities, (…, classes).
    """
    values = np.asarray(values, "float64")
    tiny = np.finfo("float32").tiny
    own = np.log(np.maximum(values, tiny))
    return own - np.log(np.maximum(1 - values, tiny)) if task == "multi" else own


def shares(
    count: int, weights: Sequence[float] | None = None, average: str = "probabilities"
) -> list[float]:
    """Shares of the members of an ensemble, of sum 1.

    Args:
        count: Of the members.
        weights: Of the members, in any scale; None is equal ones.
        average: Of what: checked only, as it comes with the weights.

    Raises:
        ValueError: `weights` are no numbers from 0 on, one for each of `count` members,
            or there is no such `average`.
    """
    check(average in AVERAGES, "average", f"one of {AVERAGES}", average)
    values = [1.0] * count if weights is None else list(weights)
    rule = f"{count} finite numbers from 0 on, not all 0"
    numbers = all(isinstance(value, int | float | np.number) for value in values)
    valid = numbers and len(values) == count and np.isfinite(values).all()
    valid = valid and min(values, default=0) >= 0 and sum(values) > 0
    check(valid, "weights", rule, weights)
    return [float(value) / sum(values) for value in values]


def fused(
    task: str,
    logits: Sequence[np.ndarray],
    weights: Sequence[float] | None = None,
    average: str = "probabilities",
) -> np.ndarray:
    """Probabilities of an ensemble, as the model of `zoo.fuse` puts them out.

    Args:
        task: "single" or "multi" label.
        logits: Of each member, (…, classes).
        weights: Of the members; None is equal ones.
        average: Whether of "probabilities" or of "logits".

    Returns:
        float32 (…, classes).
    """
    parts = list(logits)
    if average == "probabilities":
        parts = [probabilities(task, part) for part in parts]
    factors = shares(len(parts), weights, average)
    total = sum(
        factor * np.asarray(part, "float64")
        for factor, part in zip(factors, parts, strict=True)
    )
    if average == "logits":
        return probabilities(task, total)
    return total.astype("float32")


def hits(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Which clips a model gets right: the class scored highest is one of theirs.

    As in `top_k`, what ties with another class or is not a number is no hit.

    Args:
        labels: Class numbers, (clips,), or 0 and 1, (clips, classes).
        scores: Logits or probabilities, (clips, classes).

    Returns:
        Truth values, (clips,).
    """
    if labels.ndim == 1:
        labels = np.arange(scores.shape[1]) == labels[:, None]
    own = np.where(labels, scores, -np.inf).max(axis=1)
    others = np.where(labels, -np.inf, scores).max(axis=1)
    return own > others


def overlap(first: np.ndarray, second: np.ndarray) -> tuple[int, int]:
    """How the errors of two models overlap; the quotient is their Jaccard index.

    Args:
        first: Which clips one gets right, as `hits` gives them.
        second: Which the other does.

    Returns:
        Clips that both get wrong, and clips that either gets wrong.
    """
    return int(np.sum(~first & ~second)), int(np.sum(~first | ~second))

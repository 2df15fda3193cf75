"""What networks say about the videos of a split: of one clip or of several views."""

import itertools
import json
import math
import os
import pathlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from zoo import files, metrics, monitor
from zoo.genotypes.base import check, check_whole
from zoo.record import PREDICTIONS

PATIENCE = 5.0  # Seconds before a progress is shown.
CROPS = (1, 3, 5)
JOINS = ("mean", "max")


@dataclass(frozen=True)
class Views:
    """How often an evaluation looks at a video, and what it makes of that.

    Non-local networks (https://arxiv.org/abs/1711.07971) and all since score Kinetics
    by the mean of 10 clips of 3 crops, AssembleNet Charades by the maximum of 5 crops.

    Args:
        clips: Of each video, evenly over its time.
        crops: Of each clip: 1 is the centre, 3 lie along the longer side, 5 are the
            corners and the centre.
        join: "mean" or "max" of the probabilities.
    """

    clips: int = 1
    crops: int = 1
    join: str = "mean"

    def __post_init__(self):
        check_whole(self.clips, "views")
        check(self.crops in CROPS, "crops", f"one of {CROPS}", self.crops)
        check(self.join in JOINS, "join", f"one of {JOINS}", self.join)

    @property
    def count(self) -> int:
        """Of a video."""
        return self.clips * self.crops

    def joined(self, task: str, logits: np.ndarray) -> np.ndarray:
        """Logits of videos, whose probabilities are the mean or maximum of the views'.

        Args:
            task: "single" or "multi" label.
            logits: Of each view, (videos, views, ..., classes).

        Returns:
            Array (videos, ..., classes).
        """
        if self.count == 1:
            return logits[:, 0]
        if self.join == "max" and task == "multi":
            return logits.max(axis=1)  # As of probabilities, and not rounded to 1.
        parts = metrics.probabilities(task, logits).astype("float64")
        together = parts.max(axis=1) if self.join == "max" else parts.mean(axis=1)
        return metrics.logits_of(task, together).astype("float32")


def predictions(
    predict: Callable[[np.ndarray], np.ndarray],
    clips,
    clip_spec,
    split: str,
    batch_size: int,
    limit: int | None = None,
    verbose: bool = False,
    views: Views = Views(),
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """What a model says about every video of a split.

    Args:
        predict: What `inference.compiled` gives.
        clips: A clip source; of more than one view one with `views`.
        clip_spec: Which clips to ask it for.
        split: "validation", "test", or "train" for about as many as that holds.
        batch_size: Clips at once.
        limit: Only about so many videos: whole batches of the first ones; None is all.
        verbose: Whether to show the progress of what takes long.
        views: Of each video.

    Returns:
        Keys (empty for "train"), labels and logits, a row for each video.

    Raises:
        ValueError: The split holds no clips, or can not be seen in several views; or a
            number is not what it must be.
    """
    check_whole(batch_size, "batch_size")
    if limit is not None:
        check_whole(limit, "limit")
    size = clips.size(split)
    check(size > 0, "split", "one that holds clips", f"{split!r}, which is empty")
    count = math.ceil(min(size, limit or size) * views.count / batch_size)
    mixed = split == "train" and getattr(clips, "soft_labels", False)
    check(not mixed, "split", "one whose clips are not mixed", split)
    unit = f"{split} batch"
    line = monitor.ProgressLine(count, batch_size, 0, verbose, unit, PATIENCE)
    keys, labels, logits = [], [], []
    batches = _viewed(clips, clip_spec, split, batch_size, views)
    for clip, label, key in _batches(batches, count):
        keys.extend(key)
        labels.append(label)
        logits.append(predict(_padded(clip, batch_size))[: len(label)])
        if line.due(len(logits)):
            line.show(len(logits), {})
    line.end()
    check(len(labels) > 0, "split", "one whose clips can be read", repr(split))
    labels, logits = np.concatenate(labels), np.concatenate(logits)
    return _by_video(keys, labels, logits, clips.task, views)


def _viewed(clips, clip_spec, split: str, batch_size: int, views: Views):
    if views.count == 1:
        return clips.batches(clip_spec, split, batch_size)
    rule = "validation or test, where there are several views"
    check(split != "train", "split", rule, split)
    rule = "1, as these clips have no `views`"
    check(hasattr(clips, "views"), "views", rule, views.count)
    return clips.views(clip_spec, split, batch_size, views.clips, views.crops)


def _batches(batches, count: int) -> Iterator[tuple]:
    for clip, label, *rest in itertools.islice(batches, count):  # "train" is endless.
        keys = [k.decode() if isinstance(k, bytes) else str(k) for k in _rows(rest)]
        yield keras.tree.map_structure(np.asarray, clip), np.asarray(label), keys


def _rows(rest: list) -> list:
    return list(np.asarray(rest[0])) if rest else []


def _padded(clip, batch_size: int):
    """Full batches have one shape, which is compiled once."""

    def pad(part: np.ndarray) -> np.ndarray:
        missing = batch_size - len(part)
        return np.pad(part, [(0, missing)] + [(0, 0)] * (part.ndim - 1))

    return keras.tree.map_structure(pad, clip)


def _by_video(keys, labels, logits, task: str, views: Views) -> tuple:
    count = views.count
    if count == 1:
        return keys, labels, logits
    videos = len(labels) // count  # A limit may have cut the last one's views.
    check(videos > 0, "limit", "of a video or more", f"fewer than {count} views")
    rows = slice(0, videos * count)
    groups = np.array(keys[rows]).reshape(videos, count)
    rule = f"such whose {count} views of a video follow each other"
    check((groups == groups[:, :1]).all(), "clips", rule, "others")
    labels, logits = (
        part[rows].reshape(videos, count, *part.shape[1:]) for part in (labels, logits)
    )
    # Labels may depend on the clip: then the video has those of any.
    return groups[:, 0].tolist(), labels.max(axis=1), views.joined(task, logits)


def aligned(parts: Sequence[tuple]) -> tuple[list[str], np.ndarray, list[np.ndarray]]:
    """Rows of the same video side by side, found by their keys.

    Training clips have none; their order is the same for all.

    Args:
        parts: What `predictions` gave, of several networks.

    Returns:
        Keys and labels of the videos that all parts have, and each part's logits.

    Raises:
        ValueError: They have no video in common, or tell other labels of it.
    """
    places = [_places(keys, len(labels)) for keys, labels, _ in parts]
    common = [p for p in places[0] if all(p in other for other in places)]
    check(len(common) > 0, "clips", "with the same keys for every clip spec", common)
    rows = [[own[place] for place in common] for own in places]
    labels = np.stack([p[1][own] for p, own in zip(parts, rows, strict=True)])
    if labels.ndim == 2:
        same = (labels == labels[0]).all()
        check(same, "clips", "of the same labels for every clip spec", "others")
    keys = [parts[0][0][row] for row in rows[0]] if parts[0][0] else []
    outputs = [p[2][own] for p, own in zip(parts, rows, strict=True)]
    return keys, labels.max(axis=0), outputs


def _places(keys: list[str], count: int) -> dict[tuple[str, int], int]:
    """The row of each key and of how often it came before."""
    seen, places = {}, {}
    for row, key in enumerate(keys or [""] * count):
        number = seen[key] = seen.get(key, -1) + 1
        places[key, number] = row
    return places


@dataclass(frozen=True)
class Saved:
    """What a network, or several, said about a split, from an evaluation's folder.

    Args:
        classes: Names, in the order of the logits.
        task: "single" or "multi" label.
        split: "train", "validation" or "test".
        keys: Of the videos.
        labels: (videos,), or (videos, classes) of 0 and 1.
        logits: (videos, classes).
    """

    classes: tuple[str, ...]
    task: str
    split: str
    keys: list[str]
    labels: np.ndarray
    logits: np.ndarray

    def save(self, folder: str | os.PathLike) -> None:
        """Writes `predictions.npz`."""
        about = {"classes": list(self.classes), "task": self.task, "split": self.split}
        arrays = {"labels": self.labels, "logits": self.logits.astype("float32")}
        texts = {"about": json.dumps(about), "keys": np.array(self.keys, dtype=str)}
        with files.replacing(pathlib.Path(folder, PREDICTIONS)) as temporary:
            np.savez_compressed(temporary, **texts, **arrays)


def is_saved(folder: str | os.PathLike) -> bool:
    """Whether a folder is an evaluation's."""
    return pathlib.Path(folder, PREDICTIONS).is_file()


def load(folder: str | os.PathLike) -> Saved:
    """Reads the `predictions.npz` of an evaluation's folder.

    Raises:
        ValueError: It is not what `Saved.save` writes.
    """
    path = pathlib.Path(folder, PREDICTIONS)
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            keys, labels, logits = (file[n] for n in ("keys", "labels", "logits"))
            classes, task, split = (about[n] for n in ("classes", "task", "split"))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        rule = f"`{path}` must be written by zoo.evaluate"
        raise ValueError(f"{rule}. Got: {error}") from None
    return Saved(tuple(classes), task, split, keys.tolist(), labels, logits)

"""The index of a data set: which videos it has, their labels, and their splits."""

import dataclasses
import hashlib
import logging
import re
from collections.abc import Collection
from pathlib import Path, PurePath

from datasets.order import SPLITS, check

SPLIT_NAMES = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}


@dataclasses.dataclass(frozen=True)
class Item:
    """One labelled video, or a part of one.

    Args:
        path: Of the file.
        labels: Numbers of its classes.
        start: Seconds where the part starts.
        end: Seconds where it ends; None is the end of the video.
    """

    path: str
    labels: tuple[int, ...]
    start: float = 0.0
    end: float | None = None

    @property
    def key(self) -> str:
        """The path, and the part if it is one."""
        if not self.start and self.end is None:
            return self.path
        # As many digits as tell apart the frames of a day.
        end = "" if self.end is None else f"{self.end:.10g}"
        return f"{self.path}#{self.start:.10g}-{end}"


@dataclasses.dataclass(frozen=True)
class Index:
    """All of a data set's items.

    Args:
        classes: Names of the classes.
        splits: Items of "train", "validation" and "test".
        root: Folder that the videos are in.
    """

    classes: tuple[str, ...]
    splits: dict[str, list[Item]]
    root: str = "."


def hashed_split(name: str) -> str:
    """A split for a name: 80 % train, 10 % validation, 10 % test.

    It depends on nothing else, so files that are added never move others.
    """
    digest = hashlib.sha1(PurePath(name).as_posix().encode(errors="surrogateescape"))
    tenth = int(digest.hexdigest()[:8], 16) % 10
    return {0: "test", 1: "validation"}.get(tenth, "train")


class Groups:
    """Splits of names by a hash: of the whole name, or of what a pattern finds in it.

    So that all videos of one recording, day or person go to the same split.

    Args:
        pattern: A regular expression; the first of its groups that takes part in a
            match, or else all that it matches, is what videos of a group share. None
            makes each name a group of its own.

    Raises:
        ValueError: The pattern is no regular expression.
    """

    def __init__(self, pattern: str | None):
        try:
            self._pattern = None if pattern is None else re.compile(pattern)
        except re.error as error:
            rule = "`group` must be a regular expression"
            raise ValueError(f"{rule}. Got: {pattern!r}, {error}") from None
        self._matched, self._alone = 0, []

    def split(self, name: str) -> str:
        """Of a name."""
        if self._pattern is None:
            return hashed_split(name)
        match = self._pattern.search(name)
        if match is None:
            self._alone.append(name)
            return hashed_split(name)
        self._matched += 1
        parts = (part for part in match.groups() if part is not None)
        return hashed_split(next(parts, match[0]))

    def check(self) -> None:
        """Raises ValueError where the pattern matched no name; warns of some."""
        if self._pattern is None or not self._alone:
            return
        rule = f"found in paths such as {', '.join(self._alone[:3])}"
        check(self._matched > 0, "group", rule, self._pattern.pattern)
        text = "%d of %d videos are of no `group`, such as %s: each is split alone."
        counts = len(self._alone), len(self._alone) + self._matched
        logging.getLogger(__name__).warning(text, *counts, self._alone[0])


def read_exclude(path: str | None) -> set[str]:
    """Reads a list of files to leave out, a path a line.

    Args:
        path: Of a text file in UTF-8; None is an empty list.

    Raises:
        ValueError: It can not be read, or is no such text.
    """
    if path is None:
        return set()
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"`exclude` must be a readable file. Got: {error}") from None
    check(b"\0" not in text, "exclude", "a text file in UTF-8", str(path))
    # Names of files need not be UTF-8: these come back as the folder lists them.
    lines = re.split(r"[\r\n]", text.decode("utf-8-sig", "surrogateescape"))
    return {line.strip() for line in lines if line.strip()}


def path_in(root: str, path: str) -> str:
    """The path that a file has in a folder, with slashes; the same if elsewhere."""
    inside = PurePath(path)
    if inside.is_relative_to(root):
        inside = inside.relative_to(root)
    return inside.as_posix()


def check_classes(classes: Collection[str], where: str) -> None:
    """Raises ValueError unless there are classes to tell apart."""
    if len(classes) < 2:
        found = ", ".join(classes) or "none"
        raise ValueError(f"`{where}` must have two classes or more. Got: {found}")


def hold_out(splits: dict[str, list[Item]]) -> None:
    """Mends the splits where so few videos are held out for validation that it hurts.

    A class that would not be trained keeps its videos, and where none is left for
    validation the training ones serve twice: both are said aloud.
    """
    train, held = splits["train"], splits["validation"]
    trained = {label for item in train for label in item.labels}
    kept = {item for item in held if not trained.issuperset(item.labels)}
    if kept:
        text = "Too few videos of some classes: %d are trained on, not held out."
        logging.getLogger(__name__).warning(text, len(kept))
        train += [item for item in held if item in kept]
        splits["validation"] = [item for item in held if item not in kept]
    if train and not splits["validation"]:
        text = "Too few videos for a validation split: it is the training one."
        logging.getLogger(__name__).warning(text)
        splits["validation"] = list(train)


def complete(
    classes: tuple[str, ...], splits: dict[str, list[Item]], hashed: bool
) -> Index:
    """Makes the index, and fills what the hash of few videos has left empty.

    A class without a training video trains on its others, and an empty validation or
    test split is the training one: both are said aloud. Nothing is filled where the
    user has chosen the splits.

    Args:
        classes: Names of the classes.
        splits: Items by split, of which some may lack.
        hashed: Whether a hash has chosen the splits.

    Raises:
        ValueError: A class has no training video.
    """
    splits = {split: list(splits.get(split, [])) for split in SPLITS}
    if hashed:
        for label, name in enumerate(classes):
            _train_all(splits, label, name)
        for split in SPLITS:
            if not splits[split]:
                text = "Too few videos for a %s split: it is the training one."
                logging.getLogger(__name__).warning(text, split)
                splits[split] = list(splits["train"])
    trained = {label for item in splits["train"] for label in item.labels}
    untrained = [name for label, name in enumerate(classes) if label not in trained]
    if untrained:
        shown = ", ".join(untrained[:5]) + (", ..." if len(untrained) > 5 else "")
        rule = "`split` must give every class a training video"
        raise ValueError(f"{rule}. Got: none in {shown}")
    return Index(classes, splits)


def _train_all(splits: dict[str, list[Item]], label: int, name: str) -> None:
    if any(label in item.labels for item in splits["train"]):
        return
    others = [
        item
        for split in ("validation", "test")
        for item in splits[split]
        if label in item.labels
    ]
    if others:
        text = "Too few videos of %s: it trains on those of validation and test too."
        logging.getLogger(__name__).warning(text, name)
        splits["train"] += others

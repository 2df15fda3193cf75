"""A CSV table of labelled videos, or parts of videos, as a clip source."""

import csv
import dataclasses
import math
from pathlib import Path

from datasets.items import (
    SPLIT_NAMES,
    Groups,
    Index,
    Item,
    check_classes,
    complete,
    read_exclude,
)
from datasets.order import check
from datasets.source import VideoSource


class VideoTable(VideoSource):
    """Clips of the videos that a CSV file lists.

    Its columns are `path` (relative to the file, or whole), `labels` (several separated
    by `|`), and as one likes `start` and `end` (seconds) and `split` (train, validation
    or test). A row without a split goes to one by a hash of its path, as in
    `folder.VideoFolder`; rows of one video stay together.

    Args:
        path: Of the CSV file.
        task: "single" or "multi" label; None is multi where any row has several labels.
        exclude: File with paths to leave out, relative to the table or whole, one a
            line, as `python -m datasets.check` writes it.
        group: Pattern of what the paths of rows share that must not be parted by a
            split; see `items.Groups`.
        options: Those of `source.VideoSource`.

    Raises:
        ValueError: The file is unreadable, lacks a column, or has a row that makes no
            sense or names no file; or a class has no training videos.
    """

    def __init__(
        self,
        path: str,
        task: str | None = None,
        exclude: str | None = None,
        group: str | None = None,
        **options,
    ):
        index = index_table(path, exclude, group)
        index = dataclasses.replace(index, root=str(Path(path).parent))
        items = [item for split in index.splits.values() for item in split]
        several = any(len(item.labels) > 1 for item in items)
        if task is None:
            task = "multi" if several else "single"
        valid = not several or task != "single"
        check(valid, "task", "'multi' where rows have several labels", task)
        super().__init__(index, task=task, **options)


def index_table(
    path: str, exclude: str | None = None, group: str | None = None
) -> Index:
    """Reads the rows of a table by split; arguments and errors as of `VideoTable`."""
    path, excluded, groups = Path(path), read_exclude(exclude), Groups(group)
    rows = [
        row
        for row in read_rows(path)
        if not excluded & {row["path"], str(path.parent / row["path"])}
    ]
    names = [_labels(path, row) for row in rows]
    classes = tuple(sorted({label for labels in names for label in labels}))
    check_classes(classes, str(path))
    numbers = {name: label for label, name in enumerate(classes)}
    splits, missing = {}, []
    for row, labels in zip(rows, names, strict=True):
        file = path.parent / row["path"]
        if not file.is_file():
            missing.append(row["path"])
        start, end = _part(path, row)
        item = Item(str(file), tuple(numbers[label] for label in labels), start, end)
        splits.setdefault(_split(path, row, groups), []).append(item)
    groups.check()
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        rule = f"`path` in {path} must name a file. Got {len(missing)} that do not"
        raise ValueError(f"{rule}: {shown}")
    return complete(classes, splits, hashed=not any(row.get("split") for row in rows))


def read_rows(path: Path) -> list[dict]:
    """Reads a table's rows: the text of each column, and the number of its `line`.

    Raises:
        ValueError: The file can not be read, or lacks a column.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            columns = reader.fieldnames or []
            rows = [
                {k: (v or "").strip() for k, v in row.items() if k}
                | {"line": reader.line_num}
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"`path` must be a readable CSV file. Got: {error}") from None
    if not {"path", "labels"} <= set(columns):
        rule = f"`{path}` must have the columns path and labels"
        raise ValueError(f"{rule}. Got: {', '.join(columns) or 'none'}")
    return rows


def _labels(path: Path, row: dict) -> list[str]:
    labels = [label.strip() for label in row["labels"].split("|") if label.strip()]
    if not labels:
        raise ValueError(f"`labels` must not be empty. Got: {path} line {row['line']}")
    return sorted(set(labels))


def _part(path: Path, row: dict) -> tuple[float, float | None]:
    try:
        start = float(row.get("start") or 0)
        end = float(row["end"]) if row.get("end") else None
        valid = 0 <= start < (math.inf if end is None else end)
    except ValueError:
        valid = False
    if not valid:
        given = f"{row.get('start')!r}, {row.get('end')!r} in {path} line {row['line']}"
        raise ValueError(f"`start`, `end` must be ascending seconds. Got: {given}")
    return start, end


def _split(path: Path, row: dict, groups: Groups) -> str:
    given = row.get("split")
    if not given:
        return groups.split(row["path"])
    if given not in SPLIT_NAMES:
        rule = f"`split` must be one of {', '.join(SPLIT_NAMES)}"
        raise ValueError(f"{rule}. Got: {given!r} in {path} line {row['line']}")
    return SPLIT_NAMES[given]

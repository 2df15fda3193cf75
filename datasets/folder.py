"""A folder of labelled videos as a clip source."""

import dataclasses
import os
from pathlib import Path

from datasets.decode import EXTENSIONS
from datasets.items import (
    SPLIT_NAMES,
    Groups,
    Index,
    Item,
    check_classes,
    complete,
    hold_out,
    read_exclude,
)
from datasets.order import SPLITS
from datasets.source import VideoSource


class VideoFolder(VideoSource):
    """Clips of the videos in `root/class/clip`, or in `root/split/class/clip`.

    Splits are `train`, `validation` (or `val`, `valid`) and `test`. Without split
    folders each video goes to one by a hash of its name, 80 % train, 10 % each of the
    others, so that added files never move any; without a validation folder a tenth of
    the training videos is taken for it in the same way. Where so few videos leave a
    split empty, or a class untrained, training videos serve twice, with a warning.

    Args:
        root: The folder.
        exclude: File with paths to leave out, relative to `root` or whole, one a line,
            as `python -m datasets.check` writes it.
        group: Pattern of what videos share that must not be parted by a split, such as
            "_g([0-9]+)_" or "session[0-9]+"; see `items.Groups`.
        options: Those of `source.VideoSource`.

    Raises:
        ValueError: There is no such folder, or a class in it is empty, or alone, or
            without training videos.
    """

    def __init__(
        self,
        root: str,
        exclude: str | None = None,
        group: str | None = None,
        **options,
    ):
        index = index_folder(root, exclude, group)
        index = dataclasses.replace(index, root=str(root))
        super().__init__(index, **options)


def index_folder(
    root: str, exclude: str | None = None, group: str | None = None
) -> Index:
    """Lists videos by split and class; arguments and errors as of `VideoFolder`."""
    root = Path(root)
    if not root.is_dir():
        raise ValueError(f"`root` must be a folder of videos. Got: {str(root)!r}")
    excluded, groups = read_exclude(exclude), Groups(group)
    outer = {child.name: child for child in _folders(root)}
    nested = [name for name, child in outer.items() if _holds_classes(child)]
    if not nested:
        return _index(root, {None: root}, excluded, groups)
    unknown = sorted(set(outer) - set(SPLIT_NAMES))
    if unknown:
        rule = f"class folders, or split folders named {', '.join(SPLIT_NAMES)}"
        raise ValueError(f"`root` must hold {rule}. Got: {', '.join(unknown[:5])}")
    return _index(root, outer, excluded, groups)


def list_videos(root: str) -> list[Path]:
    """All video files at any depth, in order."""
    found = [
        Path(folder, name)
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
        if _is_video(name)
    ]
    return sorted(found)


def _index(
    root: Path, parents: dict[str | None, Path], excluded: set[str], groups: Groups
) -> Index:
    classes = sorted({c.name for parent in parents.values() for c in _folders(parent)})
    check_classes(classes, str(root))
    numbers = {name: label for label, name in enumerate(classes)}
    validated = {SPLIT_NAMES.get(name) for name in parents} >= {"validation"}
    splits, filled = {split: [] for split in SPLITS}, set()
    for given, parent in parents.items():
        for folder in _folders(parent):
            for path in _videos(folder):
                name = path.relative_to(root).as_posix()
                if excluded & {name, str(path)}:
                    continue
                split = _split(given, name, validated, groups)
                splits[split].append(Item(str(path), (numbers[folder.name],)))
                filled.add(folder.name)
    groups.check()
    empty = [name for name in classes if name not in filled]
    if empty:
        rule = f"videos ({' '.join(EXTENSIONS)}) in every class folder"
        raise ValueError(
            f"`{root}` must have {rule}. Got none in: {', '.join(empty[:5])}"
        )
    if None not in parents and not validated:
        hold_out(splits)
    return complete(tuple(classes), splits, hashed=None in parents)


def _split(given: str | None, name: str, validated: bool, groups: Groups) -> str:
    if given is None:
        return groups.split(name)
    split = SPLIT_NAMES[given]
    taken = split == "train" and not validated and groups.split(name) == "validation"
    return "validation" if taken else split


def _folders(parent: Path) -> list[Path]:
    return sorted(c for c in parent.iterdir() if c.is_dir() and c.name[0] != ".")


def _videos(folder: Path) -> list[Path]:
    return sorted(c for c in folder.iterdir() if _is_video(c.name) and c.is_file())


def _is_video(name: str) -> bool:
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


def _holds_classes(folder: Path) -> bool:
    """Whether a folder is a split: videos lie not in it, but in folders in it."""
    return not _videos(folder) and any(_videos(child) for child in _folders(folder))

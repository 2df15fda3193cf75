"""Official data sets as indices, each read once from its annotation files and cached.

The cache is a file in `.index/` beside the annotation files, or where that can not be
written in the user's cache folder. It holds good while the names, sizes and times of
the annotation files are the same, and the times of the folders with the videos.
"""

import contextlib
import dataclasses
import gc
import hashlib
import json
import logging
import os
import shlex
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from datasets.items import (
    Index,
    Item,
    check_classes,
    hashed_split,
    hold_out,
    read_exclude,
)
from datasets.order import SPLITS, check
from datasets.tree import Tree, state

FORMAT = 1  # Of the cache; to be raised whenever a reader gives other rows.
FOLDER = ".index"
# What becomes of a row, by whether a part of the training list is held out.
ROLES = {
    True: {
        **{"train": "train", "test": "test"},
        **{"held": "validation", "whole": "validation"},
    },
    False: {"train": "train", "test": "test", "held": "train", "part": "train"},
}
LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass
class Listing:
    """The videos that annotation files name.

    Args:
        classes: Names of the classes.
        rows: Of each video that is there: "train", "test", or "held" for the tenth of
            the training list that can be held out (where that is done with whole
            videos, and training with parts, "whole" and "part"); its path in the data
            set's folder; the numbers of its classes; of a part of a file, the
            seconds of its start and end.
        missing: Paths at which the others were looked for.
        lost: Number of the others, also where their paths are not known.
    """

    classes: tuple[str, ...]
    rows: list[tuple] = dataclasses.field(default_factory=list)
    missing: list[str] = dataclasses.field(default_factory=list)
    lost: int = 0

    def add(
        self,
        part: str,
        path: str | None,
        expected: str,
        labels: tuple[int, ...],
        group: str,
        start: float = 0.0,
        end: float | None = None,
    ) -> None:
        """Adds a video, or notes that it is missing.

        Args:
            part: "train" or "test", or one of `rows`.
            path: None where it is missing.
            expected: Where it would be.
            labels: Numbers of its classes.
            group: What it must not be parted from: all of a group are held out, or
                none.
            start: Seconds where it starts in the file.
            end: Seconds where it ends; None is the end of the file.
        """
        if path is None:
            self.missing.append(expected)
            self.lost += 1
            return
        if part == "train" and is_held(group):
            part = "held"
        seconds = () if (start, end) == (0.0, None) else (start, end)
        self.rows.append((part, path, labels, *seconds))

    def index(self, root: str, held_out: bool, exclude: str | None = None) -> Index:
        """The index of a folder.

        Args:
            root: The folder.
            held_out: Whether validation is held out of the training list; else it is
                the test list.
            exclude: File with paths to leave out, one a line.
        """
        excluded, start = read_exclude(exclude), str(Path(root, "x"))[:-1]
        splits, roles = {split: [] for split in SPLITS}, ROLES[held_out]
        for row in self.rows:
            role, path = roles.get(row[0]), start + row[1]
            if role is None or (excluded and not excluded.isdisjoint((row[1], path))):
                continue
            splits[role].append(Item(path, tuple(row[2]), *row[3:]))
        if held_out:
            hold_out(splits)
        else:
            splits["validation"] = list(splits["test"])
        return Index(self.classes, splits, str(root))


def is_held(group: str) -> bool:
    """Whether a group of the training list is of those that can be held out."""
    return hashed_split(group) == "validation"


@dataclasses.dataclass(frozen=True)
class Official:
    """A data set as it is published.

    Args:
        name: Of the data set.
        origin: Who publishes the annotation files.
        counts: Numbers of classes that its releases have.
        read: Reads its annotation files.
        layouts: Options of `read` with which every video is listed at least once.
        read_unlabelled: Finds the videos of a test list whose labels are not published:
            the paths of those that are there, and of the missing ones.
    """

    name: str
    origin: str
    counts: tuple[int, ...]
    read: Callable[..., Listing]
    layouts: tuple[dict, ...] = ({},)
    read_unlabelled: Callable[[Tree], tuple[list[str], list[str]]] | None = None

    def index(
        self, data_dir: str, held_out: bool, exclude: str | None, **layout
    ) -> Index:
        """The index of all videos that are there, from the cache if it holds good.

        Args:
            data_dir: The data set's folder.
            held_out: Whether validation is a tenth of the training list.
            exclude: File with paths to leave out, one a line.
            **layout: Options of the reader.

        Raises:
            ValueError: An annotation file is missing or makes no sense, or no video is
                there.
        """
        options = "".join(f"-{name}_{value}" for name, value in layout.items())
        file = f"{self.name}{options}.jsonl"
        with without_collector():
            listing = cached(data_dir, file, lambda: self.build(data_dir, **layout))
            index = listing.index(data_dir, held_out, exclude)
        self._warn(listing, data_dir)
        return index

    def _warn(self, listing: Listing, data_dir: str) -> None:
        count, total = len(listing.classes), listing.lost + len(listing.rows)
        if count not in self.counts:
            text = "%s has %s classes, but its annotation files in %s name %d."
            counts = " or ".join(map(str, self.counts))
            LOGGER.warning(text, self.name, counts, data_dir, count)
        if listing.lost:
            text = "%d of %d videos of %s are missing and left out: `python -m %s` %s"
            place = shlex.quote(str(data_dir))
            command = f"datasets.check {self.name} --data_dir={place}"
            LOGGER.warning(text, listing.lost, total, self.name, command, "lists them.")

    def build(self, data_dir: str, **layout) -> tuple[Listing, Tree]:
        """Reads the annotation files, and looks which videos are there; as `index`."""
        tree = Tree(data_dir, self.origin)
        listing = self.read(tree, **layout)
        check_classes(listing.classes, str(data_dir))
        if not listing.rows:
            such = f", such as {listing.missing[0]}" if listing.missing else ""
            rule = f"`data_dir` must hold videos of {self.name}{such}"
            raise ValueError(f"{rule}. Got: none of {listing.lost} in {data_dir}")
        return listing, tree

    def unlabelled(self, data_dir: str) -> list[str]:
        """Whole paths of the videos of a test list whose labels are not published.

        Raises:
            ValueError: There is no such list, or none of its videos.
        """
        valid = self.read_unlabelled is not None
        check(valid, "name", "of a data set with a test list without labels", self.name)
        found, missing = self.read_unlabelled(Tree(data_dir, self.origin))
        rule = f"`data_dir` must hold videos of the test list of {self.name}"
        if not found:
            such = f", such as {missing[0]}" if missing else ""
            raise ValueError(f"{rule}{such}. Got: none of {len(missing)} in {data_dir}")
        if missing:
            text = "%d of %d videos of the test list of %s are missing, such as %s"
            counts = len(missing), len(missing) + len(found)
            LOGGER.warning(text, *counts, self.name, missing[0])
        return [str(Path(data_dir, path)) for path in found]


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Stops the garbage collector, which takes most of the time of reading an index.

    It would search a million new objects again and again, of which none is garbage.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def cached(root: str, file: str, build: Callable[[], tuple[Listing, Tree]]) -> Listing:
    """A listing from its file in a cache, or built and written there."""
    places = folders(root)
    for place in places:
        listing = load(place / file, root)
        if listing is not None:
            return listing
    # Made before the folder is listed: it would change its time.
    place = next((place for place in places if _is_made(place)), None)
    listing, tree = build()
    try:
        if place is None:
            raise OSError("no cache folder can be written")
        store(listing, tree, place / file)
    except OSError as error:
        text = "The index of %s is read anew each time, for it can not be cached: %s"
        LOGGER.warning(text, root, error)
    return listing


def folders(root: str) -> list[Path]:
    """Where indices of a data set are kept: in its folder, or in the user's cache."""
    digest = hashlib.sha1(os.fsencode(os.path.abspath(root))).hexdigest()[:16]
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    places = [Path(root, FOLDER), Path(user, "video-zoo", "index", digest)]
    return places if os.path.isdir(root) else []


def store(listing: Listing, tree: Tree, path: Path) -> None:
    """Writes a listing: a line about it, then a line for each video."""
    head = {
        "format": FORMAT,
        "watched": tree.watched,
        "classes": listing.classes,
        "lost": listing.lost,
        "rows": len(listing.rows),
    }
    dump = json.JSONEncoder(separators=(",", ":")).encode
    part = path.with_name(f".writing-{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        with open(part, "w", encoding="ascii") as file:
            file.writelines(f"{dump(value)}\n" for value in (head, *listing.rows))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load(path: Path, root: str) -> Listing | None:
    """Reads a listing, without the missing paths; None where it is out of date."""
    try:
        head, _, body = path.read_text(encoding="ascii").partition("\n")
        head = json.loads(head)
        if head["format"] != FORMAT or _changed(head["watched"], root):
            return None
        # One call for all lines takes a third of the time of a call for each.
        rows = json.loads(f"[{body.rstrip().replace(chr(10), ',')}]")
        whole = len(rows) == head["rows"]
        return (
            Listing(tuple(head["classes"]), rows, [], head["lost"]) if whole else None
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _changed(watched: dict[str, list[int] | None], root: str) -> bool:
    return any(state(Path(root, name)) != then for name, then in watched.items())


def _is_made(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)

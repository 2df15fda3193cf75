"""The clip sources by name."""

import difflib
import importlib
import os

import numpy as np

from datasets.items import Item
from datasets.order import ClipSpec, check, check_request, check_split

# Each name's class, by its module. `zoo.flags` has the same names for --data.
OFFICIAL = {
    "charades": "charades.Charades",
    "hmdb51": "hmdb51.HMDB51",
    "kinetics400": "kinetics.Kinetics400",
    "mlb_continuous": "mlb_continuous.MLBContinuous",
    "mlb_youtube": "mlb_youtube.MLBYouTube",
    "moments": "moments.Moments",
    "multi_moments": "multi_moments.MultiMoments",
    "something_something_v2": "something.SomethingSomethingV2",
    "ucf101": "ucf101.UCF101",
}
SOURCES = {
    **OFFICIAL,
    "folder": "folder.VideoFolder",
    "moving_shapes": "moving_shapes.MovingShapes",
    "shards": "shards.VideoShards",
    "table": "table.VideoTable",
    "tfds": "tfds_shards.TFDSVideos",
}
# What `data_dir` is called where it is not that; moving shapes have no folder.
ARGUMENTS = {"folder": "root", "table": "path", "moving_shapes": None}


def list_datasets() -> list[str]:
    """The names that `load` takes."""
    return sorted(SOURCES)


def load(
    name: str,
    split: str | None = None,
    data_dir: str | os.PathLike | None = None,
    **options,
):
    """A clip source by name.

    Args:
        name: One of `list_datasets`.
        split: None is all splits, for training; with "train", "validation" or "test"
            the source has the clips of this one, and its other splits are empty.
        data_dir: The data set's folder; of "folder" the folder of videos, of "table"
            the CSV file, of "shards" what `python -m datasets.prepare` has written,
            of "tfds" what a builder of `datasets.builders` has. "moving_shapes" has
            none.
        **options: Those of the source's class, such as `fold` of HMDB51 and UCF101.

    Raises:
        ValueError: There is no such data set, or it is not whole in its folder.
    """
    check_name(name, SOURCES)
    if split is not None:
        check_split(split)
    argument = ARGUMENTS.get(name, "data_dir")
    if argument is None:
        check(data_dir is None, "data_dir", f"None for {name}", data_dir)
    else:
        check(data_dir is not None, "data_dir", f"given for {name}", data_dir)
        options[argument] = os.fspath(data_dir)
    source = _member(SOURCES[name])(**options)
    return source if split is None else OneSplit(source, split)


def check_name(name: str, names: dict[str, str]) -> None:
    """Raises ValueError, with the names that are near, unless one of the names."""
    near = difflib.get_close_matches(str(name), names, cutoff=0.5) or sorted(names)
    check(name in names, "name", f"a data set such as {', '.join(near)}", name)


def data_set_class(name: str) -> type:
    """The class of an official data set."""
    check_name(name, OFFICIAL)
    return _member(OFFICIAL[name])


def list_files(name: str, data_dir: str) -> tuple[list[str], list[str]]:
    """Paths of an official data set's videos: those that are there, and the missing.

    Args:
        name: One of `OFFICIAL`.
        data_dir: The data set's folder, which the paths are in.

    Raises:
        ValueError: There is no such data set, or it is not whole in its folder.
    """
    official = _official(name)
    there, missing = {}, {}
    for layout in official.layouts:
        listing, _ = official.build(data_dir, **layout)
        there |= dict.fromkeys(path for _, path, *_ in listing.rows)
        missing |= dict.fromkeys(listing.missing)
    return list(there), list(missing)


def list_unlabelled(name: str, data_dir: str) -> list[str]:
    """Paths of an official data set's test videos whose labels are not published.

    They are no split, for nothing can be scored on them: `zoo.predict` takes them.

    Args:
        name: One of `OFFICIAL`.
        data_dir: The data set's folder, with which the paths begin.

    Raises:
        ValueError: The data set has none, or none is there.
    """
    return _official(name).unlabelled(data_dir)


class OneSplit:
    """A clip source without the clips of its other splits.

    Args:
        source: The source.
        split: The only one that has clips.
    """

    def __init__(self, source, split: str):
        self._source = source
        self._split = split

    def __getattr__(self, name: str):
        if name.startswith("_"):  # A copy asks before there is a source.
            raise AttributeError(name)
        return getattr(self._source, name)

    def shard(self, index: int, count: int) -> "OneSplit":
        """One host's part of the clips, as of the source."""
        return OneSplit(self._source.shard(index, count), self._split)

    def halves(self, seed: int) -> tuple["OneSplit", ...]:
        """Two sources, each with a half of the training videos."""
        self._check("train")
        return tuple(OneSplit(s, self._split) for s in self._source.halves(seed))

    def size(self, split: str) -> int:
        """Number of videos in a split."""
        check_split(split)
        return self._source.size(split) if split == self._split else 0

    def items(self, split: str) -> list[Item]:
        """The videos of a split."""
        check_split(split)
        return self._source.items(split) if split == self._split else []

    def labels(self, split: str) -> np.ndarray:
        """Labels of a split."""
        check_split(split)
        found = self._source.labels(self._split)
        return found if split == self._split else found[:0]

    def batches(
        self,
        clip_spec: ClipSpec,
        split: str,
        batch_size: int,
        seed: int = 0,
        start: int = 0,
    ):
        """Batches of clips, as the source gives them."""
        check_request(split, batch_size, start, seed)
        self._check(split)
        return self._source.batches(clip_spec, split, batch_size, seed, start)

    def views(self, clip_spec: ClipSpec, split: str, batch_size: int, **options):
        """Batches of views of each video, as the source gives them."""
        check_request(split, batch_size, 0)
        self._check(split)
        return self._source.views(clip_spec, split, batch_size, **options)

    def _check(self, split: str) -> None:
        check(split == self._split, "split", f"{self._split}, as loaded", split)


def _official(name: str):
    check_name(name, OFFICIAL)
    return _member(f"{OFFICIAL[name].partition('.')[0]}.OFFICIAL")


def _member(place: str) -> object:
    module, _, name = place.partition(".")
    return getattr(importlib.import_module(f"datasets.{module}"), name)

"""What a builder of `datasets.builders` has written, as a clip source.

It is read without TensorFlow Datasets. Where in which file each video lies is found
once, from some bytes of each record, and cached.
"""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from datasets import tfrecord
from datasets.decode import Video
from datasets.items import Index, Item, read_exclude
from datasets.jpegs import Pictures, ShardFile, StoredFrames
from datasets.listing import folders
from datasets.order import SPLITS
from datasets.source import VideoSource
from datasets.tree import state

INFO, CACHE = "dataset_info.json", "tfds.json"
LOGGER = logging.getLogger(__name__)


class TFDSVideos(VideoSource):
    """Clips of a data set that a builder of TensorFlow Datasets has written.

    Args:
        data_dir: The `data_dir` of TensorFlow Datasets; or without `builder` the folder
            with `dataset_info.json`.
        builder: Name of the builder, and of its config, such as "ucf101/encoded"; of
            several versions the last one is read.
        exclude: File with keys to leave out, one a line.
        options: Those of `source.VideoSource`, without `task`.

    Raises:
        ValueError: There is no such data set, or it is not of `datasets.builders`, or
            not whole.
    """

    def __init__(
        self,
        data_dir: str,
        builder: str | None = None,
        exclude: str | None = None,
        **options,
    ):
        folder, excluded = _folder(Path(data_dir), builder), read_exclude(exclude)
        info = json.loads((folder / INFO).read_text(encoding="utf-8"))
        classes, task = _classes(folder)
        splits, self._places = {split: [] for split in SPLITS}, {}
        for split, file, key, labels, *place in _rows(folder, info):
            if key not in excluded:
                splits[split].append(Item(key, tuple(labels)))
                self._places[key] = str(folder / file), *place
        # A list that is both is written once.
        splits["test"] = splits["test"] or list(splits["validation"])
        super().__init__(Index(classes, splits), task=task, **options)
        self._cache.opener = self._open
        if info.get("configName", "").startswith("frames"):
            self._cache.limit = None

    def _open(
        self, path: str, start: float = 0.0, end: float | None = None
    ) -> Video | StoredFrames:
        name, form, offset, length = self._places[path]
        file = ShardFile(name)
        try:
            content = file.read(offset, length)
        finally:
            file.close()
        if form == "video":
            return Video(path, start, end, content)
        features = tfrecord.decode(content)
        frames = features["frames"]
        places = [(number, len(frame)) for number, frame in enumerate(frames)]
        return StoredFrames(
            path, Pictures(frames), features["times"], places, start, end
        )


def _folder(data_dir: Path, builder: str | None) -> Path:
    """The folder with the data set's files."""
    folder = data_dir / builder if builder else data_dir
    versions = [path.parent for path in folder.glob(f"*/{INFO}")] if builder else []
    if versions:
        return max(versions, key=lambda path: _version(path.name))
    if builder or not (folder / INFO).is_file():
        rule = f"hold {INFO}, or NAME/CONFIG/VERSION/{INFO} with `builder` NAME/CONFIG"
        raise ValueError(f"`data_dir` must {rule}. Got: none in {str(folder)!r}")
    return folder


def _version(name: str) -> list[int]:
    return [int(part) if part.isdecimal() else -1 for part in name.split(".")]


def _classes(folder: Path) -> tuple[tuple[str, ...], str]:
    for name, task in (("label", "single"), ("labels", "multi")):
        path = folder / f"{name}.labels.txt"
        if path.is_file():
            return tuple(path.read_text(encoding="utf-8").splitlines()), task
    rule = "be written by datasets.builders, with label.labels.txt or labels.labels.txt"
    raise ValueError(f"`data_dir` must {rule}. Got: {str(folder)!r}")


def _rows(folder: Path, info: dict) -> list[list]:
    """Of each video its split, file, key, labels, form, and its place there."""
    files = {name: split for split in info["splits"] for name in _files(info, split)}
    watched = {name: state(folder / name) for name in files}
    missing = [name for name, size in watched.items() if size is None]
    if missing:
        rule = f"`data_dir` must hold {missing[0]}, as {INFO} says"
        raise ValueError(f"{rule}. Got: no such file in {str(folder)!r}")
    for place in folders(str(folder)):
        try:
            cache = json.loads((place / CACHE).read_text(encoding="ascii"))
            if cache["watched"] == watched:
                return cache["rows"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    rows = [
        [split["name"], name, *row]
        for name, split in files.items()
        for row in scan(str(folder / name))
    ]
    _keep(folder, json.dumps({"watched": watched, "rows": rows}))
    return rows


def _files(info: dict, split: dict) -> Iterator[str]:
    if info.get("fileFormat", "tfrecord") != "tfrecord" or split["name"] not in SPLITS:
        rule = f"be TFRecord files of {', '.join(SPLITS)}"
        got = f"{info.get('fileFormat')} of {split['name']}"
        raise ValueError(f"`data_dir` must {rule}. Got: {got}")
    count = len(split["shardLengths"])
    for number in range(count):
        yield f"{info['name']}-{split['name']}.tfrecord-{number:05}-of-{count:05}"


def scan(path: str) -> Iterator[tuple]:
    """Key, labels, form, and place of what is to be read of each record of a file."""
    file, size, place = ShardFile(path), os.path.getsize(path), 0
    try:
        while place < size:
            header = file.read(place, tfrecord.HEADER.size)
            length, _ = tfrecord.HEADER.unpack(header)
            start = place + tfrecord.HEADER.size
            place = start + length + tfrecord.FOOTER.size
            file.read(place - 1, 1)  # Raises where the file is cut off.
            yield _row(path, file, start, length)
    finally:
        file.close()


def _row(path: str, file: ShardFile, start: int, length: int) -> tuple:
    found = tfrecord.places(file.read, start, length)
    if not {"key"} < found.keys() or not {"video", "frames"} & found.keys():
        rule = "have the features of datasets.builders: key, and video or frames"
        raise ValueError(f"`{path}` must {rule}. Got: {', '.join(sorted(found))}")
    place, size = found.get("label") or found["labels"]
    labels = tfrecord.decode_feature(file.read(place, size))
    offset, size = tfrecord.single(file.read, *found["key"])
    key = os.fsdecode(file.read(offset, size))
    if "video" in found:
        return key, labels, "video", *tfrecord.single(file.read, *found["video"])
    return key, labels, "frames", start, length


def _keep(folder: Path, text: str) -> None:
    for place in folders(str(folder)):
        part = place / f".writing-{os.getpid()}-{CACHE}"
        try:
            place.mkdir(parents=True, exist_ok=True)
            part.write_text(text, encoding="ascii")
            os.replace(part, place / CACHE)
            return
        except OSError as error:
            LOGGER.debug("%s can not be written: %s", place, error)
    LOGGER.warning("The index of %s is read anew each time: no cache.", folder)

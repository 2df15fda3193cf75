"""Prepared data as a clip source: videos in TFRecord shards, read one by one.

Beside each shard lies its index, where in it which video is: a read is one seek. What
there is of the whole is in `meta.json`, which is written last.
"""

import json
from pathlib import Path

from datasets.decode import Video
from datasets.flow import CHANNELS, StoredFlow, check_options
from datasets.items import Index, Item, read_exclude
from datasets.jpegs import ShardFile, StoredFrames
from datasets.listing import without_collector
from datasets.order import SPLITS
from datasets.source import VideoSource

FORMAT = 2
META, PLAN, INDEX = "meta.json", "plan.json", ".index"
COMMAND = "`python -m datasets.prepare`"


class VideoShards(VideoSource):
    """Clips of the videos in a folder that `python -m datasets.prepare` has written.

    They come in the order in which the data set has them, so that a seed gives the
    same batches as there if no video was broken. Keys are the videos' paths in it.
    Clips of shards of flow have its 2 channels, in [-1, 1] as `TVL1Flow` gives them.

    Args:
        data_dir: The folder.
        exclude: File with keys to leave out, one a line.
        options: Those of `source.VideoSource`, without `task`.

    Raises:
        ValueError: The folder is not whole, or holds flow that an option does not suit.
    """

    def __init__(self, data_dir: str, exclude: str | None = None, **options):
        meta = read_meta(data_dir)
        check_shards(data_dir, meta)
        form = meta["form"]
        if form["flow"]:
            check_options(options.get("augmentation"), options.get("objects"))
        with without_collector():
            splits, self._places = _read(data_dir, meta, read_exclude(exclude))
        super().__init__(Index(meta["classes"], splits), task=meta["task"], **options)
        self._pictures = StoredFrames if form["frames"] else None
        if form["flow"]:
            self._pictures, self.inputs, self.channels = StoredFlow, ("flow",), CHANNELS
        self._cache.opener = self._open
        if self._pictures:
            self._cache.limit = None  # A JPEG is as quick as what a held frame needs.

    def _open(
        self, path: str, start: float = 0.0, end: float | None = None
    ) -> Video | StoredFrames:
        shard, *place = self._places[path]
        file = ShardFile(shard, path)
        if self._pictures:
            return self._pictures.of_record(path, file, *place, start, end)
        try:
            content = file.read(*place)
        finally:
            file.close()
        return Video(path, start, end, content)


def read_meta(data_dir: str) -> dict:
    """What prepared data is; ValueError where there is none, or not all of it."""
    path = Path(data_dir, META)
    try:
        meta = json.loads(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        if Path(data_dir, PLAN).exists():
            rule = f"be prepared to the end: run the same {COMMAND} again"
        else:
            rule = f"be a folder that {COMMAND} has written"
        raise ValueError(f"`data_dir` must {rule}. Got: {str(data_dir)!r}") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"`{path}` must be readable JSON. Got: {error}") from None
    if meta.get("format") != FORMAT:
        rule = f"have format {FORMAT}, which this version reads"
        raise ValueError(f"`{path}` must {rule}. Got: {meta.get('format')!r}")
    return meta | {"classes": tuple(meta["classes"])}


def check_shards(data_dir: str, meta: dict) -> None:
    """Raises ValueError unless each shard is there, and as long as it was written."""
    for shard in meta["shards"]:
        path = Path(data_dir, shard["name"])
        size = path.stat().st_size if path.is_file() else None
        if size != shard["bytes"]:
            rule = f"have {shard['bytes']} bytes: delete it, and run the same {COMMAND}"
            got = "no such file" if size is None else f"{size} bytes"
            raise ValueError(f"`{path}` must {rule} again. Got: {got}")


def read_index(path: Path) -> tuple[dict, list]:
    """The index of a shard.

    Returns:
        Its head; and of each video the key, where it begins, how many bytes it has (in
        the form of frames, those before its pictures) and their checksum, and the clips
        of it: each a split, its number in that, labels, and of a part its start and
        end.

    Raises:
        ValueError: It is not there, or not as it was written.
    """
    try:
        head, _, body = path.read_text(encoding="ascii").partition("\n")
        rows = json.loads(f"[{body.rstrip().replace(chr(10), ',')}]")
        head = json.loads(head)
        if len(rows) != head["videos"]:
            raise ValueError(f"{len(rows)} of {head['videos']} lines")
        return head, rows
    except (OSError, ValueError, KeyError, TypeError) as error:
        rule = f"be as it was written: delete its shard, and run the same {COMMAND}"
        raise ValueError(f"`{path}` must {rule} again. Got: {error}") from None


def _read(
    data_dir: str, meta: dict, excluded: set[str]
) -> tuple[dict[str, list[Item]], dict[str, tuple[str, int, int, int]]]:
    """The items by split, and each video's shard, offset, length and checksum."""
    numbered, places = {split: [] for split in SPLITS}, {}
    for shard in meta["shards"]:
        path = Path(data_dir, shard["name"])
        name = str(path)
        _, rows = read_index(Path(name + INDEX))
        for key, *place, clips in rows:
            if key in excluded:
                continue
            places[key] = name, *place
            for split, number, labels, *seconds in clips:
                numbered[split].append((number, Item(key, tuple(labels), *seconds)))
    splits = {
        split: [item for _, item in sorted(pairs, key=lambda pair: pair[0])]
        for split, pairs in numbered.items()
    }
    return splits, places

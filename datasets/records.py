"""The videos of a clip source as records of TFRecord files.

Each video is a record, with all clips that are of it:

    key           its path in the data set
    splits        of each clip the split
    start, end    of each clip, in seconds; an end of -1 is that of the video
    labels        of all clips, one after the other; label_counts says how many each has
    video         the file; or in the form of frames
    times         seconds of each frame
    frames        its JPEG file, or its flow as PNG; sizes are their bytes, checksums
                  their CRC-32, shape is height and width
"""

import dataclasses
import hashlib
import json
import os
import zlib

import numpy as np

from datasets import tfrecord
from datasets.flow import flow_pngs
from datasets.items import path_in
from datasets.order import SPLITS
from datasets.transcode import Form, jpegs, video_bytes


@dataclasses.dataclass
class Record:
    """A video, and the clips of it.

    Args:
        path: Of the file.
        key: Its path in the data set.
        clips: Each a split, its number in that, its labels, and of a part its start
            and end.
    """

    path: str
    key: str
    clips: list[tuple] = dataclasses.field(default_factory=list)

    @property
    def part(self) -> tuple[float, float | None]:
        """Start and end of what the clips are of."""
        parts = [clip[3:] or (0.0, None) for clip in self.clips]
        ends = [end for _, end in parts]
        return min(start for start, _ in parts), None if None in ends else max(ends)


def list_records(source, root: str) -> dict[str, list[Record]]:
    """The videos of a source by the first split that has them; "train" is shuffled.

    So that what reads one shard after the other meets all classes at once.

    Args:
        source: A clip source with `items`.
        root: Folder in which the keys are paths.
    """
    records, groups = {}, {split: [] for split in SPLITS}
    for split in SPLITS:
        for number, item in enumerate(source.items(split)):
            record = records.get(item.path)
            if record is None:
                record = Record(item.path, path_in(root, item.path))
                records[item.path] = record
                groups[split].append(record)
            whole = (item.start, item.end) == (0.0, None)
            seconds = () if whole else (item.start, item.end)
            record.clips.append((split, number, item.labels, *seconds))
    order = np.random.default_rng(0).permutation(len(groups["train"]))
    return groups | {"train": [groups["train"][n] for n in order]}


def digest(source, groups: dict[str, list[Record]]) -> str:
    """Tells one index from another."""
    rows = [[r.key, r.clips] for records in groups.values() for r in records]
    text = json.dumps([source.classes, source.task, rows])
    return hashlib.sha1(text.encode()).hexdigest()


def store(record: Record, form: Form) -> tuple[bytes, int, int]:
    """Stores a video.

    Returns:
        An example, and where in it what an index points to begins, and its length: the
        file, or all that is before the frames.

    Raises:
        BrokenVideoError: It can not be read.
    """
    seconds = [clip[3:] or (0.0, None) for clip in record.clips]
    features = {
        "key": [os.fsencode(record.key)],
        "splits": [clip[0].encode() for clip in record.clips],
        "start": [float(start) for start, _ in seconds],
        "end": [-1.0 if end is None else float(end) for _, end in seconds],
        "labels": [label for clip in record.clips for label in clip[2]],
        "label_counts": [len(clip[2]) for clip in record.clips],
    }
    # Features lie in their order: the largest one last, at the example's end.
    if not form.still:
        content = video_bytes(record.path, form)
        example = tfrecord.encode(features | {"video": [content]})
        return example, len(example) - len(content), len(content)
    stored = flow_pngs if form.flow else jpegs
    times, files, shape = stored(record.path, form, *record.part)
    sizes = [len(file) for file in files]
    features |= {"times": times, "shape": shape, "sizes": sizes}
    features |= {"checksums": [*map(zlib.crc32, files)], "frames": files}
    example = tfrecord.encode(features)
    return example, 0, len(example) - int(tfrecord.field_sizes(sizes).sum())

"""Reads videos that are stored as JPEG pictures: only those of a clip are decoded."""

import itertools
import os
from collections.abc import Iterator, Sequence

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from datasets import tfrecord
from datasets.decode import BrokenVideoError
from datasets.pictures import Fit, upright


class ShardFile:
    """A file of records, open for reading at any place.

    Args:
        path: Of the file.

    Raises:
        ValueError: It is not there, or ends before what is read.
    """

    def __init__(self, path: str):
        self._path = path
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            self._refuse(error.strerror)

    def read(self, offset: int, length: int) -> bytes:
        """Reads bytes; several threads may."""
        data = os.pread(self._file, length, offset)
        if len(data) < length:
            self._refuse(f"its end at byte {os.fstat(self._file).st_size}")
        return data

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def _refuse(self, why: str) -> None:
        rule = "be as it was written: delete it, and run datasets.prepare again"
        raise ValueError(f"`{self._path}` must {rule}. Got: {why}")


class StoredFrames:
    """The frames of a stored video between two times, as `decode.Video` gives them.

    Args:
        path: Of the video, to name it.
        file: The shard it is stored in, which is closed with the video.
        offset: Where the record begins in it.
        length: Bytes of the record before its pictures.
        start: Seconds after the video's first frame.
        end: Seconds; None is the end of the video.

    Attributes:
        times: Seconds of each frame, from the video's first one.
        stored_shape: Height and width.
        bad: Pictures so far that did not decode; there are none.
    """

    def __init__(
        self,
        path: str,
        file: ShardFile,
        offset: int,
        length: int,
        start: float = 0.0,
        end: float | None = None,
    ):
        self.path, self.bad, self._file = path, 0, file
        head = tfrecord.decode(file.read(offset, length))
        self.stored_shape = tuple(head["shape"])
        sizes = head["sizes"]
        ends = itertools.accumulate(map(tfrecord.field_size, sizes))
        pictures = [
            (offset + length + e - s, s) for e, s in zip(ends, sizes, strict=True)
        ]
        times = np.array(head["times"])
        # They are rounded to some microseconds.
        inside = (times > start - 1e-3) & (times < (np.inf if end is None else end))
        numbers = np.flatnonzero(inside)
        self.times = times[numbers]
        self._pictures = [pictures[number] for number in numbers]
        self._context = av.CodecContext.create("mjpeg", "r")
        self._context.thread_count = 1
        if not len(numbers):
            self.close()
            raise BrokenVideoError(path, f"no frames after {start:g} s")

    def __enter__(self) -> "StoredFrames":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def frames(self, wanted: Sequence[int], fit: Fit | None = None) -> list[np.ndarray]:
        """Gives frames as `decode.Video.frames` does."""
        scaler = VideoReformatter()
        numbers = np.asarray(wanted).tolist()
        images = {n: upright(self._picture(n), fit, scaler) for n in sorted({*numbers})}
        return [images[n] for n in numbers]

    def all_frames(self) -> Iterator[av.VideoFrame]:
        """Decodes everything, in order, as it is stored."""
        return map(self._picture, range(len(self.times)))

    def _picture(self, number: int) -> av.VideoFrame:
        place, size = self._pictures[number]
        return self._context.decode(av.Packet(self._file.read(place, size)))[0]

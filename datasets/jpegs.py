"""Reads videos that are stored as pictures: only those of a clip are decoded."""

import os
import zlib
from collections.abc import Iterator, Sequence

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from datasets import tfrecord
from datasets.decode import BrokenVideoError
from datasets.pictures import Fit, Keep, upright, whole


class ShardFile:
    """A file of records, open for reading at any place.

    Args:
        path: Of the file.
        video: That is read from it, to name it.

    Raises:
        ValueError: It is not there, or ends before what is read, or has changed.
    """

    def __init__(self, path: str, video: str = ""):
        self._path, self._video = path, video
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            self._refuse(error.strerror)

    def read(self, offset: int, length: int, checksum: int | None = None) -> bytes:
        """Reads bytes, whose CRC-32 must be the given one; several threads may."""
        data = os.pread(self._file, length, offset)
        if len(data) < length:
            self._refuse(f"its end at byte {os.fstat(self._file).st_size}")
        if checksum not in (None, zlib.crc32(data)):
            self._refuse(f"other bytes of {self._video}, by their checksum")
        return data

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def _refuse(self, why: str) -> None:
        rule = "be as it was written: delete it, and run datasets.prepare again"
        raise ValueError(f"`{self._path}` must {rule}. Got: {why}")


class Pictures:
    """JPEG files in memory, read as if they were in a shard.

    Args:
        files: The files.
    """

    def __init__(self, files: Sequence[bytes]):
        self._files = files

    def read(self, number: int, length: int, checksum: int | None = None) -> bytes:
        """The file of a number; no checksum is looked at."""
        return self._files[number]

    def close(self) -> None:
        """Does nothing."""


class StoredFrames:
    """The frames of a stored video between two times, as `decode.Video` gives them.

    Args:
        path: Of the video, to name it.
        file: What they are read from, which is closed with the video.
        times: Seconds of each frame, from the video's first one.
        places: Where in the file the picture of each frame is, its bytes, and their
            checksum where there is one.
        start: Seconds after the video's first frame.
        end: Seconds; None is the end of the video.

    Attributes:
        times: As given, of the frames between the two.
        bad: Pictures so far that did not decode; there are none.
        codec: Of the pictures.
    """

    codec = "mjpeg"

    def __init__(
        self,
        path: str,
        file: ShardFile | Pictures,
        times: Sequence[float],
        places: Sequence[tuple[int, ...]],
        start: float = 0.0,
        end: float | None = None,
    ):
        self.path, self.bad, self._file = path, 0, file
        times = np.array(times)
        # They are rounded to some microseconds.
        inside = (times > start - 1e-3) & (times < (np.inf if end is None else end))
        numbers = np.flatnonzero(inside)
        self.times = times[numbers]
        self._places = [places[number] for number in numbers]
        self._context = self._decoder()
        if not len(numbers):
            self.close()
            raise BrokenVideoError(path, f"no frames after {start:g} s")

    @classmethod
    def of_record(
        cls,
        path: str,
        file: ShardFile,
        offset: int,
        length: int,
        checksum: int,
        start: float = 0.0,
        end: float | None = None,
    ) -> "StoredFrames":
        """The frames of a record of `records.store`.

        Args:
            path: Of the video.
            file: The shard.
            offset: Where the record begins in it.
            length: Bytes of the record before its pictures.
            checksum: Of these.
            start: As in the class.
            end: As in the class.
        """
        head = tfrecord.decode(file.read(offset, length, checksum))
        sizes, first = head["sizes"], offset + length
        starts = first + np.cumsum(tfrecord.field_sizes(sizes)) - sizes
        places = [*zip(starts.tolist(), sizes, head["checksums"], strict=True)]
        return cls(path, file, head["times"], places, start, end)

    @property
    def stored_shape(self) -> tuple[int, int]:
        """Height and width."""
        frame = self._picture(0)
        return frame.height, frame.width

    def __enter__(self) -> "StoredFrames":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def frames(
        self, wanted: Sequence[int], fit: Fit | None = None, keep: Keep = whole
    ) -> list[np.ndarray]:
        """Gives frames as `decode.Video.frames` does."""
        how = fit, VideoReformatter(), keep
        numbers = np.asarray(wanted).tolist()
        images = {n: upright(self._picture(n), *how) for n in sorted({*numbers})}
        return [images[n] for n in numbers]

    def all_frames(self) -> Iterator[av.VideoFrame]:
        """Decodes everything, in order, as it is stored."""
        return map(self._picture, range(len(self.times)))

    def _picture(self, number: int) -> av.VideoFrame:
        data = self._file.read(*self._places[number])
        return self._context.decode(av.Packet(data))[0]

    def _decoder(self) -> av.VideoCodecContext:
        context = av.CodecContext.create(self.codec, "r")
        context.thread_count = 1
        return context

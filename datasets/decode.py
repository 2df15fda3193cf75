"""Reads frames of one video with PyAV: any of them, in any state of repair.

Packets are demuxed first and counted, as headers lie. Then only what the wanted frames
need is decoded, packet by packet, so a damaged packet costs its own frames alone.
"""

import bisect
import contextlib
import io
import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from datasets.pictures import Fit, Keep, upright, whole

EXTENSIONS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif")
# Of the frames asked for, the share below which a video counts as broken.
LEAST_DECODED = 0.5
# A part that starts later is sought, where the container can: demuxing is quick.
SEEK_SECONDS = 10.0
SEEKABLE = ("mov", "matroska")
# Longer files are demuxed twice, rather than held in memory.
HELD_BYTES = 64 << 20


class BrokenVideoError(ValueError):
    """A video can not be read.

    Args:
        path: Of the video.
        reason: Why, in a few words.
    """

    def __init__(self, path: str, reason: str):
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class Video:
    """The frames of a video file between two times, in display order.

    Args:
        path: Of the file.
        start: Seconds after the video's first frame.
        end: Seconds; None is the end of the video.
        content: What is in the file, which is then not opened.

    Attributes:
        times: Seconds of each frame, from the video's first one.
        rate: Mean frames per second.
        bad: Packets so far that did not decode.
    """

    def __init__(
        self,
        path: str,
        start: float = 0.0,
        end: float | None = None,
        content: bytes | None = None,
    ):
        self.path = os.fspath(path)
        self.bad = 0
        # A name such as 12:30.mp4 would be one of a protocol.
        name = os.path.join(".", self.path) if os.path.exists(self.path) else self.path
        file = name if content is None else io.BytesIO(content)
        try:
            # Titles in an unknown encoding must not fail the video.
            self._container = av.open(file, metadata_errors="ignore")
        except (av.FFmpegError, OSError) as error:
            raise BrokenVideoError(self.path, reason(error)) from None
        try:
            self._open(start, np.inf if end is None else end)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._packets = None
        self._container.close()

    @property
    def stored_shape(self) -> tuple[int, int]:
        """Height and width before any rotation."""
        context = self._stream.codec_context
        return context.height, context.width

    @property
    def stated_frames(self) -> int:
        """Frames that the header promises; 0 where it is silent."""
        return self._stream.frames

    def frames(
        self, wanted: Sequence[int], fit: Fit | None = None, keep: Keep = whole
    ) -> list[np.ndarray]:
        """Decodes frames, upright, in RGB.

        A frame that does not decode is replaced by the one before it.

        Args:
            wanted: Numbers of frames in `times`, in any order, also repeated.
            fit: Gives the (height, width) to scale to from those of the upright video;
                it is not scaled without.
            keep: Gives what is kept of a picture.

        Returns:
            For each wanted number what is kept: a uint8 array (height, width, 3).

        Raises:
            BrokenVideoError: Fewer than half of the frames decode.
        """
        stamps = self._stamps[np.asarray(wanted)].tolist()
        waiting = deque(sorted(set(stamps)))
        images, found, previous = {}, 0, None
        least = max(1, LEAST_DECODED * len(waiting))
        scaler = VideoReformatter()
        for stamp, frame in self._decode(list(waiting)):
            while waiting and waiting[0] < stamp:
                lost = frame if previous is None else previous
                images[waiting.popleft()] = upright(lost, fit, scaler, keep)
            if waiting and waiting[0] == stamp:
                images[waiting.popleft()] = upright(frame, fit, scaler, keep)
                found += 1
            previous = frame
            if not waiting:
                break
        if found < least:
            why = f"{found} of {len(set(stamps))} wanted frames decode"
            raise BrokenVideoError(self.path, why)
        for stamp in waiting:
            images[stamp] = upright(previous, fit, scaler, keep)
        return [images[stamp] for stamp in stamps]

    def all_frames(self) -> Iterator[av.VideoFrame]:
        """Decodes everything, in order, as it is stored."""
        return (frame for _, frame in self.numbered_frames())

    def numbered_frames(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decodes everything; gives with each frame its number in `times`."""
        stamps = self._stamps.tolist()
        numbers = {stamp: number for number, stamp in enumerate(stamps)}
        for stamp, frame in self._decode(stamps):
            if stamp in numbers:
                yield numbers[stamp], frame

    def _open(self, start: float, end: float) -> None:
        self._stream = stream = best_stream(self.path, self._container)
        # The pipeline reads several videos at once: a thread for each is fastest.
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        self.rate = float(stream.average_rate or stream.guessed_rate or 25)
        sought = start > SEEK_SECONDS and self._seek(start)
        stamps = self._demux(end)
        # AVI holds no times of display: its frames are known by their order alone.
        self._timed = self._container.format.name != "avi" and None not in stamps
        stamps = sorted(set(stamps)) if self._timed else range(len(stamps))
        tick = float(stream.time_base) if self._timed else 1 / self.rate
        zero = stream.start_time if sought else next(iter(stamps), 0)
        self._stamps = np.array(stamps, "int64")
        times = (self._stamps - zero) * tick
        inside = (times > start - 1e-6) & (times < end)
        self._stamps, self.times = self._stamps[inside], times[inside]
        if not len(self.times):
            part = f" after {start:g} s and before {end:g} s" if len(times) else ""
            raise BrokenVideoError(self.path, f"no frames{part}")

    def _seek(self, start: float) -> bool:
        stream, kind = self._stream, self._container.format.name
        if stream.start_time is None or not kind.startswith(SEEKABLE):
            return False
        # Containers seek by the time of decoding, which is a little before.
        target = stream.start_time + int((start - 1) / stream.time_base)
        with contextlib.suppress(av.FFmpegError):
            self._container.seek(target, stream=stream)
            return True
        return False

    def _demux(self, end: float) -> list[int | None]:
        """Reads the packets; returns the stamps of those that are displayed."""
        stream = self._stream
        zero = stream.start_time
        last = np.inf if zero is None else zero + end / stream.time_base
        self._packets, self._order, self._keys = [], [], []
        stamps, held = [], 0
        for packet in self._read():
            # No later packet is displayed before it is decoded.
            if packet.dts is not None and packet.dts > last:
                break
            if packet.is_keyframe:
                self._keys.append(len(self._order))
            self._order.append(packet.pts)
            if not packet.is_discard:
                stamps.append(packet.pts)
            held += packet.size
            if held > HELD_BYTES:
                self._packets = None
            if self._packets is not None:
                self._packets.append(packet)
        return stamps

    def _read(self) -> Iterator[av.Packet]:
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    yield packet
        except av.FFmpegError:
            self.bad += 1  # The file ends within a packet.

    def _runs(self, stamps: list[int]) -> list[list[int]]:
        """Packets to decode, [first, last]; a jump wherever it saves work."""
        if not self._timed:
            return [[0, len(self._order) - 1]]
        places = {stamp: place for place, stamp in enumerate(self._order)}
        runs = []
        for last in sorted(places[stamp] for stamp in stamps):
            first = self._key_before(last)
            if runs and first <= runs[-1][1] + 1:
                runs[-1][1] = last
            else:
                runs.append([first, last])
        return runs

    def _key_before(self, place: int) -> int:
        """The packet to start at, to decode the one at a place."""
        key = bisect.bisect_right(self._keys, place) - 1
        # A picture shown before its key frame refers to the one before that, too.
        if key > 0 and self._order[place] < self._order[self._keys[key]]:
            key -= 1
        return self._keys[key] if key >= 0 else 0

    def _feed(self, first: int, last: int) -> Iterable[av.Packet]:
        if self._packets is not None:
            return self._packets[first : last + 1]
        start = self._order[first] if self._timed else None
        self._container.seek(start or 0, stream=self._stream)
        packets = self._read()
        if start is not None:
            packets = itertools.dropwhile(lambda packet: packet.pts != start, packets)
        return itertools.islice(packets, last - first + 1)

    def _decode(self, stamps: list[int]) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decodes at least the frames of these stamps, in display order."""
        context, wanted = self._stream.codec_context, set(stamps)
        count = itertools.count()
        for first, last in self._runs(stamps):
            context.flush_buffers()
            for packet in itertools.chain(self._feed(first, last), [None]):
                # What no other frame refers to is decoded only where wanted.
                needed = not self._timed or packet is None or packet.pts in wanted
                context.skip_frame = "DEFAULT" if needed else "NONREF"
                for frame in self._try(packet):
                    stamp = frame.pts if self._timed else next(count)
                    # Before the key frame come pictures that refer to skipped ones.
                    if stamp is not None and not (
                        self._timed and first and stamp < self._order[first]
                    ):
                        yield stamp, frame

    def _try(self, packet: av.Packet | None) -> list[av.VideoFrame]:
        try:
            return self._stream.codec_context.decode(packet)
        except av.FFmpegError:
            self.bad += 1
            return []


def best_stream(path: str, container: av.container.InputContainer) -> av.VideoStream:
    """The largest video stream, the default one among equals; else `path` is broken."""

    def rank(stream):
        area = stream.codec_context.width * stream.codec_context.height
        return area, bool(stream.disposition & Disposition.default)

    streams = [
        stream
        for stream in container.streams.video
        if stream.codec_context and not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        raise BrokenVideoError(path, "no video stream that can be decoded")
    return max(streams, key=rank)


def reason(error: Exception) -> str:
    """Says in a few words why a video can not be read."""
    words = (getattr(error, name, None) for name in ("reason", "strerror"))
    return str(next(filter(None, words), error))

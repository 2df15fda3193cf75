"""Frames as they come: of a camera, of a network stream, or of a file."""

import os
import time
from collections.abc import Callable, Iterator

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from datasets.clips import View, cover, crop
from datasets.decode import BrokenVideoError, best_stream, reason
from datasets.order import ClipSpec
from datasets.pictures import upright


class Live:
    """Reads a video from its beginning, one frame after the other, as long as it lasts.

    Args:
        path: Of a file; a camera such as /dev/video0; or the address of a stream.

    Attributes:
        path: As given.
        is_live: Whether frames come when they are taken, and not as fast as asked for.

    Raises:
        BrokenVideoError: There is no video.
    """

    def __init__(self, path: str):
        self.path = os.fspath(path)
        camera = self.path.startswith("/dev/")
        self.is_live = camera or "://" in self.path
        how = {"format": "v4l2"} if camera else {}
        # A name such as 12:30.mp4 would be one of a protocol.
        name = os.path.join(".", self.path) if os.path.exists(self.path) else self.path
        try:
            self._container = av.open(name, metadata_errors="ignore", **how)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise BrokenVideoError(self.path, reason(error)) from None
        try:
            self._stream = best_stream(self.path, self._container)
        except BrokenVideoError:
            self._container.close()
            raise
        self._stream.thread_type = "NONE" if self.is_live else "AUTO"  # These delay.

    def frames(
        self, clock: Callable[[], float] = time.monotonic
    ) -> Iterator[tuple[float, av.VideoFrame]]:
        """Seconds since the first frame, and frames; what does not decode is left out.

        Once; at its end the file or the camera is closed.

        Args:
            clock: By which the frames of cameras and streams are timed, as they come.
        """
        rate = float(self._stream.average_rate or self._stream.guessed_rate or 25)
        # AVI holds no times of display: its frames are known by their order alone.
        timed, start = self._container.format.name != "avi", None
        for number, frame in enumerate(self._decoded()):
            now = frame.time if timed and frame.time is not None else number / rate
            now = clock() if self.is_live else now
            start = now if start is None else start
            yield now - start, frame

    def _decoded(self) -> Iterator[av.VideoFrame]:
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from self._stream.codec_context.decode(packet)
                except av.FFmpegError:
                    continue  # A damaged packet costs its own frames alone.
        except av.FFmpegError:
            pass  # The file ends within a packet, or the camera is gone.
        finally:
            self._container.close()


def fit(clip_spec: ClipSpec) -> Callable[[av.VideoFrame], np.ndarray]:
    """A function from a frame to the centre of its picture, at a clip's size.

    Args:
        clip_spec: Its height and width.
    """
    size = clip_spec.height, clip_spec.width
    scaler = VideoReformatter()

    def picture(frame: av.VideoFrame) -> np.ndarray:
        # The rest of the picture is not to be kept.
        image = np.empty((*size, 3), "uint8")
        how = lambda *shape: cover(shape, size), scaler
        return upright(frame, *how, lambda channels: crop(channels, View(), image))

    return picture

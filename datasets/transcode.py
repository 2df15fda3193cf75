"""Encodes videos anew, as short videos that are quick to read or as JPEG pictures."""

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from datasets.decode import BrokenVideoError, Video, reason
from datasets.order import check
from datasets.pictures import upright, upright_shape

# MPEG-4 counts no finer; a frame of 24, 25, 30 or 29.97 a second is a whole number.
TICKS = 60000
VIDEO_CODECS = ("libx264", "mpeg4")  # The first that PyAV was built with.


@dataclass(frozen=True)
class Form:
    """In what form videos are stored.

    Args:
        frames: Whether as JPEG pictures, one for each frame, rather than as a file.
        short_side: Pixels of the shorter side of larger pictures; None is their own.
        gop: Frames from one key frame to the next.
        fps: Frames a second that are kept of videos with more; None is all.
        flow: Whether as the optical flow from each frame to the next, in PNG pictures.
    """

    frames: bool = False
    short_side: int | None = None
    gop: int | None = None
    fps: float | None = None
    flow: bool = False

    def __post_init__(self):
        side, gop, fps = self.short_side, self.gop, self.fps
        check(side is None or side >= 16, "short_side", "at least 16", side)
        check(gop is None or gop >= 1, "gop", "at least 1", gop)
        check(
            not (self.frames and self.flow), "flow", "left out with frames", self.flow
        )
        for name in ("frames", "flow"):
            valid = gop is None or not getattr(self, name)
            check(valid, "gop", f"left out with {name}", gop)
        check(fps is None or fps > 0, "fps", "above 0", fps)

    @property
    def still(self) -> bool:
        """Whether each frame is a picture of its own."""
        return self.frames or self.flow

    @property
    def codec(self) -> str | None:
        """What encodes; None where files stay as they are."""
        if self.still:
            return "mjpeg" if self.frames else "png"
        if (self.short_side, self.gop, self.fps) == (None, None, None):
            return None
        return next(name for name in VIDEO_CODECS if name in av.codecs_available)

    @property
    def words(self) -> str:
        """What is stored of videos."""
        if self.still:
            flow = "the optical flow from each frame to the next (TV-L1), as PNG"
            return f"{flow if self.flow else 'their frames, as JPEG'} pictures"
        return f"encoded by {self.codec}" if self.codec else "as they are"

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that a picture is stored in: even, and never enlarged."""
        scale = min(1, (self.short_side or np.inf) / min(height, width))
        return tuple(max(2, 2 * round(side * scale / 2)) for side in (height, width))


def video_bytes(path: str, form: Form) -> bytes:
    """A video file of which something decodes, as it is or encoded anew.

    Raises:
        BrokenVideoError: It can not be read.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise BrokenVideoError(path, reason(error)) from None
    with Video(path, content=content) as video:
        if form.codec is not None:
            return _encode(path, pictures(video, form, "yuv420p"), form)
        _first(path, video.numbered_frames())
        return content


def jpegs(
    path: str, form: Form, start: float = 0.0, end: float | None = None
) -> tuple[list[float], list[bytes], tuple[int, int]]:
    """The frames of a video between two times as JPEG files.

    Args:
        path: Of the video.
        form: Says which frames, and their size.
        start: Seconds after the video's first frame.
        end: Seconds; None is the end of the video.

    Returns:
        Seconds of each frame from the video's first one, the files, and the height and
        width of the pictures.

    Raises:
        BrokenVideoError: It can not be read.
    """
    times, files = [], []
    context = None
    with Video(path, start, end) as video:
        for time, frame in pictures(video, form, "yuvj420p"):
            if context is None:
                context = _jpeg_encoder(frame)
            frame.pts, frame.time_base = len(times), context.time_base
            files.append(b"".join(bytes(packet) for packet in context.encode(frame)))
            times.append(time)
    if context is None:
        raise BrokenVideoError(path, "no frame decodes")
    return times, files, (context.height, context.width)


def pictures(
    video: Video, form: Form, pixels: str
) -> Iterator[tuple[float, av.VideoFrame]]:
    """Seconds and pictures of the frames to store, upright and scaled.

    Args:
        video: To decode.
        form: Says which frames, and their size.
        pixels: Their format, as FFmpeg names it.
    """
    scaler, kept = VideoReformatter(), _kept(video.times, form.fps)
    for number, frame in video.numbered_frames():
        if number not in kept:
            continue
        height, width, turns = upright_shape(frame)
        height, width = form.shape(height, width)
        if turns or pixels == "rgb24":  # As clips are scaled.
            image = upright(frame, form.shape, scaler)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        how = {"interpolation": "BILINEAR", "threads": 1}
        frame = scaler.reformat(frame, width, height, pixels, **how)
        yield float(video.times[number]), frame


def _kept(times: np.ndarray, fps: float | None) -> set[int]:
    """Numbers of the frames that are nearest to the ticks of a slower clock."""
    if fps is None:
        return set(range(len(times)))
    wanted = np.arange(times[0], times[-1] + 1e-6, 1 / fps)
    return set(np.searchsorted((times[1:] + times[:-1]) / 2, wanted - 1e-6).tolist())


def _first(path: str, pictures: Iterator) -> tuple:
    first = next(pictures, None)
    if first is None:
        raise BrokenVideoError(path, "no frame decodes")
    return first


def _encode(path: str, pictures: Iterator, form: Form) -> bytes:
    first = _first(path, pictures)
    file, tick = io.BytesIO(), Fraction(1, TICKS)
    with av.open(file, "w", format="mp4") as container:
        options = {"crf": "20", "preset": "veryfast"}
        options |= {"sc_threshold": "0", "bf": "0"} if form.gop else {}
        if min(first[1].height, first[1].width) < 64:
            options["mbtree"] = "0"  # It reads past tiny pictures: bytes would vary.
        if form.codec != "libx264":
            options = {"qmin": "3", "qmax": "5"}
        stream = container.add_stream(form.codec, options=options)
        stream.height, stream.width = first[1].height, first[1].width
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        # With more threads the bytes are not the same each time.
        context.time_base, context.thread_count = tick, 1
        if form.gop:
            context.gop_size = form.gop
        for time, frame in itertools.chain([first], pictures):
            frame.pts, frame.time_base = round(time * TICKS), tick
            # Else it would keep the key frames of the old file.
            frame.pict_type = PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _jpeg_encoder(frame: av.VideoFrame) -> av.VideoCodecContext:
    context = av.CodecContext.create("mjpeg", "w")
    context.height, context.width = frame.height, frame.width
    context.pix_fmt, context.time_base = "yuvj420p", Fraction(1, TICKS)
    context.thread_count = 1
    context.options = {"qmin": "3", "qmax": "3"}  # About 90 of libjpeg's 100.
    return context

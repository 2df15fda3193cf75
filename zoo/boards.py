"""What TensorBoard shows of a training beside its curves: clips, classes, a profile."""

import os
import pathlib
import re
import struct
import zlib

import keras
import numpy as np

from zoo.genotypes.base import check

CLIPS, FRAMES, SIDE = 4, 8, 160  # Most clips of a batch, frames of each, pixels.
CURVES = 100  # Most classes with a curve of their own.


def add_clips(events, step: int, clips) -> None:
    """Writes pictures of a batch's first clips: each a row of frames.

    Args:
        events: An `EventFile`.
        step: Of the training.
        clips: RGB in [0, 1], (batch, time, height, width, 3), or a dict with such as
            "clip"; of others nothing is written.
    """
    clips = clips.get("clip") if isinstance(clips, dict) else clips
    shape = getattr(clips, "shape", ())
    if len(shape) != 5 or shape[-1] != 3:
        return
    event = events.event(step=step)
    for number, clip in enumerate(np.asarray(clips[:CLIPS], "float32")):
        row = filmstrip(clip)
        image = event.summary.value.add(tag=f"clips/{number}").image
        image.height, image.width, image.colorspace = row.shape
        image.encoded_image_string = png(row)
    events.write(event)


def filmstrip(clip: np.ndarray) -> np.ndarray:
    """Frames of a clip side by side, evenly over its time: bytes (height, width, 3)."""
    times = np.linspace(0, len(clip) - 1, min(len(clip), FRAMES)).round().astype(int)
    stride = -(-max(clip.shape[1:3]) // SIDE)
    frames = clip[times, ::stride, ::stride]
    return (255 * np.clip(np.concatenate(frames, axis=1), 0, 1) + 0.5).astype("uint8")


def png(pixels: np.ndarray) -> bytes:
    """A picture as a PNG file, without a library for that.

    Args:
        pixels: Bytes, (height, width, 3).
    """
    height, width, _ = pixels.shape
    # Each line begins with its filter: none.
    lines = np.pad(pixels.reshape(height, 3 * width), [(0, 0), (1, 0)]).tobytes()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", _sum(kind, data))
        for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _sum(kind: bytes, data: bytes) -> int:
    return zlib.crc32(kind + data)


def add_classes(events, step: int, classes, scores: np.ndarray) -> None:
    """Writes the score of each class; of many their mean, the worst and a histogram.

    Args:
        events: An `EventFile`.
        step: Of the training.
        classes: Their names.
        scores: (classes,); NaN, of a class without clips, is left out.
    """
    known = np.isfinite(scores)
    if not known.any():
        return
    event = events.event(step=step)
    values = scores[known]
    if len(classes) <= CURVES:
        names = [name for name, there in zip(classes, known, strict=True) if there]
        curves = {f"class/{n}": v for n, v in zip(names, values, strict=True)}
    else:
        curves = {"classes/mean": values.mean(), "classes/worst": values.min()}
        _fill(event.summary.value.add(tag="classes/all").histo, values)
    for name, value in curves.items():
        event.summary.value.add(tag=name, simple_value=float(value))
    events.write(event)


def _fill(histogram, values: np.ndarray) -> None:
    counts, edges = np.histogram(values, bins=20, range=(0.0, 1.0))
    histogram.min, histogram.max = float(values.min()), float(values.max())
    histogram.num, histogram.sum = len(values), float(values.sum())
    histogram.sum_squares = float(np.square(values).sum())
    histogram.bucket_limit.extend(edges[1:].tolist())
    histogram.bucket.extend(counts.tolist())


class Profile:
    """Records what some steps do, in TensorBoard's folder.

    Args:
        steps: First and last step, such as "10:20"; None records nothing.
        folder: Of TensorBoard.
    """

    def __init__(self, steps: str | None, folder: str | os.PathLike):
        self.first, self.last = check_profile(steps) or (0, -1)
        self.folder = str(pathlib.Path(folder))
        self.running = False

    def begin(self, step: int) -> None:
        """Before a step; the first is 1."""
        if not self.running and self.first <= step <= self.last:
            self.running = True
            _profiler().start(self.folder)

    def end(self, step: int) -> bool:
        """After a step that is done; gives whether the profile was written."""
        if not self.running or step < self.last:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Writes what is recorded, if anything is."""
        if self.running:
            self.running = False
            _profiler().stop()


def check_profile(steps: str | None) -> tuple[int, int] | None:
    """First and last step of a text such as "10:20"; None of None.

    Raises:
        ValueError: It is no such text.
    """
    if steps is None:
        return None
    found = re.fullmatch(r"(\d+):(\d+)", str(steps))
    first, last = map(int, found.groups()) if found else (0, 0)
    check(0 < first <= last, "profile", 'FIRST:LAST of steps, such as "10:20"', steps)
    return first, last


def _profiler():
    if keras.backend.backend() == "jax":
        return _JAX
    import tensorflow as tf  # The other backend.

    return tf.profiler.experimental


class _JAX:
    """The profiler of JAX, by the names of TensorFlow's."""

    @staticmethod
    def start(folder: str) -> None:
        import jax  # The backend, when this is called.

        jax.profiler.start_trace(folder)

    @staticmethod
    def stop() -> None:
        import jax

        jax.profiler.stop_trace()

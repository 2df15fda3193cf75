"""Optical flow that is computed once, and stored as pictures to read clips from.

The flow of a frame is how far its pixels move until the next one that is stored, to the
right and down; the last frame has that of the one before. It is what `TVL1Flow` of
`zoo/layers/flow.py` gives, in levels of 8 bits: `round(127 * pixels / 20) + 128`.
"""

import functools
import threading
from collections.abc import Callable, Sequence
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from datasets.decode import BrokenVideoError, Video
from datasets.jpegs import StoredFrames
from datasets.order import ClipSpec, check
from datasets.pictures import Fit, Keep, whole
from datasets.transcode import TICKS, Form, pictures

CHANNELS = 2
# The level of no movement, and how many there are to each side of it.
STILL, LEVELS = 128, 127
# Pixels of the pairs of frames that are worked on at once: some 300 bytes each.
CHUNK_PIXELS = 1 << 20
# By which the rate of a clip may differ from that of the flow that it shows.
RATES = 0.1
_LOCK = threading.Lock()  # One flow at a time: it uses all cores, and much memory.


def levels(flow: np.ndarray) -> np.ndarray:
    """Flow in [-1, 1], 20 pixels to the right or down being 1, as uint8."""
    return (np.rint(LEVELS * np.clip(flow, -1, 1)) + STILL).astype("uint8")


def turned(clip: np.ndarray) -> np.ndarray:
    """The levels of a mirrored clip: what moved to the left moves to the right."""
    result = clip.copy()
    result[..., 0] = -result[..., 0]  # Modulo 256: 128 - n becomes 128 + n.
    return result


def resized(
    flow: np.ndarray, size: tuple[int, int], scaler: VideoReformatter
) -> np.ndarray:
    """Scales a picture of flow, and its movements with it.

    Args:
        flow: Levels (height, width, 2).
        size: New height and width.
        scaler: Scales, bilinear.
    """
    shape = flow.shape[:2]
    if shape == tuple(size):
        return flow
    planes = []
    for channel, axis in enumerate((1, 0)):
        plane = np.ascontiguousarray(flow[..., channel])
        frame = av.VideoFrame.from_ndarray(plane, format="gray")
        # In 16 bits, as the movements may grow.
        how = {"interpolation": "BILINEAR", "threads": 1}
        frame = scaler.reformat(frame, size[1], size[0], "gray16le", **how)
        movement = frame.to_ndarray() / np.float32(256) - STILL
        planes.append(movement * np.float32(size[axis] / shape[axis]))
    return levels(np.stack(planes, axis=-1) / LEVELS)


def between(images: np.ndarray) -> np.ndarray:
    """The flow from each picture to the next one, by the layer `TVL1Flow`.

    Args:
        images: uint8 RGB (pictures, height, width, 3).

    Returns:
        float32 (pictures - 1, height, width, 2) in [-1, 1].
    """
    pairs = np.stack([images[:-1], images[1:]], axis=1).astype("float32") / 255
    flows, start = [], 0
    with _LOCK:
        flow = _compiled(*images.shape[1:3])
        while start < len(pairs):
            # Powers of 2, as JAX compiles for each number of pairs.
            count = 1 << ((len(pairs) - start).bit_length() - 1)
            flows.append(flow(pairs[start : start + count])[:, 0])
            start += count
    return np.concatenate(flows)


@functools.lru_cache(maxsize=8)
def _compiled(height: int, width: int) -> Callable[[np.ndarray], np.ndarray]:
    import keras  # Only where flow is computed.

    from zoo.inference import compiled
    from zoo.layers.flow import flow_of

    pair = keras.Input((2, height, width, 3))
    return compiled(keras.Model(pair, flow_of(pair, "tvl1")))


def flow_pngs(
    path: str, form: Form, start: float = 0.0, end: float | None = None
) -> tuple[list[float], list[bytes], tuple[int, int]]:
    """The flow of a video between two times as PNG files, a grey one for each frame.

    Its upper half are the levels of the movement to the right, the lower those down.

    Args:
        path: Of the video.
        form: Says which frames, and their size.
        start: Seconds after the video's first frame.
        end: Seconds; None is the end of the video.

    Returns:
        Seconds of each frame from the video's first one, the files, and the height and
        width of the frames.

    Raises:
        BrokenVideoError: It can not be read.
    """
    times, files, images = [], [], []
    with Video(path, start, end) as video:
        for time, frame in pictures(video, form, "rgb24"):
            times.append(time)
            images.append(frame.to_ndarray())
            if images[-1].shape != images[0].shape:
                raise BrokenVideoError(path, "the size of its pictures changes")
            if len(images) > max(1, CHUNK_PIXELS // (frame.height * frame.width)):
                files += _encode(levels(between(np.stack(images))))
                images = images[-1:]
    if not images:
        raise BrokenVideoError(path, "no frame decodes")
    if len(images) > 1:
        files += _encode(levels(between(np.stack(images))))
    shape = images[0].shape[:2]
    # A single frame has nowhere to move.
    files += files[-1:] or _encode(np.full((1, *shape, CHANNELS), STILL, "uint8"))
    return times, files, shape


def _encode(flows: np.ndarray) -> list[bytes]:
    """PNG files of levels (pictures, height, width, 2)."""
    planes = np.concatenate([flows[..., 0], flows[..., 1]], axis=1)
    context = av.CodecContext.create("png", "w")
    context.height, context.width = planes.shape[1:]
    context.pix_fmt, context.time_base = "gray", Fraction(1, TICKS)
    context.thread_count, context.options = 1, {"pred": "sub"}
    files = []
    for number, plane in enumerate(planes):
        frame = av.VideoFrame.from_ndarray(plane, format="gray")
        frame.pts, frame.time_base = number, context.time_base
        files.append(b"".join(bytes(packet) for packet in context.encode(frame)))
    return files


class StoredFlow(StoredFrames):
    """The flow of a stored video between two times, in place of its frames.

    Arguments and attributes are those of `StoredFrames`.
    """

    codec = "png"

    @property
    def stored_shape(self) -> tuple[int, int]:
        """Height and width."""
        frame = self._picture(0)
        return frame.height // 2, frame.width

    def frames(
        self, wanted: Sequence[int], fit: Fit | None = None, keep: Keep = whole
    ) -> list[np.ndarray]:
        """Gives the flow of frames, scaled as `decode.Video.frames` scales pictures.

        Args:
            wanted: Numbers of frames in `times`, in any order, also repeated.
            fit: As there.
            keep: As there.

        Returns:
            For each wanted number what is kept: the levels, uint8 (height, width, 2).
        """
        scaler = VideoReformatter()
        numbers = np.asarray(wanted).tolist()
        flows = {n: self._flow(n, fit, scaler) for n in sorted({*numbers})}
        kept = {n: keep(np.moveaxis(flow, -1, 0)) for n, flow in flows.items()}
        return [kept[n] for n in numbers]

    def _picture(self, number: int) -> av.VideoFrame:
        # FFmpeg's decoder of PNG adds to the picture before.
        self._context = self._decoder()
        return super()._picture(number)

    def _flow(self, number: int, fit: Fit | None, scaler) -> np.ndarray:
        planes = self._picture(number).to_ndarray()
        shape = planes.shape[0] // 2, planes.shape[1]
        flow = np.stack([planes[: shape[0]], planes[shape[0] :]], axis=-1)
        return flow if fit is None else resized(flow, fit(*shape), scaler)


def check_options(augmentation, objects: str | None) -> None:
    """Raises ValueError where options of a source make no sense with flow.

    Args:
        augmentation: An `augment.Augmentation`, or None.
        objects: Folder of maps, or None.
    """
    check(objects is None, "objects", "left out where clips are of flow", objects)
    for name in augmentation.colours if augmentation else ():
        rule = "0 where clips are of flow, which has no colours"
        check(False, name, rule, getattr(augmentation, name))


def other_rate(times: np.ndarray, clip_spec: ClipSpec) -> float | None:
    """The rate at which flow was computed, where that is not about a clip's."""
    if len(times) < 2:
        return None
    own = 1 / float(np.median(np.diff(times)))
    return own if abs(clip_spec.rate / own - 1) > RATES else None

"""Which frames of a video a clip has, and which part of them it shows."""

import itertools
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets import flow, operations
from datasets.decode import Video
from datasets.objects import Maps
from datasets.operations import Operation
from datasets.order import ClipSpec
from datasets.pictures import Fit

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """What a clip shows of its video, and what is done to it; all that is drawn.

    Args:
        place: Where the clip lies in the video: 0 at its start, 1 at its end.
        y: Where it lies in the picture: 0 at the top, 1 at the bottom.
        x: 0 at the left, 1 at the right.
        scale: Of the picture, relative to the one that just covers the clip.
        mirrored: Whether left is right.
        parts: In place of the scale, shares of the picture's area; the first that lies
            within the picture counts. None is the scale. Each with how much wider the
            picture is made for its height.
        operations: For `operations.apply`.
    """

    place: float = 0.5
    y: float = 0.5
    x: float = 0.5
    scale: float = 1.0
    mirrored: bool = False
    parts: tuple[tuple[float | None, float], ...] = ()
    operations: tuple[Operation, ...] = ()

    def fit(self, shape: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
        """The height and width to scale a picture to, of which `size` is cropped."""
        for area, aspect in self.parts or ((None, 1.0),):
            if area is None:
                return cover((shape[0], shape[1] * aspect), size, self.scale)
            stretch = math.sqrt(size[0] * aspect / size[1])
            side = math.sqrt(area * math.prod(shape))
            part = side * stretch, side / stretch
            if part[0] <= shape[0] and part[1] <= shape[1]:
                return tuple(
                    max(size[i], round(shape[i] * size[i] / part[i])) for i in range(2)
                )
        return cover(shape, size)

    def corner(self, shape: Sequence[int], size: tuple[int, int]) -> tuple[int, int]:
        """Where in a picture of a shape `size` is cropped: its top and left."""
        places = zip((self.y, self.x), shape, size, strict=True)
        return tuple(round(place * (have - need)) for place, have, need in places)


def sample(
    times: np.ndarray, frames: int, rate: float, place: float, short: str = "loop"
) -> np.ndarray:
    """Chooses the frames of a clip by their times, so that any frame rate does.

    Args:
        times: Seconds of the video's frames, ascending.
        frames: Of the clip.
        rate: Frames a second of the clip.
        place: Where the clip lies in the video: 0 at its start, 1 at its end.
        short: What a video that ends before the clip does: "loop", or "hold" its last
            frame.

    Returns:
        The number of the video's frame that is nearest to each frame of the clip.
    """
    steps = np.arange(frames) / rate
    times = times - times[0]
    free = max(0.0, times[-1] - steps[-1])
    # From a frame's very time, equal rates give each frame once.
    wanted = times[_nearest(times, np.array([place * free]))] + steps
    if short == "loop" and is_short(times, frames, rate):
        interval = _interval(times, rate)
        slack = interval / 4  # Times are rounded: nearly the end is the end.
        wanted = (wanted + slack) % (times[-1] + interval) - slack
    return _nearest(times, wanted)


def sample_segments(
    count: int,
    frames: int,
    segments: int,
    rng: np.random.Generator | None = None,
    place: float = 0.5,
    short: str = "loop",
) -> np.ndarray:
    """Chooses the frames of a clip from equal parts of the whole video, in their order.

    As Temporal Segment Networks do (https://arxiv.org/abs/1608.00859).

    Args:
        count: Frames of the video.
        frames: Of the clip.
        segments: Parts of the video, which give as many frames each.
        rng: Draws them, each part's without repetition. Without it each part is parted
            again, and gives the centre of each.
        place: In place of the centre: 0 is the first frame, 1 the last.
        short: What a video of fewer frames than the clip does: "loop", or "hold" its
            last frame.

    Returns:
        The numbers of the video's frames.
    """
    length = max(count, frames) if short == "hold" else count * -(-frames // count)
    if rng is None:
        edges = np.arange(frames + 1) * length // frames
        lengths = np.diff(edges)
        inside = np.minimum((place * lengths).astype(int), lengths - 1)
        return _within(edges[:-1] + inside, count, short)
    edges = np.arange(segments + 1) * length // segments
    parts = [
        low + np.sort(rng.choice(high - low, frames // segments, replace=False))
        for low, high in itertools.pairwise(edges)
    ]
    return _within(np.concatenate(parts), count, short)


def is_too_short(times: np.ndarray, clip_spec: ClipSpec, uniform: bool = False) -> bool:
    """Whether a video has too little for a clip, so that it loops or holds."""
    if uniform or clip_spec.segments:
        return len(times) < clip_spec.frames
    return is_short(times, clip_spec.frames, clip_spec.rate)


def is_short(times: np.ndarray, frames: int, rate: float) -> bool:
    """Whether a video ends before a clip does."""
    end = times[-1] - times[0] + 0.75 * _interval(times, rate)
    return bool((frames - 1) / rate > end)


def warn_of_short(name: str, clip_spec: ClipSpec, short: str = "loop") -> None:
    """Says that a video is shorter than the clip, and what is done about it."""
    clip = f"{clip_spec.frames / clip_spec.rate:.1f} s"
    if clip_spec.segments:
        clip = f"{clip_spec.frames} frames"
    do = "hold their last frame" if short == "hold" else "loop"
    LOGGER.warning("%s is shorter than the clip (%s): such videos %s.", name, clip, do)


def chosen(
    times: np.ndarray,
    clip_spec: ClipSpec,
    place: float = 0.5,
    rng: np.random.Generator | None = None,
    uniform: bool = False,
    short: str = "loop",
) -> np.ndarray:
    """The numbers of a video's frames that a clip has.

    Args:
        times: Seconds of the video's frames.
        clip_spec: Frames, rate and segments.
        place: Where the clip lies in the video: 0 at its start, 1 at its end.
        rng: Draws frames from their segments; without it `place` says which.
        uniform: Whether clips without segments are of the whole video, a frame of each
            of as many parts, rather than of a stretch of it.
        short: What a video that is too short does: "loop", or "hold" its last frame.
    """
    frames = clip_spec.frames
    segments = clip_spec.segments or (frames if uniform else None)
    if segments:
        return sample_segments(len(times), frames, segments, rng, place, short)
    return sample(times, frames, clip_spec.rate, place, short)


def read(
    video: Video,
    clip_spec: ClipSpec,
    wanted: np.ndarray,
    views: Sequence[View] = (View(),),
    maps: Maps | None = None,
) -> np.ndarray:
    """Reads frames of a video, in one or several views: each frame is decoded once.

    Args:
        video: To read from.
        clip_spec: Frames, height and width.
        wanted: Numbers of the frames, as `chosen` gives them.
        views: Of these frames; all scale the picture as the first does.
        maps: Of the objects in the video.

    Returns:
        uint8 (views, frames, height, width, 3), or with maps 4: each pixel's class; of
        a video of flow 2, its levels.
    """
    size, picture = (clip_spec.height, clip_spec.width), []

    def fit(*shape: int) -> tuple[int, int]:
        picture[:] = shape
        return views[0].fit(shape, size)

    kept, scaled = crops(video, wanted, clip_spec, views, fit)
    clips = []
    for view, clip in zip(views, kept, strict=True):
        if view.mirrored and clip.shape[-1] == flow.CHANNELS:
            clip = flow.turned(clip)
        if maps is not None:
            at, step = video.times[wanted], -1 if view.mirrored else 1
            corner = view.corner(scaled, size)
            numbers = maps.crop(at, scaled, corner, size, tuple(picture))
            clip = np.concatenate([clip, numbers[:, :, ::step, None]], axis=-1)
        clips.append(operations.apply(clip, view.operations))
    return np.stack(clips) if len(clips) > 1 else clips[0][None]


def crops(
    video: Video,
    wanted: np.ndarray,
    clip_spec: ClipSpec,
    views: Sequence[View],
    fit: Fit,
) -> tuple[np.ndarray, tuple[int, int]]:
    """Reads what views show of a video's frames, cut out as soon as one is decoded.

    So that each pixel is copied once, and only those that are kept.

    Args:
        video: To read from.
        wanted: Numbers of the frames.
        clip_spec: Height and width.
        views: Of these frames.
        fit: Gives the height and width to scale a picture to.

    Returns:
        uint8 (views, frames, height, width, channels), and the height and width of the
        scaled picture that was cropped last.
    """
    size, clips, shape = (clip_spec.height, clip_spec.width), None, None
    numbers = itertools.count()

    def keep(channels: Sequence[np.ndarray]) -> int:
        """Crops a picture, and gives its number among those that were."""
        nonlocal clips, shape
        if clips is None:
            whole = len(views), len(wanted), *size, len(channels)
            clips = np.empty(whole, "uint8")
        number, shape = next(numbers), channels[0].shape
        for view, clip in zip(views, clips, strict=True):
            crop(channels, view, clip[number])
        return number

    order = video.frames(wanted, fit, keep)
    in_order = order == [*range(len(order))]
    return clips if in_order else clips[:, order], shape


def crop(channels: Sequence[np.ndarray], view: View, out: np.ndarray) -> np.ndarray:
    """Copies the part of a picture that a view shows.

    Args:
        channels: Of the picture, each (height, width).
        view: Says where, and whether left is right.
        out: Of the size of the part, (height, width, channels).
    """
    top, left = view.corner(channels[0].shape, out.shape[:2])
    rows, columns = np.s_[top : top + out.shape[0]], np.s_[left : left + out.shape[1]]
    for number, channel in enumerate(channels):
        part = channel[rows, columns]
        out[..., number] = part[:, ::-1] if view.mirrored else part
    return out


def cover(
    shape: tuple[int, int], size: tuple[int, int], scale: float = 1.0
) -> tuple[int, int]:
    """The height and width to scale a picture to: it covers `size` `scale` times."""
    factor = scale * max(size[0] / shape[0], size[1] / shape[1])
    return tuple(max(size[i], round(shape[i] * factor)) for i in range(2))


def _within(numbers: np.ndarray, count: int, short: str) -> np.ndarray:
    return np.minimum(numbers, count - 1) if short == "hold" else numbers % count


def _interval(times: np.ndarray, rate: float) -> float:
    """How long the last frame lasts: as long as most do."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 1 / rate


def _nearest(times: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    # Rounded times must not choose between two frames that are equally near.
    return np.searchsorted((times[1:] + times[:-1]) / 2, wanted - 1e-4)

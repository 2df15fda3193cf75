"""Which frames of a video a clip has, and which part of them it shows."""

import itertools
import logging

import numpy as np

from datasets.decode import Video
from datasets.order import ClipSpec

LOGGER = logging.getLogger(__name__)
_SHORT_FILES = itertools.count()  # Read so far; counting is safe between threads.


def sample(times: np.ndarray, frames: int, rate: float, place: float) -> np.ndarray:
    """Chooses the frames of a clip by their times, so that any frame rate does.

    Args:
        times: Seconds of the video's frames, ascending.
        frames: Of the clip.
        rate: Frames a second of the clip.
        place: Where the clip lies in the video: 0 at its start, 1 at its end.

    Returns:
        The number of the video's frame that is nearest to each frame of the clip. A
        clip that is longer than the video loops.
    """
    steps = np.arange(frames) / rate
    times = times - times[0]
    free = max(0.0, times[-1] - steps[-1])
    # From a frame's very time, equal rates give each frame once.
    wanted = times[_nearest(times, np.array([place * free]))] + steps
    if is_short(times, frames, rate):
        interval = _interval(times, rate)
        slack = interval / 4  # Times are rounded: nearly the end is the end.
        wanted = (wanted + slack) % (times[-1] + interval) - slack
    return _nearest(times, wanted)


def is_short(times: np.ndarray, frames: int, rate: float) -> bool:
    """Whether a video ends before a clip does."""
    end = times[-1] - times[0] + 0.75 * _interval(times, rate)
    return bool((frames - 1) / rate > end)


def warn_of_loops(name: str, clip_spec: ClipSpec) -> None:
    """Says that a video is shorter than the clip, and what is done about it."""
    text = "%s is shorter than the clip (%.1f s): such videos loop."
    LOGGER.warning(text, name, clip_spec.frames / clip_spec.rate)


def read(
    video: Video,
    clip_spec: ClipSpec,
    rng: np.random.Generator | None = None,
    resize: tuple[float, float] = (1.0, 1.25),
    flip: bool = False,
    place: float = 0.5,
) -> np.ndarray:
    """Reads one clip: a random one with `rng`, else the whole or central picture.

    Args:
        video: To read from.
        clip_spec: Frames, rate, height and width.
        rng: Draws the moment, the scale, the crop and the flip.
        resize: Range of the scale, relative to the one that just covers the clip.
        flip: Whether half of the random clips are mirrored.
        place: Of a clip that is not random: 0 at the video's start, 1 at its end.

    Returns:
        The clip, uint8 (frames, height, width, 3).
    """
    scale, y, x, mirror = 0.0, 0.5, 0.5, 0.0
    if rng is not None:
        place, scale, y, x, mirror = rng.uniform(size=5)
        scale = resize[0] + scale * (resize[1] - resize[0])
    size = clip_spec.height, clip_spec.width
    wanted = sample(video.times, clip_spec.frames, clip_spec.rate, place)
    images = video.frames(wanted, lambda *shape: cover(shape, size, max(1.0, scale)))
    top = round(y * (images[0].shape[0] - size[0]))
    left = round(x * (images[0].shape[1] - size[1]))
    step = -1 if flip and mirror < 0.5 and rng is not None else 1
    part = np.s_[top : top + size[0], left : left + size[1]]
    return np.stack([image[part][:, ::step] for image in images])


def read_file(path: str, clip_spec: ClipSpec, place: float = 0.5) -> np.ndarray:
    """Reads one clip of a video file, as evaluation sees it.

    The first video that is shorter than the clip is named in a warning: it loops.

    Args:
        path: Of the video.
        clip_spec: Frames, rate, height and width.
        place: Where the clip lies in the video: 0 at its start, 1 at its end.

    Returns:
        The clip, float32 (frames, height, width, 3) in [0, 1].

    Raises:
        BrokenVideoError: The video can not be read.
    """
    with Video(path) as video:
        short = is_short(video.times, clip_spec.frames, clip_spec.rate)
        if short and next(_SHORT_FILES) == 0:
            warn_of_loops(video.path, clip_spec)
        return read(video, clip_spec, place=place).astype("float32") / 255


def cover(
    shape: tuple[int, int], size: tuple[int, int], scale: float = 1.0
) -> tuple[int, int]:
    """The shape to scale a picture to, so that it covers `size` `scale` times."""
    factor = scale * max(size[0] / shape[0], size[1] / shape[1])
    return tuple(max(size[i], round(shape[i] * factor)) for i in range(2))


def _interval(times: np.ndarray, rate: float) -> float:
    """How long the last frame lasts: as long as most do."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 1 / rate


def _nearest(times: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    # Rounded times must not choose between two frames that are equally near.
    return np.searchsorted((times[1:] + times[:-1]) / 2, wanted - 1e-4)

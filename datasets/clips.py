"""Which frames of a video a clip has, and which part of them it shows."""

import itertools
import logging

import numpy as np

from datasets.decode import Video
from datasets.objects import Maps
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


def sample_segments(
    count: int,
    frames: int,
    segments: int,
    rng: np.random.Generator | None = None,
    place: float = 0.5,
) -> np.ndarray:
    """Chooses the frames of a clip from equal parts of the whole video, in their order.

    As Temporal Segment Networks do (https://arxiv.org/abs/1608.00859).

    Args:
        count: Frames of the video; one with fewer than the clip loops.
        frames: Of the clip.
        segments: Parts of the video, which give as many frames each.
        rng: Draws them, each part's without repetition. Without it each part is parted
            again, and gives the centre of each.
        place: In place of the centre: 0 is the first frame, 1 the last.

    Returns:
        The numbers of the video's frames.
    """
    length = count * -(-frames // count)
    if rng is None:
        edges = np.arange(frames + 1) * length // frames
        lengths = np.diff(edges)
        inside = np.minimum((place * lengths).astype(int), lengths - 1)
        return (edges[:-1] + inside) % count
    edges = np.arange(segments + 1) * length // segments
    parts = [
        low + np.sort(rng.choice(high - low, frames // segments, replace=False))
        for low, high in itertools.pairwise(edges)
    ]
    return np.concatenate(parts) % count


def loops(times: np.ndarray, clip_spec: ClipSpec) -> bool:
    """Whether a video has too little for a clip, so that it loops."""
    if clip_spec.segments:
        return len(times) < clip_spec.frames
    return is_short(times, clip_spec.frames, clip_spec.rate)


def is_short(times: np.ndarray, frames: int, rate: float) -> bool:
    """Whether a video ends before a clip does."""
    end = times[-1] - times[0] + 0.75 * _interval(times, rate)
    return bool((frames - 1) / rate > end)


def warn_of_loops(name: str, clip_spec: ClipSpec) -> None:
    """Says that a video is shorter than the clip, and what is done about it."""
    clip = f"{clip_spec.frames / clip_spec.rate:.1f} s"
    if clip_spec.segments:
        clip = f"{clip_spec.frames} frames"
    LOGGER.warning("%s is shorter than the clip (%s): such videos loop.", name, clip)


def read(
    video: Video,
    clip_spec: ClipSpec,
    rng: np.random.Generator | None = None,
    resize: tuple[float, float] = (1.0, 1.25),
    flip: bool = False,
    place: float = 0.5,
    maps: Maps | None = None,
) -> np.ndarray:
    """Reads one clip: a random one with `rng`, else the whole or central picture.

    Args:
        video: To read from.
        clip_spec: Frames, rate, height, width and segments.
        rng: Draws the moment, the scale, the crop and the flip.
        resize: Range of the scale, relative to the one that just covers the clip.
        flip: Whether half of the random clips are mirrored.
        place: Of a clip that is not random: 0 at the video's start, 1 at its end.
        maps: Of the objects in the video.

    Returns:
        The clip, uint8 (frames, height, width, 3), or with maps 4: each pixel's class.
    """
    scale, y, x, mirror = 0.0, 0.5, 0.5, 0.0
    if rng is not None:
        place, scale, y, x, mirror = rng.uniform(size=5)
        scale = resize[0] + scale * (resize[1] - resize[0])
    size = clip_spec.height, clip_spec.width
    wanted = _chosen(video.times, clip_spec, rng, place)
    images = video.frames(wanted, lambda *shape: cover(shape, size, max(1.0, scale)))
    top = round(y * (images[0].shape[0] - size[0]))
    left = round(x * (images[0].shape[1] - size[1]))
    step = -1 if flip and mirror < 0.5 and rng is not None else 1
    part = np.s_[top : top + size[0], left : left + size[1]]
    clip = np.stack([image[part][:, ::step] for image in images])
    if maps is None:
        return clip
    numbers = maps.crop(video.times[wanted], images[0].shape[:2], (top, left), size)
    return np.concatenate([clip, numbers[:, :, ::step, None]], axis=-1)


def _chosen(times: np.ndarray, clip_spec: ClipSpec, rng, place: float) -> np.ndarray:
    frames, segments = clip_spec.frames, clip_spec.segments
    if segments:
        return sample_segments(len(times), frames, segments, rng, place)
    return sample(times, frames, clip_spec.rate, place)


def read_file(path: str, clip_spec: ClipSpec, place: float = 0.5) -> np.ndarray:
    """Reads one clip of a video file, as evaluation sees it.

    The first video that is shorter than the clip is named in a warning: it loops.

    Args:
        path: Of the video.
        clip_spec: Frames, rate, height, width and segments.
        place: Where the clip lies in the video: 0 at its start, 1 at its end.

    Returns:
        The clip, float32 (frames, height, width, 3) in [0, 1].

    Raises:
        BrokenVideoError: The video can not be read.
    """
    with Video(path) as video:
        if loops(video.times, clip_spec) and next(_SHORT_FILES) == 0:
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

"""Small videos, held decoded: a search reads the same ones for every candidate."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from av.video.reformatter import VideoReformatter

from datasets.decode import Video
from datasets.pictures import Fit, Keep, upright, whole

# A video that would take more of the cache than this share is not small.
LARGEST_SHARE = 1 / 16


class HeldVideo:
    """All frames of a video in memory, as the decoder left them.

    It gives the same frames as the `decode.Video` that it was read from, which may be
    closed.

    Args:
        video: To read.

    Attributes:
        times: Seconds of each frame.
        whole: Whether everything decoded. A damaged video must not be held: which
            frames it gives depends on those that are asked for.
        size: Bytes.
    """

    def __init__(self, video: Video):
        self.times = video.times
        self._pictures = list(video.all_frames())
        self.whole = len(self._pictures) == len(self.times) and not video.bad
        planes = [plane for picture in self._pictures for plane in picture.planes]
        self.size = sum(plane.buffer_size for plane in planes)

    def frames(
        self, wanted: Sequence[int], fit: Fit | None = None, keep: Keep = whole
    ) -> list[np.ndarray]:
        """Gives frames as `decode.Video.frames` does."""
        scaler = VideoReformatter()
        how = fit, scaler, keep
        images = {n: upright(self._pictures[n], *how) for n in sorted({*wanted})}
        return [images[n] for n in wanted]


class Cache:
    """Opens videos, and holds the small ones up to a number of bytes.

    Args:
        limit: Bytes; 0 holds nothing.

    Attributes:
        limit: As given; None holds nothing, and looks at no video's size.
        opener: Opens a video, or a part of it, as `decode.Video` does; None is that.
    """

    def __init__(self, limit: int):
        self.size = 0
        self.limit: int | None = limit
        self.opener: Callable[..., Video] | None = None
        self._held: dict[tuple, HeldVideo] = {}
        self._damaged: set[tuple] = set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def open(
        self, path: str, start: float = 0.0, end: float | None = None
    ) -> Iterator[Video | HeldVideo]:
        """Opens a video, or a part of it, for a `with` statement."""
        key = path, start, end
        held = self._held.get(key)
        if held is not None:
            yield held
            return
        with (self.opener or Video)(path, start, end) as video:
            if key not in self._damaged and self._is_small(video):
                held = self._hold(key, video)
            yield held or video

    def _is_small(self, video: Video) -> bool:
        if self.limit is None:
            return False
        height, width = video.stored_shape
        size = 1.5 * len(video.times) * height * width  # Most store 12 bits a pixel.
        return size <= min(LARGEST_SHARE * self.limit, self.limit - self.size)

    def _hold(self, key: tuple, video: Video) -> HeldVideo | None:
        held = HeldVideo(video)
        with self._lock:
            if not held.whole:
                self._damaged.add(key)
                return None
            if key not in self._held:
                self._held[key] = held
                self.size += held.size
        return held

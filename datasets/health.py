"""Which videos of a source are broken, and how many of them are put up with."""

import logging
import threading

import numpy as np

from datasets import clips, flow
from datasets.items import Index, Item
from datasets.order import ClipSpec, check

LOGGER = logging.getLogger(__name__)


def allowed(max_bad_fraction: float, videos: int) -> float:
    """How many videos may be broken: one at least, but never all.

    Args:
        max_bad_fraction: Share of them that is put up with; only of 0 it is none.
        videos: In all.

    Raises:
        ValueError: That is no share.
    """
    valid = 0 <= max_bad_fraction <= 1
    check(valid, "max_bad_fraction", "in [0, 1]", max_bad_fraction)
    most = max(1, max_bad_fraction * videos) if max_bad_fraction else 0
    return min(most, max(0, videos - 1))


class Health:
    """Counts the videos that were read and those that are broken, and names these.

    Args:
        index: All videos.
        max_bad_fraction: Share of broken ones that is put up with.

    Attributes:
        bad: Why each broken video is, by its key.
    """

    def __init__(self, index: Index, max_bad_fraction: float):
        self.bad: dict[str, str] = {}
        self._total = len({i.key for items in index.splits.values() for i in items})
        self._fraction = max_bad_fraction
        self._allowed = allowed(max_bad_fraction, self._total)
        self._read: set[str] = set()
        self._warned, self._warned_of_rate = False, False
        self._lock = threading.Lock()

    def reads(self, item: Item) -> None:
        """Notes a video that was read."""
        with self._lock:
            self._read.add(item.key)

    def warns_of_short(self, item: Item, clip_spec: ClipSpec, short: str) -> None:
        """Warns of the first video that is shorter than the clip."""
        with self._lock:
            if not self._warned:
                clips.warn_of_short(item.key, clip_spec, short)
            self._warned = True

    def warns_of_rate(self, item: Item, clip_spec: ClipSpec, times: np.ndarray) -> None:
        """Warns of the first clip that shows flow of another rate than its own."""
        with self._lock:
            rate = None if self._warned_of_rate else flow.other_rate(times, clip_spec)
            self._warned_of_rate |= rate is not None
        if rate is not None:
            LOGGER.warning(
                "The flow of %s is of %.3g frames a second, clips are of %.3g: it is "
                "that to the next stored frame. `--fps` of datasets.prepare or the "
                "clip's `rate` makes them equal.",
                item.key,
                rate,
                clip_spec.rate,
            )

    def breaks(self, item: Item, why: str) -> None:
        """Names a broken video; ValueError when there are too many."""
        with self._lock:
            if item.key not in self.bad:
                self.bad[item.key] = why
                LOGGER.warning("%s is broken and left out: %s", item.key, why)
            bad, read = len(self.bad), len(self._read | self.bad.keys())
        if bad > self._allowed:
            rule = f"at most {self._fraction:.1%} of {self._total} videos may be broken"
            raise ValueError(
                f"{rule} (`max_bad_fraction`). Got {bad} of the {read} read so far, "
                f"the last {item.key}: {why}. `python -m datasets.check` lists them."
            )

    def trains(self, items: list[Item]) -> None:
        """Raises ValueError where all videos to train on are broken."""
        if all(item.key in self.bad for item in items):
            rule = "`train` must hold a video that can be read"
            raise ValueError(f"{rule}. Got: {len(items)} broken ones")

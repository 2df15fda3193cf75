"""Networks on video that comes frame by frame, as from a camera."""

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from zoo.genotypes import ClipSpec
from zoo.genotypes.base import check

RECENT = 10_000  # Latencies that are remembered, for their median.


@dataclass(frozen=True)
class Decision:
    """What a stream shows at a time.

    Args:
        time: Seconds since the stream began, of the newest frame that was seen.
        probabilities: Of the classes.
        latency: Seconds from when that frame came to the decision.
    """

    time: float
    probabilities: np.ndarray
    latency: float


@dataclass(frozen=True)
class Summary:
    """What became of a stream.

    Args:
        frames: That came.
        decisions: That were made.
        skipped: Decisions that were not made, as the one before took too long.
        dropped: Frames that no decision has seen for that reason.
        median_ms: Milliseconds from a frame to its decision, of the last `RECENT`;
            None where there was no decision.
        worst_ms: The most, of all.
    """

    frames: int
    decisions: int
    skipped: int
    dropped: int
    median_ms: float | None
    worst_ms: float | None


@dataclass
class _Kept:
    """A frame of the window, when it was taken, when it came, and whether it served."""

    time: float
    picture: np.ndarray
    came: float
    seen: bool = False


class Stream:
    """Decides, every few seconds, what the last frames of a stream show.

    One thread offers frames, another decides. Nothing is queued: the window holds as
    many frames as a clip, at the clip's rate and size, and a decision is about those
    that are newest when it begins. Where decisions take longer than the stride, those
    that can not be made are skipped, and frames that leave the window meanwhile dropped
    and counted. So memory is bounded by a clip, and a decision comes at most the time
    of an inference and of one frame of the clip after what it is about.

    Args:
        predict: From a clip, uint8 (frames, height, width, 3), to probabilities.
        clip_spec: The clip that it reads.
        stride: Seconds of the stream between decisions.
        fit: From a frame as it is offered to a picture of the clip's size; called for
            those that are kept.
        clock: Seconds.

    Raises:
        ValueError: The clip has frames from all over a video, and no rate.
    """

    def __init__(
        self,
        predict: Callable[[np.ndarray], np.ndarray],
        clip_spec: ClipSpec,
        stride: float = 1.0,
        fit: Callable[[object], np.ndarray] = np.asarray,
        clock: Callable[[], float] = time.monotonic,
    ):
        check(stride > 0, "stride", "above 0 seconds", stride)
        rule = "one of clips at a rate: a stream has no end to spread segments over"
        check(
            clip_spec.segments is None, "model", rule, f"{clip_spec.segments} segments"
        )
        self._predict, self._fit, self._clock = predict, fit, clock
        self._stride, self._step = stride, 1 / clip_spec.rate
        self._span = (clip_spec.frames - 1) * self._step
        self._steps = np.arange(1 - clip_spec.frames, 1) * self._step
        self._window: deque[_Kept] = deque(maxlen=clip_spec.frames)
        self._changed = threading.Condition()
        self._latencies = deque(maxlen=RECENT)
        self._frames = self._decisions = self._skipped = self._dropped = 0
        self._worst = 0.0
        self._ended, self._error = False, None
        self._restart(0.0)

    def _restart(self, now: float) -> None:
        self._window.clear()
        self._wanted = now  # The next frame to keep.
        self._next = now + self._span - self._step / 4  # The next decision.
        self._newest = now

    def offer(self, now: float, frame: object) -> None:
        """Takes a frame, and keeps it if the clip's rate asks for one.

        Args:
            now: Seconds since the stream began. Where they go back by more than a clip
                it begins anew; a frame that is a little late is left out.
            frame: What `fit` takes.
        """
        self._frames += 1
        if self._frames == 1 or now < self._newest - self._span - self._step:
            with self._changed:
                self._restart(now)
        # The nearest in time: the next one comes after as long as this one.
        early = 0.499 * min(self._step, now - self._newest)
        self._newest = max(now, self._newest)
        if now < self._wanted - early:
            return
        # After a gap, and from streams that are slower, the next one is kept at once.
        behind = max(0.0, (now + early - self._wanted) // self._step)
        self._wanted += (behind + 1) * self._step
        kept = _Kept(now, self._fit(frame), self._clock())
        with self._changed:
            full = len(self._window) == self._window.maxlen
            if full and not self._window[0].seen and self.due:
                self._dropped += 1
            if not self.due and now >= self._next:  # No frames came for a while.
                self._next += (now - self._next) // self._stride * self._stride
            self._window.append(kept)
            self._changed.notify_all()

    @property
    def due(self) -> bool:
        """Whether there is something to decide about."""
        return bool(self._window) and self._window[-1].time >= self._next

    def decide(self) -> Decision:
        """Says what the newest frames show."""
        with self._changed:
            kept = list(self._window)
            for frame in kept:
                frame.seen = True
            newest = kept[-1]
            missed = int((newest.time - self._next) // self._stride)
            self._skipped += missed
            self._next += (missed + 1) * self._stride
        times = np.array([frame.time for frame in kept])
        apart = abs(times[:, None] - (newest.time + self._steps))
        clip = np.stack([kept[number].picture for number in apart.argmin(axis=0)])
        probabilities = self._predict(clip)
        latency = self._clock() - newest.came
        self._decisions += 1
        self._latencies.append(latency)
        self._worst = max(self._worst, latency)
        return Decision(newest.time, probabilities, latency)

    def follow(self, frames: Iterable[tuple[float, object]]) -> Iterator[Decision]:
        """Decides about frames that a thread reads, until there are no more.

        Args:
            frames: Times in seconds, and frames as `offer` takes them.

        Raises:
            Exception: What reading them raised, after the last decision.
        """
        reader = threading.Thread(target=self._read, args=(frames,), daemon=True)
        reader.start()
        try:
            while self._wait():
                yield self.decide()
        finally:
            self._ended = True
            reader.join(1.0)  # A camera that sends nothing more holds it.
        if self._error is not None:
            raise self._error

    def _read(self, frames: Iterable[tuple[float, object]]) -> None:
        try:
            for now, frame in frames:
                if self._ended:
                    break
                self.offer(now, frame)
        except Exception as error:  # For the thread that decides.
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _wait(self) -> bool:
        """Waits until something is due; False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self.due or self._ended)
            return self.due

    def summary(self) -> Summary:
        """What became of the frames until now."""
        made = self._decisions > 0
        return Summary(
            self._frames,
            self._decisions,
            self._skipped,
            self._dropped,
            1000 * statistics.median(self._latencies) if made else None,
            1000 * self._worst if made else None,
        )


def paced(
    frames: Iterable[tuple[float, object]],
    speed: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[float, object]]:
    """Frames of a file at their own pace, as if a camera gave them.

    Args:
        frames: Times in seconds, and frames.
        speed: How many seconds of the file pass in one.
        clock: Seconds.
        sleep: Waits for seconds.
    """
    check(speed > 0, "speed", "above 0", speed)
    start = None
    for now, frame in frames:
        start = clock() - now / speed if start is None else start
        ahead = start + now / speed - clock()
        if ahead > 0:
            sleep(ahead)
        yield now, frame

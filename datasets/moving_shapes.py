"""The embedded data set: shapes whose action only motion can tell.

NumPy only, seeded, no download. It renders straight at the clip a model wants.
"""

import copy
import itertools
from collections.abc import Iterator

import numpy as np

from datasets import shapes
from datasets.order import (
    SPLITS,
    TASKS,
    ClipSpec,
    Shared,
    check,
    check_request,
    check_split,
    draws,
    halves,
    training_place,
)

SEGMENT_SECONDS = 2.0
# Normal numbers are slow to draw: clips take theirs from a random place in this pool.
_NOISE = np.random.default_rng(0).standard_normal(1 << 21, "float32")


class MovingShapes(Shared):
    """Clip source of shapes that move, turn, grow, bounce, circle, shake or blink.

    One frame says nothing about the action: its distribution of place, angle, size and
    colour is the same for all. Actions unfold in seconds, whatever the clip's rate.
    Nothing augments clips: `videos_per_class` draws as many others as one likes.

    With `task="multi"` a video lasts `seconds`, shows several shapes at once, and each
    changes its action every 2 seconds. A clip is labelled with the actions it shows
    for at least half a second, or a quarter of the clip if that is shorter.

    Args:
        task: "single" label, or "multi".
        videos_per_class: Training videos for each action; validation and test have a
            quarter of it each.
        actions: The classes; all of `shapes.ACTIONS` by default.
        seconds: Length of a video; 2 by default, 8 where multi-label.
        noise: Largest standard deviation of a video's pixel noise.
        seed: Another seed is another data set.
    """

    def __init__(
        self,
        task: str = "single",
        videos_per_class: int = 100,
        actions: tuple[str, ...] | None = None,
        seconds: float | None = None,
        noise: float = 0.06,
        seed: int = 0,
    ):
        self.classes = tuple(shapes.ACTIONS if actions is None else actions)
        own = set(self.classes)
        valid = own <= set(shapes.ACTIONS) and len(own) == len(self.classes) >= 2
        rule = f"two or more, each once, of {', '.join(shapes.ACTIONS)}"
        check(valid, "actions", rule, actions)
        check(task in TASKS, "task", f"one of {', '.join(TASKS)}", task)
        check(videos_per_class >= 1, "videos_per_class", "at least 1", videos_per_class)
        self.task = task
        self.videos_per_class = videos_per_class
        self.seconds = (
            (2.0 if task == "single" else 8.0) if seconds is None else seconds
        )
        check(self.seconds > 0, "seconds", "above 0", seconds)
        check(noise >= 0, "noise", "at least 0", noise)
        check(seed >= 0, "seed", "at least 0", seed)
        self.noise, self.seed = noise, seed
        self._half: np.ndarray | None = None

    def halves(self, seed: int) -> tuple["MovingShapes", "MovingShapes"]:
        """Two sources, each with a half of the training videos, drawn by a seed."""
        parts = []
        for half in halves(self.size("train"), seed):
            part = copy.copy(self)
            part._half = half if self._half is None else self._half[half]
            parts.append(part)
        return tuple(parts)

    def size(self, split: str) -> int:
        """Number of videos in a split."""
        check_split(split)
        if split == "train" and self._half is not None:
            return len(self._half)
        each = self.videos_per_class
        if split == "train":
            return len(self.classes) * each
        return len(range(self._shard[0], self._evaluated, self._shard[1]))

    @property
    def _evaluated(self) -> int:
        """Videos of validation, and of test, on all hosts."""
        return len(self.classes) * max(1, self.videos_per_class // 4)

    def batches(
        self,
        clip_spec: ClipSpec,
        split: str,
        batch_size: int,
        seed: int = 0,
        start: int = 0,
    ) -> "Batches":
        """Batches of clips: endless and shuffled in "train", else one pass in order.

        Args:
            clip_spec: Frames, rate, height and width of a clip.
            split: "train", "validation" or "test".
            batch_size: Clips a batch; the last one of a pass may be short.
            seed: Of the order and of where clips start.
            start: Batches to skip, for an exact resume.
        """
        check_request(split, batch_size, start, seed)
        return Batches(self, clip_spec, split, batch_size, seed, start)

    def views(
        self,
        clip_spec: ClipSpec,
        split: str,
        batch_size: int,
        clips: int = 10,
        crops: int = 1,
    ) -> "Batches":
        """Batches of several clips of each video, which follow each other.

        Args:
            clip_spec: Frames, rate, height and width of a clip, without segments.
            split: "validation" or "test".
            batch_size: Clips a batch; it may part those of a video.
            clips: Of each video, evenly over its time.
            crops: 1: nothing is rendered that a clip does not show.
        """
        check_request(split, batch_size, 0)
        check(split != "train", "split", "validation or test", split)
        check(clips >= 1, "clips", "at least 1", clips)
        check(crops == 1, "crops", "1 for moving shapes", crops)
        segments = clip_spec.segments
        check(clips == 1 or segments is None, "clips", "1 with segments", clips)
        return Batches(self, clip_spec, split, batch_size, views=clips)

    def clip(
        self,
        clip_spec: ClipSpec,
        split: str,
        index: int,
        start: float | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Renders one clip of a video, the centre one unless `start` says otherwise.

        Args:
            clip_spec: Frames, rate, height, width and segments.
            split: "train", "validation" or "test".
            index: Of the video in its split.
            start: Seconds into the video; not read with segments.
            rng: Draws the moments within segments; without it they are evenly apart.

        Returns:
            The clip, float32 (frames, height, width, 3) in [0, 1], and its label.
        """
        times, rate = self._moments(clip_spec, start, rng)
        rng = np.random.default_rng((self.seed, SPLITS.index(split), index))
        image = shapes.background(rng, clip_spec.height, clip_spec.width)
        strength = rng.uniform(0, self.noise)
        frames, shown = np.repeat(image[None], len(times), axis=0), 0
        for actions in self._script(rng, index):
            pose, counts = self._perform(rng, actions, times)
            _paint(frames, rng, pose)
            shown += counts / rate
        _add_noise(frames, strength, rng)
        return frames, self._label(shown, len(times) / rate)

    def key(self, split: str, index: int) -> str:
        """Name of a video."""
        return f"moving_shapes/{split}/{index:05d}"

    def video(self, place: int) -> int:
        """The training video at a place in the order that was not yet shuffled."""
        return place if self._half is None else int(self._half[place])

    def _moments(
        self, clip_spec: ClipSpec, start: float | None, rng
    ) -> tuple[np.ndarray, float]:
        """Seconds of a clip's frames, and how many of them there are a second."""
        frames, rate = clip_spec.frames, clip_spec.rate
        if clip_spec.segments is None:
            rest = max(0, self.seconds - frames / rate)
            start = rest / 2 if start is None else start
            return start + np.arange(frames) / rate, rate
        rate, parts = frames / self.seconds, clip_spec.segments
        if rng is None:
            return (np.arange(frames) + 0.5) / rate, rate
        inside = np.sort(rng.uniform(size=(parts, frames // parts)), axis=1)
        times = (np.arange(parts)[:, None] + inside) * self.seconds / parts
        return times.ravel(), rate

    def _script(self, rng: np.random.Generator, index: int) -> list[np.ndarray]:
        """For each shape in the video, its actions in turn, as class numbers."""
        if self.task == "single":
            return [np.array([index % len(self.classes)])]
        segments = max(1, round(self.seconds / SEGMENT_SECONDS))
        return list(
            rng.integers(len(self.classes), size=(rng.integers(1, 4), segments))
        )

    def _perform(
        self, rng: np.random.Generator, actions: np.ndarray, times: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """One shape's pose over time, and the frames for which it shows each class."""
        segment = (times // SEGMENT_SECONDS).astype(int) % len(actions)
        pose = {}
        for place, action in enumerate(actions):
            part = shapes.pose(rng, self.classes[action], times)
            if not pose:
                pose = part
            else:
                pose = {k: np.where(segment == place, part[k], pose[k]) for k in pose}
        return pose, np.bincount(actions[segment], minlength=len(self.classes))

    def _label(self, shown: np.ndarray, duration: float) -> np.ndarray:
        if self.task == "single":
            return np.int32(shown.argmax())
        return (shown >= min(0.5, duration / 4)).astype("float32")


class Batches:
    """Iterable of batches; each new iteration starts again, at `start`."""

    def __init__(
        self, source, clip_spec: ClipSpec, split, batch_size, seed=0, start=0, views=1
    ):
        self.source = source
        self.clip_spec = clip_spec
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.start = start
        self.views = views

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        size, first = self.source.size(self.split), self.start * self.batch_size
        if self.split != "train":
            clips = size * self.views
            for low in range(first, clips, self.batch_size):
                yield self._evaluated(range(low, min(low + self.batch_size, clips)))
            return
        for low in itertools.count(first, self.batch_size):
            places = range(low, low + self.batch_size)
            yield self._stack([self._drawn(place, size) for place in places])

    def _drawn(self, place: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        place = self.source.global_number(place)
        epoch, index = training_place(place, size, self.seed)
        rng = draws(self.seed, epoch, index)
        start = rng.uniform(0, self.source.seconds)
        index = self.source.video(index)
        return self.source.clip(self.clip_spec, self.split, index, start, rng)

    def _evaluated(self, places: range) -> tuple[np.ndarray, ...]:
        clip_spec, split, source = self.clip_spec, self.split, self.source
        rest = max(0, source.seconds - clip_spec.frames / clip_spec.rate)
        clips, keys = [], []
        for index, view in (divmod(place, self.views) for place in places):
            start = rest * (view + 0.5) / self.views
            index = source.global_number(index)
            clips.append(source.clip(clip_spec, split, index, start))
            keys.append(source.key(split, index))
        return *self._stack(clips), np.array(keys)

    def _stack(self, clips: list) -> tuple[np.ndarray, np.ndarray]:
        frames, labels = zip(*clips, strict=True)
        return np.stack(frames), np.stack(labels)


def _paint(frames: np.ndarray, rng: np.random.Generator, pose: dict) -> None:
    """Paints a shape into (frames, height, width, 3) frames, in its two colours."""
    colours = shapes.contrasting(rng, frames[0].mean(axis=(0, 1)))[pose["colour"] % 2]
    shape = rng.integers(len(shapes.SHAPES))
    height, width = frames.shape[1:3]
    rows, columns, alpha = shapes.coverage(shape, pose, height, width)
    frame, y, x = np.nonzero(alpha)  # A fifth of the pixels, so the rest costs nothing.
    place = (frame * height + rows[frame, y]) * width + columns[frame, x]
    pixels = frames.reshape(-1, 3)
    under = pixels.take(place, axis=0)
    pixels[place] = under + alpha[frame, y, x, None] * (colours[frame] - under)


def _add_noise(frames: np.ndarray, strength: float, rng: np.random.Generator) -> None:
    for part in np.array_split(frames, -(-frames.size // _NOISE.size)):
        where = int(rng.integers(_NOISE.size - part.size + 1))
        noise = _NOISE[where : where + part.size].reshape(part.shape)
        part += np.float32(strength) * noise
    np.clip(frames, 0, 1, out=frames)

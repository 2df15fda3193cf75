"""A clip source over an index of videos: what a folder and a table share."""

import copy
import dataclasses

import av
import numpy as np

from datasets import clips, mirror
from datasets.augment import Augmentation
from datasets.batches import BROKEN, Batches
from datasets.cache import Cache
from datasets.clips import View
from datasets.decode import BrokenVideoError, reason
from datasets.health import Health
from datasets.items import Index, Item
from datasets.objects import ObjectFolder
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
    thread_count,
    training_place,
)

SAMPLINGS = ("dense", "uniform", "centre")
SHORTS = ("loop", "hold")
# Where crops lie in the picture, from 0 to 1. It just covers the clip in one direction,
# so that three lie along the other; five need a picture that is larger in both.
CROPS = {
    1: [(0.5, 0.5)],
    3: [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)],
    5: [(0.0, 0.0), (0.0, 1.0), (0.5, 0.5), (1.0, 0.0), (1.0, 1.0)],
}
FIVE_CROPS_SCALE = 8 / 7  # As of 224 pixels in 256.


class VideoSource(Shared):
    """Clips of indexed videos, decoded as they are asked for.

    Training clips are random in time, scale and place; evaluation takes the centre of
    each video, or of each of its parts where the clip has `segments`, or several views.
    A video that is shorter than the clip, or has fewer frames, loops, with one warning.
    A broken one is named once and counted: training replaces it by another, evaluation
    leaves it out. The run fails when more than `max_bad_fraction` of all videos are
    broken, or all that there is to train on; a single one fails it only where the
    fraction is 0.

    Args:
        index: The videos.
        task: "single" or "multi" label.
        flip: Whether training mirrors half of the clips. A mirrored "move_left" then
            has the label of "move_right", if that is a class. None: unless the name
            of a class has a direction in it, as in "turn clockwise", and no partner.
        resize: Range of the scale of training clips, relative to the one at which the
            picture just covers the clip. Evaluation uses 1.
        max_bad_fraction: Share of broken videos that is put up with; 1 is all but all.
        workers: Videos that are decoded at once; None: one for each core.
        cache_bytes: Memory for small videos, which are then decoded only once.
        objects: Folder with the segmentation of each video (see `objects.Maps`), at
            the path that the video has in its own, with the ending .npz. Clips are
            then dicts, of "clip" and of "objects": uint8 (batch, frames, height,
            width), the number of each pixel's class.
        augmentation: What else training does to clips; None is nothing.
        sampling: Which frames training clips have, where they have no `segments`:
            "dense", a random stretch of the video at the clip's rate; "uniform", one of
            each of as many parts of the whole video; "centre", the central stretch.
        evaluation: The same of evaluation clips; "uniform" takes the middle of each
            part, and "dense" draws by the seed.
        short: What a video does that is shorter than the clip, or has fewer frames:
            "loop", or "hold" its last frame.

    Attributes:
        inputs: What clips hold, by the names of a model's inputs.
        channels: Of the clips: 3 of RGB, 2 of optical flow.
        root: Folder that the videos are in.
        partners: The class that each class is in a mirror.
        soft_labels: Whether training labels are shares of the classes, as clips are
            mixed: float32 (batch, classes) of either task.
    """

    channels = 3

    def __init__(
        self,
        index: Index,
        task: str = "single",
        flip: bool | None = None,
        resize: tuple[float, float] = (1.0, 1.25),
        max_bad_fraction: float = 0.01,
        workers: int | None = None,
        cache_bytes: int = 1 << 29,
        objects: str | None = None,
        augmentation: Augmentation | None = None,
        sampling: str = "dense",
        evaluation: str = "centre",
        short: str = "loop",
    ):
        check(task in TASKS, "task", f"one of {', '.join(TASKS)}", task)
        valid = len(resize) == 2 and 1 <= resize[0] <= resize[1]
        check(valid, "resize", "two ascending numbers from 1", resize)
        check(cache_bytes >= 0, "cache_bytes", "at least 0", cache_bytes)
        for name, given in (("sampling", sampling), ("evaluation", evaluation)):
            check(given in SAMPLINGS, name, f"one of {', '.join(SAMPLINGS)}", given)
        check(short in SHORTS, "short", "loop or hold", short)
        self.classes, self.root, self.task = index.classes, index.root, task
        partners = mirror.partners(index.classes)
        self.flip = None not in partners if flip is None else flip
        pairs = enumerate(partners)
        self.partners = tuple(n if other is None else other for n, other in pairs)
        self.resize = tuple(resize)
        self.augmentation = augmentation or Augmentation()
        self.soft_labels = self.augmentation.mixes
        mixes = objects is not None and self.augmentation.mixup
        check(not mixes, "mixup", "0 where clips have objects", self.augmentation.mixup)
        self.sampling, self.evaluation, self.short = sampling, evaluation, short
        self.workers = thread_count(workers)
        self.health = Health(index, max_bad_fraction)
        self._splits = index.splits
        self._objects = None if objects is None else ObjectFolder(objects, index)
        self.inputs = ("clip",) if objects is None else ("clip", "objects")
        self._cache = Cache(cache_bytes)

    def halves(self, seed: int) -> tuple["VideoSource", "VideoSource"]:
        """Two sources, each with a half of the training videos, drawn by a seed."""
        parts, items = [], self._splits["train"]
        for half in halves(len(items), seed):
            part = copy.copy(self)
            part._splits = {**self._splits, "train": [items[i] for i in half]}
            parts.append(part)
        return tuple(parts)

    def shard(self, index: int, count: int) -> "VideoSource":
        part = super().shard(index, count)
        for split in SPLITS[1:]:
            items = self._splits[split][index::count]
            part._splits = {**part._splits, split: items}
        return part

    def size(self, split: str) -> int:
        """Number of videos in a split, the broken ones included."""
        check_split(split)
        return len(self._splits[split])

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
            seed: Of the order and of all random draws.
            start: Batches to skip, for an exact resume.
        """
        check_request(split, batch_size, start, seed)
        self._check_split(split)
        return Batches(self, clip_spec, split, batch_size, seed, start)

    def views(
        self,
        clip_spec: ClipSpec,
        split: str,
        batch_size: int,
        clips: int = 10,
        crops: int = 3,
    ) -> Batches:
        """Batches of several views of each video, which follow each other.

        Args:
            clip_spec: Frames, rate, height and width of a clip.
            split: "validation" or "test".
            batch_size: Views a batch; it may part those of a video.
            clips: Of each video, evenly over its time.
            crops: Of each clip: 1 is the centre, 3 lie along the longer side, 5 are the
                corners and the centre of a picture that is 8/7 as large.
        """
        check_request(split, batch_size, 0)
        check(split != "train", "split", "validation or test", split)
        self._check_split(split)
        check(clips >= 1, "clips", "at least 1", clips)
        check(crops in CROPS, "crops", "1, 3 or 5", crops)
        return Batches(self, clip_spec, split, batch_size, views=(clips, crops))

    def items(self, split: str) -> list[Item]:
        """The videos of a split."""
        check_split(split)
        return self._splits[split]

    def training_clip(
        self, clip_spec: ClipSpec, seed: int, position: int
    ) -> tuple[np.ndarray, int, bool]:
        """Reads the clip at a position of the training order, from 0 without end.

        Returns:
            The clip, uint8 (1, frames, height, width, channels), the index of its item,
            and whether it is mirrored.
        """
        items = self._splits["train"]
        place = self.global_number(position)
        epoch, index = training_place(place, len(items), seed)
        rng, others = draws(seed, epoch, index), None
        view = self.augmentation.view(rng, self.resize, self.flip)
        if self.sampling == "centre" and not clip_spec.segments:
            rng, view = None, dataclasses.replace(view, place=0.5)
        while True:
            clip = self._read(items[index], clip_spec, [[view]], self.sampling, rng)
            if clip is not None:
                return clip, index, view.mirrored
            self.health.trains(items)
            others = others or np.random.default_rng((seed, epoch, index, 1))
            index = int(others.integers(len(items)))

    def evaluation_clips(
        self,
        clip_spec: ClipSpec,
        split: str,
        seed: int,
        views: tuple[int, int],
        position: int,
    ) -> tuple[np.ndarray | None, int, bool]:
        """Reads all crops of a clip.

        Args:
            clip_spec: Frames, rate, height, width and segments.
            split: "validation" or "test".
            seed: Of random places.
            views: Clips of each video, and crops of each.
            position: Of the clip among those of all videos, one after the other.

        Returns:
            The crops, uint8 (crops, frames, height, width, channels), the index of the
            item, and False. If none of the video's clips can be read they are None and
            `BROKEN`; where only others can, the next of these serves twice.
        """
        count, crops = views
        index, first = divmod(position, count)
        places, rng = (np.arange(first, first + count) % count + 0.5) / count, None
        if count == 1 and self.evaluation == "dense" and not clip_spec.segments:
            rng = draws(seed, 0, self.global_number(index))
            places = rng.uniform(size=1)
        scale = FIVE_CROPS_SCALE if crops == 5 else 1.0
        choices = [[View(p, y, x, scale) for y, x in CROPS[crops]] for p in places]
        item = self._splits[split][index]
        clip = self._read(item, clip_spec, choices, self.evaluation, rng)
        return clip, BROKEN if clip is None else index, False

    def shape(self, clip_spec: ClipSpec) -> tuple[int, ...]:
        """Shape of what `training_clip` reads: channels, and one of objects."""
        return (*clip_spec.shape[:3], self.channels + (self._objects is not None))

    def labels(self, split: str) -> np.ndarray:
        """Labels of a split: int32 (videos,), or float32 (videos, classes) if multi."""
        items = self._splits[split]
        if self.task == "single":
            return np.array([item.labels[0] for item in items], "int32")
        hot = np.zeros((len(items), len(self.classes)), "float32")
        for row, item in enumerate(items):
            hot[row, list(item.labels)] = 1
        return hot

    def _check_split(self, split: str) -> None:
        have = [name for name in SPLITS if self._splits[name]]
        check(split in have, "split", f"one of {', '.join(have)}", split)

    def _read(
        self, item: Item, clip_spec: ClipSpec, choices: list, sampling: str, rng
    ) -> np.ndarray | None:
        """Reads the first that can be read of several lists of views."""
        uniform = sampling == "uniform"
        for views in choices:
            try:
                with self._cache.open(item.path, item.start, item.end) as video:
                    if clips.is_too_short(video.times, clip_spec, uniform):
                        self.health.warns_of_short(item, clip_spec, self.short)
                    if self.channels == 2 and not (uniform or clip_spec.segments):
                        self.health.warns_of_rate(item, clip_spec, video.times)
                    how = (views[0].place, rng, uniform, self.short)
                    wanted = clips.chosen(video.times, clip_spec, *how)
                    maps = self._objects and self._objects.read(item)
                    clip = clips.read(video, clip_spec, wanted, views, maps)
            except (BrokenVideoError, av.FFmpegError) as error:
                why = reason(error)
            else:
                self.health.reads(item)
                return clip
        self.health.breaks(item, why)
        return None

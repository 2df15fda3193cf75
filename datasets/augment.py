"""What training does to clips, so that no two epochs show the same: all draws of it."""

import math
from dataclasses import dataclass

import numpy as np

from datasets import operations
from datasets.clips import View
from datasets.operations import Operation
from datasets.order import check

TRIES = 10  # To find a part that lies within the picture.
ERASED_RATIOS = 0.3, 1 / 0.3
JITTERS = ("brightness", "contrast", "saturation", "hue")


@dataclass(frozen=True)
class Augmentation:
    """What a clip source does to training clips, beside its `resize` and `flip`.

    All is off by default. Everything is drawn once for a clip, and done alike to all of
    its frames, in this order: aspect and area, flip, RandAugment, colours, erasing;
    then batches are mixed. Objects move with the picture, and keep their numbers.

    Args:
        aspect: Range of how much wider a picture is made for its height, drawn evenly
            by its logarithm, as (0.75, 1.333).
        area: Range of the share of the picture that a clip shows, as (0.08, 1.0) for
            Inception's random crops; None: as much as the source's `resize` leaves.
        brightness: Largest change of the factor 1 by which values are multiplied.
        contrast: The same of their distance from the mean grey of the clip.
        saturation: The same of their distance from the grey that is as bright.
        hue: Largest turn of the colours, 0.5 at most.
        rand_augment: Operations of RandAugment (https://arxiv.org/abs/1909.13719).
        magnitude: Of these, from 0 to 10.
        erase: Share of the clips that lose a rectangle to noise
            (https://arxiv.org/abs/1708.04896).
        erase_area: Range of its share of the picture.
        mixup: Both parameters of the beta distribution of the share of a clip that is
            mixed with another (https://arxiv.org/abs/1710.09412); 0 mixes none.
        cutmix: The same of the area that stays its own
            (https://arxiv.org/abs/1905.04899). With `mixup`, half of the batches each.
    """

    aspect: tuple[float, float] = (1.0, 1.0)
    area: tuple[float, float] | None = None
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    rand_augment: int = 0
    magnitude: float = 9.0
    erase: float = 0.0
    erase_area: tuple[float, float] = (0.02, 0.33)
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self):
        for name, most in (("aspect", math.inf), ("area", 1), ("erase_area", 1)):
            if name != "area" or self.area is not None:
                _check_range(getattr(self, name), name, most)
        for name in (*JITTERS[:3], "mixup", "cutmix"):
            value = getattr(self, name)
            check(0 <= value < math.inf, name, "from 0", value)
        for name, most in (("hue", 0.5), ("magnitude", 10), ("erase", 1)):
            value = getattr(self, name)
            check(0 <= value <= most, name, f"from 0 to {most}", value)
        whole = isinstance(self.rand_augment, int) and self.rand_augment >= 0
        check(whole, "rand_augment", "a whole number from 0", self.rand_augment)

    @property
    def colours(self) -> tuple[str, ...]:
        """Names of the settings that change colours, and are not 0."""
        return tuple(n for n in (*JITTERS, "rand_augment") if getattr(self, n))

    @property
    def mixes(self) -> bool:
        """Whether batches are mixed, so that their labels are shares of classes."""
        return bool(self.mixup or self.cutmix)

    def view(
        self,
        rng: np.random.Generator,
        resize: tuple[float, float] = (1.0, 1.25),
        flip: bool = False,
    ) -> View:
        """Draws what a training clip shows of its video, and how.

        Args:
            rng: Draws it, of nothing else than this generator.
            resize: Range of the scale, relative to the one that just covers the clip.
            flip: Whether half of the clips are mirrored.
        """
        # The first five numbers are the same whatever else is drawn.
        place, scale, y, x, mirror = rng.uniform(size=5)
        scale = evenly(resize, scale)
        return View(
            place,
            float(y),
            float(x),
            scale=max(1.0, scale),
            mirrored=bool(flip and mirror < 0.5),
            parts=self._parts(rng),
            operations=tuple(self._operations(rng)),
        )

    def mixed(
        self, rng: np.random.Generator, clips: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mixes each clip of a batch with the one before it.

        Args:
            rng: Draws how.
            clips: uint8 (batch, frames, height, width, channels).
            labels: float32 (batch, classes).

        Returns:
            Clips and labels as they came, but mixed.
        """
        first, y, x = rng.uniform(size=3)
        if self.mixup and (not self.cutmix or first < 0.5):
            return mixup(clips, labels, rng.beta(self.mixup, self.mixup))
        return cutmix(clips, labels, rng.beta(self.cutmix, self.cutmix), y, x)

    def _parts(self, rng: np.random.Generator) -> tuple:
        if self.area is None and tuple(self.aspect) == (1, 1):
            return ()
        tries = rng.uniform(size=(TRIES if self.area else 1, 2)).tolist()
        return tuple(
            (self.area and evenly(self.area, share), by_ratio(self.aspect, ratio))
            for share, ratio in tries
        )

    def _operations(self, rng: np.random.Generator) -> list[Operation]:
        drawn = operations.rand_augment(rng, self.rand_augment, self.magnitude)
        strengths = {n: getattr(self, n) for n in JITTERS if getattr(self, n)}
        for name in rng.permutation(list(strengths)).tolist():
            change = strengths[name] * rng.uniform(-1, 1)
            drawn.append((name, change if name == "hue" else max(0.0, 1 + change)))
        if self.erase and rng.uniform() < self.erase:
            share, ratio, y, x = rng.uniform(size=4).tolist()
            area = evenly(self.erase_area, share)
            noise = int(rng.integers(1 << 31))
            drawn.append(("erase", area, by_ratio(ERASED_RATIOS, ratio), y, x, noise))
        return drawn


def mixup(
    clips: np.ndarray, labels: np.ndarray, weight: float
) -> tuple[np.ndarray, np.ndarray]:
    """The weighted mean of each clip and the one before it, and of their labels.

    Args:
        clips: uint8 (batch, frames, height, width, channels).
        labels: float32 (batch, classes).
        weight: Of a clip itself, from 0 to 1.
    """
    own, other = np.float32(weight), np.float32(1 - weight)
    result = np.empty_like(clips)
    for i, clip in enumerate(clips):  # One at a time, as floats are large.
        result[i] = own * clip + other * clips[i - 1] + np.float32(0.5)
    return result, own * labels + other * np.roll(labels, 1, axis=0)


def cutmix(
    clips: np.ndarray, labels: np.ndarray, weight: float, y: float, x: float
) -> tuple[np.ndarray, np.ndarray]:
    """Puts a part of the clip before it into each clip, in all frames.

    Unlike the paper's it always lies within the picture.

    Args:
        clips: uint8 (batch, frames, height, width, channels).
        labels: float32 (batch, classes), of which clips keep the area that they keep.
        weight: Share of the area that stays, about.
        y: Where the part lies: 0 at the top, 1 at the bottom.
        x: 0 at the left, 1 at the right.
    """
    size = clips.shape[2:4]
    height, width = (round(side * math.sqrt(1 - weight)) for side in size)
    top, left = round(y * (size[0] - height)), round(x * (size[1] - width))
    part = np.s_[:, :, top : top + height, left : left + width]
    result = clips.copy()
    result[part] = np.roll(clips[part], 1, axis=0)
    other = np.float32(height * width / math.prod(size))
    return result, (1 - other) * labels + other * np.roll(labels, 1, axis=0)


def evenly(ends: tuple[float, float], place: float) -> float:
    """The number at a place from 0 to 1 between two."""
    return ends[0] + place * (ends[1] - ends[0])


def by_ratio(ends: tuple[float, float], place: float) -> float:
    """The same by their logarithms."""
    return ends[0] * (ends[1] / ends[0]) ** place


def _check_range(ends: tuple[float, float], name: str, most: float) -> None:
    valid = len(ends) == 2 and 0 < ends[0] <= ends[1] <= most and ends[1] < math.inf
    rule = "two ascending numbers above 0" + (f", to {most}" if most == 1 else "")
    check(valid, name, rule, ends)

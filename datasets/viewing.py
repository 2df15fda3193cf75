"""Reads the views of one video file that an evaluation of a clip source would see."""

import dataclasses
import itertools

import av
import numpy as np

from datasets import clips
from datasets.clips import View
from datasets.decode import BrokenVideoError, Video, reason
from datasets.order import ClipSpec, check, draws
from datasets.source import CROPS, FIVE_CROPS_SCALE, SAMPLINGS, SHORTS


@dataclasses.dataclass
class Viewer:
    """Reads video files that are of no clip source, with the settings of one.

    The first video that is shorter than the clip is named in a warning.

    Args:
        evaluation: As of `source.VideoSource`.
        short: As of `source.VideoSource`.
    """

    evaluation: str = "centre"
    short: str = "loop"

    def __post_init__(self):
        for name, known in (("evaluation", SAMPLINGS), ("short", SHORTS)):
            given = getattr(self, name)
            check(given in known, name, f"one of {', '.join(known)}", given)
        self._short_videos = itertools.count()

    def read(
        self,
        path: str,
        clip_spec: ClipSpec,
        clips: int = 1,
        crops: int = 1,
        number: int = 0,
    ) -> np.ndarray:
        """Reads all views of a video.

        Args:
            path: Of the file.
            clip_spec: Frames, rate, height, width and segments.
            clips: Of the video, evenly over its time.
            crops: Of each clip, as of `source.VideoSource.views`.
            number: Of the video among all, by which a "dense" clip is drawn.

        Returns:
            float32 (clips * crops, frames, height, width, 3) in [0, 1].

        Raises:
            BrokenVideoError: None of the clips can be read. Where only others can, the
                next of these serves twice.
        """
        check(clips >= 1, "clips", "at least 1", clips)
        check(crops in CROPS, "crops", "1, 3 or 5", crops)
        places = (np.arange(clips) + 0.5) / clips
        if clips == 1 and self.evaluation == "dense" and not clip_spec.segments:
            places = draws(0, 0, number).uniform(size=1)
        with Video(path) as video:
            self._warn(video, clip_spec)
            found = [self._clip(video, clip_spec, place, crops) for place in places]
        whole = [clip for clip in found if isinstance(clip, np.ndarray)]
        if not whole:
            raise found[-1]
        for k in reversed(range(2 * clips)):  # What follows the last is the first.
            if not isinstance(found[k % clips], np.ndarray):
                found[k % clips] = found[(k + 1) % clips]
        return np.concatenate(found).astype("float32") / 255

    def _clip(
        self, video: Video, clip_spec: ClipSpec, place: float, crops: int
    ) -> np.ndarray | BrokenVideoError:
        scale = FIVE_CROPS_SCALE if crops == 5 else 1.0
        views = [View(place, y, x, scale) for y, x in CROPS[crops]]
        how = (place, None, self.evaluation == "uniform", self.short)
        wanted = clips.chosen(video.times, clip_spec, *how)
        try:
            return clips.read(video, clip_spec, wanted, views)
        except (BrokenVideoError, av.FFmpegError) as error:
            return BrokenVideoError(video.path, reason(error))

    def _warn(self, video: Video, clip_spec: ClipSpec) -> None:
        uniform = self.evaluation == "uniform"
        short = clips.is_too_short(video.times, clip_spec, uniform)
        if short and next(self._short_videos) == 0:
            clips.warn_of_short(video.path, clip_spec, self.short)

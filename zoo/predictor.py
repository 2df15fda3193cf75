"""A network ready to be called on frames as they come: of any size, in uint8."""

import os
from collections.abc import Sequence

import keras
import numpy as np

from zoo import inference, inputs, streams
from zoo.ensemble import Ensemble
from zoo.genotypes import ClipSpec
from zoo.genotypes.base import check, check_whole
from zoo.record import settings_of_clips


class Predictor:
    """Says what frames show, in hardly more time than the network itself takes.

    Frames are chosen, scaled and cropped as an evaluation does it: the clip in the
    middle of the video, or what the config of the run says (`evaluation`, `short`), and
    the centre of the picture. The network's norms are merged into its convolutions, and
    it is compiled and called once before the first frames come. A network of optical
    flow gets that of the frames.

    Args:
        model: A run, an ensemble whose members read the same clip, the folder of
            either, or a network from RGB to logits.
        classes: Names, in the order of the logits, of a network; None is their numbers.
        task: "single" or "multi" label, of a network.
        rate: Frames a second that a network reads; None is not known, and then the
            rate of what it is given is none of its business.

    Attributes:
        classes: Names, in the order of the probabilities.
        clip_spec: The clip that the network reads.
    """

    def __init__(
        self,
        model: inference.Run | Ensemble | keras.Model | str | os.PathLike,
        classes: Sequence[str] | None = None,
        task: str = "single",
        rate: float | None = None,
    ):
        self._knows_rate = not isinstance(model, keras.Model) or rate is not None
        if isinstance(model, str | os.PathLike):
            model = inference.load(model)
        if isinstance(model, keras.Model):
            model = _run(model, classes, task, rate)
        self._run = _on_rgb(model)
        self.classes, self.clip_spec = model.classes, self._run.clip_spec
        known = settings_of_clips(model.workdir, "evaluation", "short")
        self._uniform = known.get("evaluation") == "uniform"
        self._holds = known.get("short") == "hold"
        self(np.zeros(self.clip_spec.shape, "uint8"))

    def __call__(self, frames: np.ndarray, rate: float | None = None) -> np.ndarray:
        """Probabilities of the classes.

        Args:
            frames: uint8 RGB (frames, height, width, 3) of any number and size.
            rate: Of the frames, a second; None is the network's own.

        Returns:
            float32 (classes,).

        Raises:
            ValueError: The frames are none, or have a rate that does not fit.
        """
        frames = np.asarray(frames)
        fits = frames.ndim == 4 and frames.shape[-1] == 3 and frames.size > 0
        rule = "uint8 of (frames, height, width, 3)"
        check(fits and frames.dtype == np.uint8, "frames", rule, _kind(frames))
        if rate is not None:
            rule = "left out for a network whose own rate is not given"
            check(self._knows_rate, "rate", rule, rate)
            check(rate > 0, "rate", "above 0 frames per second", rate)
        spec = self.clip_spec
        if rate is not None or len(frames) != spec.frames:
            how = (self._uniform, self._holds)
            frames = frames[chosen(len(frames), rate or spec.rate, spec, *how)]
        clip = fitted(frames, spec.height, spec.width)
        return self._run.predict(np.divide(clip, 255, dtype="float32"))

    def best(
        self, frames: np.ndarray, top: int = 5, rate: float | None = None
    ) -> list[tuple[str, float]]:
        """Names and probabilities of the likeliest classes, the likeliest first.

        Args:
            frames: As of a call.
            top: How many; all where there are fewer.
            rate: As of a call.
        """
        check_whole(top, "top")
        chances = self(frames, rate)
        order = np.argsort(-chances, kind="stable")[:top]
        return [(self.classes[i], float(chances[i])) for i in order]


def _run(model: keras.Model, classes, task: str, rate: float | None) -> inference.Run:
    # A model that was never called has neither.
    ends = [getattr(model, name, None) or () for name in ("inputs", "outputs")]
    shapes = [tuple(x.shape) for tensors in ends for x in tensors]
    clip = len(shapes) == 2 and len(shapes[0]) == 5 and len(shapes[1]) == 2
    check(clip, "model", "one from a clip to logits", shapes)
    frames, height, width, channels = shapes[0][1:]
    count = shapes[1][1]
    classes = tuple(map(str, range(count)) if classes is None else classes)
    check(len(classes) == count, "classes", f"{count} names", len(classes))
    spec = ClipSpec(frames, 1.0 if rate is None else float(rate), height, width)
    return inference.Run(model, classes, task, spec, "", channels)


def _on_rgb(run: inference.Run | Ensemble) -> inference.Run | Ensemble:
    """A run, or an ensemble, that reads one clip of RGB."""
    rule = "one that reads one clip of video and nothing else"
    runs = run.members.values() if isinstance(run, Ensemble) else [run]
    for names in (inputs.names(member.model) for member in runs):
        check(len(names) == 1, "model", rule, ", ".join(names))
    found = streams.online(run)
    one = found.clip_spec is not None
    check(one, "model", rule, ", ".join(sorted(found.clip_specs)))
    return found


def _kind(frames: np.ndarray) -> str:
    return f"{frames.dtype} of {frames.shape}"


def chosen(
    count: int,
    rate: float,
    clip_spec: ClipSpec,
    uniform: bool = False,
    holds: bool = False,
) -> np.ndarray:
    """The numbers of the frames of a clip in the middle of a video.

    As `datasets.clips.chosen` has them for frames at even times.

    Args:
        count: Frames of the video.
        rate: Of these, a second.
        clip_spec: Frames, rate and segments.
        uniform: Whether clips without segments are of the whole video.
        holds: Whether a video shorter than the clip holds its last frame, and does not
            loop.
    """
    frames = clip_spec.frames
    if clip_spec.segments or uniform:
        length = max(count, frames) if holds else count * -(-frames // count)
        edges = np.arange(frames + 1) * length // frames
        numbers = edges[:-1] + np.diff(edges) // 2
        return np.minimum(numbers, count - 1) if holds else numbers % count
    step = rate / clip_spec.rate

    def nearest(place):
        return np.ceil(place - 1e-4 * rate - 0.5)

    free = max(0.0, count - 1 - (frames - 1) * step)
    wanted = nearest(free / 2) + np.arange(frames) * step
    if not holds and (frames - 1) * step > count - 0.25:
        wanted = (wanted + 0.25) % count - 0.25
    return np.clip(nearest(wanted), 0, count - 1).astype(int)


def fitted(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scales frames until they just cover a clip, and crops its centre.

    Args:
        frames: uint8 (frames, any height, any width, 3).
        height: Of the clip.
        width: Of the clip.
    """
    if frames.shape[1:3] == (height, width):
        return frames
    # What decodes videos scales them: an evaluation's pixels, at its speed.
    from av import VideoFrame
    from av.video.reformatter import VideoReformatter

    factor = max(height / frames.shape[1], width / frames.shape[2])
    tall = max(height, round(frames.shape[1] * factor))
    wide = max(width, round(frames.shape[2] * factor))
    top, left = round(0.5 * (tall - height)), round(0.5 * (wide - width))
    scaler = VideoReformatter()
    clip = np.empty((len(frames), height, width, 3), "uint8")
    for number, frame in enumerate(frames):
        image = VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        # More threads cost more than they save on one frame.
        how = {"interpolation": "BILINEAR", "threads": 1}
        image = scaler.reformat(image, wide, tall, "gbrp", **how).to_ndarray()
        clip[number] = image[top : top + height, left : left + width]
    return clip

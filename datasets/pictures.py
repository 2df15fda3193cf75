"""Turns a decoded frame into an RGB picture: upright, and scaled."""

from collections.abc import Callable

import av
import numpy as np
from av.video.reformatter import VideoReformatter

# From the height and width of an upright picture to those to scale it to.
Fit = Callable[[int, int], tuple[int, int]]


def upright_shape(frame: av.VideoFrame) -> tuple[int, int, int]:
    """Upright height and width, and the anticlockwise quarter turns that get there."""
    turns = round(frame.rotation / 90) % 4
    shape = frame.height, frame.width
    return (*(shape[::-1] if turns % 2 else shape), turns)


def upright(
    frame: av.VideoFrame, fit: Fit | None, scaler: VideoReformatter
) -> np.ndarray:
    """Turns a frame upright, scales it, and gives it in RGB."""
    height, width, turns = upright_shape(frame)
    if fit is not None:
        height, width = fit(height, width)
    if turns % 2:
        height, width = width, height
    # More threads cost more than they save on one frame.
    image = scaler.reformat(
        frame, width, height, "rgb24", interpolation="BILINEAR", threads=1
    )
    return np.rot90(image.to_ndarray(), turns)

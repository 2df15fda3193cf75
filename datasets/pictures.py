"""Turns a decoded frame into an RGB picture: upright, and scaled."""

from collections.abc import Callable, Sequence
from typing import Any

import av
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter

# From the height and width of an upright picture to those to scale it to.
Fit = Callable[[int, int], tuple[int, int]]
# From the channels of a picture, each (height, width), to what is kept of it. They are
# no copies.
Keep = Callable[[Sequence[np.ndarray]], Any]


def upright_shape(frame: av.VideoFrame) -> tuple[int, int, int]:
    """Upright height and width, and the anticlockwise quarter turns that get there."""
    turns = round(frame.rotation / 90) % 4
    shape = frame.height, frame.width
    return (*(shape[::-1] if turns % 2 else shape), turns)


def whole(channels: Sequence[np.ndarray]) -> np.ndarray:
    """A picture (height, width, channels) of its channels."""
    image = np.empty((*channels[0].shape, len(channels)), "uint8")
    for number, channel in enumerate(channels):
        image[..., number] = channel
    return image


def upright(
    frame: av.VideoFrame,
    fit: Fit | None,
    scaler: VideoReformatter,
    keep: Keep = whole,
) -> Any:
    """Turns a frame upright, scales it, and gives what is kept of it in RGB.

    Args:
        frame: As it was decoded, which may lie on its side.
        fit: Gives the (height, width) to scale to from those of the upright picture;
            it is not scaled without.
        scaler: Converts and scales; one that was used before is quicker.
        keep: Gets the red, green and blue channel, each uint8 (height, width).

    Returns:
        What `keep` gives: by default uint8 (height, width, 3).
    """
    height, width, turns = upright_shape(frame)
    if fit is not None:
        height, width = fit(height, width)
    if turns % 2:
        height, width = width, height
    # More threads cost more than they save on one frame. What is scaled is made planar:
    # in "rgb24" two pixels share a colour where the width is even, and it is slow where
    # it is odd. What keeps its size is only converted, and has neither fault.
    how = {"interpolation": "BILINEAR", "threads": 1}
    if (height, width) == (frame.height, frame.width):
        image = scaler.reformat(frame, format="rgb24", **how).to_ndarray()
        channels = np.moveaxis(image, -1, 0)
    else:
        planes = scaler.reformat(frame, width, height, "gbrp", **how).planes
        channels = [_pixels(planes[number]) for number in (2, 0, 1)]
    return keep([np.rot90(channel, turns) for channel in channels])


def _pixels(plane: VideoPlane) -> np.ndarray:
    rows = np.frombuffer(plane, "uint8").reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]

"""Layers over space and time as squares, and the heads, that families share."""

import dataclasses

from zoo.genotypes.space_time import SpaceTimeConv
from zoo.sketches.parts import Box, Cell

# What `VideoHead` does with pairs of frames, and with all of them.
PAIRS, PLACES = "mean over pairs of frames", "mean over all places"
PAIRS_LAYERS = (
    Cell("pool", "Average over pairs of frames and all pixels", "2", PAIRS),
    Cell("dense", "Dense layer, averaged over the pairs", "fc", "dense, mean"),
)
MEAN_LAYERS = (
    Cell("pool", "Average over all frames and pixels", "all", PLACES),
    Cell("dense", "Dense layer, one output per class", "fc", "dense"),
)
PAIRS_HEAD = Box("head", "Head", kind="head", layers=PAIRS_LAYERS)
MEAN_HEAD = Box("head", "Head", kind="head", layers=MEAN_LAYERS)
WORDS = {"conv3d": "3D", "conv2plus1d": "(2+1)D", "itgm": "iTGM"}


def point(channels: int | None = None, label: bool = False) -> Cell:
    """A 1x1x1 convolution."""
    words = _channels(channels)
    beside = f"1x1{words}" if label else ""
    return Cell("point", f"1x1x1 convolution{words}", "1", beside)


def convolution(
    conv: SpaceTimeConv,
    size: int,
    channels: int | None = None,
    stride: int | None = None,
) -> Cell:
    """A convolution of `size` pixels a side, with a label where it has a stride."""
    words = f"{size}x{size} pixels{_channels(channels)}{strided(stride)}"
    label = "" if stride is None else words
    if (conv.time, size) == (1, 1) and conv.type != "conv2plus1d":
        return dataclasses.replace(point(channels), label=label)
    title = f"{WORDS[conv.type]} convolution of {_frames(conv.time)} and {words}"
    return Cell(conv.type, title, str(conv.time), label)


def pool(time: int, size: int, stride: tuple[int, int] | None = None) -> Cell:
    """A max pool of `size` pixels a side, with a label where it has strides."""
    words = f"{size}x{size} pixels"
    if stride:
        frames, pixels = stride
        words += strided(pixels) if frames == pixels else f", stride {frames}x{pixels}"
    title = f"Max pool of {_frames(time)} and {words}"
    return Cell("pool", title, str(time), words if stride else "")


def strided(stride: int | None) -> str:
    """A stride in words, where there is one."""
    return f", stride {stride}" if stride and stride > 1 else ""


def _frames(time: int) -> str:
    return "1 frame" if time == 1 else f"{time} frames"


def _channels(channels: int | None) -> str:
    return f" to {channels} channels" if channels else ""

"""Layers and modules of residual networks over space and time, with their shapes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from zoo.genotypes.tally import Features, Tally

CONVOLUTIONS = ("space", "time", "space_time")


@dataclass(frozen=True)
class Layer:
    """One layer.

    Args:
        kind: "space", "time" or "space_time" for convolutions, "pool" for a maximum
            pool over space, "pad" or "pad_time" for zeros around each frame or around
            the clip, "frames" for every so many frames.
        name: Of the layer.
        input: Shape that it reads.
        output: Shape that it puts out.
        size: Pixels a side, or frames, of the kernel or pool; of zeros those that it
            adds on each side.
        stride: Over space, or over time where the layer is over time.
        dilation: Over time.
        norm: "" for none; "zero" for one whose scale begins at zero; else "plain".
        activation: Name of the ReLU that follows; "" is none.
    """

    kind: str
    name: str
    input: Features
    output: Features
    size: int
    stride: int = 1
    dilation: int = 1
    norm: str = ""
    activation: str = ""

    @property
    def padding(self) -> str:
        """Of a convolution over space: "valid" where the zeros are a layer before."""
        plain = self.input.strided(size=self.stride)
        return "same" if plain.height == self.output.height else "valid"

    def tally(self, tally: Tally) -> None:
        """Adds what the layer costs, and what follows it."""
        if self.kind not in CONVOLUTIONS:
            tally.output(self.output)
            return
        axes = {"time": 1, "space": 2, "space_time": 3}[self.kind]
        kernel = self.size**axes * self.input.channels
        norm, activate = bool(self.norm), bool(self.activation)
        tally.conv(self.output, kernel, activate, norm=norm)


@dataclass(frozen=True)
class Module:
    """A residual module: layers, the shortcut around them, their sum and its ReLU.

    Args:
        layers: One after the other.
        shortcut: Those around them; none is the input.
        name: Of the sum.
        activation: Name of the ReLU.
    """

    layers: tuple[Layer, ...]
    shortcut: tuple[Layer, ...]
    name: str
    activation: str

    @property
    def output(self) -> Features:
        """Shape that comes out."""
        return self.layers[-1].output

    def tally(self, tally: Tally) -> None:
        """Adds what the module costs."""
        for layer in (*self.layers, *self.shortcut):
            layer.tally(tally)
        for _ in range(2):
            tally.output(self.output)


def conv(
    kind: str, name: str, shape: Features, filters: int, size: int, dilation: int = 1
) -> Layer:
    """A convolution that does not stride, its norm and ReLU."""
    output = shape.with_channels(filters)
    activation = f"{name}_activation"
    return Layer(kind, name, shape, output, size, 1, dilation, "plain", activation)


def strided(
    kind: str, name: str, shape: Features, filters: int, size: int, stride: int
) -> list[Layer]:
    """A convolution, its norm and ReLU, with as many zeros on each side."""
    layer = conv(kind, name, shape, filters, size)
    if stride == 1:
        return [layer]
    zeros = (size - 1) // 2
    frames, pixels = (0, 2 * zeros) if kind == "space" else (2 * zeros, 0)
    padded = Features(
        shape.frames + frames,
        shape.height + pixels,
        shape.width + pixels,
        shape.channels,
    )
    pad = "pad" if kind == "space" else "pad_time"
    over = {"size" if kind == "space" else "frames": stride}
    output = shape.strided(**over).with_channels(filters)
    return [
        Layer(pad, f"{name}_pad", shape, padded, zeros),
        replace(layer, input=padded, output=output, stride=stride),
    ]


def pool(name: str, shape: Features, size: int, stride: int) -> Layer:
    """A maximum pool over space."""
    return Layer("pool", name, shape, shape.strided(size=stride), size, stride)

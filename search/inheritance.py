"""Children begin with what their parents learnt, layer by layer."""

from __future__ import annotations

import math
import operator
import os
import pathlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field

import h5py
import keras
import numpy as np

# What reading a damaged file raises.
DAMAGES = (OSError, RuntimeError, KeyError, ValueError, TypeError)
CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
)


def inherit(model: keras.Model, path: str | os.PathLike) -> float:
    """Gives a network what fits of the weights that its parent left in a file.

    A layer inherits all its weights, of batch norm also the statistics, from one of
    the same class, shapes and place. Places are told by names such as
    `block2_repeat0_expand`, whose numbers may shift: blocks, and all else that has a
    number, are aligned in order so that the most is inherited. A kernel that grew is
    the parent's amid zeros where that computes the same.

    Args:
        model: The child. It stays as it was where the file can not be read.
        path: A `.weights.h5` file of Keras.

    Returns:
        Share of the child's trainable parameters that it inherited; 0.0 where there
        is no such file.

    Raises:
        ValueError: The file is damaged, or none of Keras' weights.
    """
    if not pathlib.Path(path).is_file():
        return 0.0
    parent = _tree(_read(path))
    # Where in a file the weights of a layer belong is Keras' business, so the child's
    # own file is filled.
    with tempfile.TemporaryDirectory() as folder:
        own = pathlib.Path(folder, "child.weights.h5")
        model.save_weights(own)
        pairs = _match(_tree(_read(own, model)), parent).pairs
        with h5py.File(own, "r+") as file:
            for pair in pairs:
                _fill(file, *pair)
        model.load_weights(own)
    inherited = sum(_trainable(model, *pair) for pair in pairs)
    return inherited / _count(model.trainable_weights)


@dataclass(frozen=True)
class Stored:
    """A layer in a file.

    Args:
        name: Of the layer.
        kind: Its class, as files name it.
        group: Where in the file it is.
        weights: By their place in the group.
        strides: Of a convolution whose kernel may grow, or none.
    """

    name: str
    kind: str
    group: str
    weights: dict[str, np.ndarray]
    strides: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Numbers in all weights."""
        return sum(weight.size for weight in self.weights.values())


@dataclass
class Place:
    """What the beginning of a layer's name stands for, such as `block2_repeat0`.

    Args:
        layer: Whose whole name it is.
        parts: The places within, by the word and the number that follow.
    """

    layer: Stored | None = None
    parts: dict[str, dict[int, Place]] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """Layers of a child and a parent that fit.

    Args:
        size: Numbers that are inherited.
        alike: Pairs of one class, also of those without weights: of two matches of
            one size, that of more such pairs is better.
        pairs: Those with weights; the child's layer comes first.
    """

    size: int = 0
    alike: int = 0
    pairs: tuple[tuple[Stored, Stored], ...] = ()

    def __add__(self, other: Match) -> Match:
        pairs = self.pairs + other.pairs
        return Match(self.size + other.size, self.alike + other.alike, pairs)


def _read(path: str | os.PathLike, model: keras.Model | None = None) -> list[Stored]:
    try:
        with h5py.File(path, "r") as file:
            return [_stored(group, model) for group in file["layers"].values()]
    except DAMAGES as error:
        reason = " ".join(str(error).split())[:200]
        rule = "a file of Keras' weights that can be read"
        raise ValueError(f"`path` must be {rule}. Got: {path}, {reason}") from None


def _stored(group: h5py.Group, model: keras.Model | None) -> Stored:
    weights = {}

    def note(place: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            weights[place] = item[()]

    group.visititems(note)
    name = group["vars"].attrs["name"]
    kind = re.sub(r"_\d+$", "", group.name)  # Keras counts the layers of a class.
    strides = _strides(model.get_layer(name)) if model else ()
    return Stored(name, kind, group.name, weights, strides)


def _strides(layer: keras.layers.Layer) -> tuple[int, ...]:
    if not isinstance(layer, CONVOLUTIONS):
        return ()
    plain = layer.padding == "same" and set(layer.dilation_rate) == {1}
    return tuple(layer.strides) if plain else ()


def _tree(layers: list[Stored]) -> Place:
    root = Place()
    for layer in layers:
        place = root
        for step in layer.name.split("_"):
            word, number = re.fullmatch(r"(.*?)(\d*)", step).groups()
            numbered = place.parts.setdefault(word, {})
            place = numbered.setdefault(int(number or 0), Place())
        place.layer = layer
    return root


def _match(child: Place, parent: Place) -> Match:
    match = _pair(child.layer, parent.layer)
    for word, parts in child.parts.items():
        match += _aligned(parts, parent.parts.get(word, {}))
    return match


def _aligned(children: dict[int, Place], parents: dict[int, Place]) -> Match:
    """The best match that keeps the order: as for a longest common subsequence."""
    others = [parents[number] for number in sorted(parents)]
    best = [Match()] * (len(others) + 1)  # With the first so many of the parents.
    for number in sorted(children):
        row = [Match()]
        for index, other in enumerate(others):
            both = best[index] + _match(children[number], other)
            options = (best[index + 1], row[index], both)
            row.append(max(options, key=lambda match: (match.size, match.alike)))
        best = row
    return best[-1]


def _pair(child: Stored | None, parent: Stored | None) -> Match:
    if not (child and parent and child.kind == parent.kind):
        return Match()
    if child.weights.keys() != parent.weights.keys():
        return Match()
    if not all(_room(child, parent, name) for name in child.weights):
        return Match()
    return Match(parent.size, 1, ((child, parent),) if parent.size else ())


def _room(child: Stored, parent: Stored, name: str) -> tuple | None:
    """Where in the child's weight the parent's goes; None where it does not fit."""
    shape, inner = child.weights[name].shape, parent.weights[name].shape
    if shape == inner:
        return (...,)
    axes = len(child.strides)
    kernels = len(shape) == len(inner) == axes + 2 and shape[axes:] == inner[axes:]
    sizes = list(zip(inner, shape, child.strides, strict=False))
    if not (kernels and all(_grows(*size) for size in sizes)):
        return None
    starts = [(new - 1) // 2 - (old - 1) // 2 for old, new, _ in sizes]
    return tuple(map(slice, starts, map(operator.add, starts, inner)))


def _grows(old: int, new: int, stride: int) -> bool:
    """Whether zeros around a kernel, padded as "same", leave what it computes.

    Of the padding the lesser half comes before. It grows by as much as the kernel, but
    for strides that skip more than the kernel reads; which half is the lesser is known
    for a stride of 1, and stays where the kernel grows by an even number.
    """
    even = (new - old) % 2 == 0 and old >= stride
    return new == old or (new > old and (stride == 1 or even))


def _fill(file: h5py.File, child: Stored, parent: Stored) -> None:
    for name, weight in child.weights.items():
        filled = np.zeros_like(weight)
        filled[_room(child, parent, name)] = parent.weights[name]
        file[child.group][name][...] = filled


def _trainable(model: keras.Model, child: Stored, parent: Stored) -> int:
    weights = model.get_layer(child.name).trainable_weights
    return _count(weights) - (child.size - parent.size)


def _count(weights: Sequence[keras.Variable]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)

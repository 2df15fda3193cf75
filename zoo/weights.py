"""Saves and loads a network's weights, and inflates those of an image network."""

import math
import os
import pathlib
import re
import warnings
from collections.abc import Iterable

import keras
import numpy as np
from keras import ops

from zoo import published
from zoo.files import check_room, replacing
from zoo.genotypes.base import check
from zoo.layers.gaussian import InflatedTGM
from zoo.layers.scaling import ClipScale

ENDING = ".weights.h5"
# What `load` says of a file with pickled code, which it does not run.
UNPICKLE = (
    "where PyTorch is, numpy.savez('s3d.npz', **torch.load('s3d.pth', "
    "map_location='cpu', weights_only=True)) writes one"
)
HEAD_HINT = (
    "; for other classes leave the head: skip_head=True of zoo.weights.load and "
    "inflate, new_head=True of zoo.train"
)
SHOWN = 10  # Names in an error.


def save(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes a model's weights; a file that was there stays until all is written.

    Raises:
        ValueError: The path does not end with `.weights.h5`.
        OSError: It can not be written.
    """
    check(str(path).endswith(ENDING), "path", f"a {ENDING} file", str(path))
    check_room(pathlib.Path(path).parent, file_bytes(model.weights))
    with replacing(path) as temporary:
        model.save_weights(temporary)


def file_bytes(weights: Iterable[keras.Variable]) -> int:
    """About the most bytes that a file of weights takes, with HDF5's own."""
    return sum(4 * math.prod(weight.shape) + 4096 for weight in weights)


def load(model: keras.Model, path: str | os.PathLike, skip_head: bool = False) -> None:
    """Gives a model the weights of a file, or leaves it as it was.

    Args:
        model: Of the network that the file is of.
        path: A `.weights.h5` file, or weights of I3D or S3D that others published, of a
            form that `zoo.published` reads. Those come with the range of their clips
            (`zoo.layers.scaling`), so the model goes on to read RGB in [0, 1].
        skip_head: Whether the classifier keeps its own weights, as is needed where
            the classes are others. A published file's is skipped, too, where the model
            has none.

    Raises:
        ValueError: There is no such file, it can not be read, or is of another model;
            what differs is named.
    """
    if str(path).endswith((".pt", ".pth", ".pth.tar")):
        rule = f"an .npz or .safetensors file: {UNPICKLE}"
        raise ValueError(f"`weights` must be {rule}. Got: {path}")
    if not published.is_published(path):
        _load_keras(model, path, skip_head)
        return
    values = published.read(path)
    try:
        _assign(model, values, skip_head)
    except ValueError as error:
        raise ValueError(
            f"`weights` must be of this model. Got: {path}, {error}"
        ) from None


def _load_keras(model: keras.Model, path: str | os.PathLike, skip_head: bool) -> None:
    rule = f"a TensorFlow checkpoint, an .npz, a .safetensors or a {ENDING} file"
    check(str(path).endswith(ENDING), "weights", rule, str(path))
    check(pathlib.Path(path).is_file(), "weights", "a file that exists", str(path))
    heads = [layer for layer in model.layers if layer.name == "head"]
    before = model.get_weights()
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            skipped = heads if skip_head else None
            keras.saving.load_weights(model, path, objects_to_skip=skipped)
        # Keras only warns where the file lacks layers, and leaves them as they were.
        if any("no matching group" in str(warning.message) for warning in said):
            raise ValueError("it lacks layers")
    except (OSError, KeyError, ValueError) as error:
        model.set_weights(before)
        raise ValueError(
            f"`weights` must be of this model. Got: {path}, {_reason(error)}"
        ) from None


def _reason(error: Exception) -> str:
    """Keras' page on what did not fit, as a line."""
    text = " ".join(str(error).split())
    place = re.search(r"Variable path=([^,]+)", text)
    place = place or re.search(r"for object <\w+ name=([^,>]+)", text)
    if not place:
        return f"which can not be read ({text[:200]})"
    shapes = re.search(r"variable\.shape=(\(.*?\)).*?value\.shape=(\(.*?\))", text)
    if shapes:
        return f"whose {place[1]!r} is {shapes[2]}, in the model {shapes[1]}"
    return f"which does not fit layer {place[1]!r}"


def inflate(
    model_2d: keras.Model, model_3d: keras.Model, skip_head: bool = False
) -> None:
    """Gives a video network the weights of an image network with its layers' names.

    A still video is then to the one what its frame is to the other. The kernel of a 3D
    convolution is the image's over its number of frames, repeated, as I3D began
    (https://arxiv.org/abs/1705.07750). EvaNet (https://arxiv.org/abs/1811.10636) fills
    the 2D part of its other layers: an iTGM's kernel, whose sum over time it is, and
    a (2+1)D's spatial part, while its temporal part passes on the frame at its centre,
    which is a frame of the clip at the clip's ends, too. Norms keep what they do; where
    a (2+1)D has two, the second passes on what it gets.

    It holds in inference, and not near the ends of a clip: there, 3D kernels and iTGM
    read the zeros beyond, and what they put out is less. So frames equal the image's
    whose receptive field in time lies within the clip (I3D's has 99 frames), and all
    frames where the network has neither of the two over time.

    A layer gets the weights of the layer of its name, with three rules for the names
    that only the video network has: `_spatial` is called `_conv`, `_temporal` needs
    none, and what a slot holds beside its first (`wide1`, `pool1`) gets the weights of
    its first (`wide0`), so that their average is the image's. The image network may be
    `zoo.inception_2d`, which reads images as clips of a frame, or any Keras model whose
    layers are `Conv2D` without bias, batch norms and a head of these names; both pad in
    the same way. A `clip_scale` is copied; for an image network without one that reads
    images of another range than [0, 1], set the video network's weights of that name.

    Args:
        model_2d: The image network.
        model_3d: The video network, which changes only if all fits.
        skip_head: Whether the classifier keeps its own weights, as is needed where
            the classes are others.

    Raises:
        ValueError: The networks do not fit; what differs is named.
    """
    sources = {layer.name: layer for layer in model_2d.layers if layer.weights}
    targets = {layer.name: layer for layer in model_3d.layers if layer.weights}
    values, used = {}, set()
    for name, layer in targets.items():
        source = next((sources[n] for n in _names_2d(name) if n in sources), None)
        if name.endswith("_temporal"):
            arrays = _passing_conv(layer)
        elif name.replace("_temporal_norm", "_spatial_norm") in targets.keys() - {name}:
            arrays = _passing_norm(layer)
        else:
            arrays = _inflated(layer, source)
            used.add(source.name if source else "")
        paths = {weight.name: weight.path for weight in layer.weights}
        values |= {paths.get(n, f"{name}/{n}"): array for n, array in arrays.items()}
    for name in sources.keys() - used:
        values |= {weight.path: weight for weight in sources[name].weights}
    try:
        _assign(model_3d, values, skip_head)
    except ValueError as error:
        rule = "an image network with the layers of `model_3d`"
        raise ValueError(f"`model_2d` must be {rule}. Got: one {error}") from None


def _names_2d(name: str) -> list[str]:
    """What a video network's layer may be called in an image network, best first."""
    names = [name, re.sub(r"_(spatial|temporal)(?=_norm$|$)", "_conv", name)]
    return names + [re.sub(r"_(wide|narrow|pool)\d+", r"_\g<1>0", n) for n in names]


def _arrays(layer: keras.layers.Layer) -> dict[str, np.ndarray]:
    return {weight.name: ops.convert_to_numpy(weight) for weight in layer.weights}


def _inflated(
    layer: keras.layers.Layer, source: keras.layers.Layer | None
) -> dict[str, np.ndarray]:
    """A layer's weights by name, made from those of an image network's layer."""
    own = _arrays(layer)
    if source is None:
        return own if isinstance(layer, ClipScale) else {}
    given = _arrays(source)
    if isinstance(source, keras.layers.BatchNormalization):
        # It may have neither gamma nor beta, and another epsilon.
        variance = given["moving_variance"]
        ratio = (variance + layer.epsilon) / (variance + source.epsilon)
        given["gamma"] = given.get("gamma", 1.0) * np.sqrt(ratio)
        given.setdefault("beta", np.zeros_like(variance))
    elif "kernel" in given and layer.name != "head":
        given["kernel"] = _repeated(given["kernel"], own["kernel"].shape)
    if isinstance(layer, InflatedTGM):  # The mixture over time stays as it began.
        return {**own, **given}
    return given


def _repeated(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A 2D kernel over the time of a 3D one, whose sum over time it is."""
    if kernel.ndim == 5 and len(kernel) == 1:
        kernel = kernel[0]
    if kernel.ndim == 4 and len(shape) == 5:
        return np.repeat(kernel[None] / shape[0], shape[0], axis=0)
    return kernel


def _passing_conv(layer: keras.layers.Layer) -> dict[str, np.ndarray]:
    """A temporal convolution that puts out the frame at its centre."""
    frames, *_, channels, filters = layer.kernel.shape
    kernel = np.zeros((frames, channels, filters), "float32")
    kernel[frames // 2] = np.eye(channels, filters)
    return {"kernel": kernel}


def _passing_norm(layer: keras.layers.BatchNormalization) -> dict[str, np.ndarray]:
    """A norm that puts out what it gets."""
    zeros, ones = (np.full(layer.moving_mean.shape, n, "float32") for n in (0, 1))
    gamma = np.sqrt(ones + layer.epsilon)
    return {
        "gamma": gamma,
        "beta": zeros,
        "moving_mean": zeros,
        "moving_variance": ones,
    }


def _assign(
    model: keras.Model, values: dict[str, np.ndarray], skip_head: bool = False
) -> None:
    """Sets all weights of a model by their paths, or, where they do not fit, none.

    Axes of size 1 are free: a kernel over one frame may have the axis of time or not.

    Raises:
        ValueError: With what differs.
    """
    own = {weight.path: weight for weight in model.weights}
    if skip_head or not any(path.startswith("head/") for path in own):
        own, values = (
            {path: w for path, w in all_.items() if not path.startswith("head/")}
            for all_ in (own, values)
        )
    other = {
        path: f"{path!r} is {tuple(values[path].shape)}, in the model {weight.shape}"
        for path, weight in own.items()
        if path in values and not _alike(values[path].shape, weight.shape)
    }
    faults = [
        _listed("lacks {} weights", map(repr, own.keys() - values.keys())),
        _listed("has {} left over", map(repr, values.keys() - own.keys())),
        _listed("has {} of another shape", other.values()),
    ]
    if any(faults):
        hint = HEAD_HINT if any(path.startswith("head/") for path in other) else ""
        raise ValueError(f"which {', '.join(filter(None, faults))}{hint}")
    for path, weight in own.items():
        value = ops.convert_to_numpy(values[path])
        weight.assign(value.reshape(weight.shape).astype("float32"))


def _listed(text: str, names: Iterable[str]) -> str:
    """The first of the names, in order, and how many there are; "" for none."""
    names = sorted(names)
    more = ", ..." if len(names) > SHOWN else ""
    some = ", ".join(names[:SHOWN])
    return f"{text.format(len(names))} ({some}{more})" if names else ""


def _alike(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether shapes are equal but for axes of size 1."""
    return [n for n in shape if n != 1] == [n for n in other if n != 1]

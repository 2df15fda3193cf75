"""Reads weights that others published, by the names of this zoo's weights.

Known are I3D, as a TensorFlow checkpoint (kinetics-i3d: RGB and flow, from scratch and
from ImageNet, 400 and 600 classes), and S3D, as the state dict of torchvision. Either
may also lie in an `.npz` or `.safetensors` file, under the names that it has there.
"""

import os
import pathlib
import re

import numpy as np

from zoo.genotypes.base import check

# Of no use here: what optimizers and counters left.
IGNORED = r"/(Momentum|ExponentialMovingAverage)$|\.num_batches_tracked$|^global_step$"
# A unit is a convolution and its norm. What kinetics-i3d calls it, and what we do.
I3D_UNITS = {
    r"Conv3d_(1a|2b|2c)_\dx\d": r"conv\1_conv",
    r"Mixed_(\d\w)/Branch_0/Conv3d_0a_1x1": r"module\1_point",
    r"Mixed_(\d\w)/Branch_1/Conv3d_0a_1x1": r"module\1_wide0_lead",
    r"Mixed_(\d\w)/Branch_1/Conv3d_0b_3x3": r"module\1_wide0_conv",
    r"Mixed_(\d\w)/Branch_2/Conv3d_0a_1x1": r"module\1_narrow0_lead",
    # In Mixed_5b the name is 0a_3x3.
    r"Mixed_(\d\w)/Branch_2/Conv3d_0[ab]_3x3": r"module\1_narrow0_conv",
    r"Mixed_(\d\w)/Branch_3/Conv3d_0b_1x1": r"module\1_pool0_project",
    r"Logits/Conv3d_0c_1x1": "head/dense",
}
I3D_PARTS = {
    "conv_3d/w": "/kernel",
    "conv_3d/b": "/bias",
    "batch_norm/beta": "_norm/beta",
    "batch_norm/moving_mean": "_norm/moving_mean",
    "batch_norm/moving_variance": "_norm/moving_variance",
}
# By their number in torchvision's `features`; those between are pools.
S3D_PLACES = {0: "conv1a", 2: "conv2b", 3: "conv2c", 5: "module3b", 6: "module3c"}
S3D_PLACES |= {8 + i: f"module4{letter}" for i, letter in enumerate("bcdef")}
S3D_PLACES |= {14: "module5b", 15: "module5c"}
S3D_UNITS = {
    "": "_conv",
    "0.": "_spatial",
    "1.": "_temporal",
    "branch0.": "_point",
    "branch1.0.": "_wide0_lead",
    "branch1.1.0.": "_wide0_spatial",
    "branch1.1.1.": "_wide0_temporal",
    "branch2.0.": "_narrow0_lead",
    "branch2.1.0.": "_narrow0_spatial",
    "branch2.1.1.": "_narrow0_temporal",
    "branch3.1.": "_pool0_project",
}
S3D_PARTS = {
    "0.weight": "/kernel",
    "1.weight": "_norm/gamma",
    "1.bias": "_norm/beta",
    "1.running_mean": "_norm/moving_mean",
    "1.running_var": "_norm/moving_variance",
}
# How torchvision's transform scales clips.
S3D_MEAN, S3D_DEVIATION = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)


def is_published(path: str | os.PathLike) -> bool:
    """Whether a path has a form that `read` reads."""
    return str(path).endswith((".npz", ".safetensors")) or _index(path).is_file()


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The arrays of a published file, by the paths of the weights that they are for.

    Kernels come in Keras' order of axes; an array of unknown name keeps it. With them
    come the numbers of `ClipScale` that make of our clips, in [0, 1], the file's.

    Args:
        path: An `.npz` or `.safetensors` file, or a TensorFlow checkpoint: its prefix
            or one of its files.

    Raises:
        ValueError: The file can not be read, or is of no known network.
    """
    arrays = _arrays(path)
    for mark, name_of, complete in (
        ("Conv3d_1a_7x7/", _i3d_name, _i3d_values),
        ("features.0.0.0.", _s3d_name, _s3d_values),
    ):
        if any(mark in name for name in arrays):
            values = {}
            for name in sorted(arrays):
                new = name_of(name)
                values[new if new and new not in values else name] = arrays[name]
            return complete(values)
    some = ", ".join(map(repr, sorted(arrays)[:3])) or "nothing"
    rule = "of I3D or S3D, by the names that their authors gave"
    raise ValueError(f"`weights` must be {rule}. Got: {path}, which holds {some}")


def _i3d_name(name: str) -> str | None:
    short = re.sub(r"^(RGB|Flow)/inception_i3d/", "", name)
    for pattern, unit in I3D_UNITS.items():
        match = re.fullmatch(f"{pattern}/(?P<part>\\w+/\\w+)", short)
        if match and match["part"] in I3D_PARTS:
            return match.expand(unit) + I3D_PARTS[match["part"]]
    return None


def _i3d_values(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    # Its norms only shift.
    betas = [name for name in values if name.endswith("_norm/beta")]
    ones = {name[:-4] + "gamma": np.ones_like(values[name]) for name in betas}
    flow = np.shape(values.get("conv1a_conv/kernel"))[-2:-1] == (2,)
    scale, offset = (np.ones(2), np.zeros(2)) if flow else (np.full(3, 2), -np.ones(3))
    return {**values, **ones, "clip_scale/scale": scale, "clip_scale/offset": offset}


def _s3d_name(name: str) -> str | None:
    if name.startswith("classifier.1."):
        return {"weight": "head/dense/kernel", "bias": "head/dense/bias"}.get(name[13:])
    match = re.fullmatch(r"features\.(\d+)\.(.*?)([01]\.\w+)", name)
    if not match:
        return None
    place, unit, part = S3D_PLACES.get(int(match[1])), match[2], match[3]
    known = place and unit in S3D_UNITS and part in S3D_PARTS
    return place + S3D_UNITS[unit] + S3D_PARTS[part] if known else None


def _s3d_values(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    # PyTorch's kernels are (out, in, time, height, width).
    turned = {
        name: array.transpose(2, 3, 4, 1, 0)
        for name, array in values.items()
        if array.ndim == 5
    }
    mean, deviation = np.array(S3D_MEAN), np.array(S3D_DEVIATION)
    scaling = {
        "clip_scale/scale": 1 / deviation,
        "clip_scale/offset": -mean / deviation,
    }
    return {**values, **turned, **scaling}


def _arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """All arrays of a file by name, but those of no use."""
    exists = pathlib.Path(path).is_file() or _index(path).is_file()
    check(exists, "weights", "a file that exists", str(path))
    try:
        if str(path).endswith(".npz"):
            return _npz(path)
        if str(path).endswith(".safetensors"):
            return _safetensors(path)
        return _checkpoint(path)
    except ModuleNotFoundError as error:
        rule = f"an .npz file where {error.name}, which reads the others, is missing"
        raise ValueError(f"`weights` must be {rule}. Got: {path}") from None
    except Exception as error:  # Each library has its own.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        got = f"{path}, which can not be read ({reason})"
        raise ValueError(f"`weights` must be a file of weights. Got: {got}") from None


def _npz(path: str | os.PathLike) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in filter(_is_used, file.files)}


def _safetensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file  # Only for those who have such files.

    return {name: array for name, array in load_file(path).items() if _is_used(name)}


def _checkpoint(path: str | os.PathLike) -> dict[str, np.ndarray]:
    import tensorflow as tf  # The backend may be another.

    reader = tf.train.load_checkpoint(str(_index(path)).removesuffix(".index"))
    names = filter(_is_used, reader.get_variable_to_shape_map())
    return {name: reader.get_tensor(name) for name in names}


def _is_used(name: str) -> bool:
    return not re.search(IGNORED, name)


def _index(path: str | os.PathLike) -> pathlib.Path:
    """The index of a TensorFlow checkpoint, of which the path is any file or prefix."""
    prefix = re.sub(r"\.(index|data-\d{5}-of-\d{5})$", "", str(path))
    return pathlib.Path(f"{prefix}.index")

"""Weights in the layouts of those who published I3D and S3D, and what they mean.

The networks are written down again here, from the names and shapes in their files.
"""

import numpy as np
from keras import ops

# The channels of each branch: 1x1x1, lead and convolution of two, after the pool.
MODULES = {
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}


def units(width=1.0, channels=3):
    """(place, kernel size or 1, channels in, channels out) of each convolution."""

    def w(count):
        return max(1, int(count * width + 0.5))

    yield "1a", 7, channels, w(64)
    yield "2b", 1, w(64), w(64)
    yield "2c", 3, w(64), w(192)
    inputs = w(192)
    for name, (point, lead, wide, narrow_lead, narrow, pool) in MODULES.items():
        yield f"{name}/0", 1, inputs, w(point)
        yield f"{name}/1a", 1, inputs, w(lead)
        yield f"{name}/1b", 3, w(lead), w(wide)
        yield f"{name}/2a", 1, inputs, w(narrow_lead)
        yield f"{name}/2b", 3, w(narrow_lead), w(narrow)
        yield f"{name}/3b", 1, inputs, w(pool)
        inputs = w(point) + w(wide) + w(narrow) + w(pool)
    yield "logits", 1, inputs, None


def kernel_of(rng, shape):
    scale = np.sqrt(2 / np.prod(shape[:-1]))
    return rng.normal(0, scale, shape).astype("float32")


def vector(rng, shape, centre=0.0):
    return rng.uniform(centre - 0.3, centre + 0.3, shape).astype("float32")


def i3d_scope(place):
    """What kinetics-i3d calls a convolution with its norm."""
    if place == "logits":
        return "Logits/Conv3d_0c_1x1"
    if "/" not in place:
        return f"Conv3d_{place}_{ {'1a': '7x7', '2b': '1x1', '2c': '3x3'}[place] }"
    module, branch = place.split("/")
    name = {"0": "0a_1x1", "1a": "0a_1x1", "1b": "0b_3x3", "2a": "0a_1x1"}
    name |= {"2b": "0a_3x3" if module == "5b" else "0b_3x3", "3b": "0b_1x1"}
    return f"Mixed_{module}/Branch_{branch[0]}/Conv3d_{name[branch]}"


def i3d_variables(classes, prefix="", norm_axes=0, momentum=False, **sizes):
    """All variables of a kinetics-i3d checkpoint, with values of no meaning."""
    rng, variables = np.random.default_rng(0), {}
    for place, size, inputs, filters in units(**sizes):
        scope, filters = prefix + i3d_scope(place), filters or classes
        shape = (size, size, size, inputs, filters)
        variables[f"{scope}/conv_3d/w"] = kernel_of(rng, shape)
        if place == "logits":
            variables[f"{scope}/conv_3d/b"] = vector(rng, (classes,))
            continue
        shape = (1,) * norm_axes + (filters,)
        norm = f"{scope}/batch_norm"
        variables[f"{norm}/beta"] = vector(rng, shape)
        variables[f"{norm}/moving_mean"] = vector(rng, shape)
        variables[f"{norm}/moving_variance"] = vector(rng, shape, 1.0)
    if momentum:
        variables |= {
            f"{n}/Momentum": v for n, v in variables.items() if "mov" not in n
        }
    return variables


def write_checkpoint(prefix, variables):
    import tensorflow as tf

    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(variables),
        shape_and_slices=[""] * len(variables),
        tensors=list(variables.values()),
    )
    return prefix


def inception(x, conv, pool):
    """Inception-v1 over time: `conv` makes units by place, with a stride."""
    x = pool(conv(x, "1a", 2), (1, 3, 3), (1, 2, 2))
    x = conv(conv(x, "2b"), "2c")
    x = pool(x, (1, 3, 3), (1, 2, 2))
    for name in MODULES:
        if name in ("4b", "5b"):
            size = {"4b": 3, "5b": 2}[name]
            x = pool(x, (size,) * 3, (2, 2, 2))
        branches = [
            conv(x, f"{name}/0"),
            conv(conv(x, f"{name}/1a"), f"{name}/1b"),
            conv(conv(x, f"{name}/2a"), f"{name}/2b"),
            conv(pool(x, (3, 3, 3), (1, 1, 1)), f"{name}/3b"),
        ]
        x = ops.concatenate(branches, axis=-1)
    return x


def classified(x, kernel, bias):
    """Logits of each pair of frames, averaged."""
    x = ops.mean(x, axis=(2, 3))
    x = (x[:, :-1] + x[:, 1:]) / 2
    return np.asarray(ops.mean(x @ kernel + bias, axis=1))


def i3d_logits(clip, variables, prefix=""):
    """What kinetics-i3d's network puts out for a clip in the range that it reads."""

    def get(place, part):
        return variables[f"{prefix}{i3d_scope(place)}/{part}"]

    def conv(x, place, stride=1):
        x = ops.conv(x, get(place, "conv_3d/w"), stride, "same")
        deviation = np.sqrt(get(place, "batch_norm/moving_variance") + 1e-3)
        x = (x - get(place, "batch_norm/moving_mean")) / deviation
        return ops.relu(x + get(place, "batch_norm/beta"))

    def pool(x, size, strides):
        return ops.max_pool(x, size, strides, "same")

    x = inception(ops.convert_to_tensor(clip, "float32"), conv, pool)
    kernel = get("logits", "conv_3d/w")[0, 0, 0]
    return classified(x, kernel, get("logits", "conv_3d/b"))


def s3d_unit(place):
    """What torchvision calls a unit, or the two of a separable one."""
    stem = {"1a": "features.0", "2b": "features.2", "2c": "features.3"}
    if place in stem:
        return stem[place]
    module, branch = place.split("/")
    number = dict(zip(MODULES, (5, 6, 8, 9, 10, 11, 12, 14, 15), strict=True))[module]
    branch = {
        "0": "0",
        "1a": "1.0",
        "1b": "1.1",
        "2a": "2.0",
        "2b": "2.1",
        "3b": "3.1",
    }[branch]
    return f"features.{number}.branch{branch}"


def s3d_state(classes, **sizes):
    """A state dict of torchvision's S3D, with values of no meaning."""
    rng, state = np.random.default_rng(1), {}
    for place, size, inputs, filters in units(**sizes):
        if place == "logits":
            kernel = kernel_of(rng, (1, 1, 1, inputs, classes))
            state["classifier.1.weight"] = kernel.transpose(4, 3, 0, 1, 2)
            state["classifier.1.bias"] = vector(rng, (classes,))
            continue
        parts = {"": (1, 1, 1, inputs, filters)}
        if size > 1:
            parts = {".0": (1, size, size, inputs, filters)}
            parts[".1"] = (size, 1, 1, filters, filters)
        for part, shape in parts.items():
            name = s3d_unit(place) + part
            state[f"{name}.0.weight"] = kernel_of(rng, shape).transpose(4, 3, 0, 1, 2)
            state[f"{name}.1.weight"] = vector(rng, (filters,), 1.0)
            state[f"{name}.1.bias"] = vector(rng, (filters,))
            state[f"{name}.1.running_mean"] = vector(rng, (filters,))
            state[f"{name}.1.running_var"] = vector(rng, (filters,), 1.0)
            state[f"{name}.1.num_batches_tracked"] = np.array(7)
    return state


def s3d_logits(clip, state):
    """What torchvision's network puts out for a clip of the range that it reads."""

    def padded(x, size):
        sides = [((n - 1) // 2,) * 2 for n in size]
        return ops.pad(x, [(0, 0), *sides, (0, 0)])

    def unit(x, name, strides):
        kernel = state[f"{name}.0.weight"].transpose(2, 3, 4, 1, 0)
        x = ops.conv(padded(x, kernel.shape[:3]), kernel, strides, "valid")
        deviation = np.sqrt(state[f"{name}.1.running_var"] + 1e-3)
        x = (x - state[f"{name}.1.running_mean"]) / deviation
        return ops.relu(x * state[f"{name}.1.weight"] + state[f"{name}.1.bias"])

    def conv(x, place, stride=1):
        name = s3d_unit(place)
        if f"{name}.0.weight" in state:
            return unit(x, name, stride)
        return unit(
            unit(x, f"{name}.0", (1, stride, stride)), f"{name}.1", (stride, 1, 1)
        )

    def pool(x, size, strides):  # Nothing is below zero.
        return ops.max_pool(padded(x, size), size, strides, "valid")

    x = inception(ops.convert_to_tensor(clip, "float32"), conv, pool)
    kernel = state["classifier.1.weight"][:, :, 0, 0, 0].T
    return classified(x, kernel, state["classifier.1.bias"])

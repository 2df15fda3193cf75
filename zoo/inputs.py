"""What a network reads of a clip: one array, or several by their names."""

from collections.abc import Callable, Iterable

import keras
import numpy as np

from zoo.genotypes import ClipSpec
from zoo.genotypes.base import check

FLOW_CHANNELS = 2
# Where clips that lack an input have it from.
HINTS = {
    "clip": " (RGB)",
    "flow": " (shards of `datasets.prepare --flow`)",
    "objects": " (`objects` of a folder or table)",
}


def channels(clips) -> int:
    """Of the clips of a source: 3 of RGB, 2 of optical flow."""
    return getattr(clips, "channels", 3)


def names(model: keras.Model) -> list[str]:
    """Of a model's inputs, in its order, such as "clip" and "objects"."""
    return [tensor.name for tensor in model.inputs]


def named(model: keras.Model) -> object:
    """A model's input, or a dict of several by their names."""
    several = len(model.inputs) > 1
    return {x.name: x for x in model.inputs} if several else model.input


def check_source(model: keras.Model, clips) -> None:
    """Raises ValueError unless a clip source gives all that a network reads."""
    wanted = names(model)
    given = getattr(clips, "inputs", ("clip",))
    if len(wanted) == 1:  # What it is called does not matter.
        wanted = ["flow" if model.inputs[0].shape[-1] == FLOW_CHANNELS else "clip"]
    missing = [name for name in wanted if name not in given]
    if missing:
        hint = HINTS.get(missing[0], "")
        rule = f"give what the network reads, {', '.join(wanted)}{hint}"
        raise ValueError(f"`clips` must {rule}. Got: {', '.join(given)}")


def picked(model: keras.Model, clip) -> object:
    """What a model reads of a clip, in the form that the model takes.

    Args:
        model: Of one input or several.
        clip: An array, or a dict of arrays by the names of inputs.
    """
    return picker(model)(clip)


def picker(model: keras.Model) -> Callable[[object], object]:
    """`picked` as a function of the clip, which does not hold the model."""
    known, by_name = names(model), isinstance(model.input, dict)

    def pick(clip):
        if not isinstance(clip, dict):
            return clip
        if by_name:
            return {name: clip[name] for name in known}
        return clip["clip"] if len(known) == 1 else [clip[name] for name in known]

    return pick


def batched(model: keras.Model, clip) -> tuple[object, bool]:
    """A clip as a batch of one, or a batch as it is; and whether it was a clip.

    Args:
        model: Of one input, or of several, for which a dict holds arrays by name.
        clip: Of the shape that the model reads, or a batch of such.

    Raises:
        ValueError: Names or shapes are others.
    """
    one = len(model.inputs) == 1
    kinds = dict(zip(["clip"] if one else names(model), model.inputs, strict=True))
    given = clip if isinstance(clip, dict) else {"clip": clip}
    known = sorted(given) == sorted(kinds)
    check(known, "clip", f"a dict of {sorted(kinds)}", sorted(given))
    parts, counts = {}, set()
    for name, kind in kinds.items():
        part, shape = np.asarray(given[name], kind.dtype), tuple(kind.shape[1:])
        ranks = (len(shape), len(shape) + 1)
        fits = part.ndim in ranks and part.shape[-len(shape) :] == shape
        check(fits, name, f"of shape {shape}, or a batch of such", part.shape)
        counts.add(len(part) if part.ndim == ranks[1] else None)
        parts[name] = part
    check(len(counts) == 1, "clip", "of arrays of the same batch", counts)
    single = None in counts
    parts = {name: part[None] if single else part for name, part in parts.items()}
    return (parts["clip"] if one else parts), single


def training_batches(
    model: keras.Model,
    clips,
    clip_spec: ClipSpec,
    batch_size: int,
    seed: int,
    start: int,
    watch: Callable[[Iterable], Iterable] = iter,
):
    """Training batches in a form that Keras' `fit` neither skips nor reads twice.

    Args:
        model: Which reads them.
        clips: A clip source.
        clip_spec: Which clips to ask it for.
        batch_size: Clips in a batch.
        seed: Of the order and the augmentation.
        start: The first batch.
        watch: Passes batches on; it must not hold the model.
    """
    # TensorFlow keeps what reads, so that must not hold the model.
    pick = picker(model)

    def read():
        batches = clips.batches(clip_spec, "train", batch_size, seed=seed, start=start)
        return watch((pick(clip), label) for clip, label in batches)

    if keras.backend.backend() != "tensorflow":
        return read()
    # Keras would wrap a generator so, too, but asks shapes of batches it then drops.
    import tensorflow as tf

    shares = clips.task == "multi" or getattr(clips, "soft_labels", False)
    label = ([None, len(clips.classes)], tf.float32) if shares else ([None], tf.int32)
    clip = tf.TensorSpec([None, *clip_spec.shape[:3], channels(clips)], tf.float32)
    if len(model.inputs) > 1:
        clip = {x.name: tf.TensorSpec(x.shape, x.dtype) for x in model.inputs}
    specs = (clip, tf.TensorSpec(*label))
    dataset = tf.data.Dataset.from_generator(read, output_signature=specs)
    return dataset.prefetch(2)

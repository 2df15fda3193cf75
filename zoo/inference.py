"""A network at work: its compiled function, and a trained run."""

import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import keras
import numpy as np

from zoo import devices, distribution, files, inputs, metrics
from zoo.genotypes import ClipSpec, Genotype, from_json
from zoo.genotypes.base import check
from zoo.record import BEST, BEST_WEIGHTS, MODEL

if TYPE_CHECKING:
    from zoo.ensemble import Ensemble  # Imports this module.

VERSION = 1
# What clips are by their channels.
PREPROCESSING = {3: "RGB in [0, 1]", 2: "flow in pixels / 20, in [-1, 1]"}


@dataclass(frozen=True)
class Description:
    """What a run's network is: all but its weights.

    Args:
        genotype: Of the network.
        classes: Names, in the order of the logits.
        task: "single" or "multi" label.
        clip_spec: The clips it was trained on.
        options: Of the network's family, as `zoo.build` took them.
        channels: Of the clips: 3 of RGB, 2 of optical flow.
    """

    genotype: Genotype
    classes: tuple[str, ...]
    task: str
    clip_spec: ClipSpec
    options: dict = field(default_factory=dict)
    channels: int = 3

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of one clip: (frames, height, width, channels)."""
        return (*self.clip_spec.shape[:3], self.channels)

    def build(self) -> keras.Model:
        """The network, with new weights."""
        from zoo import registry  # Measures by this file's function.

        count = len(self.classes)
        return registry.build(self.genotype, self.shape, count, **self.options)


@dataclass(frozen=True)
class Run:
    """A trained network and what it says.

    Args:
        model: From a clip to logits.
        classes: Names, in the order of the logits.
        task: "single" or "multi" label.
        clip_spec: The clips it reads.
        workdir: Folder it was trained in.
        channels: Of the clips: 3 of RGB, 2 of optical flow.
    """

    model: keras.Model
    classes: tuple[str, ...]
    task: str
    clip_spec: ClipSpec
    workdir: pathlib.Path
    channels: int = 3

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of one clip: (frames, height, width, channels)."""
        return (*self.clip_spec.shape[:3], self.channels)

    def predict(self, clip: np.ndarray) -> np.ndarray:
        """Probabilities of the classes.

        Args:
            clip: RGB in [0, 1] of `clip_spec.shape`, or flow where `channels` is 2, or
                a batch of such; where the network has several inputs, a dict of these
                by their names.

        Returns:
            Array (classes,), or (batch, classes).
        """
        return metrics.probabilities(self.task, self.logits(clip))

    def logits(self, clip: np.ndarray | dict[str, np.ndarray]) -> np.ndarray:
        """What `predict` takes the probabilities of."""
        clip, single = inputs.batched(self.model, clip)
        result = self._compiled(clip)
        return result[0] if single else result

    @property
    def clip_specs(self) -> dict[str, ClipSpec]:
        """The clips it reads, by the name of the model's input."""
        return {"clip": self.clip_spec}

    @functools.cached_property
    def _compiled(self) -> Callable[[np.ndarray], np.ndarray]:
        from zoo.fusing import fuse  # Not needed for training.

        return compiled(fuse(self.model))


def describe(workdir: str | os.PathLike, description: Description) -> None:
    """Writes `model.json` into a run's folder, which is made where it is missing.

    Raises:
        ValueError: The folder describes another network, or other classes.
    """
    folder = pathlib.Path(workdir)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / MODEL).exists():
        known = read_description(folder)
        for item in dataclasses.fields(Description):
            old, new = (getattr(d, item.name) for d in (known, description))
            rule = f"new, or of a run with the same {item.name}"
            check(old == new, "workdir", rule, str(workdir))
    record = {
        "version": VERSION,
        "genotype": json.loads(description.genotype.to_json()),
        "classes": list(description.classes),
        "task": description.task,
        "clip_spec": dataclasses.asdict(description.clip_spec),
        "options": description.options,
        "preprocessing": PREPROCESSING[description.channels],
    }
    files.write_json(folder / MODEL, record)


def read_description(workdir: str | os.PathLike) -> Description:
    """Reads a run's `model.json`.

    Raises:
        ValueError: There is none, or it is not what `describe` writes.
    """
    path = pathlib.Path(workdir, MODEL)
    rule = f"a run's folder, with {MODEL}"
    searched = any(f.is_file() for f in (path.with_name(BEST), pathlib.Path(workdir)))
    hint = "; zoo.train makes one of what a search found" if searched else ""
    check(path.is_file(), "workdir", f"{rule}{hint}", str(workdir))
    try:
        record = json.loads(path.read_text("utf-8"))
        check(record["version"] == VERSION, "version", repr(VERSION), record["version"])
        clips = record["preprocessing"]
        channels = {kind: count for count, kind in PREPROCESSING.items()}
        rule = " or ".join(map(repr, channels))
        check(clips in channels, "preprocessing", rule, clips)
        return Description(
            from_json(json.dumps(record["genotype"])),
            tuple(record["classes"]),
            record["task"],
            ClipSpec(**record["clip_spec"]),
            record["options"],
            channels[clips],
        )
    except (KeyError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"`{path}` must be written by zoo.train. Got: {reason}"
        ) from None


def load(workdir: str | os.PathLike) -> "Run | Ensemble":
    """Loads the best network of a training run, or the ensemble that a folder holds.

    Raises:
        ValueError: The folder holds no training run, or one that saved no weights yet.
    """
    from zoo import ensemble, weights  # Not needed for training.

    if ensemble.is_ensemble(workdir):
        return ensemble.load(workdir)
    description = read_description(workdir)
    path = pathlib.Path(workdir, BEST_WEIGHTS)
    rule = f"a run that has saved {BEST_WEIGHTS}, as its first validation does"
    check(path.is_file(), "workdir", rule, str(workdir))
    model = description.build()
    weights.load(model, path)
    return Run(
        model,
        description.classes,
        description.task,
        description.clip_spec,
        pathlib.Path(workdir),
        description.channels,
    )


def compiles_with_xla() -> bool:
    """Whether XLA compiles: always on JAX, on TensorFlow only for accelerators.

    On a CPU it makes convolutions two to five times slower (docs/decisions.md), and
    `tf.distribute` sums gradients outside of what it compiles.
    """
    if keras.backend.backend() != "tensorflow":
        return True
    return devices.mirrors() == 1 and not devices.only_cpus()


def compiled(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """The model's inference as one compiled function of a batch of clips.

    Unlike `model.predict` it costs no more than the network does, and it follows the
    weights: one function serves a model in training. A model of several inputs takes
    them as it does itself, or as a dict by their names.

    Args:
        model: With static shapes except the batch.

    Returns:
        From clips, (batch, frames, height, width, channels), to what the model puts
        out, such as logits, (batch, classes), in NumPy.
    """
    if keras.backend.backend() == "jax":
        return _compiled_by_jax(model)
    import tensorflow as tf  # Only where it is the backend.

    specs = keras.tree.map_structure(
        lambda x: tf.TensorSpec(x.shape, x.dtype), model.input
    )

    def to_tensor(spec, part):
        return tf.convert_to_tensor(part, spec.dtype)

    def convert(clip):
        parts = inputs.picked(model, clip)
        return keras.tree.map_structure(to_tensor, specs, parts)

    function = tf.function(
        lambda clip: model(clip, training=False),
        input_signature=[specs],
        jit_compile=compiles_with_xla(),
    )
    # A concrete function: else TensorFlow warns of "retracing" after a few models.
    function = function.get_concrete_function()
    return lambda clip: function(convert(clip)).numpy()


def _compiled_by_jax(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    import jax  # Only where it is the backend.

    @jax.jit
    def infer(trained, others, clip):
        return model.stateless_call(trained, others, clip, training=False)[0]

    trained, others = model.trainable_variables, model.non_trainable_variables

    def call(clip):
        values = [[v.value for v in group] for group in (trained, others)]
        clip = keras.tree.map_structure(np.asarray, inputs.picked(model, clip))
        return np.asarray(infer(*distribution.spread(values, clip)))

    return call

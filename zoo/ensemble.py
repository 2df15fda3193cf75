"""Late fusion: several networks, their probabilities averaged, as one model."""

import functools
import json
import os
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from zoo import files, inference, metrics
from zoo.genotypes import ClipSpec
from zoo.genotypes.base import check
from zoo.record import MODEL

OUTPUT = "probabilities"
ACTIVATIONS = {"single": "softmax", "multi": "sigmoid"}


def fuse(
    models: Sequence[keras.Model],
    task: str = "single",
    weights: Sequence[float] | None = None,
    average: str = "probabilities",
    inputs: Sequence[str] | None = None,
) -> keras.Model:
    """One model whose output is the mean of several models' probabilities.

    EvaNet (https://arxiv.org/abs/1811.10636) sums the softmax of its three or five best
    networks; the mean ranks the classes alike and is a probability. The released code
    (google-research, evanet/run_evanet.py, commit 066e6a12) takes the mean of the
    logits of two RGB and two flow networks, then the softmax: `average="logits"`.

    The models stay as they are, and share their weights with the new one, in which
    they are the layers `member0`, `member1`, ... It can be saved like any other.

    Args:
        models: Each from one input to logits of the same classes.
        task: "single" for softmax, or "multi" for sigmoids.
        weights: Share of each model, in any scale; None is equal ones.
        average: "probabilities" or "logits".
        inputs: Name of the input that each model reads; those of one name share it.
            None lets those of one shape be shared, and names them `clip`, or `flow`
            where they have two channels, with numbers where there are several.

    Returns:
        Model to (batch, classes), from the input, or from a dict of inputs by name
        where there are several.

    Raises:
        ValueError: The models do not fit together, or do not put out logits.
    """
    check(task in ACTIVATIONS, "task", '"single" or "multi"', task)
    models = list(models)
    _check_models(models)
    shares = metrics.shares(len(models), weights, average)
    names = input_names([_kind(m) for m in models]) if inputs is None else list(inputs)
    clips = _clips(models, names)
    outputs = [
        keras.Model(model.inputs[0], model.outputs[0], name=f"member{i}")(clips[name])
        for i, (model, name) in enumerate(zip(models, names, strict=True))
    ]
    return keras.Model(
        clips if len(clips) > 1 else clips[names[0]],
        _mean(outputs, ACTIVATIONS[task], shares, average),
        name="ensemble",
    )


def _mean(outputs: list, activation: str, shares: list[float], average: str):
    # Layers of Keras alone, so that a saved ensemble needs no class of ours to load.
    def activate(tensor, name):
        return layers.Activation(activation, dtype="float32", name=name)(tensor)

    early, parts = average == "probabilities", []
    for i, (output, share) in enumerate(zip(outputs, shares, strict=True)):
        part = activate(output, f"member{i}_{OUTPUT}") if early else output
        scale = layers.Rescaling(share, dtype="float32", name=f"member{i}_share")
        parts.append(scale(part))
    name = OUTPUT if early else "logits"
    last = layers.Add if len(parts) > 1 else layers.Identity
    total = last(dtype="float32", name=name)(parts if len(parts) > 1 else parts[0])
    return total if early else activate(total, OUTPUT)


def input_names(kinds: Sequence[tuple]) -> list[str]:
    """Names for the inputs of networks; those of one kind share one.

    Args:
        kinds: For each network the shape of its input, and what else tells it apart.
    """
    bases = ["flow" if shape[-1] == 2 else "clip" for shape, _ in kinds]
    pairs, groups = list(zip(bases, kinds, strict=True)), {base: [] for base in bases}
    for base, kind in dict.fromkeys(pairs):
        groups[base].append(kind)
    return [
        base if len(groups[base]) == 1 else f"{base}{groups[base].index(kind)}"
        for base, kind in pairs
    ]


def _kind(model: keras.Model) -> tuple:
    return tuple(model.inputs[0].shape[1:]), model.inputs[0].dtype


def _check_models(models: list) -> None:
    check(len(models) > 0, "models", "one or more", models)
    for model in models:
        plain = isinstance(model, keras.Model) and getattr(model, "inputs", None)
        plain = plain and len(model.inputs) == len(model.outputs) == 1
        plain = plain and len(model.outputs[0].shape) == 2
        rule = "functional models of one input and one vector of logits"
        check(plain, "models", rule, getattr(model, "name", model))
        check(not _is_final(model), "models", "such that put out logits", model.name)
    counts = [model.outputs[0].shape[-1] for model in models]
    check(len(set(counts)) == 1, "models", "of the same number of classes", counts)


def _is_final(model: keras.Model) -> bool:
    while isinstance(last := model.outputs[0]._keras_history.operation, keras.Model):
        model = last
    known = [getattr(keras.activations, name) for name in ACTIVATIONS.values()]
    active = getattr(last, "activation", None) in known
    return active or isinstance(last, layers.Softmax) or last.name == OUTPUT


def _clips(models: list, names: list[str]) -> dict[str, keras.KerasTensor]:
    """The inputs by name."""
    rule = f"a name for each of {len(models)} models"
    check(len(names) == len(models), "inputs", rule, names)
    kinds = {}
    for model, name in zip(models, names, strict=True):
        kind = kinds.setdefault(name, _kind(model))
        rule = "the same only for models whose inputs are"
        check(kind == _kind(model), "inputs", rule, names)
    return {
        name: keras.Input(shape, dtype=dtype, name=name)
        for name, (shape, dtype) in kinds.items()
    }


@dataclass(frozen=True)
class Ensemble:
    """Trained networks that speak together; used like a `Run`.

    Args:
        members: Runs by name.
        workdir: Folder it is from.
        weights: As `fuse` takes them.
        average: As `fuse` takes it.

    Raises:
        ValueError: The members are of other classes or tasks, or are ensembles.
    """

    members: dict[str, inference.Run]
    workdir: pathlib.Path
    weights: tuple[float, ...] | None = None
    average: str = "probabilities"

    def __post_init__(self):
        metrics.shares(len(self.members), self.weights, self.average)
        for name, run in self.members.items():
            rule = "of single networks where there are several"
            check(not isinstance(run, Ensemble), "model", rule, name)
        first, *others = self.members
        for name in others:
            for item in ("task", "classes"):
                self._check_same(item, first, name)

    def _check_same(self, item: str, *names: str) -> None:
        one, other = (getattr(self.members[name], item) for name in names)
        if one != other:
            rule = f"`model` must be of runs with the same {item}"
            got = f"{_short(one)} of {names[0]} and {_short(other)} of {names[1]}"
            raise ValueError(f"{rule}. Got: {got}")

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the probabilities."""
        return next(iter(self.members.values())).classes

    @property
    def task(self) -> str:
        """Whether "single" or "multi" label."""
        return next(iter(self.members.values())).task

    @property
    def clip_specs(self) -> dict[str, ClipSpec]:
        """The clips it reads, by the name of the model's input."""
        runs = zip(self._inputs, self.members.values(), strict=True)
        return {name: run.clip_spec for name, run in runs}

    @property
    def clip_spec(self) -> ClipSpec | None:
        """The clip it reads; None where members read several."""
        first, *others = self.clip_specs.values()
        return None if others else first

    @functools.cached_property
    def model(self) -> keras.Model:
        """From the clips to probabilities, as one model."""
        members = [run.model for run in self.members.values()]
        return fuse(members, self.task, self.weights, self.average, self._inputs)

    @property
    def _inputs(self) -> list[str]:
        runs = self.members.values()
        return input_names([(run.shape, run.clip_spec.rate) for run in runs])

    def predict(self, clip: np.ndarray | dict[str, np.ndarray]) -> np.ndarray:
        """Probabilities of the classes.

        Args:
            clip: RGB in [0, 1] of `clip_spec.shape`, or flow as they read it, or a
                batch; where they read several, a dict by the names of `clip_specs`.

        Returns:
            Array (classes,), or (batch, classes).
        """
        names = sorted(self.clip_specs)
        only = names[0] if len(names) == 1 else "clip"
        clips = clip if isinstance(clip, dict) else {only: clip}
        check(sorted(clips) == names, "clip", f"a dict of {names}", sorted(clips))
        members = zip(self._inputs, self.members.values(), strict=True)
        return self.fused([run.logits(clips[name]) for name, run in members])

    def fused(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities from the members' logits, in their order."""
        return metrics.fused(self.task, logits, self.weights, self.average)


def _short(value: object) -> str:
    if not isinstance(value, tuple):
        return repr(value)
    return f"{len(value)} ({', '.join(value[:5])}{', ...' if len(value) > 5 else ''})"


def describe(
    workdir: str | os.PathLike,
    members: Sequence[str],
    weights: Sequence[float] | None = None,
    average: str = "probabilities",
) -> None:
    """Writes the `model.json` of an ensemble.

    Args:
        workdir: Its folder.
        members: Folders of training runs, relative to it.
        weights: As `fuse` takes them.
        average: As `fuse` takes it.
    """
    metrics.shares(len(members), weights, average)
    folder = pathlib.Path(workdir)
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "version": inference.VERSION,
        "members": list(members),
        "weights": None if weights is None else list(weights),
        "average": average,
    }
    files.write_json(folder / MODEL, record)


def is_ensemble(workdir: str | os.PathLike) -> bool:
    """Whether a folder holds what `describe` described."""
    try:
        return "members" in _record(workdir)
    except (OSError, TypeError, ValueError):
        return False


def _record(workdir: str | os.PathLike) -> dict:
    return json.loads(pathlib.Path(workdir, MODEL).read_text("utf-8"))


def load(workdir: str | os.PathLike) -> Ensemble:
    """Loads an ensemble and its members.

    Raises:
        ValueError: It is none that `describe` wrote, or a member is not trained.
    """
    folder = pathlib.Path(workdir)
    try:
        record, known = _record(folder), inference.VERSION
        check(record["version"] == known, "version", repr(known), record["version"])
        weights, average = record["weights"], record["average"]
        names = [*record["members"]]
    except (KeyError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        rule = f"`{folder / MODEL}` must be written by zoo.train"
        raise ValueError(f"{rule}. Got: {reason}") from None
    for name in names:
        alone = not is_ensemble(folder / name)
        check(alone, "members", "single networks", str(folder / name))
    members = {name: inference.load(folder / name) for name in names}
    return Ensemble(members, folder, weights and tuple(weights), average)

"""What is exported of a run, and an exported network at work."""

import dataclasses
import importlib.metadata
import json
import os
import pathlib

import keras
import numpy as np
from keras import ops

import zoo
from zoo import files, inputs, metrics, runtimes
from zoo.conversion import Program, called
from zoo.framing import clip_of
from zoo.genotypes import ClipSpec
from zoo.genotypes.base import check
from zoo.inference import Run
from zoo.runtimes import CLIP, LOGITS

FRAMES, PROBABILITIES = "frames", "probabilities"
VERSION = 1
PACKAGES = {
    "saved_model": ["tensorflow"],
    "litert": ["tensorflow", "ai-edge-litert"],
    "onnx": ["tensorflow", "tf2onnx", "onnx", "onnxruntime"],
}


def served(run: Run, model: keras.Model, form: str) -> Program:
    """A run's network from frames to probabilities: what is exported.

    It takes `frames`, uint8 of (frames, height, width, 3) in any size, as many as the
    clip has, and further inputs, if the network has any, of one clip; it gives
    `probabilities` and `logits`, (classes,). In LiteRT's format sizes do not vary, and
    frames must have the clip's: `Exported` scales them.

    Args:
        run: Whose clips and task they are.
        model: Its network as it is exported.
        form: One of `runtimes.FORMATS`.
    """
    frames, height, width = run.clip_spec.shape[:3]
    size = (height, width) if form == "litert" else (None, None)
    shapes = {FRAMES: ((frames, *size, 3), "uint8")}
    for tensor in model.inputs if len(model.inputs) > 1 else ():
        if tensor.name != CLIP:
            shapes[tensor.name] = (tuple(tensor.shape[1:]), tensor.dtype)
    chances = ops.softmax if run.task == "single" else ops.sigmoid

    def call(**parts):
        frames = parts.pop(FRAMES)
        if form == "litert":
            clip = ops.cast(frames, "float32") / 255
        else:
            clip = clip_of(frames, height, width)
        parts = {CLIP: clip, **parts}
        logits = called(model, {name: part[None] for name, part in parts.items()})[0]
        return {PROBABILITIES: chances(logits), LOGITS: logits}

    return Program(model, call, shapes)


def describe(path: str | os.PathLike, run: Run, form: str, quantize: str) -> dict:
    """Writes `PATH.json`, which tells what a device needs to know, and gives it.

    Args:
        path: Of the exported network.
        run: What was exported.
        form: One of `runtimes.FORMATS`.
        quantize: One of `conversion.QUANTIZATIONS`.
    """
    names = ["keras", *PACKAGES[form]]
    record = {
        "version": VERSION,
        "format": form,
        "quantize": quantize,
        "task": run.task,
        "clip_spec": dataclasses.asdict(run.clip_spec),
        "inputs": inputs.names(run.model),
        "versions": {
            "zoo": zoo.__version__,
            **{name: importlib.metadata.version(name) for name in names},
        },
        "classes": list(run.classes),
    }
    files.write_json(beside(path), record)
    return record


def beside(path: str | os.PathLike) -> pathlib.Path:
    """The description of an exported network."""
    return pathlib.Path(f"{path}.json")


def is_description(path: str | os.PathLike) -> bool:
    """Whether a file is what `describe` writes beside an exported network."""
    try:
        return "quantize" in json.loads(pathlib.Path(path).read_text("utf-8"))
    except (OSError, TypeError, ValueError):
        return False


class Exported:
    """An exported network at work, by the runtime that it is made for.

        exported = Exported("tvn1.tflite")
        exported.classes[exported(frames).argmax()]

    Args:
        path: What `zoo.export` wrote, with its description beside it.
        threads: None is the runtime's own choice.
    """

    def __init__(self, path: str | os.PathLike, threads: int | None = None):
        place = beside(path)
        rule = f"what zoo.export wrote, with {place.name} beside it"
        check(place.is_file(), "path", rule, str(path))
        record = json.loads(place.read_text("utf-8"))
        check(record["version"] == VERSION, "version", str(VERSION), record["version"])
        self.form = record["format"]
        self.task, self.classes = record["task"], tuple(record["classes"])
        self.clip_spec = ClipSpec(**record["clip_spec"])
        self._run = runtimes.opened(path, self.form, threads)

    def __call__(self, frames: np.ndarray, **others: np.ndarray) -> np.ndarray:
        """Probabilities of the classes.

        Args:
            frames: uint8 (frames, height, width, 3), of any size.
            **others: Further inputs, where the network has any.
        """
        return metrics.probabilities(self.task, self.logits(frames, **others))

    def logits(self, frames: np.ndarray, **others: np.ndarray) -> np.ndarray:
        """What the probabilities are of, (classes,).

        Raises:
            ValueError: The frames are of another type or number.
        """
        frames, count = np.asarray(frames), self.clip_spec.frames
        fits = frames.dtype == np.uint8 and frames.ndim == 4
        fits = fits and (frames.shape[0], frames.shape[3]) == (count, 3)
        rule = f"uint8 of ({count}, height, width, 3)"
        check(fits, FRAMES, rule, f"{frames.dtype} of {frames.shape}")
        size = (self.clip_spec.height, self.clip_spec.width)
        if self.form == "litert" and frames.shape[1:3] != size:
            clip = ops.convert_to_numpy(clip_of(frames, *size))
            frames = np.round(255 * clip).astype("uint8")
        return self._run({FRAMES: frames, **others})[LOGITS]

"""The job `python -m zoo.export`: makes of a trained network a file for a device.

The network is rebuilt in float32, its batch norm and mixtures folded into convolutions
(`zoo.fusing`), and written with a signature that takes frames as they come and gives
probabilities (`zoo.exporting.served`). Then what was written is run, and compared with
the network. `PATH.json` beside it has the classes and what the clips are.
"""

if __name__ == "__main__":  # First, as the libraries below write on the screen.
    from zoo import launch

    launch.main(
        "zoo.export.export",
        "--model=runs/tvn1 --out=tvn1.tflite --format=litert",
        model="folder of a training run; or a model's name, with --weights",
        weights="a file with the weights of a model's name",
        num_classes="of a model's name (default: 400)",
        out="what to write: a file, or a folder for saved_model",
        format="saved_model (default), litert or onnx",
        quantize="none (default), dynamic, float16 or int8; for litert. int8 needs "
        "--data:\nclips that show the range of numbers, and on which it is scored",
        limit="clips of --data to take (default: 64)",
        overwrite="replace what is there",
    )

import itertools
import os
import pathlib
import shutil
from typing import Literal

import keras
import numpy as np

from zoo import (
    comparing,
    conversion,
    exporting,
    inference,
    inputs,
    metrics,
    registry,
    runtimes,
    streams,
)
from zoo import weights as weight_files
from zoo.ensemble import Ensemble
from zoo.exporting import FRAMES
from zoo.files import check_writable
from zoo.fusing import fuse
from zoo.genotypes.base import check, check_whole
from zoo.runtimes import CLIP, FORMATS, LOGITS

COMPARED = 4  # Clips.


def export(
    model: str,
    out: str,
    format: Literal["saved_model", "litert", "onnx"] = "saved_model",
    quantize: Literal["none", "dynamic", "float16", "int8"] = "none",
    clips=None,
    weights: str | None = None,
    num_classes: int = 400,
    limit: int = 64,
    overwrite: bool = False,
) -> dict[str, float]:
    """Writes a trained network for a device, runs that, and compares both.

    Args:
        model: Folder of a training run, or a model's name.
        out: Path of the file, or for "saved_model" of the folder.
        format: "saved_model", "litert" or "onnx".
        quantize: "none"; for "litert" also "dynamic" (weights of 8 bits), "float16"
            (weights of 16), or "int8" (8 bits, where LiteRT has operations for them).
        clips: A clip source: "int8" takes its ranges from the training clips, and is
            scored on the others. Networks are compared on some, too.
        weights: A file with the weights of the named model.
        num_classes: Of the named model.
        limit: Clips to take of the source.
        overwrite: Whether to replace what is there: a file, or an exported folder.

    Returns:
        "difference" from the network (of logits, as a share of the largest, at least
        1), "megabytes", "latency_ms"; with clips the scores of both, by "exported" and
        "model" and their names.

    Raises:
        ValueError: An argument is wrong, the format can not have the network, or what
            was written is not the network: the first layer that differs is named.
    """
    path = pathlib.Path(out)
    _check(path, format, quantize, clips, overwrite)
    check_whole(limit, "limit")
    run = _loaded(model, weights, num_classes)
    if clips is not None:
        _check_clips(run, clips)
    fused = fuse(run.model)
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name}")
    try:
        program = exporting.served(run, fused, format)
        calibration = _calibration(run, clips, limit) if quantize == "int8" else ()
        conversion.write(program, temporary, format, quantize, calibration)
        found = _compared(run, fused, temporary, format, quantize, clips)
        if clips is not None:
            found |= _scored(run, temporary, format, clips, limit)
        found["megabytes"] = _size(temporary) / 1e6
        _show(path, temporary, format, quantize, found)
        _replace(path, temporary)
    finally:
        _remove(temporary)
    exporting.describe(path, run, format, quantize)
    return found


def _check(path: pathlib.Path, form: str, quantize: str, clips, overwrite) -> None:
    check(form in FORMATS, "format", f"one of {FORMATS}", form)
    conversion.check_quantize(form, quantize)
    given = clips is not None or quantize != "int8"
    check(given, "clips", "given for int8: --data=CLIPS", clips)
    new = overwrite or not (path.exists() or exporting.beside(path).exists())
    check(new, "out", "new, or with --overwrite", str(path))
    # Nobody means to replace a folder of other things.
    own = not path.is_dir() or (path / "saved_model.pb").is_file()
    rule = "a folder that zoo.export wrote, or an empty one, where it is replaced"
    check(own or not any(path.iterdir()), "out", rule, str(path))
    beside = exporting.beside(path)
    rule = f"a name whose {beside.name} is no other file, such as a run's own"
    own = not beside.exists() or exporting.is_description(beside)
    check(own, "out", rule, str(path))
    conversion.check_backend()
    for module in runtimes.MODULES[form]:
        runtimes.need(module)
    check_writable(path.parent, name="out")


def _loaded(model: str, weights: str | None, num_classes: int) -> inference.Run:
    """A run that reads RGB, in float32."""
    keras.config.set_dtype_policy("float32")
    if pathlib.Path(model).exists():
        check(weights is None, "weights", "left out where model is a run", weights)
        run = inference.load(model)
        rule = "one network: of an ensemble export the members"
        check(not isinstance(run, Ensemble), "model", rule, model)
        return streams.online(run)
    check(weights is not None, "weights", f"given for {model}: --weights=FILE", weights)
    network = registry.create(model, num_classes=num_classes)
    weight_files.load(network, weights)
    names = tuple(str(number) for number in range(num_classes))
    spec, place = registry.find(model).clip_spec, pathlib.Path(weights).parent
    channels = network.inputs[0].shape[-1]
    return streams.online(
        inference.Run(network, names, "single", spec, place, channels)
    )


def _check_clips(run: inference.Run, clips) -> None:
    inputs.check_source(run.model, clips)
    same = tuple(clips.classes) == run.classes
    check(same, "clips", "of the network's classes", list(clips.classes)[:5])
    check(clips.task == run.task, "clips", f"of a {run.task}-label task", clips.task)


def _taken(run: inference.Run, clips, split: str, limit: int):
    """Clips of a split as frames and further inputs, each with its label."""
    batches = clips.batches(run.clip_spec, split, 1)
    count = min(limit, clips.size(split))
    for clip, label, *_ in itertools.islice(batches, count):
        parts = clip if isinstance(clip, dict) else {CLIP: clip}
        parts = {name: np.asarray(part)[0] for name, part in parts.items()}
        names = inputs.names(run.model) if len(parts) > 1 else [CLIP]
        frames = np.round(255 * parts[CLIP]).astype("uint8")
        others = {name: parts[name] for name in names if name != CLIP}
        yield {FRAMES: frames, **others}, np.asarray(label)[0]


def _split(clips) -> str:
    """Which clips tell how good a network is."""
    return next((s for s in ("test", "validation") if clips.size(s)), "train")


def _calibration(run: inference.Run, clips, limit: int):
    split = "train" if clips.size("train") else _split(clips)
    return [parts for parts, _ in _taken(run, clips, split, limit)]


def _noise(run: inference.Run, program_inputs: dict):
    """Inputs of no video: frames of the clip's size."""
    rng, frames = np.random.default_rng(0), run.clip_spec.shape
    parts = {FRAMES: rng.integers(0, 256, frames).astype("uint8")}
    for name, (shape, dtype) in program_inputs.items():
        if name != FRAMES:
            parts[name] = rng.integers(0, 2, shape).astype(dtype)
    return parts


def _compared(run, fused, path: pathlib.Path, form, quantize, clips) -> dict:
    """The largest difference on a few clips, and the time that one takes."""
    call, same = runtimes.opened(path, form), comparing.reference(run.model)
    tried = [_noise(run, exporting.served(run, fused, form).inputs)]
    if clips is not None:
        tried += [x for x, _ in _taken(run, clips, _split(clips), COMPARED)]
    apart = []
    for parts in tried:
        clip = _as_clip(parts)
        apart.append(comparing.difference(call(parts)[LOGITS], same(clip)))
        comparing.check_equal(apart[-1], quantize, fused, form, clip)
    latency = comparing.latency_ms(lambda: call(tried[0]))
    return {"difference": max(apart), "latency_ms": latency}


def _as_clip(parts: dict) -> dict:
    """What the network reads of exported inputs: a batch of one, by name."""
    clip = {CLIP: parts[FRAMES].astype("float32") / 255}
    clip |= {name: part for name, part in parts.items() if name != FRAMES}
    return {name: part[None] for name, part in clip.items()}


def _scored(run, path: pathlib.Path, form: str, clips, limit: int) -> dict:
    """Scores of what was exported, and of the network, on the same clips."""
    call, same = runtimes.opened(path, form), comparing.reference(run.model)
    rows = [
        (label, call(parts)[LOGITS], same(_as_clip(parts)))
        for parts, label in _taken(run, clips, _split(clips), limit)
    ]
    labels, exported, own = (np.stack(column) for column in zip(*rows, strict=True))
    found = {"exported": exported, "model": own}
    return {
        f"{who} {name}": score
        for who, logits in found.items()
        for name, score in metrics.scores_of(run.task, labels, logits).items()
    } | {"clips": len(labels)}


def _show(path, temporary, form: str, quantize: str, found: dict) -> None:
    kinds = runtimes.operations(temporary, form).most_common()
    named = ", ".join(f"{count} {kind}" for kind, count in kinds)
    print(f"{path}: {form}, quantize {quantize}, {found['megabytes']:.1f} MB")
    print(f"operations: {named}")
    print(f"{found['difference']:.1g} from the network, {found['latency_ms']:.1f} ms")
    for name, value in found.items():
        if " " in name:
            print(f"{name} {value:.4f} on {found['clips']} clips")


def _size(path: pathlib.Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _remove(path: pathlib.Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _replace(path: pathlib.Path, temporary: pathlib.Path) -> None:
    if path.is_dir() or temporary.is_dir():  # Only a file is replaced at once.
        _remove(path)
    os.replace(temporary, path)

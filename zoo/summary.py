"""What a training tells: before it begins, at its end, and in `summary.md`."""

import dataclasses
import pathlib
import platform
import shlex
import sys
import time

import keras

from zoo import inference, monitor, training
from zoo.distribution import current
from zoo.files import write_text
from zoo.monitor import clock
from zoo.record import CONFIG, METRICS, SPEED, SUMMARY

ALWAYS = ("steps", "batch_size", "learning_rate")  # Settings that matter in any case.


def announce(title: str, about: inference.Description, clips, recipe) -> None:
    """Prints what will be trained on what, and for how long.

    Args:
        title: The network's.
        about: What the network is.
        clips: A clip source.
        recipe: How to train.
    """
    cost = about.genotype.cost(len(about.classes), about.shape)
    size = clips.size("train")
    epochs = recipe.steps * recipe.batch_size / max(1, size)
    devices = current().replicas
    spread = f", each spread over {devices} devices" if devices > 1 else ""
    print(
        f"{title}: {cost.parameters / 1e6:.3g} million parameters, "
        f"{cost.macs / 1e9:.3g} GMAC a clip of {_clip(about.clip_spec)}\n"
        f"{size} training clips of {len(clips.classes)} classes, "
        f"{recipe.steps} steps of {recipe.batch_size}{spread}: {epochs:.3g} epochs",
        flush=True,
    )


def conclude(clips, result: dict[str, float]) -> None:
    """Prints the scores: what `training.fit` gave of a run on clips."""
    name = training.score_name(clips.task)
    print(
        f"{name} on validation: {result[f'validation_{name}']:.4f} at the end, "
        f"{result['best_score']:.4f} the best, whose weights are kept",
        flush=True,
    )


def show_commands(folder: pathlib.Path) -> None:
    """Prints what to do with a run, and where its summary is."""
    lines = [f"{name + ':':<9} {line}" for name, line in commands(folder).items()]
    if (folder / SUMMARY).exists():
        lines.append(f"summary:  {folder / SUMMARY}")
    print("\n".join(lines), flush=True)


def commands(folder: pathlib.Path) -> dict[str, str]:
    """What to do with a run that has ended."""
    place = shlex.quote(str(folder))
    return {
        "evaluate": f"python -m zoo.evaluate --model={place}",
        "predict": f"python -m zoo.predict --model={place} CLIP",
    }


def write(
    folder: pathlib.Path,
    title: str,
    about: inference.Description,
    clips,
    recipe: training.Recipe,
    settings: dict[str, object],
    result: dict[str, float],
) -> None:
    """Writes `summary.md`: one page of what a run has done.

    Args:
        folder: Of the run, which has ended.
        title: The network's.
        about: What the network is.
        clips: It was trained on.
        recipe: How it was trained.
        settings: Others that matter; those that are None are left out.
        result: What `training.fit` gave.
    """
    parts = {
        "Network": _network(about),
        "Clips": _clips(about, clips, recipe),
        "Settings": _settings(recipe, settings),
        "Scores": _scores(folder, about.task, result),
        "Time": _time(folder),
        "Machine": _machine(),
    }
    lines = [f"# {title}", ""]
    for name, rows in parts.items():
        lines += [f"## {name}", "", *(f"- {k}: {v}" for k, v in rows.items()), ""]
    lines += ["## What next", ""]
    lines += [f"    {line}" for line in commands(folder).values()]
    if (folder / CONFIG).exists():
        place = shlex.quote(str(folder / CONFIG))
        more = f"--gin_file={place} --steps={2 * recipe.steps}"
        lines.append(f"    python -m zoo.train {more}  # Trains longer.")
    write_text(folder / SUMMARY, "\n".join(lines) + "\n")


def _network(about: inference.Description) -> dict[str, object]:
    cost = about.genotype.cost(len(about.classes), about.shape)
    return {
        "family": about.genotype.family,
        "parameters": f"{cost.parameters:,}",
        "multiply-accumulates a clip": f"{cost.macs:,}",
        "activations of a clip": f"{cost.activation_bytes / 1e6:,.0f} MB in float32",
        **about.options,
    }


def _clips(about: inference.Description, clips, recipe) -> dict[str, object]:
    spec, size = about.clip_spec, clips.size("train")
    root = getattr(clips, "root", None)
    epochs = recipe.steps * recipe.batch_size / max(1, size)
    return {
        "source": type(clips).__name__ + (f", {root}" if root else ""),
        "training": f"{size:,}",
        "validation": f"{clips.size('validation'):,}",
        "classes": f"{len(clips.classes):,}, {about.task} label",
        "each": _clip(spec),
        "epochs": f"{epochs:.3g}",
    }


def _clip(spec) -> str:
    rate = f"in {spec.segments} segments" if spec.segments else f"at {spec.rate:g} fps"
    return f"{spec.frames} frames {rate}, {spec.height} x {spec.width}"


def _settings(recipe, settings: dict[str, object]) -> dict[str, object]:
    shown = {
        field.name: getattr(recipe, field.name)
        for field in dataclasses.fields(recipe)
        if field.name in ALWAYS or getattr(recipe, field.name) != field.default
    }
    return shown | {k: v for k, v in settings.items() if v is not None}


def _scores(folder, task: str, result: dict[str, float]) -> dict[str, object]:
    name = training.score_name(task)
    key = f"validation_{name}"
    scored = [row for row in monitor.read_table(folder / METRICS) if key in row]
    # Of equal ones the last is kept.
    best = max(scored, key=lambda row: (row[key], row["step"]))
    others = ("step", "best_score", "learning_rate")
    last = [f"{k} {v:.4g}" for k, v in result.items() if k not in others]
    return {
        "best": f"{name} {result['best_score']:.4f} at step {best['step']:.0f}",
        "last": ", ".join([f"step {result['step']:.0f}", *last]),
    }


def _time(folder: pathlib.Path) -> dict[str, object]:
    """From `speed.csv`, so of all processes that the run took together."""
    rows = monitor.read_table(folder / SPEED)
    total = {name: sum(r.get(name, 0) for r in rows) for name in ("seconds", "aside")}
    speeds = [row for row in rows if "clips_per_second" in row]
    count = sum(row["clips_per_second"] * row["seconds"] for row in speeds)
    waits = [row for row in rows if "input_wait" in row]
    share = sum(row["input_wait"] * row["seconds"] for row in waits)
    found = {
        "training": clock(total["seconds"]),
        "compiling, scoring and saving": clock(total["aside"]),
    }
    if count:
        found["speed"] = f"{count / sum(r['seconds'] for r in speeds):.3g} clips/s"
    if waits:
        share /= max(sum(row["seconds"] for row in waits), 1e-9)
        found["of that waiting for clips"] = f"{100 * share:.0f} %"
    return found


def _machine() -> dict[str, object]:
    devices = keras.distribution.list_devices()
    return {
        "ended": time.strftime("%Y-%m-%d %H:%M"),
        "devices": f"{len(devices)}: {', '.join(devices[:8])}",
        "precision": keras.config.dtype_policy().name,
        "software": f"Keras {keras.version()} on {keras.backend.backend()}, "
        f"Python {sys.version.split()[0]}, {platform.node()}",
    }

"""The record of a run, `config.gin`: what it says, and whether a run is the same."""

import ast
import contextlib
import os
import pathlib
import re
import shlex

from zoo.files import check_writable, write_text

CONFIG, OPERATIVE = "config.gin", "operative.gin"
MODEL = "model.json"  # What a training run's network is.
BEST, SEARCH = "best.json", "search.json"  # Of a search: what it found, what it is.
METRICS, SPEED = "metrics.csv", "speed.csv"
CHECKPOINT, BEST_WEIGHTS = "checkpoint.npz", "best.weights.h5"
SUMMARY = "summary.md"
MEMBERS = "members.json"  # Of an ensemble: which networks of a search it has.
EVALUATION, PREDICTIONS = "evaluation.json", "predictions.npz"
BENCHMARK = ("benchmark.json", "benchmark.csv", "accuracy-latency.svg")
UNSET = "not set"
HEAD = "# Repeats the run: python -m "  # The begin of a config's first line.
# In the environment of a process whose run another process has recorded.
RECORDED = "ZOO_RUN_IS_RECORDED"
# The number that Keras is told of a process, where several train together.
PROCESS = "KERAS_DISTRIBUTION_PROCESS_ID"
# A run may go on with other values of these.
FREE = {
    "workdir",
    "steps",
    "warmup_steps",
    "verbose",
    "log_every",
    "save_minutes",
    "profile",
    "dry_run",
    "max_trials",
    "trials_per_process",
    "workers",
    "role",
    "address",
    "patience",
    "audit",
    "lease_seconds",
    "max_attempts",
    "max_crashes",
    "keep",
    "distribution",
    "tpu",
    "num_virtual_devices",
}


def write(workdir: str | os.PathLike, module: str, text: str) -> None:
    """Writes config.gin, which repeats the run; of several processes the first does.

    Args:
        workdir: Folder of the run, made where it is missing.
        module: Of the job, such as "zoo.train".
        text: All settings, as gin writes them.

    Raises:
        ValueError: The folder holds a run of another config, or can not be written to.
    """
    if os.environ.get(PROCESS, "0") != "0":
        return
    folder = pathlib.Path(workdir)
    path = folder / CONFIG
    # A run that failed before it began left nothing else.
    begun = path.exists() and {p.name for p in folder.iterdir()} - {CONFIG, OPERATIVE}
    if begun:
        _refuse_another(folder, module, settings(text))
    check_writable(folder)
    place = shlex.quote(str(path))
    head = f"{HEAD}{module} --gin_file={place}\n"
    write_text(path, head + text)


def settings(text: str) -> dict[str, str]:
    """The settings in a text that gin wrote; a value may go on in indented lines."""
    found, name = {}, None
    for line in text.splitlines():
        if line[:1].isspace() and name:
            found[name] += line.strip()
        elif " = " in line and not line.startswith("#"):
            name, _, value = line.partition(" = ")
            found[name] = value.strip().removesuffix("\\").strip()
    return found


def clips_of(workdir: str | os.PathLike) -> tuple[list[str], str]:
    """What a run's config says of its clips, and nothing else of it.

    Returns:
        Lines for gin, and the value of the argument `clips`.

    Raises:
        ValueError: The run has no clips.
    """
    path = pathlib.Path(workdir, CONFIG)
    text = path.read_text("utf-8")
    known = settings(text)
    values = [v for name, v in known.items() if name.endswith(".clips")]
    if not values:
        raise ValueError(f"`data` must be of a run with clips. Got: {str(path)!r}")
    lines, seen, waiting = [], set(), _references(values[0])
    while waiting:
        target = waiting.pop()
        seen.add(target)
        for name, value in known.items():
            if name == target or name.rpartition(".")[0] == target:
                lines.append(f"{name} = {value}")
                waiting += [n for n in _references(value) if n not in seen]
    modules = {name.split("/")[-1].split(".")[0] for name in seen}
    imports = re.findall(r"^(?:import|from) .*$", text, re.MULTILINE)
    kept = [line for line in imports if line.split()[-1].split(".")[0] in modules]
    return [*kept, *lines], values[0]


def settings_of_clips(folder: str | os.PathLike, *names: str) -> dict[str, object]:
    """What a run's config says of arguments of its clip source; {} where it does not.

    Args:
        folder: Of the run, or in it.
        names: Of the arguments.
    """
    found, run = {}, run_of(str(folder))
    if run is None:
        return found
    with contextlib.suppress(ValueError):  # Of a run without clips.
        known = settings("\n".join(clips_of(run)[0]))
        for name, value in known.items():
            value = known.get(value[1:], value) if value[:1] == "%" else value
            argument = name.rpartition(".")[2]
            if argument in names and "." in name:
                found[argument] = ast.literal_eval(value)
    return found


def check_used(job: str, bindings: list[str], text: str) -> None:
    """Raises ValueError of a setting by flag that is of no use.

    Of use are those of the job, and of what settings refer to.

    Args:
        job: Dotted path of the function.
        bindings: Such as "genotypes.ClipSpec.height = 48".
        text: All settings, as gin writes them.
    """
    targets = [name for value in settings(text).values() for name in _references(value)]
    used = {_end(name) for name in [job, *targets]}
    names = [binding.partition("=")[0].strip() for binding in bindings]
    for name in names:
        owner = name.rpartition(".")[0]
        if owner and _end(owner) not in used:
            rule = f"of what this run uses: some setting must be @{owner}()"
            raise ValueError(f"`gin_bindings` must be {rule}. Got: {name}")


def _end(name: str) -> str:
    """Module and name of what gin configures, without packages and scopes."""
    return ".".join(name.split("/")[-1].split(".")[-2:])


def _references(value: str) -> list[str]:
    return re.findall(r"[@%]([\w./]+)", value)


def _short(known: dict[str, str]) -> dict[str, str]:
    """Settings without the packages of names, which depend on who imports what."""
    package = r"(zoo|search\.spaces|search|datasets)\."
    return {
        re.sub(rf"^((?:\w+/)*){package}(?=\w+\.\w+\.)", r"\1", name): re.sub(
            rf"@((?:\w+/)*){package}(?=\w+\.)", r"@\1", value
        )
        for name, value in known.items()
    }


def _refuse_another(folder: pathlib.Path, module: str, new: dict[str, str]) -> None:
    text = (folder / CONFIG).read_text("utf-8")
    made = text.removeprefix(HEAD).split(maxsplit=1)[:1] or [module]
    if text.startswith(HEAD) and made[0] != module:
        _refuse(folder, f"of {made[0]}, now {module}")
    differences = _differences(folder, _short(settings(text)), _short(new))
    # First what both tell: other files, and --smoke, set much that few know.
    for both in (True, False):
        for name, then, now in differences:
            if both == (UNSET not in (then, now)):
                _refuse(folder, f"with {name} {then}, now {now}")


def _differences(
    folder: pathlib.Path, old: dict[str, str], new: dict[str, str]
) -> list[tuple[str, str, str]]:
    """Names of settings that a run does not go on with, as they were and are now."""
    # Only the operative config has what was left to its default.
    operative = folder / OPERATIVE
    text = operative.read_text("utf-8") if operative.exists() else ""
    defaults = _short(settings(text))
    then = {**{name: defaults.get(name, UNSET) for name in new}, **old}
    names = [n for n in sorted(then) if n.rpartition(".")[2] not in FREE]
    rows = [(name, then[name], new.get(name, UNSET)) for name in names]
    return [row for row in rows if row[1] != row[2]]


def _refuse(folder: pathlib.Path, why: str) -> None:
    got = f"{str(folder)!r}, a run {why}"
    raise ValueError(f"`workdir` must be new, or of the same run. Got: {got}")


def is_run(folder: str | os.PathLike) -> bool:
    """Whether a folder has the record of a run."""
    return pathlib.Path(folder, CONFIG).is_file()


def run_of(model: str | None) -> str | None:
    """The folder of a run that a model is from, or is; of several models, the first."""
    names = [model, *model.split(",")] if model else []
    paths = [pathlib.Path(name) for name in names]
    folders = [folder for path in paths for folder in (path, path.parent)]
    return next((str(folder) for folder in folders if is_run(folder)), None)


def are_evaluations(model: str | None) -> bool:
    """Whether all folders of a model are those that an evaluation wrote."""
    names = [model] if model and os.path.isdir(model) else (model or "").split(",")
    files = [pathlib.Path(name.strip(), PREDICTIONS) for name in names]
    return bool(model) and all(file.is_file() for file in files)

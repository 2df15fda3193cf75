"""The flags of a job's command line, and its help."""

import inspect
from collections.abc import Callable

from absl import flags

from zoo.command import function

HELP = {
    "gin_file": "a config, as a path or as in gin/, such as train/tvn1.gin; repeatable",
    "gin_bindings": "one setting, such as training.Recipe.batch_size=8; repeatable",
    "workdir": "folder of the run; the same command goes on where it was interrupted",
    "data": "clips: a folder of class folders, a table.csv, moving_shapes, or the "
    "folder of a run\n(default: the clips of the run that --model is from)",
    "model": "a model's name, or a genotype's file such as best.json",
    "steps": "training steps; the warm-up keeps its share",
    "seed": "of weights, order and augmentation",
    "smoke": "shrink the run to a minute, to see that it works",
    "debug": "show the traceback of an error",
    "help": "show this",
}
# Flags that only jobs with an argument have: its name.
NEEDS = {
    "workdir": "workdir",
    "data": "clips",
    "model": "model",
    "steps": "recipe",
    "seed": "seed",
}


def parse_flags(
    job: str, argv: list[str], options: dict[str, str], example: str
) -> flags.FlagValues | None:
    """The flags' values; None where the help was asked for, which is then shown."""
    # Values of its own: gin imports the job again, and tests run many.
    values = flags.FlagValues()
    for name, text in flag_texts(job, options).items():
        kind, default = _kind(name, job)
        kind(name, default, text, flag_values=values)
    try:
        rest = values([job, *argv])[1:]
    except flags.Error as error:
        raise ValueError(f"{error}. See --help") from None
    if values.help:
        print(usage(job, options, example))
        return None
    if rest:
        raise ValueError(f"arguments must begin with --. Got: {' '.join(rest)}")
    return values


def _kind(flag: str, job: str) -> tuple[Callable, object]:
    """How absl defines a flag, and its default."""
    if flag in ("gin_file", "gin_bindings"):
        return flags.DEFINE_multi_string, []
    if flag in ("smoke", "debug", "help"):
        return flags.DEFINE_boolean, False
    arguments = inspect.signature(function(job)).parameters
    hint = arguments[flag].annotation if flag in arguments else None
    if hint is bool:
        return flags.DEFINE_boolean, None
    whole = flag in ("steps", "seed") or hint in (int, int | None)
    return flags.DEFINE_integer if whole else flags.DEFINE_string, None


def flag_texts(job: str, options: dict[str, str]) -> dict[str, str]:
    """What the help says of each flag that the job has."""
    arguments = inspect.signature(function(job)).parameters
    missing = {flag for flag, name in NEEDS.items() if name not in arguments}
    texts = {flag: text for flag, text in HELP.items() if flag not in missing}
    if "data" in texts and "model" in missing:
        texts["data"] = texts["data"].partition("\n(default")[0]
    return {**texts, **options}


def usage(job: str, options: dict[str, str], example: str) -> str:
    """The text of --help."""
    module, body = job.rpartition(".")[0], function(job)
    lines = [inspect.getdoc(body).partition("\n")[0], ""]
    lines += [f"usage: python -m {module} [flags]", ""]
    if example:
        lines += [f"example: python -m {module} {example}", ""]
    for flag, text in flag_texts(job, options).items():
        lines.append(f"  --{flag:<14}" + text.replace("\n", "\n" + 18 * " "))
    lines += ["", f"Arguments of {job} that gin can bind:", ""]
    lines += [f"  {p}" for p in inspect.signature(body).parameters.values()]
    return "\n".join(lines)


def given(values: flags.FlagValues, name: str) -> object:
    """A flag's value; None where the job has no such flag."""
    return values[name].value if name in values else None

"""The flags of a job's command line, and its help.

Nothing here imports the job: that takes many seconds, and a mistake is told at once.
"""

import difflib
import os
import pathlib
import re

from absl import flags

from zoo import genotypes
from zoo.genotypes.base import check
from zoo.signature import signature, summary

HELP = {
    "gin_file": "a config, as a path or as in gin/, such as train/tvn1.gin; repeatable",
    "gin_bindings": "one setting, such as training.Recipe.batch_size=8; repeatable",
    "workdir": "folder of the run; the same command goes on where it was interrupted",
    "data": "clips: a folder of class folders, a table.csv, moving_shapes, the folder "
    "of a run,\nor NAME:FOLDER, such as kinetics400:/data/k400, of a data set in its "
    "official files,\nor shards:FOLDER, which datasets.prepare has written, or "
    "tfds:FOLDER\n"
    "(default: the clips of the run that --model is from)",
    "model": "a model's name, or a genotype's file such as best.json",
    "steps": "training steps; the warm-up keeps its share",
    "seed": "of weights, order and augmentation",
    "smoke": "shrink the run, its steps too, to a minute, to see that it works",
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
EMBEDDED = "moving_shapes"  # Clips that need no folder.
# Clips of official data sets, by the names of `datasets.catalog`.
OFFICIAL = {
    "charades": "charades.Charades",
    "hmdb51": "hmdb51.HMDB51",
    "kinetics400": "kinetics.Kinetics400",
    "mlb_continuous": "mlb_continuous.MLBContinuous",
    "mlb_youtube": "mlb_youtube.MLBYouTube",
    "moments": "moments.Moments",
    "multi_moments": "multi_moments.MultiMoments",
    "something_something_v2": "something.SomethingSomethingV2",
    "ucf101": "ucf101.UCF101",
}
# And those that `datasets.prepare` or TensorFlow Datasets has written.
NAMED = {
    **OFFICIAL,
    "shards": "shards.VideoShards",
    "tfds": "tfds_shards.TFDSVideos",
}
FOLDER = ("directory", "project_name")  # Settings that a job makes of its workdir.


def parse_flags(
    job: str,
    argv: list[str],
    options: dict[str, str],
    example: str,
    settings: str = "",
) -> flags.FlagValues | None:
    """The flags' values; None where the help was asked for, which is then shown.

    Args:
        job: Dotted path of the function.
        argv: The command's arguments.
        options: Further flags, and what the help says of each.
        example: Arguments to show in the help.
        settings: Dotted path of what takes the job's further arguments, if any.

    Raises:
        ValueError: There is no such flag, or an argument is none.
    """
    # Values of its own: gin imports the job again, and tests run many.
    values = flags.FlagValues()
    for name, text in flag_texts(job, options).items():
        kind, *default = _kind(name, job)
        kind(name, *default, text, flag_values=values)
    rest = read_arguments(values, argv)
    if values.help:
        print(usage(job, options, example, settings))
        return None
    if rest:
        raise ValueError(f"arguments must begin with --. Got: {' '.join(rest)}")
    return values


def read_arguments(values: flags.FlagValues, argv: list[str]) -> list[str]:
    """Sets the flags that a command gives; returns its other arguments.

    Raises:
        ValueError: There is no such flag, or it has no such value.
    """
    try:
        return values(["", *argv])[1:]
    except flags.Error as error:
        raise ValueError(f"{error}. See --help") from None


def check_values(values: flags.FlagValues) -> None:
    """Raises ValueError where a flag names what is not there."""
    data, model = given(values, "data"), given(values, "model")
    if data is not None:
        _check_data(data)
    # Unlike a path's own question, that of os answers to any text.
    if model is not None and not os.path.exists(model):
        for name in model.split(","):
            known = name in genotypes.FOUND or os.path.exists(name.strip())
            near = difflib.get_close_matches(name, genotypes.FOUND, cutoff=0.5)
            rule = f", or a name such as {near or [*genotypes.FOUND]}"
            path = name != pathlib.Path(name).name or "." in name
            check(known, "model", f"a path that exists{'' if path else rule}", name)
    search = given(values, "search")
    if search is not None:
        exists = pathlib.Path(search).is_dir()
        check(exists, "search", "a search's folder that exists", search)


def clip_source(data: str) -> tuple[str, str | None, str]:
    """What gives the clips of --data: a class, its argument, and the value of this."""
    if data == EMBEDDED:
        return "moving_shapes.MovingShapes", None, ""
    name, _, folder = data.partition(":")
    if name in NAMED and folder and not pathlib.Path(data).exists():
        return NAMED[name], "data_dir", folder
    if data.lower().endswith(".csv"):
        return "table.VideoTable", "path", data
    return "folder.VideoFolder", "root", data


def _check_data(data: str) -> None:
    if data == EMBEDDED or pathlib.Path(data).exists():
        return
    name, _, folder = data.partition(":")
    if name in NAMED:
        exists = pathlib.Path(folder).is_dir() if folder else False
        check(exists, "data", f"{name}:FOLDER, a folder that exists", data)
    else:
        near = difflib.get_close_matches(name, NAMED, cutoff=0.5) or NAMED
        rule = f"a folder or a .csv that exists, {EMBEDDED}, or NAME:FOLDER with NAME "
        check(False, "data", f"{rule}such as {', '.join(near)}", data)


def _kind(flag: str, job: str) -> tuple:
    """How absl defines a flag, and its default; of a choice, also what there is."""
    if flag in ("gin_file", "gin_bindings"):
        return flags.DEFINE_multi_string, []
    if flag in ("smoke", "debug", "help"):
        return flags.DEFINE_boolean, False
    hint = _hint(job, flag)
    if hint == "bool":
        return flags.DEFINE_boolean, None
    choices = re.search(r"Literal\[(.*?)\]", hint)
    if choices:
        return flags.DEFINE_enum, None, re.findall(r"['\"](.*?)['\"]", choices[1])
    whole = flag in ("steps", "seed") or hint in ("int", "int | None")
    return flags.DEFINE_integer if whole else flags.DEFINE_string, None


def _hint(job: str, argument: str) -> str:
    """The annotation of an argument, as its source has it."""
    parameter = signature(job).parameters.get(argument)
    hint = parameter.annotation if parameter else ""
    return getattr(hint, "__name__", str(hint))


def flag_texts(job: str, options: dict[str, str]) -> dict[str, str]:
    """What the help says of each flag that the job has."""
    arguments = signature(job).parameters
    missing = {flag for flag, name in NEEDS.items() if name not in arguments}
    texts = {flag: text for flag, text in HELP.items() if flag not in missing}
    if "data" in texts and "model" in missing:
        texts["data"] = texts["data"].partition("\n(default")[0]
    return {**texts, **options}


def usage(job: str, options: dict[str, str], example: str, settings: str = "") -> str:
    """The text of --help; arguments are those of `parse_flags`."""
    module = job.rpartition(".")[0]
    lines = [summary(job), "", f"usage: python -m {module} [flags]", ""]
    if example:
        lines += [f"example: python -m {module} {example}", ""]
    for flag, text in flag_texts(job, options).items():
        lines.append(f"  --{flag:<13} " + text.replace("\n", "\n" + 18 * " "))
    lines += ["", f"Arguments of {job} that gin can bind:", ""]
    lines += [f"  {p}" for p in signature(job).parameters.values()]
    if settings:
        lines += ["", f"And, as {job}.NAME, those of {settings}:", ""]
        lines += [f"  {p}" for p in _optional(settings)]
    return "\n".join(lines)


def _optional(path: str) -> list:
    """The arguments that have a default, but those of the job's own folder."""
    found = signature(path).parameters.values()
    return [p for p in found if p.default is not p.empty and p.name not in FOLDER]


def given(values: flags.FlagValues, name: str) -> object:
    """A flag's value; None where the job has no such flag."""
    return values[name].value if name in values else None

"""From a command line to a job: flags, gin files, and the record of the run.

The only file that knows gin; a job is a function with arguments.
"""

import contextlib
import importlib.util  # gin needs it and does not import it.
import logging
import os
import pathlib
import re
from collections.abc import Callable, Iterator

import gin
from absl.flags import FlagValues

from zoo import gin_files, record, smoke
from zoo.command import command, function
from zoo.files import write_text
from zoo.flags import check_values, clip_source, given, parse_flags
from zoo.signature import signature

QUOTED = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
REGISTER = "from __gin__ import dynamic_registration"
PACKAGES = ("zoo", "search", "search.spaces", "datasets")
RESUMES = "the same command goes on"
# What a job may be given in place of an argument, which then is None.
INSTEAD = {"model": "search"}
CLIP = ("frames", "rate", "height", "width", "segments")
PLAIN_CLIP = r"@[\w.]*ClipSpec\(\)"
for folder in gin_files.FOLDERS:
    gin.add_config_file_search_path(str(folder))


def main(job: str, example: str = "", settings: str = "", **options: str) -> None:
    """Runs a job from the command line, and ends the process.

    Args:
        job: Dotted path of a function, such as "zoo.train.train".
        example: Arguments to show in the help.
        settings: Dotted path of what takes the job's further arguments, for the help.
        **options: More flags, each bound to the job's argument of its name, and what
            the help says of it.
    """
    command(lambda argv: run(job, argv, options, example, settings))


def run(
    job: str,
    argv: list[str],
    options: dict[str, str] | None = None,
    example: str = "",
    settings: str = "",
) -> object:
    """Reads flags and configs, records them in the workdir, and calls the job."""
    options = options or {}
    values = parse_flags(job, argv, options, example, settings)
    if values is None:
        return None
    _check_early(job, values)
    body = configure(job, values, list(options))
    _check_complete(job, values)
    workdir = _resolved(f"{job}.workdir")
    if _resolved(f"{job}.dry_run"):
        result = body()
        print(f"\nThe settings:\n\n{gin.operative_config_str()}")
        return result
    guest = _resolved(f"{job}.role") == "worker" or _resolved(f"{job}.audit")
    if guest or record.RECORDED in os.environ:
        return body()  # The folder, and the record in it, are another's.
    if workdir:
        record.write(workdir, job.rpartition(".")[0], gin.config_str())
    try:
        return body()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(RESUMES if workdir else "") from None
    finally:
        if workdir and os.path.isdir(workdir):
            # A disk that is full has made the job fail, whose error matters more.
            with contextlib.suppress(OSError):
                write_text(
                    pathlib.Path(workdir, record.OPERATIVE), gin.operative_config_str()
                )


def configure(job: str, values: FlagValues, options: list[str]) -> Callable:
    """Parses all configs and flags, and gives the job with its arguments bound."""
    gin.clear_config()
    module = job.rpartition(".")[0]
    with _quiet_gin():
        for path in values.gin_file:
            gin.parse_config_file(str(gin_files.find(path)))
        if values.smoke:
            gin.parse_config_file(str(gin_files.smoke(module)))
        for name in dict.fromkeys(["workdir", "model", "seed", *options]):
            if given(values, name) is not None:
                line = f"{job}.{name} = {given(values, name)!r}"
                gin.parse_config([REGISTER, f"import {module}", line])
        if given(values, "steps") is not None:
            _bind_steps(values.steps, shrunk=values.smoke)
        data = given(values, "data")
        asks = "clips" in _required(job)  # Else clips are taken only where given.
        if asks and data is None and _bound(f"{job}.clips") is None:
            data = _lender(values)
            if data is None and record.are_evaluations(given(values, "model")):
                gin.parse_config([REGISTER, f"import {module}", f"{job}.clips = None"])
        if data is not None:
            _bind_clips(job, data)
        for binding in values.gin_bindings:
            bind(binding)
        if values.smoke:
            _shrink_clips(job, values.gin_bindings)
        for name, other in INSTEAD.items():
            if _bound(f"{job}.{other}") is not None and _bound(f"{job}.{name}") is None:
                gin.parse_config([REGISTER, f"import {module}", f"{job}.{name} = None"])
        plain = function(job)
        takes_recipe = "recipe" in signature(job).parameters
        if takes_recipe and _bound(f"{job}.recipe") is None:
            # Else what is bound to the recipe would be lost without a word.
            _refer(job, "recipe", "training.Recipe")
        record.check_used(job, values.gin_bindings, gin.config_str())
    try:
        return gin.get_configurable(job)
    except ValueError:  # Nothing is bound to it.
        return plain


@contextlib.contextmanager
def _quiet_gin() -> Iterator[None]:
    """Hides its "Path not found" for files that it then finds elsewhere."""
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def bind(binding: str) -> None:
    """Parses a setting as `--gin_bindings` has it, importing the modules it names."""
    left, _, right = re.sub(QUOTED, "", binding).partition("=")
    names = re.findall(r"^(?:\w+/)*([A-Za-z_][\w.]*)", left.strip())
    names += re.findall(r"@(?:\w+/)*([A-Za-z_][\w.]*)", right)
    imports = [line for name in names for line in _import_of(name)]
    gin.parse_config([REGISTER, *imports, binding])


def _check_early(job: str, values: FlagValues) -> None:
    """Tells mistakes that can be told before the job is imported."""
    files = [gin_files.find(path) for path in values.gin_file]
    texts = [gin_files.with_included(file) for file in files]
    text = "\n".join([*texts, *values.gin_bindings])
    check_values(values)
    for name in _required(job):
        told = any(
            given(values, _flag(way).strip("-")) is not None
            or re.search(rf"\.{way}\s*=", text)
            for way in _ways(job, name)
        )
        lent = name == "clips" and _needs_no_data(values)
        if not told and not lent:
            _refuse_without(job, name)


def _check_complete(job: str, values: FlagValues) -> None:
    for name in _required(job):
        if name == "clips" and _needs_no_data(values):
            continue
        if all(_bound(f"{job}.{way}") is None for way in _ways(job, name)):
            _refuse_without(job, name)


def _ways(job: str, name: str) -> list[str]:
    """An argument, and what can be given in place of it."""
    other = INSTEAD.get(name)
    return [name, other] if other in signature(job).parameters else [name]


def _required(job: str) -> list[str]:
    """The arguments that must be given."""
    found = signature(job).parameters.values()
    plain = [p for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]
    return [p.name for p in plain if p.default is p.empty]


def _flag(argument: str) -> str:
    return {"clips": "--data"}.get(argument, f"--{argument}")


def _refuse_without(job: str, name: str) -> None:
    ways = " or ".join(_flag(way) for way in _ways(job, name))
    way = f"{ways}, or {job}.{name} in a gin file"
    raise ValueError(f"`{name}` must be given: {way}. Got: nothing")


def _bound(name: str) -> object:
    """What gin binds to an argument; None where it does not."""
    try:
        return gin.query_parameter(name)
    except ValueError:
        return None


def _resolved(name: str) -> object:
    """The same, or of a macro what it stands for."""
    value = _bound(name)
    macro = str(value)[:1] == "%" and not isinstance(value, str)
    return value.scoped_configurable_fn() if macro else value


def _bind_steps(steps: int, shrunk: bool) -> None:
    from zoo.training import Recipe  # Imports Keras.

    old = _resolved("zoo.training.Recipe.steps") or Recipe.steps
    if shrunk:  # `--smoke` is put behind the command of a long run.
        steps = min(steps, old)
    warmup = _resolved("zoo.training.Recipe.warmup_steps")
    bind(f"training.Recipe.steps = {steps}")
    if warmup is not None:
        bind(f"training.Recipe.warmup_steps = {warmup * steps // old}")


def _shrink_clips(job: str, bindings: list[str]) -> None:
    """Has networks that are to be trained read small clips, but where a flag says."""
    if "clip_spec" not in signature(job).parameters:
        return
    known = {name: _resolved(f"{job}.{name}") for name in ("model", "search")}
    places = [(place, name) for name, place in known.items() if isinstance(place, str)]
    text = "\n".join(bindings)
    clip = str(_bound(f"{job}.clip_spec"))
    own = re.search(r"\.clip_spec\s*=", text) and not re.fullmatch(PLAIN_CLIP, clip)
    if own or not places:
        return
    fields = {name: _resolved(f"zoo.genotypes.ClipSpec.{name}") for name in CLIP}
    bound = {name: value for name, value in fields.items() if value is not None}
    if clip != "None":  # What it leaves out is as a clip has it, not the network.
        bound.setdefault("segments", None)
    given = re.findall(r"\bClipSpec\.(\w+)\s*=", text)
    lines = smoke.clip_bindings(*places[0], bound, given)
    for line in lines:
        bind(line)
    if lines:
        _refer(job, "clip_spec", "genotypes.ClipSpec")


def _bind_clips(job: str, data: str) -> None:
    if record.is_run(data):
        lines, value = record.clips_of(data)
        module = job.rpartition(".")[0]
        gin.parse_config(
            [REGISTER, f"import {module}", *lines, f"{job}.clips = {value}"]
        )
        return
    source, argument, value = clip_source(data)
    _refer(job, "clips", source)
    if argument:
        bind(f"{source}.{argument} = {value!r}")


def _refer(job: str, argument: str, target: str) -> None:
    """Binds what `target` makes when it is called."""
    imports = [f"import {job.rpartition('.')[0]}", *_import_of(target)]
    gin.parse_config([REGISTER, *imports, f"{job}.{argument} = @{target}()"])


def _needs_no_data(values: FlagValues) -> bool:
    """Whether clips need not be given: a run has some, or evaluations need none."""
    return bool(_lender(values)) or record.are_evaluations(given(values, "model"))


def _lender(values: FlagValues) -> str | None:
    """The folder of the run whose clips are taken where none are given."""
    model = given(values, "model")
    if record.are_evaluations(model):
        return None
    return record.run_of(model) or record.run_of(given(values, "search"))


def _import_of(name: str) -> list[str]:
    """The import that a dotted name needs, such as "training.Recipe.steps"."""
    parts = name.split(".")[:-1]
    for package in PACKAGES if parts else ():
        place = gin_files.ROOT.joinpath(*package.split("."), parts[0])
        if place.with_suffix(".py").exists() or (place / "__init__.py").exists():
            return [f"from {package} import {parts[0]}"]
    module = ""
    for part in parts:
        longer = f"{module}.{part}".lstrip(".")
        try:
            known = importlib.util.find_spec(longer)
        except ModuleNotFoundError:  # What was found is no package.
            known = None
        if known is None:
            break
        module = longer
    return [f"import {module}"] if module else []

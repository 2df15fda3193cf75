"""The genotype and the clips of a network, by whatever stands for it."""

import ast
import dataclasses
import difflib
import json
import os
import pathlib

from zoo.genotypes import FOUND, ClipSpec, Genotype, from_json
from zoo.genotypes.base import check
from zoo.record import BEST, MODEL, SEARCH

KINDS = (
    "a genotype or its file, the folder of a run or of a search, a model that zoo "
    "built, or a model's name such as "
)


def find(network: object, name: str = "network") -> tuple[Genotype, ClipSpec]:
    """What a network is and what clips it reads.

    Args:
        network: A genotype or its JSON file, a published model's name, the folder of a
            run or of a search (of which it is the best network so far), a run that
            `zoo.load` gave, or a model that `zoo.build` did. The clips of a file
            `best.json` are those of the search that it lies in.
        name: Of the argument, for errors.

    Raises:
        ValueError: It stands for no network.
    """
    if isinstance(network, Genotype):
        return network, network.clip_spec
    if isinstance(network, str | os.PathLike):
        return _of_place(os.fspath(network), name)
    model = getattr(network, "model", network)  # Of a run.
    genotype = getattr(model, "genotype", None)
    rule = f"{KINDS}{list(FOUND)[:1]}"
    check(isinstance(genotype, Genotype), name, rule, network)
    return genotype, getattr(network, "clip_spec", None) or _read_by(model)


def read(text: str, place: str | os.PathLike) -> Genotype:
    """A genotype of JSON; what is wrong with it names its place."""
    try:
        return from_json(text)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def clip_spec_of(identity: dict[str, object]) -> ClipSpec | None:
    """The clips of a search; None where they are what each genotype says.

    Args:
        identity: What `search.json` and the journal say that is searched.
    """
    text = identity.get("clip_spec")
    if text is None:
        return None
    given = ast.parse(text, mode="eval").body.keywords
    return ClipSpec(**{item.arg: ast.literal_eval(item.value) for item in given})


def searched(folder: str | os.PathLike) -> ClipSpec | None:
    """The clips of the search in a folder; None where they are what a genotype says.

    Raises:
        ValueError: The folder's `search.json` is damaged.
    """
    path = pathlib.Path(folder, SEARCH)
    if not path.is_file():
        return None
    try:
        return clip_spec_of(json.loads(path.read_text("utf-8"))["search"])
    # What another text can be, and what Python says where it is no ClipSpec.
    except (
        *(AttributeError, KeyError, TypeError, ValueError),
        *(SyntaxError, RecursionError, MemoryError),
    ) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        rule = "must be written by search.run"
        raise ValueError(f"`{path}` {rule}. Got: {reason}") from None


def _of_place(place: str, name: str) -> tuple[Genotype, ClipSpec]:
    if place in FOUND:  # First: its run may be a folder of the same name.
        return FOUND[place], FOUND[place].clip_spec
    path = pathlib.Path(place)
    text = place.lstrip().startswith("{")
    check(not text, name, "a genotype, which zoo.genotypes.from_json reads", place)
    # Unlike a path's own question, these of os answer to any text.
    if os.path.isdir(place):  # A one-shot search has both: it trained the whole graph.
        path = next((path / n for n in (BEST, MODEL) if (path / n).is_file()), path)
    near = difflib.get_close_matches(place, FOUND, cutoff=0.5) or list(FOUND)[:1]
    check(os.path.isfile(path), name, f"{KINDS}{near}", place)
    if path.name == MODEL:
        return _of_run(path.parent, name)
    # Some editors, on Windows above all, begin a file with a mark of its encoding.
    genotype = read(path.read_text("utf-8-sig", errors="replace"), path)
    return genotype, searched(path.parent) or genotype.clip_spec


def _of_run(folder: pathlib.Path, name: str) -> tuple[Genotype, ClipSpec]:
    from zoo import ensemble, inference  # They need Keras; nothing else here does.

    single = not ensemble.is_ensemble(folder)
    rule = f"one network of an ensemble, such as {folder / 'member0'}"
    check(single, name, rule, str(folder))
    about = inference.read_description(folder)
    return about.genotype, about.clip_spec


def _read_by(model) -> ClipSpec:
    """The clips that a built model reads; nothing in it tells their rate."""
    own, known = model.genotype.clip_spec, {x.name: x for x in model.inputs}
    frames, height, width = known.get("clip", model.inputs[0]).shape[1:4]
    parts = own.segments if frames == own.frames else None
    sides = {"frames": frames, "height": height, "width": width}
    return dataclasses.replace(own, **sides, segments=parts)

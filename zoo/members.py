"""The networks of a search that train to be an ensemble, and the record of them."""

import dataclasses
import json
import os
import pathlib
import warnings

from zoo import diversity, files, lookup, registry
from zoo.genotypes import Genotype
from zoo.genotypes.base import check, check_whole
from zoo.record import MEMBERS, MODEL


def chosen(
    folder: pathlib.Path,
    search: str,
    top_k: int,
    options: dict,
    verbose: bool,
    dry_run: bool = False,
) -> list[tuple[diversity.Candidate, Genotype]]:
    """The networks to train: as chosen when the folder was new, as a search may go on.

    Args:
        folder: Of the ensemble, which gets the record of them.
        search: Folder of the search.
        top_k: How many.
        options: Of their family, which are checked.
        verbose: Whether to print which they are.
        dry_run: Whether to leave the folder as it is.

    Returns:
        What the search says of each, and its genotype; the best first.

    Raises:
        ValueError: The folder holds another run, or `search` is no search.
    """
    check_whole(top_k, "top_k")
    path = folder / MEMBERS
    if path.exists():
        record = json.loads(path.read_text("utf-8"))
        same = os.path.realpath(record["search"]) == os.path.realpath(search)
        rule = f"new, or of the same search and top_k as {path}"
        got = f"{search}, {top_k}"
        check(same and record["top_k"] == top_k, "workdir", rule, got)
        picked = [diversity.Candidate(**fields) for fields in record["members"]]
    else:
        new = not (folder / MODEL).exists()
        check(new, "workdir", "new, or of an ensemble", str(folder))
        picked = _choose(search, top_k, verbose)
    members = [(c, lookup.read(c.genotype, search)) for c in picked]
    for _, genotype in members:
        registry.check_options(genotype, options)
    if not path.exists() and not dry_run:
        folder.mkdir(parents=True, exist_ok=True)
        fields = [dataclasses.asdict(candidate) for candidate in picked]
        about = {"search": str(search), "top_k": top_k, "members": fields}
        files.write_json(path, about)
    return members


def _choose(search: str, top_k: int, verbose: bool) -> list[diversity.Candidate]:
    found = diversity.ranking(search)
    chosen = diversity.choose(found, top_k)
    if len(found) < top_k:
        warnings.warn(
            f"{search} found {len(found)} networks within its budget: all are taken",
            stacklevel=4,
        )
    ended, planned = diversity.trials(search)
    if verbose and ended < planned:
        print(f"{search} is not finished: {ended} of {planned} trials have ended")
    if verbose:
        names = ", ".join(f"{c.trial} ({c.fitness:.4g})" for c in chosen)
        print(f"Of {len(found)} networks, trials by fitness: {names}", flush=True)
    return chosen

"""Which networks of a search to fuse: its best ones that are not alike.

A search is read from the files that it leaves, as `zoo` knows nothing of searches.
"""

import csv
import functools
import json
import os
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass

from zoo.genotypes.base import check

HISTORY, JOURNAL = "history.csv", "journal.jsonl"
COLUMNS = ("trial", "genotype", "fitness", "feasible", "parent")
LEAST_DISTANCE = 0.1


@dataclass(frozen=True)
class Candidate:
    """A network that a search found within its budget.

    Args:
        trial: Its name there.
        genotype: Canonical JSON.
        fitness: The higher the better.
        parent: The trial of its parent; empty for one that was drawn.
    """

    trial: str
    genotype: str
    fitness: float
    parent: str = ""


def ranking(search: str | os.PathLike) -> list[Candidate]:
    """The networks that a search found within its budget, each once, the best first.

    Raises:
        ValueError: The folder holds no search, or one that found none.
    """
    path = pathlib.Path(search, HISTORY)
    check(path.is_file(), "search", f"a search's folder, with {HISTORY}", str(search))
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        known = set(COLUMNS) <= set(reader.fieldnames or ())
        check(known, "search", f"one whose {HISTORY} search.run wrote", str(search))
        # A search that runs may be writing the last line.
        rows = [row for row in reader if None not in row.values()]
    found = [
        Candidate(row["trial"], row["genotype"], float(row["fitness"]), row["parent"])
        for row in rows
        if row["feasible"] == "True"
    ]
    rule = "one that found networks within its budget"
    check(len(found) > 0, "search", rule, f"{search}, of {len(rows)} trials")
    found.sort(key=lambda candidate: -candidate.fitness)  # The earlier of equals first.
    distinct: dict[str, Candidate] = {}
    for candidate in found:
        distinct.setdefault(candidate.genotype, candidate)
    return list(distinct.values())


def trials(search: str | os.PathLike) -> tuple[int, int]:
    """How many trials of a search have ended, and how many it means to have."""
    folder = pathlib.Path(search)
    with (folder / HISTORY).open(newline="", encoding="utf-8") as file:
        ended = sum(1 for _ in csv.DictReader(file))
    planned = ended
    if (folder / JOURNAL).is_file():
        with (folder / JOURNAL).open("rb") as file:
            for line in file:
                if line.startswith(b'{"event":"open"') and line.endswith(b"\n"):
                    planned = json.loads(line)["max_trials"]
                elif line.startswith(b'{"event":"stop"'):  # It ended early.
                    planned = ended
    return ended, planned


def choose(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """The best networks that are not alike.

    Errors are shared by like networks, and what all get wrong no fusion mends. So it
    goes down the ranking and leaves out who differs from one that is chosen in less
    than a tenth of the genes (`LEAST_DISTANCE`), or is its parent or child: a block
    more moves all genes behind it. Where these are too few, the best of those left out
    follow.

    Args:
        candidates: The best first.
        count: How many to choose; all where there are no more.
    """
    chosen = []
    for candidate in candidates:
        if len(chosen) == count:
            break
        if not any(_alike(candidate, other) for other in chosen):
            chosen.append(candidate)
    rest = [candidate for candidate in candidates if candidate not in chosen]
    return chosen + rest[: count - len(chosen)]


def _alike(one: Candidate, other: Candidate) -> bool:
    related = one.parent == other.trial or other.parent == one.trial
    return related or distance(one.genotype, other.genotype) < LEAST_DISTANCE


def distance(one: str, other: str) -> float:
    """Share of the genes that two genotypes in JSON do not have in common.

    A gene is a value at its place, such as `blocks[1].filters`; what only one of them
    has counts as different.
    """
    first, second = _genes(one), _genes(other)
    equal = len(first & second)
    places = {place for place, _ in first | second}
    return 1 - equal / len(places)


@functools.lru_cache(maxsize=4096)
def _genes(genotype: str) -> frozenset[tuple[str, str]]:
    genes = {}

    def read(place: str, value: object) -> None:
        parts = value
        if isinstance(value, list):
            parts = {str(index): item for index, item in enumerate(value)}
        if not isinstance(parts, dict) or not parts:
            genes[place] = json.dumps(value)
            return
        for name, item in parts.items():
            read(f"{place}.{name}", item)

    read("", json.loads(genotype))
    return frozenset(genes.items())

"""What a search begins with: networks by name, from files, from earlier searches."""

import random
from collections.abc import Sequence
from pathlib import Path

from search import journal
from search.budget import percent
from search.evolution import Evolution
from search.history import best
from search.ledger import replay
from zoo import genotypes, lookup
from zoo.genotypes.base import Genotype, check


def resolve(items: Sequence[str], evolution: Evolution) -> list[str]:
    """Genotypes in canonical JSON, each once.

    Args:
        items: Each the name of a published model, the file of a genotype such as
            `best.json`, or an earlier search's folder, of which the best networks are
            taken that fill the population and keep the budget.
        evolution: Whose space they must be of, and whose budget they must keep.

    Raises:
        ValueError: One is none of these, is of another family or nothing that the space
            can mutate, or breaks the budget. Whether it is within the space's ranges is
            not asked.
    """
    texts = [text for item in items for text in _texts(item, evolution)]
    return list(dict.fromkeys(texts))


def _texts(item: str, evolution: Evolution) -> list[str]:
    path, named = Path(item), item in genotypes.FOUND
    if path.is_dir() and not named:  # A model's run may be a folder of its name.
        return _of_search(path / journal.NAME, evolution)
    rule = "names of models, files of genotypes, or folders of searches"
    check(named or path.is_file(), "initial", rule, item)
    genotype, _ = lookup.find(item, "initial")
    _check(genotype, item, evolution)
    return [genotype.to_json()]


def _check(genotype: Genotype, item: str, evolution: Evolution) -> None:
    if not _is_of_space(genotype, evolution):
        check(False, "initial", f"of the space {evolution.space}", item)
    excess = evolution.budget.violations(evolution.cost(genotype))
    if excess:
        broken = ", ".join(f"{name} {percent(value)}" for name, value in excess.items())
        check(False, "initial", "within the budget", f"{item}, above it in {broken}")


def _is_of_space(genotype: Genotype, evolution: Evolution) -> bool:
    rng = random.Random(0)
    if type(genotype) is not type(evolution.space.sample(rng)):
        return False
    try:
        evolution.space.mutate(genotype, rng)
    except ValueError:
        return False
    return True


def _of_search(path: Path, evolution: Evolution) -> list[str]:
    check(path.is_file(), "initial", f"a search's folder, with {journal.NAME}", path)
    records, found = replay(journal.read(path)).ended, []
    for record in best(records, len(records)):
        genotype = genotypes.from_json(record.genotype)
        if not found and not _is_of_space(genotype, evolution):
            check(False, "initial", f"of the space {evolution.space}", str(path))
        excess = evolution.budget.violations(evolution.cost(genotype))
        if not excess and record.genotype not in found:
            found.append(record.genotype)
        if len(found) == evolution.population_size:
            break
    check(found, "initial", "a search that found networks within the budget", str(path))
    return found

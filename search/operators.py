"""Which kinds of mutations paid off in a search."""

import re
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from search.history import Record
from search.story import scored

# Begins a change in the words of `search.difference`; a list's items begin otherwise.
CHANGE = r", (?=\d+ |[A-Za-z_]\w*(?:\[\d+\])?[. ])"


@dataclass(frozen=True)
class Operator:
    """How one kind of mutation did.

    Args:
        place: The gene, without index and values, such as "blocks[].filters".
        count: Children that it made.
        gains: Fitness of the child less that of the parent, where both have one.
    """

    place: str
    count: int
    gains: tuple[float, ...]

    @property
    def improved(self) -> float | None:
        """The share of children better than their parent."""
        return _share([gain > 0 for gain in self.gains])

    @property
    def mean_gain(self) -> float | None:
        """What the mutation brought in the mean."""
        return statistics.fmean(self.gains) if self.gains else None


def operators(records: Sequence[Record]) -> list[Operator]:
    """The kinds of mutations, the most frequent first.

    One that changed several genes counts for each.
    """
    known = {record.trial: record for record in scored(records)}
    counts, gains = defaultdict(int), defaultdict(list)
    for record in records:
        if record.parent is None:  # Its text may be "given", which is no gene.
            continue
        parent = known.get(record.parent)
        for place in places(record.mutation):
            counts[place] += 1
            if parent and record.trial in known:
                gains[place].append(record.fitness - parent.fitness)
    found = [Operator(name, counts[name], tuple(gains[name])) for name in counts]
    return sorted(found, key=lambda operator: (-operator.count, operator.place))


def places(mutation: str) -> list[str]:
    """The genes that a mutation changed, without index and values, each once."""
    found = {}
    for change in re.split(CHANGE, mutation):
        counted = re.fullmatch(r"\d+ (\S+) > \d+", change)
        if counted:
            found[f"number of {_place(counted[1])}"] = None
        elif change and not re.fullmatch(r"\d+ more", change):
            found[_place(change.split()[0])] = None
    return list(found)


def _place(text: str) -> str:
    return re.sub(r"\[\d+\]", "[]", text)


def _share(answers: Sequence[bool]) -> float | None:
    return sum(answers) / len(answers) if answers else None

"""Compares two networks: which boxes and layers of one the other has not."""

import difflib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoo.sketches.parts import Box, Series, Sketch, Split, walk


@dataclass(frozen=True)
class Partners:
    """Which box of another network each box is compared with.

    Args:
        boxes: By name; None where the other network has no such part.
        edges: Of the other network.
    """

    boxes: dict[str, Box | None] = field(default_factory=dict)
    edges: frozenset[tuple[str, str]] = frozenset()

    def style(self, box: Box) -> str:
        """How the box differs: "", "changed" or "new"."""
        partner = self.boxes.get(box.name, box)
        if partner is None:
            return "new"
        same = (partner.lines, partner.layers) == (box.lines, box.layers)
        return "" if same else "changed"

    def known_lines(self, box: Box) -> tuple[str, ...]:
        """Lines of the box that it is compared with."""
        partner = self.boxes.get(box.name, box)
        return partner.lines if partner else ()

    def known_layers(self, box: Box) -> list[bool]:
        """For each of the box's layers: whether the other network has it."""
        partner = self.boxes.get(box.name, box)
        return list(_known(box.layers, partner.layers if partner else ()))

    def knows(self, edge: tuple[str, str]) -> bool:
        """Whether the other network has the edge."""
        ends = [self.boxes.get(name) for name in edge]
        if not self.boxes:
            return True
        return all(ends) and tuple(box.name for box in ends) in self.edges


def pair(drawn: Sketch, other: Sketch) -> Partners:
    """Aligns two rows of boxes such that as much as can be is alike."""
    scores = _alignment_scores(drawn.boxes, other.boxes)
    row, column, found = len(drawn.boxes), len(other.boxes), {}
    while row:
        box = drawn.boxes[row - 1]
        if column and scores[row][column] == scores[row][column - 1]:
            column -= 1
        elif scores[row][column] == scores[row - 1][column]:
            found[box.name] = None
            row -= 1
        else:
            found[box.name] = other.boxes[column - 1]
            row, column = row - 1, column - 1
    return Partners(found, frozenset(other.edges))


def _known(own: Series, others: Series) -> Iterator[bool]:
    """For each layer of a series, whether another series has it there."""
    for part, other in _paired(own, others):
        if part == other:
            yield from (True for _ in walk((part,)))
        elif isinstance(part, Split) and isinstance(other, Split):
            for branch, partner in _paired(part.branches, other.branches):
                yield from _known(branch, partner or ())
            yield part.join == other.join
        else:
            yield from (False for _ in walk((part,)))


def _paired(own: Sequence, others: Sequence) -> Iterator[tuple[Any, Any]]:
    """Each of the first with its equal, with one in its place, or with None."""
    matcher = difflib.SequenceMatcher(None, own, others, autojunk=False)
    for _, start, end, first, last in matcher.get_opcodes():
        pairs = itertools.zip_longest(own[start:end], others[first:last])
        yield from itertools.islice(pairs, end - start)


def _alignment_scores(
    boxes: tuple[Box, ...], others: tuple[Box, ...]
) -> list[list[float]]:
    """The best likeness of the first boxes and the first others, for all counts."""
    scores = [[0.0] * (len(others) + 1) for _ in range(len(boxes) + 1)]
    for row, box in enumerate(boxes, 1):
        for column, other in enumerate(others, 1):
            paired = scores[row - 1][column - 1] + _likeness(box, other)
            skipped = max(scores[row - 1][column], scores[row][column - 1])
            scores[row][column] = max(paired, skipped)
    return scores


def _likeness(box: Box, other: Box) -> float:
    if box.kind != other.kind:
        return -1.0
    ours, theirs = Counter(box.content), Counter(other.content)
    # A box of nothing in common is still rather another one than a new one.
    return 0.1 + (ours & theirs).total() / max(1, (ours | theirs).total())

"""Compares two networks: which boxes and layers of one the other has not."""

import difflib
from collections import Counter
from dataclasses import dataclass, field

from zoo.sketches.parts import Box, Sketch, walk


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
        own = list(walk(box.layers))
        theirs = list(walk(partner.layers)) if partner else []
        known = [False] * len(own)
        matcher = difflib.SequenceMatcher(None, own, theirs, autojunk=False)
        for match in matcher.get_matching_blocks():
            known[match.a : match.a + match.size] = [True] * match.size
        return known

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

"""Keeps the weights of those networks alone that may still be asked for."""

from pathlib import Path

from search.history import Record, best
from search.oracle import EvolutionOracle

BEST = 10
CHECKPOINT = "checkpoint.weights.h5"


class Checkpoints:
    """The weights in the folders of trials.

    Args:
        folder: Of the search.
        oracle: Knows who lives, and who is best.
    """

    def __init__(self, folder: Path, oracle: EvolutionOracle):
        self.folder = folder
        self.oracle = oracle
        self._leaders = best(oracle.records(), BEST)
        self._kept = {path.parent.name for path in folder.glob(f"trial_*/{CHECKPOINT}")}

    def prune(self, record: Record) -> None:
        """Removes the weights of who neither lives nor is among the best ten."""
        self._leaders = best([*self._leaders, record], BEST)
        if (self.folder / f"trial_{record.trial}" / CHECKPOINT).exists():
            self._kept.add(f"trial_{record.trial}")
        if len(self._kept) <= BEST:
            return
        leaders = {leader.trial for leader in self._leaders}
        wanted = {f"trial_{trial}" for trial in self.oracle.living() | leaders}
        for name in self._kept - wanted:
            (self.folder / name / CHECKPOINT).unlink(missing_ok=True)
            self._kept.discard(name)

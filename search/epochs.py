"""What a differentiable search writes at the end of every epoch."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import keras

from search import shares
from search.history import HISTORY, HistoryFiles, Record, best, read_epochs
from search.spaces.cells import CellSpace
from zoo import monitor
from zoo.genotypes.base import check
from zoo.record import METRICS

PICKS = ("best", "last")


class Epochs:
    """The rows of epochs, and the cell that is the best so far.

    `metrics.csv` and TensorBoard's events tell of losses, scores and architecture
    weights. `history.csv` has the network that is derived, with the supernet's scores.

    Args:
        folder: Of the search.
        space: Derives a network from shares.
        cost: Gives a network's cost on paper.
        pick: "best" or "last", which epoch's network is `best.json`.
        columns: Of metrics.csv, beside what is measured here.
        warmup: Epochs that are not picked, as nothing chose their network.
    """

    def __init__(
        self,
        folder: Path,
        space: CellSpace,
        cost: Callable,
        pick: str,
        columns: Sequence[str],
        warmup: int = 0,
    ):
        self.folder, self.space, self.cost = folder, space, cost
        kinds = [f"_{kind}" for kind in space.kinds]
        parts = ["", *(kinds if len(kinds) > 1 else [])]
        measured = [f"{n}{k}" for n in ("parameter_free", "entropy") for k in parts]
        self.columns = ["epoch", *measured, "derived_parameter_free", *columns]
        self.choose = self._fittest if pick == "best" else last
        self.warmup = warmup
        self.records: list[Record] = []

    def open(self, epochs: int, step: int) -> None:
        """Goes on after so many epochs and steps; what was written later goes.

        Raises:
            ValueError: The folder lacks a row.
        """
        path = self.folder / HISTORY
        known = read_epochs(path) if path.exists() else []
        self.records = known[:epochs]
        rule = f"a search's folder, with {epochs} epochs in {HISTORY}"
        check(len(self.records) == epochs, "workdir", rule, len(self.records))
        self.table = monitor.MetricsTable(self.folder / METRICS, self.columns, step)
        self.events = monitor.event_file(self.folder / "tensorboard", step)
        self.files = HistoryFiles(self.folder, self.records, choose=self.choose)
        self.began = time.monotonic()

    def add(
        self, step: int, network: keras.Model, row: dict[str, float], fitness: float
    ) -> Record:
        """Writes an epoch.

        Args:
            step: The last of the epoch.
            network: The supernet as it is.
            row: What is known of the epoch.
            fitness: Of the supernet, on validation clips.
        """
        tables = shares.shares(network)
        genotype = self.space.derived(tables)
        row = {
            **row,
            **shares.measures(tables, self.space.kinds),
            "derived_parameter_free": shares.derived_free_share(genotype),
        }
        epoch = len(self.records) + 1
        self.table.add({**row, "step": step, "epoch": epoch})
        if self.events:
            self.events.add(step, row)
        scores = {k: v for k, v in row.items() if k.startswith("validation_")}
        now = time.monotonic()
        details = {**asdict(self.cost(genotype)), "metrics": scores}
        details["seconds"], self.began = round(now - self.began, 3), now
        record = Record(
            f"{epoch:04d}", genotype.to_json(), "completed", fitness, details=details
        )
        self.records.append(record)
        self.files.add(record)
        return record

    def _fittest(self, records: Iterable[Record]) -> list[Record]:
        records = list(records)
        searched = [record for record in records if int(record.trial) > self.warmup]
        return best(searched or records)

    @property
    def chosen(self) -> Record:
        """The epoch whose network is `best.json`."""
        return self.choose(self.records)[0]


def last(records: Iterable[Record]) -> list[Record]:
    """The last of some records, or none."""
    return list(records)[-1:]

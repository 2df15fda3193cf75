"""By how much a search's best network keeps the latency that the budget promised."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from search.history import is_number
from zoo.files import write_json

NAME = "promise.json"


@dataclass(frozen=True)
class Promise:
    """A latency that a budget promised, and what was measured after the search.

    Args:
        trial: The best network's.
        promised_ms: The budget's.
        by: What runs the network, such as "litert, 4 threads".
        measured_ms: Of the network, when the search was over.
    """

    trial: str
    promised_ms: float
    by: str
    measured_ms: float

    @property
    def measured(self) -> str:
        """Such as "9.6 ms"."""
        return _milliseconds(self.measured_ms)

    @property
    def promised(self) -> str:
        """Such as "10.0 ms"."""
        return _milliseconds(self.promised_ms)

    @property
    def excess(self) -> str:
        """What was measured beyond the promise, such as "-4 %"."""
        share = 100 * (self.measured_ms / self.promised_ms - 1)
        return f"{share:+.0f} %" if abs(share) >= 10 else f"{share:+.2g} %"

    def __str__(self):
        told = f"promised {self.promised}, measured {self.measured}"
        return f"{told} by {self.by} ({self.excess})"

    def write(self, folder: Path) -> None:
        """Keeps it with the search."""
        write_json(folder / NAME, asdict(self))


def read(folder: Path) -> Promise | None:
    """What is kept with a search; None where nothing is, or nothing of use."""
    try:
        found = Promise(**json.loads((folder / NAME).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    numbers = found.promised_ms, found.measured_ms
    return found if all(is_number(x) and x > 0 for x in numbers) else None


def _milliseconds(value: float) -> str:
    return f"{value:,.1f} ms" if value >= 1 else f"{value:.3g} ms"

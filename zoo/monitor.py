"""What training shows and records: a progress line, metrics.csv, TensorBoard events."""

import csv
import io
import math
import os
import pathlib
import struct
import sys
import time

from zoo.files import write_text


class MetricsTable:
    """The file metrics.csv: a row of numbers for a step, appended.

    Args:
        path: Of the file.
        columns: Names of the numbers, beside the step.
        step: Where training resumes; later rows of an interrupted run go.
    """

    def __init__(self, path: str | os.PathLike, columns: list[str], step: int):
        self.path = pathlib.Path(path)
        self.columns = ["step", *columns]
        rows = read_table(self.path)
        kept = [row for row in rows if 0 < row.get("step", 0) <= step]
        write_text(self.path, "".join(map(self._line, [None, *kept])))

    def add(self, row: dict[str, float]) -> None:
        """Appends a row; a number that it lacks stays empty."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(self._line(row))

    def _line(self, row: dict[str, float] | None) -> str:
        text = io.StringIO()
        cells = self.columns
        if row is not None:
            cells = [format(row[c], ".7g") if c in row else "" for c in self.columns]
        csv.writer(text, lineterminator="\n").writerow(cells)
        return text.getvalue()


def read_table(path: str | os.PathLike) -> list[dict[str, float]]:
    """The rows of metrics.csv; none where there is no such file.

    Empty cells are left out, and so is a line that a kill or a full disk cut off.
    """
    path = pathlib.Path(path)
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        # The last number of a line without an end may lack digits.
        rows = list(csv.DictReader(line for line in file if line.endswith("\n")))
    return [{name: float(cell) for name, cell in row.items() if cell} for row in rows]


class EventFile:
    """A TensorBoard event file, written without TensorFlow.

    Args:
        folder: Where the file goes; a resumed run adds another.
        step: Where training resumes; TensorBoard drops what older files say later.
    """

    def __init__(self, folder: str | os.PathLike, step: int):
        from tensorboard.compat.proto import event_pb2  # Optional: see `event_file`.

        self.event = event_pb2.Event
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.6f}.{os.getpid()}"
        self.path = pathlib.Path(folder, name)
        self.write(self.event(file_version="brain.Event:2"))
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self.write(self.event(session_log=start, step=step + 1))

    def add(self, step: int, row: dict[str, float]) -> None:
        """Writes numbers of a step, each a curve of its own."""
        event = self.event(step=step)
        for name, value in row.items():
            event.summary.value.add(tag=name, simple_value=value)
        self.write(event)

    def write(self, event) -> None:
        """Appends an event, with the time."""
        from tensorboard.compat.tensorflow_stub import pywrap_tensorflow

        event.wall_time = time.time()
        data = event.SerializeToString()
        length = struct.pack("<Q", len(data))
        sums = [pywrap_tensorflow.masked_crc32c(part) for part in (length, data)]
        with self.path.open("ab") as file:
            file.write(length + struct.pack("<I", sums[0]))
            file.write(data + struct.pack("<I", sums[1]))


def event_file(folder: str | os.PathLike, step: int) -> EventFile | None:
    """An `EventFile`, or None where tensorboard is not installed."""
    try:
        return EventFile(folder, step)
    except ImportError:
        return None


class ProgressLine:
    """Shows on standard error how far training is and when it will end.

    On a terminal one line changes in place; elsewhere a line is printed at most every
    ten seconds.

    Args:
        steps: Of the whole training.
        batch_size: Clips in a step.
        start: Steps done before.
        visible: False shows nothing.
        unit: What a step is called.
        patience: Seconds that nothing is shown for.
    """

    def __init__(
        self,
        steps: int,
        batch_size: int,
        start: int,
        visible: bool = True,
        unit: str = "step",
        patience: float = 0.0,
    ):
        self.steps, self.batch_size, self.start = steps, batch_size, start
        self.visible, self.unit, self.patience = visible, unit, patience
        self.open = False
        self.in_place = sys.stderr.isatty()
        self.interval = 0.3 if self.in_place else 10.0
        self.began = time.monotonic()
        self.first = self.shown = None

    def due(self, step: int) -> bool:
        """Whether it is time to show again."""
        now = time.monotonic()
        if self.first is None:  # The first step compiles: it tells nothing of the rest.
            self.first = (step, now)
        if self.shown is None and now - self.began < self.patience:
            return False
        late = self.shown is None or now - self.shown >= self.interval
        return self.visible and (late or step == self.steps)

    def show(self, step: int, numbers: dict[str, float], note: str = "") -> None:
        """Shows a step and its numbers, and what else there is to say."""
        self.shown = time.monotonic()
        parts = [f"{self.unit} {step}/{self.steps}"]
        parts += [f"{name} {value:.4g}" for name, value in numbers.items()]
        rate = self.rate(step)
        if rate:
            parts.append(f"{rate * self.batch_size:.3g} clips/s")
            parts.append(f"{clock((self.steps - step) / rate)} left")
        parts += [note] if note else []
        self._print("  ".join(parts), last=step >= self.steps)

    def rate(self, step: int) -> float:
        """Steps a second since the first; 0 where nothing can be said."""
        if self.first is None or step <= self.first[0]:
            return 0.0
        return (step - self.first[0]) / max(self.shown - self.first[1], 1e-9)

    def note(self, text: str) -> None:
        """Shows a line that stays."""
        if self.visible:
            self._print(text, last=True)

    def end(self) -> None:
        """Leaves the line as it is, wherever it stands."""
        if self.open:
            self.open = False
            print(file=sys.stderr, flush=True)

    def _print(self, text: str, last: bool) -> None:
        self.open = self.in_place and not last
        end = "" if self.open else "\n"
        start = "\r\x1b[K" if self.in_place else ""
        print(f"{start}{text}", end=end, file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """A time as "0:07" or "1:02:03"."""
    if not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"

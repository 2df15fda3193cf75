"""The record of a search: one JSON object a line, only ever appended to.

All that a search knows can be rebuilt from it. Every event has its name as "event" and
its "time" in Unix seconds:

- `search`: version, identity, initial (genotypes that are proposed first), space (the
  ordinary hyperparameters, as keras-tuner describes them), memory (the limit in bytes,
  which without one in the budget is that of the machine that began)
- `open`: max_trials; each time that a process begins or goes on
- `space`: space, where it has grown
- `propose`: trial, values, ended (how many trials had ended)
- `issue`: trial, attempt, tuner
- `rung`: trial, rung, score, stop
- `lost`: trial, attempt, reason, and the error of one that is tried again
- `end`: trial, attempt, status, fitness, details, and the ordinary hyperparameters
  where they are not as proposed
- `stop`: reason
"""

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

NAME = "journal.jsonl"
VERSION = 1


class Journal:
    """Appends events to a file.

    A kill leaves at most one torn line, at the end, which the next process cuts off.

    Args:
        path: The file, made where it is missing.

    Raises:
        ValueError: Another process writes to it.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file: int | None = None
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        self._file = os.open(self.path, flags, 0o666)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            rule = "a folder in which no other process searches"
            shown = str(self.path.parent)
            self.close()
            raise ValueError(f"`workdir` must be {rule}. Got: {shown!r}") from None
        _cut_torn_line(self.path)

    def append(self, name: str, **fields: object) -> dict:
        """Writes an event, and gives it as a reader will see it.

        Raises:
            OSError: It could not be written; the file is as before.
        """
        event = {"event": name, "time": round(time.time(), 3), **fields}
        line = json.dumps(event, separators=(",", ":")) + "\n"
        self._write(line.encode())
        return json.loads(line)

    def close(self) -> None:
        """Closes the file, which another process may then open."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __del__(self):
        self.close()

    def _write(self, line: bytes) -> None:
        size = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(errno.ENOSPC, "no space left", str(self.path))
        except OSError:
            os.ftruncate(self._file, size)
            raise


def refuse_in_use(folder: str | os.PathLike) -> None:
    """Raises ValueError where another process searches in a folder."""
    if Path(folder, NAME).exists():
        Journal(Path(folder, NAME)).close()


def read(path: str | os.PathLike) -> Iterator[dict]:
    """Yields the events of a journal; a torn last line is none.

    Raises:
        ValueError: A line within is no event.
    """
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            yield _event(line, number, path)


def _event(line: bytes, number: int, path: str | os.PathLike) -> dict:
    try:
        event = json.loads(line)
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            return event
    except ValueError:
        pass
    shown = line[:60].decode(errors="replace").strip()
    rule = f"`{path}` must hold an event in each line"
    raise ValueError(f"{rule}. Got, in line {number}: {shown!r}")


def _cut_torn_line(path: Path) -> None:
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            place = file.read(end - start).rfind(b"\n")
            if place >= 0:
                end = start + place + 1
                break
            end = start
        file.truncate(end)

"""The folder of a downloaded data set: its annotation files, and which videos it has.

Whatever is looked at is noted, so that an index that was read from it is known to be
out of date as soon as any of that changes.
"""

import csv
import io
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

from datasets.decode import EXTENSIONS


class Tree:
    """A data set's folder.

    Args:
        root: The folder.
        origin: Who publishes the annotation files, to be named where one is missing.

    Attributes:
        watched: The state of all that was looked at, by its path in the folder.
    """

    def __init__(self, root: str | os.PathLike, origin: str):
        self.root = Path(root)
        self.watched: dict[str, list[int] | None] = {}
        self._origin = origin
        if not self.root.is_dir():
            raise ValueError(f"`data_dir` must be a folder. Got: {str(root)!r}")

    def file(self, *names: str) -> str:
        """The first of these files that is there; ValueError where none is."""
        for name in names:
            if len(self._look(name) or ()) == 2:
                return name
        rule = f"hold {names[0]}, which comes from {self._origin}"
        raise ValueError(f"`data_dir` must {rule}. Got: none in {str(self.root)!r}")

    def folder(self, *names: str) -> str | None:
        """The first of these folders that is there."""
        return next((n for n in names if len(self._look(n) or ()) == 1), None)

    def has(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        return self._look(name) is not None

    def names(self, folder: str) -> tuple[list[str], list[str]]:
        """The files and the folders in a folder, in order, without hidden ones."""
        self._look(folder)
        files, folders = [], []
        with os.scandir(self.root / folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                # Asks the disk only where the name does not tell.
                video = entry.name.lower().endswith(EXTENSIONS)
                kind = files if video or not entry.is_dir() else folders
                kind.append(entry.name)
        return sorted(files), sorted(folders)

    def videos(self, folder: str | None, depth: int = 1) -> list[str]:
        """Paths of the videos in a folder, and in the folders in it down to a depth."""
        if folder is None:
            return []
        files, folders = self.names(folder)
        start = f"{folder}/" if folder else ""
        found = [f"{start}{n}" for n in files if n.lower().endswith(EXTENSIONS)]
        for name in folders if depth else ():
            found += self.videos(f"{start}{name}", depth - 1)
        return found

    def lines(self, name: str) -> list[tuple[int, str]]:
        """The lines of a text file that are not empty, with their numbers from 1."""
        stripped = enumerate((line.strip() for line in self._text(name)), 1)
        return [(number, line) for number, line in stripped if line]

    def rows(self, name: str) -> Iterator[tuple[int, list[str]]]:
        """The rows of a CSV file that are not empty, with their lines' numbers."""
        reader = csv.reader(self._text(name))
        try:
            for row in reader:
                if any(row):
                    yield reader.line_num, [field.strip() for field in row]
        except csv.Error as error:
            self.refuse(name, reader.line_num, "be CSV", str(error))

    def table(self, name: str, *columns: str) -> Iterator[tuple[int, dict[str, str]]]:
        """The rows below the head of a CSV file, by column.

        Args:
            name: Of the file.
            columns: That it must have; more are put up with.
        """
        rows = self.rows(name)
        line, head = next(rows, (1, []))
        lacking = [column for column in columns if column not in head]
        if lacking:
            self.refuse(name, line, f"name the columns {', '.join(columns)}", head)
        for line, row in rows:
            if len(row) != len(head):
                self.refuse(name, line, f"have {len(head)} fields", len(row))
            yield line, dict(zip(head, row, strict=True))

    def json(self, name: str, kind: type) -> list | dict:
        """What a JSON file holds, a list or a dict."""
        try:
            value = json.load(self._text(name))
        except json.JSONDecodeError as error:
            self.refuse(name, error.lineno, "be JSON", error.msg)
        if not isinstance(value, kind):
            self.refuse(name, 1, f"be a {kind.__name__}", type(value).__name__)
        return value

    def refuse(self, name: str, line: int | str, rule: str, value: object) -> None:
        """Raises ValueError on a line of a file, or on an entry of a JSON file."""
        where = f"line {line}" if isinstance(line, int) else line
        raise ValueError(f"`{self.root / name}` {where} must {rule}. Got: {value!r}")

    def number(self, name: str, line: int, text: str, numbers: range) -> int:
        """A whole number in a file, which must be in a range."""
        if not (text.isascii() and text.isdigit() and int(text) in numbers):
            rule = f"have a number from {numbers.start} to {numbers.stop - 1}"
            self.refuse(name, line, rule, text)
        return int(text)

    def seconds(self, name: str, line: int | str, *texts: str) -> tuple[float, ...]:
        """Numbers of seconds in a file; ValueError where one is none, or has no end."""
        try:
            found = tuple(float(text) for text in texts)
        except (TypeError, ValueError, OverflowError):
            found = (math.nan,)
        if not all(map(math.isfinite, found)):
            self.refuse(name, line, "have seconds", " ".join(map(str, texts)))
        return found

    def _look(self, name: str) -> list[int] | None:
        if name not in self.watched:
            self.watched[name] = state(self.root / name)
        return self.watched[name]

    def _text(self, name: str) -> io.StringIO:
        self._look(name)
        try:
            # Line ends stay, for the sake of those within quotes.
            with open(self.root / name, encoding="utf-8-sig", newline="") as file:
                return io.StringIO(file.read(), newline="")
        except (OSError, UnicodeDecodeError) as error:
            path = self.root / name
            raise ValueError(f"`{path}` must be readable. Got: {error}") from None


def state(path: Path) -> list[int] | None:
    """Size and time of a file, the time of a folder, None of what is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    if path.is_dir():
        return [found.st_mtime_ns]
    return [found.st_size, found.st_mtime_ns]


def stem(path: str) -> str:
    """The name of a file without its ending."""
    return path.rpartition("/")[2].rpartition(".")[0]

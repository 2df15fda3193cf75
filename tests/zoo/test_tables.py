import csv
import pathlib
import types

import numpy as np

from zoo import tables

NAMES = ("投げる", "$\\bad$", "a, b")
RUN = types.SimpleNamespace(classes=NAMES, task="single")


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def in_ascii(monkeypatch):
    """As if the machine's own encoding had no letters but those of English."""
    opened = pathlib.Path.open

    def narrow(path, mode="r", encoding=None, **others):
        encoding = encoding or (None if "b" in mode else "ascii")
        return opened(path, mode, encoding=encoding, **others)

    monkeypatch.setattr(pathlib.Path, "open", narrow)


def test_names_of_classes_are_in_any_letters(tmp_path, monkeypatch):
    in_ascii(monkeypatch)
    labels, logits = np.array([0, 1, 1]), np.eye(3)
    tables.write_classes(tmp_path, RUN, labels, logits)
    rows = [["投げる", "1", "1.0000"], ["$\\bad$", "2", "0.5000"], ["a, b", "0", ""]]
    assert rows_of(tmp_path / "classes.csv")[1:] == rows
    tables.write_predictions(tmp_path, RUN, ["é.mp4", "b", "c"], labels, logits)
    assert rows_of(tmp_path / "predictions.csv")[1][:2] == ["é.mp4", "投げる"]


def test_names_of_classes_are_drawn_as_they_are(tmp_path):
    # No formula, and no warning of letters that the font has not: either raises here.
    tables.write_confusion(tmp_path, RUN, np.array([0, 1]), np.eye(3)[:2])
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert rows_of(tmp_path / "confusion.csv")[1] == ["投げる", "1", "0", "0"]

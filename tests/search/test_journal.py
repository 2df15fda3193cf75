import json
import os

import pytest

from search import journal
from search.journal import Journal


def names(path):
    return [event["event"] for event in journal.read(path)]


def test_events_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "new" / "journal.jsonl"
    book = Journal(path)
    written = [book.append("end", trial="0000", details={"0>1": 0.1 + 0.2, "é": None})]
    written.append(book.append("stop", reason="a\nb"))
    assert [*journal.read(path)] == written
    assert written[0]["details"] == {"0>1": 0.30000000000000004, "é": None}
    assert len(path.read_bytes().splitlines()) == 2


def test_it_gives_what_a_reader_will_see(tmp_path):
    event = Journal(tmp_path / "journal.jsonl").append("x", pair=(1, 2), by={3: 4})
    assert (event["pair"], event["by"]) == ([1, 2], {"3": 4})


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_torn_last_line_is_no_event_and_is_cut_off(tmp_path, size):
    path = tmp_path / "journal.jsonl"
    first = Journal(path)
    first.append("one")
    first.close()
    with path.open("a") as file:
        file.write('{"event":"two","text":"' + "x" * size)
    assert names(path) == ["one"]
    Journal(path).append("three")
    assert names(path) == ["one", "three"]


def test_a_journal_that_is_all_torn_is_empty(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text('{"event":')
    Journal(path).append("one")
    assert names(path) == ["one"]


@pytest.mark.parametrize(
    "line", ["{", "[1]", '{"trial":"0000"}', '{"event":1}', "\xff"]
)
def test_a_damaged_line_within_is_named(tmp_path, line):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"event":"one"}\n' + line.encode("latin1") + b"\n")
    with pytest.raises(ValueError, match=r"an event in each line. Got, in line 2"):
        names(path)


def test_one_process_writes(tmp_path):
    path = tmp_path / "journal.jsonl"
    first = Journal(path)
    with pytest.raises(ValueError, match=r"`workdir` must be .* no other process"):
        Journal(path)
    first.close()
    Journal(path).append("one")
    assert names(path) == ["one"]


@pytest.mark.parametrize("written", [0, 7, OSError(28, "no space left")])
def test_what_could_not_be_written_leaves_no_trace(tmp_path, monkeypatch, written):
    path = tmp_path / "journal.jsonl"
    book = Journal(path)
    book.append("one")
    before, write = path.read_bytes(), os.write

    def short(file, data):
        if isinstance(written, OSError):
            raise written
        return write(file, data[:written])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        with pytest.raises(OSError, match="no space left"):
            book.append("two", text="longer than that")
    assert path.read_bytes() == before
    book.append("three")
    assert names(path) == ["one", "three"]


def test_a_line_is_compact_json_with_its_time(tmp_path):
    path = tmp_path / "journal.jsonl"
    Journal(path).append("stop", reason="done")
    event = json.loads(path.read_text())
    assert [*event] == ["event", "time", "reason"]
    assert ", " not in path.read_text()

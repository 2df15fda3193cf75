import subprocess
import sys
from pathlib import Path

import pytest

import search
from search import external

ROOT = Path(search.__file__).parents[1]
SURVIVES = "echo begun; (sleep 3; echo survived) & wait"


def test_an_exit_code_and_output_are_told(tmp_path):
    with (tmp_path / "out").open("w+b") as out, (tmp_path / "err").open("w+b") as err:
        process = external.start(["sh", "-c", "echo a; echo b >&2; exit 3"], out, err)
        assert external.wait(process, 60) == 3
    assert (tmp_path / "out").read_text() == "a\n"
    assert (tmp_path / "err").read_text() == "b\n"


def test_what_takes_too_long_ends_with_all_that_it_started():
    reader = subprocess.PIPE
    process = external.start(["sh", "-c", SURVIVES], reader, reader)
    out = process.stdout
    process.stdout = None  # Else it were closed.
    with out:
        assert out.readline() == b"begun\n"
        with pytest.raises(subprocess.TimeoutExpired):
            external.wait(process, 0.01)
        assert out.read() == b""


def test_a_command_ends_with_who_was_killed_and_all_that_it_started():
    command = f"['sh', '-c', {SURVIVES!r}], sys.stdout, sys.stderr"
    text = f"""import sys; sys.path.insert(0, {str(ROOT)!r})
from search import external
process = external.start({command})
wait = process.wait
process.wait = lambda seconds: print("waits", flush=True) or wait(seconds)
external.wait(process, 60)"""
    parent = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
    with parent:
        while parent.stdout.readline() != b"waits\n":
            pass
        parent.kill()
        assert b"survived" not in parent.stdout.read()

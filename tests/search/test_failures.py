import os

import pytest
from keras_tuner.errors import FailedTrialError

from search.failures import failure
from search.history import HISTORY, HistoryFiles, Record

NAME = os.fsdecode(b"caf\xe9.mp4")  # As Latin-1 writes it.


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        *((OSError, "crashed"), (MemoryError, "out of memory")),
        (FailedTrialError, "infeasible"),
    ],
)
def test_a_file_whose_name_is_no_utf_8_can_be_told_of(tmp_path, kind, reason):
    told = failure(kind(f"{NAME} can not be read"))
    assert told["reason"] == reason
    assert "caf\\udce9.mp4 can not be read" in told["error"]
    HistoryFiles(tmp_path, [Record("0000", "{}", "failed", details=told)])
    assert "caf\\udce9.mp4" in (tmp_path / HISTORY).read_text(encoding="utf-8")

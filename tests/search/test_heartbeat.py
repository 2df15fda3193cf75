import threading
import types

import pytest

from search.heartbeat import Heartbeat
from search.messages import HEARTBEAT
from search.network import Unreachable


class Chief:
    """Answers from a list, then always the same."""

    def __init__(self, *answers):
        self.answers, self.heard, self.enough = [*answers], [], threading.Event()

    def update_trial(self, trial, metrics):
        self.heard.append((trial, metrics))
        answer = self.answers.pop(0) if self.answers else "RUNNING"
        if len(self.heard) == 3 or answer == "STOPPED":
            self.enough.set()
        if isinstance(answer, Exception):
            raise answer
        return types.SimpleNamespace(status=answer)


def test_it_beats_while_it_is_entered():
    chief = Chief()
    with Heartbeat(chief, "0003", 2, 0.001) as beat:
        assert chief.enough.wait(5)
    beat._thread.join(5)
    count = len(chief.heard)
    assert not beat._thread.is_alive()
    assert chief.heard == [("0003", {HEARTBEAT: 2.0})] * count
    assert not beat.lost


def test_it_tells_that_the_trial_is_lost_and_ends():
    chief = Chief("RUNNING", "STOPPED")
    with Heartbeat(chief, "0003", 1, 0.001) as beat:
        beat._thread.join(5)
        assert beat.lost
    assert len(chief.heard) == 2


def test_a_chief_that_is_away_loses_nothing():
    chief = Chief(Unreachable("away"), Unreachable("away"), "RUNNING")
    with Heartbeat(chief, "0003", 1, 0.001) as beat:
        assert chief.enough.wait(5)
    beat._thread.join(5)
    assert not beat.lost


def test_no_pause_is_refused():
    with pytest.raises(ValueError, match=r"`seconds` must be above 0. Got: 0"):
        Heartbeat(Chief(), "0000", 1, 0)

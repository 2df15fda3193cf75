import itertools
import threading

import pytest

from zoo import pace


class Clock:
    """Time that passes only where it is told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def source(self, seconds):
        for number in itertools.count():
            self.now += seconds
            yield number


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def made(clock, monkeypatch):
    monkeypatch.setattr(pace, "_computes_here", lambda: True)
    made = pace.Pace(4, clock)
    made.begin()
    return made


def train(made, clock, batches, steps, seconds, start=0):
    for index in range(start, start + steps):
        made.ask()
        next(batches)
        clock.now += seconds
        made.end(index, 1.0)


def test_reading_in_the_thread_that_trains_is_waiting(made, clock):
    batches = made.watched(clock.source(1.0))
    train(made, clock, batches, 6, 3.0)
    row = made.row()
    assert row == {
        "steps": 5,  # The first compiles.
        "seconds": 20.0,
        "aside": 4.0,
        "clips_per_second": 1.0,
        "input_wait": 0.25,
    }
    assert made.share is None  # A new row begins.
    made.rest()
    train(made, clock, batches, 2, 1.0, start=6)
    assert made.row()["input_wait"] == 0.5


def test_reading_ahead_is_waiting_only_where_it_is_late(made, clock):
    batches = made.watched(clock.source(0.0))
    made.thread = None  # As if another thread read.

    def step(index, read_at, length):
        made.ask()
        begun = clock.now
        if read_at is not None:
            clock.now = begun + read_at
            next(batches)
        clock.now = begun + length
        made.end(index, 1.0)

    next(batches)
    next(batches)
    for index in (0, 1):
        step(index, None, 2.0)
    assert made.share == 0  # They were read before they were asked for.
    step(2, 1.0, 2.0)
    assert made.share == 1.0 / 4.0


def test_first_batch_is_kept_for_one_step(made, clock):
    batches = made.watched(clock.source(0.0))
    made.ask()
    next(batches)
    assert made.first == 0
    made.end(0, 1.0)
    assert made.first is None
    train(made, clock, batches, 1, 1.0, start=1)
    assert made.first is None


def test_sources_may_end(made):
    assert list(made.watched(iter("ab"))) == ["a", "b"]


def test_time_aside_is_not_of_the_steps(made, clock):
    batches = made.watched(clock.source(0.0))
    train(made, clock, batches, 3, 1.0)
    made.row()
    clock.now += 10.0
    made.rest()
    train(made, clock, batches, 2, 1.0, start=3)
    row = made.row()
    assert (row["seconds"], row["aside"], row["clips_per_second"]) == (2, 10, 4)


def test_a_device_of_its_own_is_waited_for_now_and_then(clock, monkeypatch):
    monkeypatch.setattr(pace, "_computes_here", lambda: False)
    waits = []
    monkeypatch.setattr(pace, "_wait", waits.append)
    made = pace.Pace(4, clock)
    made.begin()
    batches = made.watched(clock.source(1.0))
    for index in range(14):
        made.ask()
        next(batches)
        made.end(index, index)
    # Steps 5, 6, 12 and 13 themselves; in the others the step before.
    assert waits == [None, 0, 1, 2, 3, 5, 6, 6, 7, 8, 9, 10, 12, 13]
    assert made.measured == 2


def test_waiting_that_lasts_is_told_once(made, clock):
    batches = made.watched(clock.source(3.0))
    train(made, clock, batches, 5, 1.0)
    assert made.note() == "75 % waiting for clips"  # Too early for a warning.
    train(made, clock, batches, 5, 1.0, start=5)
    with pytest.warns(UserWarning, match=r"waits for clips 75 % .*datasets\.md"):
        made.note()
    assert made.note() == "75 % waiting for clips"  # Warnings are errors here.


def test_little_waiting_is_not_told(made, clock):
    train(made, clock, made.watched(clock.source(1.0)), 9, 4.0)
    assert made.share == pytest.approx(0.2)
    assert made.note() == ""


def test_threads_are_told_apart(made):
    read = []
    batches = made.watched(iter("abc"))
    thread = threading.Thread(target=lambda: read.append(next(batches)))
    thread.start()
    thread.join()
    assert made.read == 0.0
    assert made.ready.keys() == {0}

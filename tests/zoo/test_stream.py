import threading
import weakref

import numpy as np
import pytest

from zoo.genotypes import ClipSpec
from zoo.stream import Stream, paced

SPEC = ClipSpec(frames=4, rate=2.0, height=1, width=1)
HOUR = 3600


class Machine:
    """A clock, and a network that takes its time by it and says what it has seen."""

    def __init__(self, inference=0.0):
        self.now, self.inference, self.seen = 0.0, inference, []

    def clock(self):
        return self.now

    def network(self, clip):
        self.now += self.inference
        self.seen.append(clip.ravel().tolist())
        return clip.ravel()


def simulate(machine, stream, times):
    """Frames that show their number come at these times, also while it computes."""
    decisions, busy = [], 0.0
    for number, now in enumerate(times):
        machine.now = now
        stream.offer(now, number)
        if now >= busy and stream.due:
            decisions.append(stream.decide())
            busy = machine.now
    return decisions


def stream_of(machine, stride=1.0, spec=SPEC):
    return Stream(machine.network, spec, stride, np.array, machine.clock)


def test_an_hour_of_video_is_decided_in_time():
    machine = Machine(inference=0.06)
    stream = stream_of(machine)
    decisions = simulate(machine, stream, np.arange(5 * HOUR) / 5)
    times = np.array([decision.time for decision in decisions])
    np.testing.assert_allclose(times, 1.5 + np.arange(HOUR - 1), atol=0.2)
    found = stream.summary()
    assert (found.frames, found.decisions) == (5 * HOUR, HOUR - 1)
    assert (found.skipped, found.dropped) == (0, 0)
    assert found.median_ms == pytest.approx(60)
    assert found.worst_ms == pytest.approx(60)


def test_an_hour_of_video_is_not_queued_where_inference_is_slow():
    kept, machine = [], Machine(inference=4.1)

    def fit(number):
        picture = np.array(number)
        kept.append(weakref.ref(picture))
        return picture

    stream = Stream(machine.network, SPEC, 1.0, fit, machine.clock)
    simulate(machine, stream, np.arange(5 * HOUR) / 5)
    found = stream.summary()
    assert found.decisions + found.skipped == pytest.approx(HOUR, abs=6)
    assert found.decisions == pytest.approx(HOUR / 4.2, rel=0.05)
    # Of the 8 frames that come while it computes it sees 4.
    assert len(kept) == pytest.approx(2 * HOUR, abs=2)
    assert found.dropped == pytest.approx(len(kept) - 4 * found.decisions, rel=0.3)
    assert found.worst_ms <= 1000 * (4.1 + 1.5 / SPEC.rate)
    assert sum(picture() is not None for picture in kept) == SPEC.frames


def test_a_clip_is_the_newest_frames_at_the_clip_s_rate():
    machine = Machine()
    stream = stream_of(machine)
    decisions = simulate(machine, stream, np.arange(41) / 10)
    assert machine.seen == [[0, 5, 10, 15], [10, 15, 20, 25], [20, 25, 30, 35]]
    assert [decision.time for decision in decisions] == [1.5, 2.5, 3.5]
    np.testing.assert_array_equal(decisions[0].probabilities, machine.seen[0])


@pytest.mark.parametrize("early", [-0.001, 0.001])
def test_times_are_rounded(early):
    machine = Machine()
    stream = stream_of(machine, stride=0.5)
    decisions = simulate(
        machine, stream, np.arange(12) / 2 + early * (-1) ** np.arange(12)
    )
    assert machine.seen == [[k, k + 1, k + 2, k + 3] for k in range(9)]
    assert len(decisions) == 9


def test_only_frames_that_are_kept_are_fitted():
    fitted = []
    stream = Stream(np.ravel, SPEC, 1.0, lambda frame: fitted.append(frame) or frame)
    for number in range(100):
        stream.offer(number / 24, number)
    assert fitted == [0, 12, 24, 36, 48, 60, 72, 84, 96]
    assert stream.due
    assert stream.summary().dropped == 5  # Nobody decides, and 4 are kept.


def test_a_slow_stream_repeats_frames():
    machine = Machine()
    simulate(machine, stream_of(machine), np.arange(5.0))
    assert machine.seen == [[0, 1, 1, 2], [1, 2, 2, 3], [2, 3, 3, 4]]


def test_a_gap_is_not_skipped_decisions():
    machine = Machine()
    stream = stream_of(machine)
    decisions = simulate(
        machine, stream, [*np.arange(16) / 4, *(100 + np.arange(4) / 4)]
    )
    assert stream.summary().skipped == 0
    assert [decision.time for decision in decisions] == [1.5, 2.5, 3.5, 100.0, 100.5]
    assert machine.seen[3:] == [[16] * 4, [16, 16, 16, 18]]


def test_a_stream_that_begins_again_is_a_new_one():
    machine = Machine()
    stream = stream_of(machine)
    simulate(machine, stream, [*np.arange(8) / 2, 3.4])
    before = len(machine.seen)
    simulate(machine, stream, np.arange(4) / 2)
    assert machine.seen[before:] == [[0, 1, 2, 3]]
    assert max(map(max, machine.seen)) == 7  # The late one is left out.


def test_a_thread_reads_and_every_frame_is_seen_at_the_end():
    stream = Stream(np.ravel, SPEC, stride=100.0)
    [decision] = stream.follow((k / 2, np.array(k)) for k in range(4))
    assert decision.probabilities.tolist() == [0, 1, 2, 3]
    assert 0 <= decision.latency < 60
    empty = Stream(np.ravel, SPEC)
    assert list(empty.follow([])) == []
    assert empty.summary().median_ms is None


def test_an_interrupt_ends_the_thread_that_reads():
    closed, began = threading.Event(), threading.Event()

    def endless():
        try:
            for number in range(10**9):
                if number > 3:
                    began.wait()
                yield number / 2, np.array(number)
        finally:
            closed.set()

    stream = Stream(np.ravel, SPEC)
    follow = stream.follow(endless())
    next(follow)
    began.set()
    with pytest.raises(KeyboardInterrupt):
        follow.throw(KeyboardInterrupt)
    assert closed.wait(10)
    assert stream.summary().decisions == 1


def test_errors_of_the_reader_are_raised():
    def broken():
        yield 0.0, np.array(0)
        raise ValueError("no picture")

    with pytest.raises(ValueError, match="no picture"):
        list(Stream(np.ravel, SPEC).follow(broken()))


def test_files_are_read_at_their_own_pace():
    machine, waits = Machine(), []

    def sleep(seconds):
        waits.append(seconds)
        machine.now += seconds

    def frames():
        for now in (5.0, 6.0, 7.0, 8.0):
            machine.now += 2.0 if now == 7.0 else 0.125  # To decode it.
            yield now, now

    found = list(paced(frames(), 2.0, machine.clock, sleep))
    assert found == [(t, t) for t in (5.0, 6.0, 7.0, 8.0)]
    assert waits == [0.375]  # The third is late, and the last still is.
    with pytest.raises(ValueError, match="`speed` must be above 0"):
        next(paced([], 0.0))


def test_rejects_what_no_stream_has():
    with pytest.raises(ValueError, match="`stride` must be above 0 seconds"):
        Stream(np.ravel, SPEC, 0.0)
    segments = ClipSpec(4, 2.0, 1, 1, segments=4)
    with pytest.raises(ValueError, match="`model` must be one of clips at a rate"):
        Stream(np.ravel, segments)

import os
import signal
import threading

import pytest

from zoo import signals


def end():
    os.kill(os.getpid(), signal.SIGTERM)


def test_requests_are_noted_and_interrupt_nothing():
    before = signal.getsignal(signal.SIGTERM)
    with signals.Notice() as notice:
        assert not notice.given
        end()
        assert notice.given
        end()  # As `timeout` does, which tells the process and its group.
    assert signal.getsignal(signal.SIGTERM) == before


def test_other_threads_leave_signals_alone():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def enter():
        with signals.Notice() as notice:
            seen.append((notice.given, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


def test_who_has_stopped_exits_with_0():
    with pytest.raises(SystemExit) as caught:
        raise signals.Stopped
    assert caught.value.code == 0


def test_term_becomes_an_interrupt():
    before = signal.getsignal(signal.SIGTERM)
    try:
        signals.interrupt_on_term()
        with pytest.raises(KeyboardInterrupt):
            end()
    finally:
        signal.signal(signal.SIGTERM, before)

"""What a process does that is asked to end, as schedulers and preemptions do."""

import os
import signal
import threading


class Stopped(SystemExit):
    """A training was asked to end and has saved its state: the process exits with 0."""

    def __init__(self):
        super().__init__(0)


class Interrupted(Exception):  # noqa: N818
    """A process was asked to end while it scored."""


class Notice:
    """Takes note of SIGTERM, while it is a context, in place of dying.

    A second one changes nothing, as some send it to a process and to its group. In
    other threads than the main one nothing is taken.

    Args:
        answer: What to say at once.
    """

    def __init__(self, answer: str = ""):
        self.given, self.answer = False, answer

    def __enter__(self) -> "Notice":
        self.taken = threading.current_thread() is threading.main_thread()
        if self.taken:
            self.before = signal.signal(signal.SIGTERM, self._take)
        return self

    def __exit__(self, *error):
        if self.taken:
            before = self.before
            signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)

    def _take(self, number: int, frame) -> None:
        if self.answer and not self.given:
            os.write(2, f"{self.answer}\n".encode())  # Printing may be under way.
        self.given = True


def interrupt_on_term() -> None:
    """Lets SIGTERM do what Ctrl-C does, for good."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)

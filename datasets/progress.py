"""How far a job is, on standard error."""

import sys
import time
from collections.abc import Iterable, Iterator


def progress(items: Iterable, total: int, what: str) -> Iterator:
    """Passes items on, and tells how many have passed: at least each ten seconds.

    Args:
        items: Any iterable.
        total: How many there are.
        what: What they are, in the plural.
    """
    live = sys.stderr.isatty()
    said = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if count == total or now - said > (0.2 if live else 10):
            ends = "\r" if live and count < total else "\n"
            print(f"{count} of {total} {what}", end=ends, file=sys.stderr, flush=True)
            said = now

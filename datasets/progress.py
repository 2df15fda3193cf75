"""How far a job is, on standard error."""

import sys
import time
from collections.abc import Iterable, Iterator


def progress(items: Iterable, total: int, what: str) -> Iterator:
    """Passes items on, and tells how many have passed, how fast, and the time left.

    It tells at least each ten seconds.

    Args:
        items: Any iterable.
        total: How many there are.
        what: What they are, in the plural.
    """
    live = sys.stderr.isatty()
    began = said = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if count == total or now - said > (0.2 if live else 10):
            ends = "\r" if live and count < total else "\n"
            rate = count / max(now - began, 1e-3)
            told = f"{count} of {total} {what}, {rate:.3g} a second"
            if count < total:
                told += f", {_duration((total - count) / rate)} left"
            print(f"{told:<64}" if live else told, end=ends, file=sys.stderr)
            sys.stderr.flush()
            said = now


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"

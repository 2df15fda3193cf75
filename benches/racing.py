"""Calls in turn, as the machine is shared: ratios of neighbours count."""

import time
from collections.abc import Callable

import numpy as np

UNCOUNTED = 2  # Rounds, in which things compile.


def raced(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Of each call the seconds, and the seconds of CPU: (rounds, 2), round by round."""
    times = {name: [] for name in calls}
    for index in range(rounds + UNCOUNTED):
        # None is always the first.
        for name in sorted(calls, reverse=bool(index % 2)):
            start = np.array([time.perf_counter(), time.process_time()])
            calls[name]()
            end = np.array([time.perf_counter(), time.process_time()])
            times[name].append(end - start)
    return {name: np.array(rows[UNCOUNTED:]) for name, rows in times.items()}

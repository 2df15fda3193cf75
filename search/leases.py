"""Who works on which trial, and until when that is believed."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass
class Lease:
    """A trial in somebody's hands.

    Args:
        trial: The trial.
        attempt: Which time it was given away.
        tuner: To whom.
        expires: When it counts as lost, in seconds of the clock.
    """

    trial: str
    attempt: int
    tuner: str
    expires: float


class Leases:
    """The trials that workers have, each with one lease that heartbeats renew.

    Args:
        seconds: How long a lease lasts; None is for ever, for a search in one process.
        clock: Tells the seconds.
    """

    def __init__(
        self, seconds: float | None = None, clock: Callable[[], float] = time.monotonic
    ):
        self.seconds = seconds
        self._clock = clock
        self._of_trial: dict[str, Lease] = {}

    def __iter__(self) -> Iterator[Lease]:
        return iter(list(self._of_trial.values()))

    def __len__(self) -> int:
        return len(self._of_trial)

    def grant(self, trial: str, attempt: int, tuner: str) -> None:
        """Gives a trial to a tuner."""
        self._of_trial[trial] = Lease(trial, attempt, tuner, self._end())

    def renew(self, trial: str, attempt: int) -> bool:
        """Prolongs a lease; whether it was still held."""
        lease = self._of_trial.get(trial)
        if lease is None or lease.attempt != attempt:
            return False
        lease.expires = self._end()
        return True

    def extend(self, seconds: float) -> None:
        """Prolongs all: so long nobody could be heard."""
        for lease in self:
            lease.expires += seconds

    def release(self, trial: str) -> None:
        """Ends a lease, where there is one."""
        self._of_trial.pop(trial, None)

    def of(self, tuner: str) -> list[Lease]:
        """What a tuner has."""
        return [lease for lease in self if lease.tuner == tuner]

    def expired(self) -> list[Lease]:
        """The leases whose time is over."""
        now = self._clock()
        return [lease for lease in self if lease.expires < now]

    def _end(self) -> float:
        return self._clock() + (self.seconds or float("inf"))

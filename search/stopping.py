"""When a training is hopeless: strategies that are small and free of state.

A strategy names its `rungs`, the shares of the training after which a trial is scored,
and tells at each, from the trial's score and those of the others there, whether the
trial stops.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zoo.genotypes.base import check, check_whole

Stopping = Callable[[int, float, Sequence[float]], bool]


@dataclass(frozen=True)
class Halving:
    """Only the best of each rung train on: asynchronous successive halving.

    The rule of ASHA (https://arxiv.org/abs/1810.05934) for workers that wait for
    nobody: of `n` trials seen at a rung, the newest among them, the best `n // factor`
    go on, and who equals them. The first ones go on whatever they score. Unlike there,
    a trial that stopped is not taken up again when later ones turn out worse.

    Args:
        factor: One in so many goes on.
        stages: Number of rungs; the last is after `1 / factor` of the training, each
            one before it after `1 / factor` of the next.
    """

    factor: int = 3
    stages: int = 2

    def __post_init__(self):
        check_whole(self.factor, "factor", least=2)
        check_whole(self.stages, "stages")

    @property
    def rungs(self) -> tuple[float, ...]:
        """Shares of the training after which a trial is scored."""
        return tuple(self.factor**-stage for stage in range(self.stages, 0, -1))

    def __call__(self, rung: int, score: float, others: Sequence[float]) -> bool:
        """Whether the trial stops."""
        places = (len(others) + 1) // self.factor
        return 0 < places <= sum(other > score for other in others)


@dataclass(frozen=True)
class MedianStop:
    """Who is below the median of the others stops.

    Args:
        at: Shares of the training after which a trial is scored, ascending.
        least: Others there must be before anyone stops.
    """

    at: tuple[float, ...] = (0.5,)
    least: int = 5

    def __post_init__(self):
        check(_are_shares(self.at), "at", "shares between 0 and 1, ascending", self.at)
        check_whole(self.least, "least")

    @property
    def rungs(self) -> tuple[float, ...]:
        """Shares of the training after which a trial is scored."""
        return tuple(self.at)

    def __call__(self, rung: int, score: float, others: Sequence[float]) -> bool:
        """Whether the trial stops."""
        return len(others) >= self.least and score < statistics.median(others)


def _are_shares(value: object) -> bool:
    some = isinstance(value, tuple | list) and len(value) > 0
    numbers = some and all(type(share) in (int, float) for share in value)
    return numbers and all(a < b for a, b in zip((0, *value), (*value, 1), strict=True))

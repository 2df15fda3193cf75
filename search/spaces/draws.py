"""Random draws from closed ranges, and the checks of such ranges."""

import math
import random

from zoo.genotypes.base import check


def check_range(value: object, name: str, least: float = 1, whole: bool = True) -> None:
    """Raises ValueError unless `value` is a pair (low, high), least <= low <= high."""
    kinds = (int,) if whole else (int, float)
    pair = isinstance(value, tuple | list) and len(value) == 2
    numbers = pair and all(type(end) in kinds for end in value)
    kind = "whole numbers" if whole else "numbers"
    rule = f"two {kind} (low, high) with {least} <= low <= high"
    check(numbers and least <= value[0] <= value[1], name, rule, value)


def check_share(value: object, name: str) -> None:
    """Raises ValueError unless `value` is a share of blocks, from 0 to 1."""
    number = isinstance(value, int | float)
    check(number and 0 <= value <= 1, name, "a share from 0 to 1", value)


def check_choices(value: object, name: str, known: tuple[str, ...]) -> None:
    """Raises ValueError unless `value` is some of the known words."""
    some = isinstance(value, tuple | list) and len(value) > 0
    check(some and set(value) <= set(known), name, f"some of {known}", value)


def log_number(rng: random.Random, low: float, high: float) -> float:
    """A number from low to high, with equal chances for equal ratios."""
    number = math.exp(rng.uniform(math.log(low), math.log(high)))
    return min(max(number, low), high)


def log_whole(rng: random.Random, low: int, high: int) -> int:
    """A whole number from low to high, the small ones oftener."""
    return min(int(log_number(rng, low, high + 1)), high)


def log_eights(rng: random.Random, low: int, high: int) -> int:
    """A multiple of 8 from low to high, the small ones oftener."""
    number = int(log_number(rng, low, high) + 4) // 8 * 8
    return min(max(number, low), high)


def eights(rng: random.Random, low: int, high: int) -> int:
    """A multiple of 8 from low to high."""
    number = int(rng.uniform(low - 4, high + 4) + 4) // 8 * 8
    return min(max(number, low), high)


def log_tenth(rng: random.Random, low: float, high: float) -> float:
    """A number in tenths from low to high, with equal chances for equal ratios."""
    return min(max(round(log_number(rng, low, high), 1), float(low)), float(high))

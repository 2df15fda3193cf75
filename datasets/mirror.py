"""Classes that are mirror images of each other, found by their names."""

import re

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
DIRECTIONS = re.compile(r"(left|right)(wards?)?|((anti|counter)?clockwise)")
SWAPS = {"left": "right", "right": "left", "anticlock": "clock", "clock": "anticlock"}


def has_direction(name: str) -> bool:
    """Whether mirroring could make another class of a class, by its name."""
    return any(DIRECTIONS.fullmatch(word.lower()) for word in WORD.findall(name))


def partners(classes: tuple[str, ...]) -> tuple[int | None, ...]:
    """The number of the class that each one is in a mirror.

    A class whose name has no direction is the same; another is the one with left and
    right, or clockwise and anticlockwise, swapped: None where there is no such class.
    """
    numbers = {_words(name): label for label, name in enumerate(classes)}
    return tuple(
        numbers.get(_words(name, mirrored=True)) if has_direction(name) else label
        for label, name in enumerate(classes)
    )


def _words(name: str, mirrored: bool = False) -> str:
    """A name in small letters, in a mirror if one likes."""

    def swap(match: re.Match) -> str:
        word = match[0].lower().replace("counter", "anti")
        if not mirrored or not DIRECTIONS.fullmatch(word):
            return word
        return re.sub("left|right|anticlock|clock", lambda m: SWAPS[m[0]], word)

    return WORD.sub(swap, name)

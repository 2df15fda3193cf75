"""Tells in words how one genotype differs from another, of any family."""

import json
from collections.abc import Iterator

SHOWN = 3


def difference(parent: str, child: str) -> str:
    """What differs between two genotypes in canonical JSON.

    Returns:
        Such as "blocks[1].filters 64 > 128, streams[0].size 32 > 48".
    """
    changes = list(_changes("", json.loads(parent), json.loads(child)))
    more = [f"{len(changes) - SHOWN} more"] if len(changes) > SHOWN else []
    return ", ".join(changes[:SHOWN] + more)


def _changes(place: str, old: object, new: object) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            inner = f"{place}.{name}" if place else name
            yield from _changes(inner, old.get(name), new.get(name))
    elif not (isinstance(old, list) and isinstance(new, list)):
        yield f"{place} {_word(old)} > {_word(new)}"
    elif len(old) != len(new):
        yield f"{len(old)} {place} > {len(new)}"
    else:
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from _changes(f"{place}[{index}]", *pair)


def _word(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(_word(value[name]) for name in sorted(value))
    return "none" if value is None else str(value)

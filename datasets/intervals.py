"""Videos in which several actions happen, each from a second to another."""

from collections.abc import Sequence

from datasets.listing import Listing, is_held

# Number of the class, start and end.
Action = tuple[int, float, float]


def add_video(
    listing: Listing,
    part: str,
    path: str | None,
    expected: str,
    actions: Sequence[Action],
    length: float,
    group: str,
    intervals: bool = False,
) -> None:
    """Adds a video with the labels of all its actions.

    Args:
        listing: To add it to.
        part: "train" or "test".
        path: None where it is missing.
        expected: Where it would be.
        actions: In any order, or none.
        length: Of the video, in seconds.
        group: What it must not be parted from.
        intervals: Whether a training video is there as its intervals, each a part with
            labels of its own. It is then whole only where it is held out.
    """
    if intervals and part == "train" and path is not None:
        held = is_held(group)
        for start, end, labels in parts(actions, length):
            role = "part" if held else "train"
            listing.add(role, path, expected, labels, group, start, end)
        if not held:
            return
        part = "whole"
    labels = tuple(sorted({label for label, _, _ in actions}))
    listing.add(part, path, expected, labels, group)


def parts(
    actions: Sequence[Action], length: float
) -> list[tuple[float, float, tuple[int, ...]]]:
    """Start, end and labels of each interval; some actions end after their video.

    The labels are those of all actions that are going on at its middle.
    """
    found = []
    times = dict.fromkeys((start, min(end, length)) for _, start, end in actions)
    for start, end in times:
        middle = (start + end) / 2
        labels = sorted({n for n, first, last in actions if first <= middle <= last})
        if 0 <= start < end:
            found.append((start, end, tuple(labels)))
    return found

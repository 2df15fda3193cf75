"""What a training does beside its steps, as settings."""

from dataclasses import dataclass

from zoo import signals


@dataclass(frozen=True)
class Habits:
    """When a training writes, what it shows, and who may end it.

    Args:
        save_every: Steps between checkpoints.
        log_every: Steps between rows.
        verbose: Whether to show the progress.
        unit: What the progress calls a step.
        save_minutes: Longest time between checkpoints; None is any.
        profile: First and last step of a profile, such as "10:20".
        notice: Of a request to end.
        writes: Whether it writes at all; of several processes one does.
        alone: Whether no other process trains with this one.
    """

    save_every: int
    log_every: int
    verbose: bool
    unit: str = "step"
    save_minutes: float | None = None
    profile: str | None = None
    notice: signals.Notice | None = None
    writes: bool = True
    alone: bool = True

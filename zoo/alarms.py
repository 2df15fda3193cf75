"""Why a training ends before its time, and what of it is kept then."""

import contextlib
import pathlib
from collections.abc import Iterator

from zoo.record import CHECKPOINT


class TrainingDiverged(ValueError):  # noqa: N818
    """The loss or a weight is no longer a number."""


class NotSaved(OSError):  # noqa: N818
    """The disk took no more."""


def diverged(reason: str, workdir: pathlib.Path | None) -> TrainingDiverged:
    """The error of a training whose numbers are none.

    Args:
        reason: Which, and in which step.
        workdir: Folder of the run, whose checkpoint the error names; None has none.
    """
    return TrainingDiverged(
        f"training diverged: {reason}{_kept(workdir)}. Try a lower `learning_rate`, a "
        "longer warm-up or `clip_norm`"
    )


@contextlib.contextmanager
def writing(step: int, workdir: pathlib.Path | None) -> Iterator[None]:
    """A context that writes the state after a step.

    Args:
        step: That is done.
        workdir: Folder of the run, whose checkpoint the error names; None has none.

    Raises:
        NotSaved: The disk takes no more.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:  # HDF5 has either for a full disk.
        reason = getattr(error, "strerror", None) or error
        raise NotSaved(
            f"step {step} could not be saved in {workdir}: {reason}{_kept(workdir)}. "
            "Make room: the same command goes on"
        ) from error


def _kept(workdir: pathlib.Path | None) -> str:
    path = workdir and workdir / CHECKPOINT
    return f"; the last good state is {path}" if path and path.exists() else ""

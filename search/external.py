"""Runs commands of others, which end with the process that asked for them."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import BinaryIO

# Its input ends when this process has, however that was.
WATCH = 'read -r line; kill -9 "-$1"'


def start(command: list[str], out: BinaryIO, err: BinaryIO) -> subprocess.Popen:
    """Starts a command, as the first of a group of processes.

    Args:
        command: In parts; no shell reads it.
        out: Gets its output. No pipe, which others that it starts could keep open.
        err: Gets its errors.

    Raises:
        OSError: It can not be run.
    """
    streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err}
    return subprocess.Popen(command, **streams, start_new_session=True)


def wait(process: subprocess.Popen, seconds: float) -> int:
    """The exit code of what `start` gave.

    Where it takes too long, or this process ends, all that it started ends with it.

    Raises:
        subprocess.TimeoutExpired: It takes longer than these seconds.
    """
    with process:
        try:
            with _watched(process):
                return process.wait(seconds)
        except BaseException:
            with contextlib.suppress(OSError):  # It has just ended.
                os.killpg(process.pid, signal.SIGKILL)
            raise


@contextlib.contextmanager
def _watched(process: subprocess.Popen) -> Iterator[None]:
    """Has another process kill a group where this one was killed."""
    # Linux' own signal for it would end the first of the group alone, and be asked for
    # between fork and exec, where Python may hang as there are threads.
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = ["sh", "-c", WATCH, "sh", str(process.pid)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, **quiet, start_new_session=True
    ) as watch:
        try:
            yield
        finally:
            watch.kill()

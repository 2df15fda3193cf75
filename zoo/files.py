"""Writes files so that a kill or a full disk leaves the old one or the new one."""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import platform
import shutil
from collections.abc import Iterator

LOCK = ".lock"


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary path beside `path`, which becomes `path` if all goes well."""
    path = pathlib.Path(path)
    # Keras chooses the format of weights by the ending, so it stays.
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(
    folder: str | os.PathLike, needed: int = 0, name: str = "workdir"
) -> None:
    """Makes a folder, where it is missing, and writes a file there, for a test.

    Args:
        folder: Of a run.
        needed: Bytes that must be free.
        name: Of the argument, for errors.

    Raises:
        ValueError: Nothing can be written there, or not so much.
    """
    path = pathlib.Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        # Several machines may do this at a time.
        test = path / f".writing-{platform.node()}-{os.getpid()}-test"
        try:
            with open(test, "wb") as file:
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
        finally:
            test.unlink(missing_ok=True)
        free = shutil.disk_usage(path).free
    except OSError as error:
        rule = f"`{name}` must be a folder that can be written to"
        raise ValueError(f"{rule}. Got: {folder}, {error.strerror}") from None
    if free < needed:
        rule = f"`{name}` must have {needed / 1e6:.0f} MB free to save to"
        raise ValueError(f"{rule}. Got: {folder}, {free / 1e6:.0f} MB")


def check_room(folder: str | os.PathLike, needed: int) -> None:
    """Raises OSError, as a write would, where so many bytes are not free.

    For what HDF5 writes, which a full disk ends by a crash of the process.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        need = f"of {needed / 1e6:.1f} MB {free / 1e6:.1f} MB are free"
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}, {need}", str(folder))


@contextlib.contextmanager
def locked(folder: str | os.PathLike) -> Iterator[None]:
    """Keeps other processes from training in a folder, also where they are killed.

    Args:
        folder: Of a run, made where it is missing.

    Raises:
        ValueError: Another process trains there, or nothing can be written there.
    """
    check_writable(folder)
    file = os.open(pathlib.Path(folder, LOCK), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            rule = "`workdir` must be a folder in which no other process trains"
            raise ValueError(f"{rule}. Got: {str(folder)!r}") from None
        except OSError:
            pass  # Disks of some clusters know no locks.
        yield
    finally:
        os.close(file)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Replaces a text file."""
    with replacing(path) as temporary:
        # Names of files need not be UTF-8: they are written as they are.
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_json(path: str | os.PathLike, value: object) -> None:
    """Replaces a JSON file."""
    write_text(path, json.dumps(value, indent=2) + "\n")

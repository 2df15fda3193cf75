"""Writes the videos of a clip source into TFRecord shards, and goes on after a kill.

Which videos are in which shard, and in what order, depends on the source's index and on
the settings alone. A shard appears under its name only when it is whole, after its
index, and is not written again.
"""

import collections
import contextlib
import dataclasses
import errno
import fcntl
import itertools
import json
import logging
import os
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import av
import numpy as np

from datasets import tfrecord
from datasets.decode import BrokenVideoError, reason
from datasets.health import allowed
from datasets.order import SPLITS, check, thread_count
from datasets.progress import progress
from datasets.records import Record, digest, list_records, store
from datasets.shards import FORMAT, INDEX, META, PLAN, read_index
from datasets.transcode import Form

LOGGER = logging.getLogger(__name__)
LOCK = ".lock"
SHARD_BYTES = 192 << 20
SAMPLE = 8  # Videos whose size tells how many go into a shard.
FULL = (errno.ENOSPC, errno.EDQUOT)


def write(
    source,
    name: str,
    root: str,
    out: str,
    form: Form,
    shard_bytes: int = SHARD_BYTES,
    workers: int | None = None,
    max_bad_fraction: float = 0.1,
) -> dict:
    """Writes all videos of a source.

    Args:
        source: Its `items` are written.
        name: Of the data set.
        root: Its folder: keys are the paths in it.
        out: Folder to write to.
        form: In which to store the videos.
        shard_bytes: About the size of a shard.
        workers: Videos at once; None is one for each core.
        max_bad_fraction: Share of broken videos that is put up with, as in a source.

    Returns:
        What is then in `meta.json`.

    Raises:
        ValueError: The folder holds something else, or is being written to; the disk
            is full; too many videos are broken.
    """
    check(shard_bytes >= 1, "shard_bytes", "at least 1", shard_bytes)
    workers = thread_count(workers)
    groups = list_records(source, root)
    most = allowed(max_bad_fraction, sum(map(len, groups.values())))
    out = Path(out)
    with locked(out), room(out):
        settings = {
            "format": FORMAT,
            "name": name,
            "form": dataclasses.asdict(form),
            "shard_bytes": shard_bytes,
            "index": digest(source, groups),
        }
        shards = _plan(out, settings, groups, form)
        _write_missing(out, shards, form, workers, most)
        meta = _meta(out, source, name, form, shards)
        write_text(out / META, json.dumps(meta, indent=1))
    return meta


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Keeps other processes from writing to a folder, which is made.

    Raises:
        ValueError: It can not be written, or another process writes to it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = os.open(out / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        rule = "`out` must be a folder that can be written"
        raise ValueError(f"{rule}. Got: {error}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        rule = "`out` must be a folder in which no other process prepares"
        raise ValueError(f"{rule}. Got: {str(out)!r}") from None
    finally:
        os.close(file)


def _plan(
    out: Path, settings: dict, groups: dict[str, list[Record]], form: Form
) -> dict[str, list[Record]]:
    """The videos of each shard by its name; noted before the first is written."""
    note = out / PLAN
    if note.exists():
        plan = json.loads(note.read_text(encoding="ascii"))
        changed = [key for key, value in settings.items() if plan.get(key) != value]
        if changed:
            rule = f"`out` must be new, or hold {settings['name']} of the same settings"
            was = ", ".join(f"{key} {plan.get(key)}" for key in changed)
            raise ValueError(f"{rule}. Got: {out}, with {was}")
        _announce(out, groups, form)
    else:
        others = sorted(path.name for path in out.iterdir() if path.name != LOCK)
        check(not others, "out", "new or empty", f"{out}, with {', '.join(others[:3])}")
        _announce(out, groups, form)
        size = _mean_size(groups, form)
        plan = settings | {"videos_a_shard": max(1, settings["shard_bytes"] // size)}
        write_text(note, json.dumps(plan, indent=1))
    shards, step = {}, plan["videos_a_shard"]
    for split, records in groups.items():
        parts = [records[n : n + step] for n in range(0, len(records), step)]
        for number, part in enumerate(parts):
            shards[f"{split}-{number:05}-of-{len(parts):05}.tfrecord"] = part
    return shards


def _announce(out: Path, groups: dict[str, list[Record]], form: Form) -> None:
    count = sum(map(len, groups.values()))
    said = f"Writing {count} videos to {out}: {form.words}"
    print(said, file=sys.stderr, flush=True)


def _mean_size(groups: dict[str, list[Record]], form: Form) -> int:
    """Bytes of a stored video, by a few from all over the data set."""
    records = [record for group in groups.values() for record in group]
    check(bool(records), "source", "one with videos", "none")
    if form.flow:  # It takes long, and is about as large as JPEG pictures.
        form = dataclasses.replace(form, frames=True, flow=False)
    sizes = []
    for record in records[:: max(1, len(records) // SAMPLE)]:
        with contextlib.suppress(BrokenVideoError, OSError):
            if form.codec is None:
                sizes.append(os.path.getsize(record.path))
            else:
                sizes.append(len(store(record, form)[0]))
    return max(1, round(np.mean(sizes))) if sizes else 1


def _write_missing(
    out: Path, shards: dict[str, list[Record]], form: Form, workers: int, most: float
) -> None:
    """Writes the shards that are not there."""
    for part in out.glob(".*.part"):
        part.unlink()
    done = {name for name in shards if (out / name).exists()}
    bad = sum(len(read_index(out / f"{name}{INDEX}")[0]["broken"]) for name in done)
    todo = [(n, r) for n, records in shards.items() if n not in done for r in records]
    if done:
        print(f"{len(done)} of {len(shards)} shards are there", file=sys.stderr)
    with contextlib.closing(ahead(partial(_try, form), todo, workers)) as results:
        stored = _judged(progress(results, len(todo), "videos"), bad, most)
        for name, group in itertools.groupby(stored, key=lambda result: result[0]):
            _write_shard(out / name, (result[1:] for result in group))


def _try(form: Form, place: tuple[str, Record]) -> tuple:
    """The shard, the record, and what it stores, or why it does not."""
    shard, record = place
    try:
        return shard, record, store(record, form)
    except (BrokenVideoError, av.FFmpegError, OSError) as error:
        return shard, record, reason(error)


def _judged(results: Iterable[tuple], bad: int, most: float) -> Iterator[tuple]:
    """Passes results on, and names the broken videos; ValueError of too many."""
    for shard, record, content in results:
        if isinstance(content, str):
            bad += 1
            LOGGER.warning("%s is broken and left out: %s", record.key, content)
            if bad > most:
                rule = f"at most {int(most)} videos may be broken"
                raise ValueError(
                    f"{rule} (`max_bad_fraction`). Got: {bad}, the last {record.key}: "
                    f"{content}. `python -m datasets.check` lists them."
                )
        yield shard, record, content


def _write_shard(path: Path, stored: Iterable[tuple]) -> None:
    """Writes a shard of records, and what of each was stored or why nothing was."""
    part, rows, broken = path.with_name(f".{path.name}.part"), [], []
    try:
        with open(part, "wb") as file:
            for record, content in stored:
                if isinstance(content, str):
                    broken.append((record.key, content))
                    continue
                example, offset, length = content
                start = tfrecord.write_record(file, example)
                checksum = zlib.crc32(memoryview(example)[offset : offset + length])
                place = start + offset, length, checksum
                rows.append((record.key, *place, record.clips))
            file.flush()
            os.fsync(file.fileno())  # Some disks say only now that they are full.
        head = {"videos": len(rows), "broken": broken}
        dump = json.JSONEncoder(separators=(",", ":")).encode
        text = "".join(f"{dump(line)}\n" for line in (head, *rows))
        write_text(path.with_name(f"{path.name}{INDEX}"), text)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def room(out: Path) -> Iterator[None]:
    """Makes a ValueError of one line of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        rule = "have room: the disk is full. What is whole stays; go on when there is"
        raise ValueError(f"`out` must {rule}. Got: {str(out)!r}") from None


def write_text(path: Path, text: str) -> None:
    """Writes an ASCII file, which appears only when it is whole."""
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _meta(
    out: Path, source, name: str, form: Form, shards: dict[str, list[Record]]
) -> dict:
    """What there is, by the indices of the shards."""
    clips, videos, broken, files = Counter(), Counter(), [], []
    for shard in shards:
        head, rows = read_index(out / f"{shard}{INDEX}")
        broken += head["broken"]
        size = (out / shard).stat().st_size
        files.append({"name": shard, "videos": head["videos"], "bytes": size})
        for *_, items in rows:
            splits = [item[0] for item in items]
            clips.update(splits)
            videos.update(set(splits))
    splits = {s: {"videos": videos[s], "clips": clips[s]} for s in SPLITS if clips[s]}
    return {
        "format": FORMAT,
        "name": name,
        "task": source.task,
        "classes": list(source.classes),
        "form": dataclasses.asdict(form),
        "codec": form.codec,
        "splits": splits,
        "broken": broken,
        "shards": files,
    }


def ahead(function: Callable, items: Iterable, workers: int) -> Iterator:
    """Maps by several threads, in order, a few items ahead of what is asked for."""
    pool, waiting = ThreadPoolExecutor(workers), collections.deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)

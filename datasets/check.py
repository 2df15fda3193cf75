"""The job that finds broken videos: `python -m datasets.check FOLDER|table.csv`.

Of a data set by name it finds the missing ones, too:
`python -m datasets.check kinetics400 --data_dir=FOLDER`.
"""

import argparse
import csv
import dataclasses
import os
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av

from datasets import order
from datasets.catalog import OFFICIAL, list_files
from datasets.decode import LEAST_DECODED, BrokenVideoError, Video, reason
from datasets.folder import list_videos
from datasets.pictures import upright_shape
from datasets.progress import progress
from datasets.table import read_rows
from zoo.command import command

FINE = ("ok", "there")
# Names of files need not be UTF-8: they are written as they are.
AS_NAMED = {"encoding": "utf-8", "errors": "surrogateescape"}


@dataclasses.dataclass(frozen=True)
class Report:
    """The state of a video file.

    Args:
        path: Of the file.
        state: "ok"; "damaged": it is used, with what decodes; "broken": it is not;
            "missing": an annotation file names it, but it is not there; "there": it is,
            and was not decoded.
        decoded: Frames that decode.
        expected: Frames in the file; those that its header promises if more.
        fps: Mean frames per second.
        width: Of the upright picture.
        height: Of the upright picture.
        rotation: Degrees, counter-clockwise, to set it upright.
        error: What is wrong.
    """

    path: str
    state: str
    decoded: int = 0
    expected: int = 0
    fps: float = 0.0
    width: int = 0
    height: int = 0
    rotation: int = 0
    error: str = ""


def inspect(path: str) -> Report:
    """Decodes a whole video, and says in what state it is."""
    try:
        with Video(path) as video:
            return _inspect(video)
    except BrokenVideoError as error:
        return Report(os.fspath(path), "broken", error=error.reason)
    except av.FFmpegError as error:
        return Report(os.fspath(path), "broken", error=reason(error))


def _inspect(video: Video) -> Report:
    last = deque(enumerate(video.all_frames(), 1), maxlen=1)
    decoded, frame = last.pop() if last else (0, None)
    packets = len(video.times)
    expected = max(packets, video.stated_frames)
    faults = [f"{video.bad} bad packets"] * bool(video.bad)
    if decoded < expected:
        faults.append(f"{expected - decoded} frames missing")
    broken = decoded < max(1, LEAST_DECODED * packets)
    state = "broken" if broken else "damaged" if faults else "ok"
    height, width, turns = upright_shape(frame) if frame else (0, 0, 0)
    return Report(
        video.path,
        state,
        decoded,
        expected,
        round(video.rate, 3),
        width,
        height,
        90 * turns if turns < 3 else -90,
        ", ".join(faults),
    )


def check(data: str) -> dict[str, Report]:
    """Decodes every video of a folder or a table.

    Args:
        data: Path of the folder, or of the CSV file.

    Returns:
        The report of each video by its path in the folder or the table.

    Raises:
        ValueError: There is no such folder or table, or no video in it.
    """
    names, root = list_names(data)
    if not names:
        raise ValueError(f"`data` must hold videos. Got: {data}")
    return inspect_all(names, root)


def check_official(
    name: str, data_dir: str, missing_only: bool = False
) -> dict[str, Report]:
    """Looks which videos of an official data set are there, and decodes them.

    Args:
        name: Of the data set.
        data_dir: Its folder.
        missing_only: Whether to decode none.

    Returns:
        The report of each video by its path in the folder.
    """
    there, missing = list_files(name, data_dir)
    absent = {path: Report(path, "missing", error="no such file") for path in missing}
    if missing_only:
        return {path: Report(path, "there") for path in there} | absent
    return inspect_all(there, Path(data_dir)) | absent


def inspect_all(names: list[str], root: Path) -> dict[str, Report]:
    """Decodes videos by their paths in a folder, one for each core at once."""
    with ThreadPoolExecutor(order.thread_count(None)) as pool:
        reports = pool.map(inspect, [root / name for name in names])
        return dict(zip(names, progress(reports, len(names), "videos"), strict=True))


def list_names(data: str) -> tuple[list[str], Path]:
    """The videos' paths in a folder or a table, and what they are relative to."""
    path = Path(data)
    if path.is_dir():
        return [p.relative_to(path).as_posix() for p in list_videos(path)], path
    if path.is_file():
        return sorted({row["path"] for row in read_rows(path)}), path.parent
    raise ValueError(f"`data` must be a folder or a CSV file. Got: {data!r}")


def write_csv(reports: dict[str, Report], path: str) -> None:
    """Writes reports as a table."""
    with open(path, "w", newline="", **AS_NAMED) as file:
        names = [field.name for field in dataclasses.fields(Report)]
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(dataclasses.asdict(report) for report in reports.values())


def write_problems(reports: dict[str, Report], path: str) -> None:
    """Writes what is wrong with which video as a table of path and problem."""
    with open(path, "w", newline="", **AS_NAMED) as file:
        writer = csv.writer(file)
        writer.writerow(["path", "problem"])
        for name, report in reports.items():
            if report.state not in FINE:
                error = f": {report.error}" if report.error else ""
                writer.writerow([name, f"{report.state}{error}"])


def write_exclude(reports: dict[str, Report], path: str) -> None:
    """Writes the paths of the broken videos, for the sources' `exclude`."""
    broken = [name for name, report in reports.items() if report.state == "broken"]
    Path(path).write_text("".join(f"{name}\n" for name in broken), **AS_NAMED)


def describe(name: str, report: Report) -> str:
    """One line on one video."""
    line = f"{report.state:8}{report.decoded:6} of {report.expected:6} frames"
    line += f"{report.fps:8.2f} fps {report.width:5} x {report.height:<5}"
    turned = f" rotated {report.rotation}" if report.rotation else ""
    error = f" ({report.error})" if report.error else ""
    return f"{line} {name.encode(errors='replace').decode()}{turned}{error}"


def main(arguments: list[str] | None = None) -> int:
    """Runs the job; its exit code is 1 if a video is broken or missing."""
    options = _parser().parse_args(arguments)
    for name in ("csv", "exclude"):
        _check_writable(name, getattr(options, name))
    if options.show:  # First, as the rest may take hours.
        _show(options)
    official = options.data_dir is not None or _is_name(options.data)
    valid = official or not options.missing_only
    order.check(valid, "missing_only", "of a data set by name", options.data)
    if official:
        if options.data_dir is None:
            raise ValueError(f"`data_dir` must be given for {options.data}. Got: None")
        where = options.data, options.data_dir
        reports = check_official(*where, missing_only=options.missing_only)
    else:
        reports = check(options.data)
    if options.csv:
        (write_problems if official else write_csv)(reports, options.csv)
    if options.exclude:
        write_exclude(reports, options.exclude)
    for name, report in reports.items():
        if not official or report.state not in FINE:  # These may be 240,000.
            print(describe(name, report))
    counts = Counter(report.state for report in reports.values())
    states = ["there"] if options.missing_only else ["ok", "damaged", "broken"]
    states += ["missing"] * official
    told = ", ".join(f"{counts[state]} {state}" for state in states)
    print(f"{len(reports)} videos: {told}")
    return int(counts["broken"] + counts["missing"] > 0)


def _check_writable(name: str, path: str | None) -> None:
    """Raises ValueError where a file can not be written; it stays as it is."""
    if path is None:
        return
    there = os.path.exists(path)
    try:
        with open(path, "a", encoding="utf-8"):
            pass
    except OSError as error:
        rule = f"a file that can be written ({error.strerror})"
        order.check(False, name, rule, path)
    if not there:
        os.remove(path)


def _show(options: argparse.Namespace) -> None:
    from zoo import launch  # It has gin, which this job has no other use for.

    data = options.data
    if options.data_dir is not None:
        data = f"{data}:{options.data_dir}"
    argv = [f"--data={data}", f"--out={options.show}"]
    argv += [f"--gin_bindings={binding}" for binding in options.gin_bindings]
    launch.run("datasets.sheet.sheet", argv, {"out": "the picture"})


def _is_name(data: str) -> bool:
    return data in OFFICIAL and not os.path.exists(data)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m datasets.check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ", ".join(OFFICIAL)
    data = f"a folder of videos, a CSV table, or with --data_dir one of {names}"
    parser.add_argument("data", help=data)
    parser.add_argument("--data_dir", help="folder of the data set of this name")
    parser.add_argument(
        "--missing_only",
        action="store_true",
        help="of a data set by name: look which videos are there, decode none",
    )
    parser.add_argument(
        "--csv",
        help="write the states as a table to this file; of a data set by name the path "
        "and the problem of each video that has one",
    )
    parser.add_argument("--exclude", help="write the broken videos' paths to this file")
    parser.add_argument(
        "--show", help="draw some training clips, augmented, as this picture"
    )
    parser.add_argument(
        "--gin_bindings",
        action="append",
        default=[],
        help='of --show, such as "folder.VideoFolder.resize = (1.0, 1.5)"',
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser


if __name__ == "__main__":
    command(main)

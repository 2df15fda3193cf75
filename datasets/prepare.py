"""The job that writes data sets as files: `python -m datasets.prepare NAME --out=DIR`.

The videos of a data set by name, of a folder or of a table go to TFRecord shards, which
`datasets.load("shards", data_dir=DIR)` and --data=shards:DIR read. `moving_shapes` are
drawn, and written as videos: see `python -m datasets.prepare moving_shapes --help`.

It can be stopped and started again: what is there already is left as it is.
"""

import argparse
import ast
import contextlib
import csv
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from datasets import sharding
from datasets.catalog import OFFICIAL, check_name, load
from datasets.moving_shapes import MovingShapes
from datasets.order import SPLITS, TASKS, check, thread_count
from datasets.progress import progress
from datasets.transcode import Form
from zoo.command import command

UNSEEN = "move_right"


def moving_shapes(
    out: str,
    task: str = "single",
    videos_per_class: int = 20,
    size: int = 96,
    seconds: float | None = None,
    fps: float = 24.0,
    seed: int = 0,
    splits: bool = False,
) -> None:
    """Writes the moving shapes as mp4 files.

    Single-label they go to `out/class/`, or to `out/split/class/`; multi-label to
    `out/videos/`, with `out/table.csv` beside. One more that is in no split lies in
    `out` itself, to try a trained network on.

    Args:
        out: Folder to write to.
        task: "single" or "multi" label.
        videos_per_class: Videos of each action; in split folders those of training.
        size: Height and width in pixels, even.
        seconds: Length of a video; 2 by default, 8 where multi-label.
        fps: Frames per second.
        seed: Of the data set.
        splits: Whether to write split folders.
    """
    settings = {key: value for key, value in locals().items() if key != "out"}
    check(size >= 16 and size % 2 == 0, "size", "even and at least 16", size)
    check(fps > 0, "fps", "above 0", fps)
    source = MovingShapes(task, videos_per_class, seconds=seconds, seed=seed)
    frames = round(source.seconds * fps)
    check(frames >= 1, "seconds", "at least one frame", source.seconds)
    spec = SimpleNamespace(
        frames=frames, rate=fps, height=size, width=size, segments=None
    )
    out = Path(out)
    used = SPLITS if splits or task == "multi" else SPLITS[:1]
    places = [(split, i) for split in used for i in range(source.size(split))]

    def write(place):
        split, index = place
        clip, label = source.clip(spec, split, index, start=0.0)
        folder = _folder(source, split, label, splits)
        write_video(out / folder / f"{split}_{index:05d}.mp4", clip, fps)
        return folder, split, index, label

    unseen = MovingShapes(actions=(UNSEEN, "grow"), seconds=seconds, seed=seed + 1)
    clip, _ = unseen.clip(spec, "test", 0, start=0.0)
    with sharding.locked(out), sharding.room(out):
        _claim(out, "moving_shapes", settings)
        rows = _write_all(write, places)
        if task == "multi":
            _write_table(out / "table.csv", source.classes, rows)
        write_video(out / "unseen.mp4", clip, fps)
    print(f"{out / 'unseen.mp4'} is in no class folder; it shows {UNSEEN}")


def shards(
    data: str,
    out: str,
    data_dir: str | None = None,
    form: Form | None = None,
    options: dict | None = None,
    **settings,
) -> None:
    """Writes the videos of a data set into TFRecord shards, and says what is there.

    Args:
        data: Name of a data set; or a folder of videos, or a CSV table, with or without
            "folder:" or "table:" before; or NAME:FOLDER.
        out: Folder to write to.
        data_dir: The data set's folder, where `data` is its name alone.
        form: In which to store videos; None is as they are.
        options: Of the data set's class.
        settings: Of `sharding.write`.

    Raises:
        ValueError: There is no such data set, it takes no such option, or what
            `sharding.write` raises.
    """
    name, folder = find(data, data_dir)
    source, form = _load(name, folder, options or {}), form or Form()
    root = os.path.dirname(folder) if name == "table" else folder
    meta = sharding.write(source, name, root, out, form, **settings)
    counts = [f"{split} {n['clips']}" for split, n in meta["splits"].items()]
    videos = sum(shard["videos"] for shard in meta["shards"])
    codec = f", encoded by {form.codec}" if form.codec else ""
    count = len(meta["shards"])
    print(f"{out}: {videos} videos in {count} shard{'s' * (count > 1)}{codec}")
    print(f"clips: {', '.join(counts)}; {len(meta['broken'])} broken videos left out")


def _load(name: str, folder: str, options: dict):
    try:
        return load(name, data_dir=folder, **options)
    except TypeError as error:
        if not options:
            raise
        rule = f"one that the class of {name} takes"
        raise ValueError(f"`option` must be {rule}. Got: {error}") from None


def find(data: str, data_dir: str | None) -> tuple[str, str]:
    """The name of what gives the clips, and its folder or table."""
    names = {**OFFICIAL, "folder": "", "table": ""}
    name, _, folder = data.partition(":")
    if data_dir is None and os.path.exists(data):
        return "table" if os.path.isfile(data) else "folder", data
    check_name(name, names)
    valid = (data_dir is None) == bool(folder)
    rule = f"{name} with --data_dir=FOLDER, or {name}:FOLDER"
    check(valid, "name", rule, data if data_dir is None else f"{data}, {data_dir}")
    return name, folder or data_dir


def write_video(path: Path, clip: np.ndarray, fps: float) -> None:
    """Encodes a clip, float RGB in [0, 1], unless its file is there already.

    Args:
        path: Of the mp4 file; it appears under this name only when it is whole.
        clip: (frames, height, width, 3).
        fps: Frames per second.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        _encode(part, clip, fps)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def _encode(path: Path, clip: np.ndarray, fps: float) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        rate = Fraction(fps).limit_denominator(1001)
        # x264's tree of blocks reads past pictures: bytes would vary.
        options = {"crf": "23", "preset": "veryfast", "mbtree": "0"}
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.height, stream.width = clip.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count, scaler = 1, VideoReformatter()
        for image in np.round(clip * 255).astype("uint8"):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            # With more threads the bytes are not the same each time.
            frame = scaler.reformat(frame, format="yuv420p", threads=1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _claim(out: Path, name: str, settings: dict) -> None:
    """Notes what a folder holds; ValueError if that is something else."""
    note, text = out / f"{name}.json", json.dumps(settings, indent=2, sort_keys=True)
    if note.exists():
        if note.read_text(encoding="utf-8") != text:
            rule = f"`out` must be new, or hold {name} of the same settings"
            raise ValueError(f"{rule}, which are in {note}. Got: {out}")
    elif any(path.name != sharding.LOCK for path in out.iterdir()):
        raise ValueError(f"`out` must be new or empty. Got: {out}, with files in it")
    sharding.write_text(note, text)


def _folder(source: MovingShapes, split: str, label: np.ndarray, splits: bool) -> str:
    if source.task == "multi":
        return "videos"
    name = source.classes[int(label)]
    return f"{split}/{name}" if splits else name


def _write_all(write, places: list) -> list:
    with contextlib.closing(sharding.ahead(write, places, thread_count(None))) as done:
        return list(progress(done, len(places), "videos written"))


def _write_table(path: Path, classes: tuple[str, ...], rows: Iterable) -> None:
    part = path.with_suffix(".part")
    with open(part, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "labels", "split"])
        for folder, split, index, label in rows:
            names = "|".join(classes[i] for i in np.flatnonzero(label))
            writer.writerow([f"{folder}/{split}_{index:05d}.mp4", names, split])
    part.rename(path)


def main(arguments: list[str] | None = None) -> int:
    """Runs the job."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["moving_shapes"]:
        options = vars(_shapes_parser().parse_args(arguments[1:]))
        del options["debug"]  # `command` sees it.
        moving_shapes(**options)
        return 0
    options = _parser().parse_args(arguments)
    shards(
        options.name,
        options.out,
        options.data_dir,
        Form(**{field.name: getattr(options, field.name) for field in fields(Form)}),
        dict(map(_option, options.option)),
        shard_bytes=options.shard_mb << 20,
        workers=options.workers,
        max_bad_fraction=options.max_bad_fraction,
    )
    return 0


def _option(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    check(bool(name and equals), "option", "NAME=VALUE, such as fold=2", text)
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m datasets.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ", ".join(OFFICIAL)
    data = f"a folder of videos, a CSV table, or with --data_dir one of {names}"
    parser.add_argument("name", help=data)
    add = parser.add_argument
    add("--data_dir", help="folder of the data set of this name")
    add("--out", required=True, help="folder to write to")
    add("--short_side", type=int, help="pixels of the shorter side of larger pictures")
    add("--gop", type=int, help="frames from one key frame to the next")
    add("--frames", action="store_true", help="write JPEG pictures, not video files")
    flow = "write the optical flow from each frame to the next (TV-L1), as PNG pictures"
    add("--flow", action="store_true", help=flow)
    add("--fps", type=float, help="frames a second to keep of faster videos")
    add("--shard_mb", type=int, default=192, help="size of a shard, about")
    add("--workers", type=int, help="videos at once (default: one for each core)")
    option = "of the data set's class, such as fold=2 or held_out=False; repeatable"
    add("--option", action="append", default=[], metavar="NAME=VALUE", help=option)
    share = "of videos that may be broken (default: 0.1)"
    add("--max_bad_fraction", type=float, default=0.1, metavar="SHARE", help=share)
    add("--debug", action="store_true", help="show tracebacks")
    return parser


def _shapes_parser() -> argparse.ArgumentParser:
    name = "python -m datasets.prepare moving_shapes"
    text = "Writes shapes that move, as mp4 files."
    shapes = argparse.ArgumentParser(name, description=text)
    shapes.add_argument("--out", required=True, help="folder to write to")
    shapes.add_argument("--task", choices=TASKS, default="single")
    shapes.add_argument("--videos_per_class", type=int, default=20)
    shapes.add_argument("--size", type=int, default=96, help="pixels")
    shapes.add_argument("--seconds", type=float, help="length of a video")
    shapes.add_argument("--fps", type=float, default=24.0)
    shapes.add_argument("--seed", type=int, default=0)
    shapes.add_argument("--splits", action="store_true", help="write split folders")
    shapes.add_argument("--debug", action="store_true", help="show tracebacks")
    return shapes


if __name__ == "__main__":
    command(main)

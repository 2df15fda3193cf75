"""The command `python -m zoo.predict`: says what videos, or a camera, show."""

if __name__ == "__main__":  # First, as the libraries below write on the screen.
    from zoo.command import command, function

    command(lambda argv: function("zoo.predict.main")(argv))

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Iterator

import numpy as np
from absl import flags

from zoo import ensemble, inference, inputs, metrics, predictor, stream, streams
from zoo.flags import read_arguments
from zoo.genotypes.base import check, check_whole
from zoo.outputs import Views
from zoo.record import settings_of_clips

USAGE = """Says what video files show.

usage: python -m zoo.predict --model=RUN [flags] FILE_OR_FOLDER ...
       python -m zoo.predict --model=RUN --stream FILE_OR_CAMERA [flags]

example: python -m zoo.predict --model=runs/tvn1 --top=3 clip.mp4 videos/

A folder is that of videos; kinetics400:FOLDER and something_something_v2:FOLDER are the
videos of the data set's test list, whose labels are not published. Clips are taken from
a video as zoo.evaluate takes them from the run's own data.

  --model  folder of a training run, or of an ensemble
  --top    classes to show for each video (default 5), or at each time (default 1)
  --views  clips of each video, evenly over its time (default 1)
  --crops  of each of these: 1, 3 or 5 (default 1)
  --join   mean or max of their probabilities (default mean)
  --json   one JSON array of {path, predictions or error}, best first; of a stream one
           object a line, {time, latency_ms, predictions}, and at last {summary}
  --debug  show the traceback of an error

A stream is a camera such as /dev/video0, the address of a video, or a file, which is
read at its own pace. What its last frames show is said every so often, until it ends or
Ctrl-C; where that takes longer, frames are dropped, not queued.

  --stream  what to read
  --stride  seconds between two decisions (default 1)
  --speed   of a file: how many seconds of it pass in one (default 1)
"""


def predict(
    run: inference.Run | ensemble.Ensemble,
    paths: list[str],
    views: int = 1,
    crops: int = 1,
    join: str = "mean",
) -> Iterator[tuple[str, np.ndarray | str]]:
    """Probabilities of the classes for video files, as `zoo.evaluate` would have them.

    What is done with videos shorter than the clip, and which part of a video a single
    clip is, the config of the run says: `short` and `evaluation` of its clip source.
    A network of optical flow gets that of the clip, computed on the way.

    Args:
        run: A trained network, or an ensemble.
        paths: Videos, and folders whose videos are taken at any depth; or NAME:FOLDER
            for the videos of an official data set that come without labels.
        views: Clips of each video, evenly over its time.
        crops: Of each of these; see `outputs.Views`.
        join: "mean" or "max" of the views' probabilities.

    Yields:
        The path of each video, and probabilities (classes,), or why it has none.
    """
    from datasets import decode, viewing  # Not where only `zoo` is used.

    seen, run = Views(views, crops, join), streams.online(run)
    known = settings_of_clips(run.workdir, "evaluation", "short")
    viewer = viewing.Viewer(**known)
    for number, path in enumerate(_videos(paths)):
        try:
            # Networks of an ensemble may read clips of several kinds.
            clips = {
                spec: viewer.read(path, spec, views, crops, number)
                for spec in dict.fromkeys(m.clip_spec for m in _members(run))
            }
        except (decode.BrokenVideoError, OSError) as error:
            yield path, getattr(error, "reason", None) or str(error)
        else:
            yield path, _said(run, clips, seen)


def _members(run: inference.Run | ensemble.Ensemble) -> list[inference.Run]:
    return [*run.members.values()] if isinstance(run, ensemble.Ensemble) else [run]


def _said(run: inference.Run | ensemble.Ensemble, clips: dict, seen: Views):
    """Probabilities of a video, from its views by clip spec."""
    logits = [
        seen.joined(run.task, member.logits(clips[member.clip_spec])[None])
        for member in _members(run)
    ]
    if isinstance(run, ensemble.Ensemble):
        return run.fused(logits)[0]
    return metrics.probabilities(run.task, logits[0])[0]


def _videos(paths: list[str]) -> Iterator[str]:
    from datasets import catalog, folder

    for path in paths:
        name, _, place = path.partition(":")
        if os.path.isdir(path):
            found = folder.list_videos(path)
            check(len(found) > 0, "path", "a video, or a folder that holds some", path)
            yield from map(str, found)
        elif name in catalog.OFFICIAL and place and not os.path.exists(path):
            yield from catalog.list_unlabelled(name, place)
        else:
            yield path


def main(argv: list[str]) -> int:
    """Runs the command; 1 where a video could not be read."""
    values = flags.FlagValues()
    flags.DEFINE_string("model", None, "", flag_values=values)
    flags.DEFINE_integer("top", None, "", flag_values=values)
    flags.DEFINE_string("stream", None, "", flag_values=values)
    flags.DEFINE_float("stride", 1.0, "", flag_values=values)
    flags.DEFINE_float("speed", 1.0, "", flag_values=values)
    flags.DEFINE_integer("views", 1, "", flag_values=values)
    flags.DEFINE_integer("crops", 1, "", flag_values=values)
    flags.DEFINE_string("join", "mean", "", flag_values=values)
    for name in ("json", "debug", "help"):
        flags.DEFINE_boolean(name, False, "", flag_values=values)
    paths = read_arguments(values, argv)
    if values.help:
        print(USAGE)
        return 0
    check(values.model is not None, "model", "given: --model=RUN", values.model)
    top = values.top
    if top is None:
        top = 5 if values.stream is None else 1
    check_whole(top, "top")
    _check_of_use(values)
    if values.stream is not None:
        check(not paths, "path", "left out where there is a stream", paths)
        pace = values.stride, values.speed
        return watch(values.model, values.stream, *pace, top, values.json)
    check(len(paths) > 0, "path", "given: videos or folders", paths)
    views = values.views, values.crops, values.join
    Views(*views)  # A mistake is told before the run is loaded.
    run = inference.load(values.model)
    _check_reads_clips(run)
    results = predict(run, paths, *views)
    return _show(run, results, top, values.json)


def _check_of_use(values: flags.FlagValues) -> None:
    """Raises ValueError of a flag that is for files alone, or for a stream alone."""
    idle, rule = ("stride", "speed"), "left out where there is no stream"
    if values.stream is not None:
        idle, rule = ("views", "crops", "join"), "left out where there is a stream"
    for name in idle:
        flag = values[name]
        check(flag.value == flag.default, name, rule, flag.value)


def watch(
    model: str,
    path: str,
    stride: float = 1.0,
    speed: float = 1.0,
    top: int = 1,
    as_json: bool = False,
) -> int:
    """Prints what a stream shows, until it ends or is interrupted, and a summary.

    Args:
        model: Folder of a run, or of an ensemble.
        path: As of `datasets.live.Live`.
        stride: Seconds of the stream between decisions.
        speed: Of a file; see `stream.paced`.
        top: Classes to show at each time.
        as_json: Whether to print a JSON object a line.

    Raises:
        ValueError: A number is not what it must be, or the network reads no clip alone.
    """
    from datasets import live  # Not where only `zoo` is used.

    check(stride > 0, "stride", "above 0 seconds", stride)
    check(speed > 0, "speed", "above 0", speed)
    source = live.Live(path)
    rule = "left out of a camera, which has its own pace"
    check(not source.is_live or speed == 1, "speed", rule, speed)
    ready = predictor.Predictor(model)
    fit = live.fit(ready.clip_spec)
    window = stream.Stream(ready, ready.clip_spec, stride, fit)
    frames = source.frames()
    frames = frames if source.is_live else stream.paced(frames, speed)
    with (
        contextlib.suppress(KeyboardInterrupt),  # So it is meant to end.
        contextlib.closing(window.follow(frames)) as decisions,
    ):
        for decision in decisions:
            _tell(decision, _best(ready, decision.probabilities, top), as_json)
    _conclude(window.summary(), as_json)
    return 0


def _tell(decision: stream.Decision, guesses: list[dict], as_json: bool) -> None:
    if as_json:
        latency = round(1000 * decision.latency, 1)
        record = {"time": round(decision.time, 3), "latency_ms": latency}
        print(json.dumps({**record, "predictions": guesses}), flush=True)
        return
    minutes, seconds = divmod(round(decision.time, 1), 60)
    start = f"{minutes:3.0f}:{seconds:04.1f}"
    for guess in guesses:
        chance = f"{100 * guess['probability']:6.2f} %  {guess['class']}"
        print(f"{start}  {chance}", flush=True)
        start = " " * len(start)


def _conclude(summary: stream.Summary, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"summary": dataclasses.asdict(summary)}), flush=True)
        return
    line = f"{summary.decisions} decisions on {summary.frames} frames"
    if summary.decisions:
        line += f", {summary.median_ms:.0f} ms in the median after what they are about"
        line += f" and {summary.worst_ms:.0f} ms at most"
    else:
        line += ": the stream was shorter than the clip"
    print(f"{line}; {summary.skipped} skipped, {summary.dropped} frames dropped")


def _check_reads_clips(run: inference.Run | ensemble.Ensemble) -> None:
    for read in (inputs.names(member.model) for member in _members(run)):
        rule = "one that reads a clip alone; of others zoo.evaluate has the predictions"
        check(len(read) == 1, "model", rule, ", ".join(read))


def _show(run: inference.Run, results, top: int, as_json: bool) -> int:
    records, failed = [], False
    for path, result in results:
        if isinstance(result, str):
            failed = True
            records.append({"path": path, "error": result})
        else:
            records.append({"path": path, "predictions": _best(run, result, top)})
        if not as_json:
            _print(records[-1])
    if as_json:
        print(json.dumps(records, indent=2))
    return int(failed)


def _best(
    run: inference.Run | predictor.Predictor, probabilities: np.ndarray, top: int
) -> list[dict]:
    order = np.argsort(-probabilities, kind="stable")[:top]
    return [
        {"class": run.classes[i], "probability": round(float(probabilities[i]), 6)}
        for i in order
    ]


def _print(record: dict) -> None:
    if "error" in record:
        print(f"error: {record['path']}: {record['error']}", file=sys.stderr)
        return
    print(record["path"])
    for guess in record["predictions"]:
        print(f"  {100 * guess['probability']:6.2f} %  {guess['class']}", flush=True)

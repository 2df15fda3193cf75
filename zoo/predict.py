"""The command `python -m zoo.predict`: says what video files show."""

if __name__ == "__main__":  # First, as the libraries below write on the screen.
    from zoo.command import command, function

    command(lambda argv: function("zoo.predict.main")(argv))

import json
import os
import sys
from collections.abc import Iterator

import numpy as np
from absl import flags

from zoo import ensemble, inference, inputs
from zoo.genotypes.base import check, check_whole

USAGE = """Says what video files show.

usage: python -m zoo.predict --model=RUN [flags] FILE_OR_FOLDER ...

example: python -m zoo.predict --model=runs/tvn1 --top=3 clip.mp4 videos/

  --model  folder of a training run, or of an ensemble
  --top    classes to show for each video (default 5)
  --clips  clips spread over each video, whose probabilities are averaged (default 1)
  --json   one JSON array of {path, predictions or error}, best first
  --debug  show the traceback of an error
"""


def predict(
    run: inference.Run | ensemble.Ensemble, paths: list[str], clips: int = 1
) -> Iterator[tuple[str, np.ndarray | str]]:
    """Probabilities of the classes for video files.

    Args:
        run: A trained network, or an ensemble.
        paths: Videos, and folders whose videos are taken at any depth.
        clips: How many to spread over each video; their probabilities are averaged.

    Yields:
        The path of each video, and probabilities (classes,), or why it has none.
    """
    from datasets import decode  # Not where only `zoo` is used.

    check_whole(clips, "clips")
    for path in _videos(paths):
        try:
            batches = {
                name: _read(path, spec, clips) for name, spec in run.clip_specs.items()
            }
        except (decode.BrokenVideoError, OSError) as error:
            yield path, getattr(error, "reason", None) or str(error)
        else:
            # Networks of an ensemble may read clips of several kinds.
            batch = batches if len(batches) > 1 else next(iter(batches.values()))
            yield path, run.predict(batch).mean(axis=0)


def _videos(paths: list[str]) -> Iterator[str]:
    from datasets import folder

    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        found = folder.list_videos(path)
        check(len(found) > 0, "path", "a video, or a folder that holds some", path)
        yield from map(str, found)


def _read(path: str, clip_spec, count: int) -> np.ndarray:
    """Clips of (count, frames, height, width, 3), evenly over the video."""
    from datasets import clips

    places = (np.arange(count) + 0.5) / count
    return np.stack([clips.read_file(path, clip_spec, place) for place in places])


def main(argv: list[str]) -> int:
    """Runs the command; 1 where a video could not be read."""
    values = flags.FlagValues()
    flags.DEFINE_string("model", None, "", flag_values=values)
    flags.DEFINE_integer("top", 5, "", flag_values=values)
    flags.DEFINE_integer("clips", 1, "", flag_values=values)
    for name in ("json", "debug", "help"):
        flags.DEFINE_boolean(name, False, "", flag_values=values)
    try:
        paths = values(["predict", *argv])[1:]
    except flags.Error as error:
        raise ValueError(f"{error}. See --help") from None
    if values.help:
        print(USAGE)
        return 0
    check(values.model is not None, "model", "given: --model=RUN", values.model)
    check(len(paths) > 0, "path", "given: videos or folders", paths)
    check_whole(values.top, "top")
    run = inference.load(values.model)
    _check_reads_clips(run)
    results = predict(run, paths, values.clips)
    return _show(run, results, values.top, values.json)


def _check_reads_clips(run: inference.Run | ensemble.Ensemble) -> None:
    members = run.members.values() if isinstance(run, ensemble.Ensemble) else [run]
    for read in (inputs.names(member.model) for member in members):
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


def _best(run: inference.Run, probabilities: np.ndarray, top: int) -> list[dict]:
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

"""The job `python -m zoo.evaluate`: scores trained networks on a split of clips.

It writes `evaluation.json` (the scores), `classes.csv` (accuracy or average precision
of each class), `predictions.csv` (each video's label and probabilities),
`predictions.npz` (the same, to be fused with others later), and for one label a clip
`confusion.csv` and `confusion.png`; with several networks these are of their ensemble,
`evaluation.json` has the scores of each, too, and `overlap.csv` tells for each pair how
many clips both get wrong, and either: their quotient is the overlap of their errors. Of
several labels a clip, one is got right where the class scored highest is among them,
and a clip of no label does not count.
"""

if __name__ == "__main__":  # First, as the libraries below write on the screen.
    from zoo import launch

    launch.main(
        "zoo.evaluate.evaluate",
        "--model=runs/tvn1 --data=videos --split=test",
        model="folder of a training run; several, as runs/a,runs/b, are scored as an "
        "ensemble, too;\nfolders of evaluations are fused without the videos",
        split="train, validation or test (default: test, where there is one)",
        out="folder for the results (default: evaluation-<split> in the run,\n"
        "ensemble-<split> in the first of several)",
        views="clips of each video, evenly over its time (default: 1)",
        crops="of each of these: 1, 3 or 5 (default: 1)",
        join="mean or max of their probabilities (default: mean)",
    )

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from zoo import files, inference, inputs, losses, metrics, outputs, tables
from zoo.ensemble import Ensemble
from zoo.genotypes import ClipSpec
from zoo.genotypes.base import check
from zoo.outputs import Saved, Views
from zoo.record import EVALUATION


def evaluate(
    model: str | Sequence[str],
    clips,
    split: str | None = None,
    batch_size: int = 8,
    limit: int | None = None,
    out: str | None = None,
    weights: Sequence[float] | None = None,
    average: str | None = None,
    views: int = 1,
    crops: int = 1,
    join: str = "mean",
) -> dict[str, float]:
    """Scores a trained network, or several and their ensemble, on a split of clips.

    Each network reads the clips it was trained on. Where labels depend on the clip, all
    networks are held to those that any of their clips has. Folders that an evaluation
    wrote are fused without their networks and clips: two streams, of RGB and of flow,
    may be scored on two machines.

    Args:
        model: Folder of a training run or of an ensemble, or several folders of runs,
            as a sequence or with commas between; or folders of evaluations of one
            split.
        clips: A clip source; its classes must be among the network's. None for
            folders of evaluations.
        split: "train", "validation" or "test"; None is "test" where it holds clips.
        batch_size: Clips at once.
        limit: Only about so many clips; None is all.
        out: Folder for the results; None is a new one in the (first) run's.
        weights: Of the networks in their ensemble, as `zoo.fuse` takes them; None is
            the ensemble's own, or equal ones.
        average: Of "probabilities" or "logits", as `zoo.fuse` has it; None is the
            ensemble's own, or probabilities.
        views: Clips of each video, evenly over its time; of evaluations those that were
            seen count, and this is left out.
        crops: Of each of these; see `outputs.Views`.
        join: "mean" or "max" of the views' probabilities.

    Returns:
        "loss", "clips", and "top1", "top5" and "mean_class" (the mean over classes of
        the share of their clips that is right), or "map"; where videos have no label
        also "map_labelled", which leaves them out, as the official script of Charades
        does; of several networks also "any_right", the share of clips that at least
        one of them gets right.

    Raises:
        ValueError: The runs, the split or the classes are not what they must be.
    """
    seen = Views(views, crops, join)
    names = _names(model)
    run = _load(names, weights, average)
    files.check_writable(out or names[0], name="out")  # It may take hours to get there.
    members = run.members if isinstance(run, Ensemble) else {names[0]: run}
    runs = list(members.values())
    if isinstance(runs[0], outputs.Saved):
        check(seen == Views(), "views", "left out for folders of evaluations", seen)
        split, parts = _saved(runs, names, clips, split)
    else:
        split, parts = _seen(runs, run, clips, split, batch_size, limit, seen)
    keys, labels, logits = outputs.aligned(parts)
    place = "evaluation" if len(names) == 1 else "ensemble"
    folder = pathlib.Path(out or os.path.join(names[0], f"{place}-{split}"))
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(run, Ensemble):
        others = _compare(folder, run, labels, logits)
        logits = metrics.logits_of(run.task, run.fused(logits))
    else:
        logits, others = logits[0], {}
    scores = {**_scores(run.task, labels, logits), "clips": len(labels)}
    files.write_json(folder / EVALUATION, {"split": split, **scores, **others})
    tables.write_classes(folder, run, labels, logits)
    tables.write_predictions(folder, run, keys, labels, logits)
    outputs.Saved(
        run.classes, run.task, split, _relative(keys, clips), labels, logits
    ).save(folder)
    if run.task == "single":
        tables.write_confusion(folder, run, labels, logits)
    tables.show(folder, split, scores, others)
    any_right = {"any_right": others["any_right"]} if others else {}
    return {**scores, **any_right}


def _names(model: str | Sequence[str]) -> list[str]:
    if not isinstance(model, str):
        return [str(name) for name in model]
    if os.path.isdir(model):  # Its name may hold a comma.
        return [model]
    return [name.strip() for name in model.split(",")]


def _load(
    names: list[str], weights: Sequence[float] | None, average: str | None
) -> inference.Run | Ensemble:
    """What folders hold: one its run or its ensemble, several an ensemble of theirs."""
    rule = "folders of training runs, each once"
    check(0 < len(names) == len(set(names)), "model", rule, names)
    saved = [outputs.is_saved(name) for name in names]
    rule = "folders of runs, or of evaluations: not of both"
    check(len(set(saved)) == 1, "model", rule, names)
    load = outputs.load if saved[0] else inference.load
    runs = {name: load(name) for name in names}
    run = runs[names[0]]
    if len(runs) > 1:
        run = Ensemble(runs, pathlib.Path(names[0]))
    for name, value in [("weights", weights), ("average", average)]:
        if value is not None:
            several = isinstance(run, Ensemble)
            check(several, name, "left out where there is one model", value)
            value = tuple(value) if name == "weights" else value
            run = dataclasses.replace(run, **{name: value})
    return run


def _saved(runs: list[Saved], names, clips, split: str | None) -> tuple:
    """The split of saved evaluations, and what each says."""
    check(len(runs) > 1, "model", "two evaluations or more, to be fused", names)
    check(clips is None, "clips", "None for folders of evaluations", clips)
    splits = sorted({run.split for run in runs})
    check(len(splits) == 1, "model", "evaluations of the same split", splits)
    rule = f"that of the evaluations, {splits[0]!r}"
    check(split in (None, *splits), "split", rule, split)
    return splits[0], [(run.keys, run.labels, run.logits) for run in runs]


def _seen(runs: list, run, clips, split, batch_size, limit, views: Views) -> tuple:
    """The split, and what each network says of it."""
    check(clips is not None, "clips", "given for folders of runs", clips)
    order = _class_numbers(run, clips)
    split = split or ("test" if clips.size("test") else "validation")
    for member in runs:
        inputs.check_source(member.model, clips)
    parts = _read(runs, clips, split, batch_size, limit, views)
    count = len(run.classes)
    return split, [(k, _renumbered(y, order, count), x) for k, y, x in parts]


def _relative(keys: list[str], clips) -> list[str]:
    """Keys of videos as on any machine: without the folder that the data is in."""
    root = getattr(clips, "root", None)
    start = f"{pathlib.PurePath(root)}/" if root else ""
    return [key.removeprefix(start) for key in keys]


def _class_numbers(run: inference.Run | Ensemble, clips) -> np.ndarray:
    """The network's number of each class of the clips, found by its name."""
    check(clips.task == run.task, "clips", f"of a {run.task}-label task", clips.task)
    unknown = sorted(set(clips.classes) - set(run.classes))
    rule = "of classes that the network knows"
    check(not unknown, "clips", rule, f"also {', '.join(unknown[:5])}")
    return np.array([run.classes.index(name) for name in clips.classes])


def _renumbered(labels: np.ndarray, order: np.ndarray, count: int) -> np.ndarray:
    if labels.ndim == 1:
        return order[labels]
    result = np.zeros((len(labels), count), labels.dtype)
    result[:, order] = labels
    return result


def _read(
    runs: list[inference.Run], clips, split: str, batch_size: int, limit, views: Views
) -> list[tuple]:
    """Keys, labels and logits of each run's videos."""
    groups: dict[ClipSpec, list[int]] = {}
    for number, run in enumerate(runs):
        groups.setdefault(run.clip_spec, []).append(number)
    parts = [None] * len(runs)
    for spec, numbers in groups.items():
        predict = _side_by_side([runs[n].model for n in numbers])
        keys, labels, stack = outputs.predictions(
            predict, clips, spec, split, batch_size, limit, verbose=True, views=views
        )
        for place, number in enumerate(numbers):
            parts[number] = keys, labels, stack[:, place]
    return parts


def _side_by_side(models: list):
    """Networks that read the same clips as one function, (clips, networks, classes)."""
    functions = [inference.compiled(model) for model in models]
    return lambda clip: np.stack([function(clip) for function in functions], axis=1)


def _scores(task: str, labels: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    loss = float(losses.cross_entropy(task, labels, logits))
    scores = {"loss": loss, **metrics.scores_of(task, labels, logits)}
    if task == "single":
        return {**scores, "mean_class": metrics.mean_class_accuracy(labels, logits)}
    known = labels.any(axis=1)
    if not known.all():
        scores["map_labelled"] = metrics.mean_average_precision(
            labels[known], logits[known]
        )
    return scores


def _compare(
    folder: pathlib.Path, run: Ensemble, labels: np.ndarray, outputs: list[np.ndarray]
) -> dict[str, object]:
    """Scores of the members, and how much their errors overlap; writes the latter."""
    names = list(run.members)
    counted = np.full(len(labels), True) if labels.ndim == 1 else labels.any(axis=1)
    right = {
        name: metrics.hits(labels, logits)[counted]
        for name, logits in zip(names, outputs, strict=True)
    }
    pairs = []
    for one, other in itertools.combinations(names, 2):
        both, either = metrics.overlap(right[one], right[other])
        share = both / either if either else None
        counts = {"both_wrong": both, "either_wrong": either, "overlap": share}
        pairs.append({"first": one, "second": other, **counts})
    tables.write_overlap(folder, pairs)
    any_right = np.any(list(right.values()), axis=0)
    return {
        "any_right": float(np.mean(any_right)) if counted.any() else 0.0,
        "models": {
            name: _scores(run.task, labels, logits)
            for name, logits in zip(names, outputs, strict=True)
        },
        "overlap": pairs,
    }

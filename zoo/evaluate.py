"""The job `python -m zoo.evaluate`: scores a trained network on a split of clips."""

if __name__ == "__main__":  # First, as the libraries below write on the screen.
    from zoo import launch

    launch.main(
        "zoo.evaluate.evaluate",
        "--model=runs/tvn1 --data=videos --split=test",
        model="folder of a training run",
        split="train, validation or test (default: test, where there is one)",
        out="folder for the results (default: evaluation-<split> in the run)",
    )

import csv
import os
import pathlib

import numpy as np

from zoo import files, inference, metrics, training
from zoo.genotypes.base import check


def evaluate(
    model: str,
    clips,
    split: str | None = None,
    batch_size: int = 8,
    limit: int | None = None,
    out: str | None = None,
) -> dict[str, float]:
    """Scores a trained network on a split of a clip source.

    Writes `evaluation.json` (the scores), `classes.csv` (accuracy or average precision
    of each class), `predictions.csv` (each video's label and probabilities), and for
    one label a clip `confusion.csv` and `confusion.png`.

    Args:
        model: Folder of a training run.
        clips: A clip source; its classes must be among the network's.
        split: "train", "validation" or "test"; None is "test" where it holds clips.
        batch_size: Clips at once.
        limit: Only about so many clips.
        out: Folder for the results; None is a new one in the run's.

    Returns:
        "loss", "clips", and "top1" and "top5", or "map".

    Raises:
        ValueError: The run, the split or the classes are not what they must be.
    """
    run = inference.load(model)
    order = _class_numbers(run, clips)
    split = split or ("test" if clips.size("test") else "validation")
    predict = inference.compiled(run.model)
    keys, labels, logits = inference.predictions(
        predict, clips, run.clip_spec, split, batch_size, limit, verbose=True
    )
    labels = _renumbered(labels, order, len(run.classes))
    folder = pathlib.Path(out or os.path.join(model, f"evaluation-{split}"))
    folder.mkdir(parents=True, exist_ok=True)
    scores = {
        "loss": float(training.cross_entropy(run.task, labels, logits)),
        **metrics.scores_of(run.task, labels, logits),
        "clips": len(labels),
    }
    files.write_json(folder / "evaluation.json", {"split": split, **scores})
    _write_classes(folder, run, labels, logits)
    _write_predictions(folder, run, keys, labels, logits)
    if run.task == "single":
        _write_confusion(folder, run, labels, logits)
    _show(folder, split, scores)
    return scores


def _class_numbers(run: inference.Run, clips) -> np.ndarray:
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


def _write_table(path: pathlib.Path, header: list, rows: list[list]) -> None:
    with files.replacing(path) as temporary, temporary.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _write_classes(folder: pathlib.Path, run, labels, logits) -> None:
    if run.task == "multi":
        name, counts = "average_precision", labels.sum(axis=0).astype(int)
        values = metrics.average_precisions(labels, logits)
    else:
        name, counts = "accuracy", np.bincount(labels, minlength=len(run.classes))
        right = labels[logits.argmax(axis=1) == labels]
        hits = np.bincount(right, minlength=len(run.classes))
        values = np.divide(
            hits, counts, where=counts > 0, out=np.full(len(hits), np.nan)
        )
    shown = ["" if np.isnan(value) else f"{value:.4f}" for value in values]
    rows = [list(row) for row in zip(run.classes, counts, shown, strict=True)]
    _write_table(folder / "classes.csv", ["class", "clips", name], rows)


def _write_predictions(folder: pathlib.Path, run, keys, labels, logits) -> None:
    """Keys are missing where training clips were scored."""
    hot = labels if run.task == "multi" else np.eye(len(run.classes))[labels]
    rows = []
    for index, row in enumerate(metrics.probabilities(run.task, logits)):
        names = [n for n, on in zip(run.classes, hot[index], strict=True) if on]
        key = keys[index] if keys else ""
        rows.append([key, "|".join(names), *(f"{value:.4g}" for value in row)])
    header = ["path", "label", *run.classes]
    _write_table(folder / "predictions.csv", header, rows)


def _write_confusion(folder: pathlib.Path, run, labels, logits) -> None:
    guesses = logits.argmax(axis=1)
    counts = metrics.confusion_matrix(labels, guesses, len(run.classes))
    rows = [[n, *row] for n, row in zip(run.classes, counts.tolist(), strict=True)]
    header = ["label \\ prediction", *run.classes]
    _write_table(folder / "confusion.csv", header, rows)
    _draw_confusion(folder / "confusion.png", run.classes, counts)


def _draw_confusion(path: pathlib.Path, classes, counts: np.ndarray) -> None:
    from matplotlib.figure import Figure  # Slow to import; without a screen's window.

    side = min(40.0, 3 + 0.3 * len(classes))
    figure = Figure((side + 1, side), layout="constrained")
    axes = figure.subplots()
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes, rotation=90)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("prediction")
    axes.set_ylabel("label")
    figure.colorbar(image, label="share of the label's clips")
    if len(classes) <= 30:
        for row, column in np.argwhere(counts):
            color = "white" if share[row, column] > 0.5 else "black"
            number = counts[row, column]
            axes.text(column, row, number, ha="center", va="center", color=color)
    with files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _show(folder: pathlib.Path, split: str, scores: dict[str, float]) -> None:
    names = {"top1": "top-1", "top5": "top-5", "map": "mAP"}
    print(f"{scores['clips']} clips of {split}")
    for name, value in scores.items():
        if name in names:
            print(f"  {names[name]:<6}{100 * value:6.2f} %")
    print(f"  {'loss':<6}{scores['loss']:6.3f}")
    print(f"More in {folder}", flush=True)

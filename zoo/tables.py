"""What an evaluation shows, and the tables and the picture that it leaves."""

import csv
import io
import pathlib

import numpy as np

from zoo import files, metrics, pictures

TITLES = {
    "top1": "top-1",
    "top5": "top-5",
    "mean_class": "by class",
    "map": "mAP",
    "map_labelled": "labelled",
}


def write_overlap(folder: pathlib.Path, pairs: list[dict]) -> None:
    """Writes `overlap.csv`: for each pair of networks, how their errors overlap.

    Args:
        folder: Of the evaluation.
        pairs: Of each "first", "second", "both_wrong", "either_wrong", "overlap".
    """
    columns = ["first", "second", "both_wrong", "either_wrong", "overlap"]
    rows = []
    for pair in pairs:
        share = pair["overlap"]
        shown = "" if share is None else f"{share:.4f}"
        rows.append([*(pair[name] for name in columns[:-1]), shown])
    write_table(folder / "overlap.csv", columns, rows)


def write_table(path: pathlib.Path, header: list, rows: list[list]) -> None:
    """Replaces a CSV file by a line of names and rows of cells."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    files.write_text(path, text.getvalue())


def write_classes(folder: pathlib.Path, run, labels, logits) -> None:
    """Writes `classes.csv`: accuracy or average precision of each class.

    Args:
        folder: Of the evaluation.
        run: Whose classes and task they are.
        labels: (videos,), or (videos, classes) of 0 and 1.
        logits: (videos, classes).
    """
    if run.task == "multi":
        name, counts = "average_precision", labels.sum(axis=0).astype(int)
    else:
        name, counts = "accuracy", np.bincount(labels, minlength=len(run.classes))
    values = metrics.of_classes(run.task, labels, logits)
    shown = ["" if np.isnan(value) else f"{value:.4f}" for value in values]
    rows = [list(row) for row in zip(run.classes, counts, shown, strict=True)]
    write_table(folder / "classes.csv", ["class", "clips", name], rows)


def write_predictions(folder: pathlib.Path, run, keys, labels, logits) -> None:
    """Writes `predictions.csv`: the labels and the probabilities of each video.

    Args:
        folder: As of `write_classes`.
        run: As of `write_classes`.
        keys: Of the videos; training clips have none.
        labels: As of `write_classes`.
        logits: As of `write_classes`.
    """
    hot = labels if run.task == "multi" else np.eye(len(run.classes))[labels]
    rows = []
    for index, row in enumerate(metrics.probabilities(run.task, logits)):
        names = [n for n, on in zip(run.classes, hot[index], strict=True) if on]
        key = keys[index] if keys else ""
        rows.append([key, "|".join(names), *(f"{value:.4g}" for value in row)])
    header = ["path", "label", *run.classes]
    write_table(folder / "predictions.csv", header, rows)


def write_confusion(folder: pathlib.Path, run, labels, logits) -> None:
    """Writes `confusion.csv` and `confusion.png`, of the same as `write_classes`."""
    guesses = logits.argmax(axis=1)
    counts = metrics.confusion_matrix(labels, guesses, len(run.classes))
    rows = [[n, *row] for n, row in zip(run.classes, counts.tolist(), strict=True)]
    header = ["label \\ prediction", *run.classes]
    write_table(folder / "confusion.csv", header, rows)
    _draw_confusion(folder / "confusion.png", run.classes, counts)


def _draw_confusion(path: pathlib.Path, classes, counts: np.ndarray) -> None:
    from matplotlib.figure import Figure  # Slow to import; without a screen's window.

    side = min(40.0, 3 + 0.3 * len(classes))
    figure = Figure((side + 1, side), layout="constrained")
    axes = figure.subplots()
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes, rotation=90, parse_math=False)
    axes.set_yticks(range(len(classes)), classes, parse_math=False)
    axes.set_xlabel("prediction")
    axes.set_ylabel("label")
    figure.colorbar(image, label="share of the label's clips")
    if len(classes) <= 30:
        for row, column in np.argwhere(counts):
            color = "white" if share[row, column] > 0.5 else "black"
            number = counts[row, column]
            axes.text(column, row, number, ha="center", va="center", color=color)
    pictures.save(figure, path)


def show(folder: pathlib.Path, split: str, scores: dict, others: dict) -> None:
    """Prints the scores, and of an ensemble those of its members."""
    print(f"{scores['clips']} clips of {split}")
    names = [name for name in TITLES if name in scores]
    if others:
        _show_members(names, scores, others)
    else:
        for name in names:
            print(f"  {TITLES[name]:<9}{100 * scores[name]:6.2f} %")
        print(f"  {'loss':<9}{scores['loss']:6.3f}")
    print(f"More in {folder}", flush=True)


def _show_members(names: list[str], scores: dict, others: dict) -> None:
    rows = [*others["models"].items(), ("ensemble", scores)]
    width = max(len(model) for model, _ in rows)
    print(
        "  " + " " * width + "".join(f"{TITLES[n]:>10}" for n in names) + "      loss"
    )
    for model, row in rows:
        cells = "".join(f"{100 * row[name]:>8.2f} %" for name in names)
        print(f"  {model:<{width}}{cells}{row['loss']:>10.3f}")
    print(f"At least one is right on {100 * others['any_right']:.2f} %")
    for pair in others["overlap"]:
        both, either = pair["both_wrong"], pair["either_wrong"]
        share = f"{100 * both / either:.1f} %" if either else "none"
        print(
            f"Errors of {pair['first']} and {pair['second']} overlap by {share}: "
            f"both are wrong on {both} of the {either} clips that either is wrong on"
        )

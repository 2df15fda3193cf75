"""Networks side by side: what each costs, how quick it is, how often it is right."""

import dataclasses
import json
import os
import pathlib
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import keras

from zoo import cost, files, inference, monitor, registry, runtimes, tables
from zoo.fusing import fuse
from zoo.genotypes.base import check
from zoo.genotypes.found.reported import REPORTED
from zoo.record import BENCHMARK, EVALUATION, METRICS

PATIENCE = 5.0  # Seconds before a progress is shown, and between two.
JSON, CSV, PICTURE = BENCHMARK


@dataclass(frozen=True)
class Row:
    """One network of a comparison.

    Args:
        name: Of the network, or the folder of a run.
        clip: Frames, height, width and channels that it reads.
        parameters: Trainable weights.
        macs: Multiply-accumulates for a clip.
        memory: Bytes alive at once in inference, as `cost.peak_bytes` estimates them.
        accuracy: Top-1 or mean average precision in percent; None is not known.
        accuracy_of: The data set, or the split of the run's own.
        latencies: Of a call, by runtime.
        failures: Why a runtime does not run it.
    """

    name: str
    clip: tuple[int, ...]
    parameters: int
    macs: int
    memory: int
    accuracy: float | None = None
    accuracy_of: str = ""
    latencies: dict[str, cost.Latency] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def compare(
    names: Sequence[str],
    kinds: Sequence[str],
    batch_size: int = 1,
    threads: int | None = None,
    seconds: float = 3.0,
    num_classes: int = 400,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Row]:
    """Counts what networks cost, and measures them in turns, so in the same noise.

    All are in memory at once.

    Args:
        names: Of published networks, and folders of training runs.
        kinds: Some of `runtimes.RUNTIMES`; of none nothing is measured.
        batch_size: Clips a call.
        threads: Of LiteRT and ONNX Runtime; None is their own choice. Those of
            TensorFlow are set for the process.
        seconds: How long each network is measured with each runtime.
        num_classes: Of the published networks.
        tell: Told what goes on, in a line, now and then.
    """
    check_runtimes(kinds)
    rows, calls = [], {}
    for number, name in enumerate(names, 1):
        tell(f"preparing {name}, {number} of {len(names)}")
        model, row = _row(name, num_classes)
        for kind in kinds:
            own = threads if kind in runtimes.MODULES else None
            try:
                calls[name, kind] = cost.prepared(model, batch_size, kind, own)
            except ValueError as error:
                row.failures[kind] = " ".join(str(error).split())
        rows.append(row)
    progress = _progress(tell)
    for (name, kind), found in cost.measure(calls, seconds, progress=progress).items():
        row = next(row for row in rows if row.name == name)
        row.latencies[kind] = found
    return rows


def check_runtimes(kinds: Sequence[str]) -> None:
    """Raises ValueError where a runtime is unknown, or can not be used here.

    Args:
        kinds: Some of `runtimes.RUNTIMES`.
    """
    for kind in kinds:
        check(kind in runtimes.RUNTIMES, "runtimes", f"of {runtimes.RUNTIMES}", kind)
        runtimes.check_usable(kind)


def _progress(tell: Callable[[str], None]) -> Callable[[float], None]:
    start = shown = time.monotonic()

    def progress(share: float) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown > PATIENCE and 0 < share < 1:
            shown = now
            left = (now - start) * (1 - share) / share
            tell(f"measuring: {100 * share:.0f} %, {monitor.clock(left)} left")

    return progress


def _row(name: str, num_classes: int) -> tuple[keras.Model, Row]:
    """A network, with new or trained weights, and its row without latencies."""
    if os.path.isdir(name):
        run = inference.load(name)
        single = isinstance(run, inference.Run)
        check(single, "model", "a single network's run", name)
        model, score = run.model, own_score(name)
    else:
        model = registry.create(name, num_classes=num_classes)
        score = REPORTED.get(name, (None, ""))
    counted, clip = cost.count(model), tuple(model.inputs[0].shape[1:])
    memory = cost.peak_bytes(fuse(model))
    return model, Row(name, clip, counted.parameters, counted.macs, memory, *score)


def own_score(folder: str | os.PathLike) -> tuple[float | None, str]:
    """What a run has scored, in percent, and on which split of its clips.

    An evaluation of the test split counts, else one of validation, else the best that
    validation was in training.
    """
    for split in ("test", "validation"):
        path = pathlib.Path(folder, f"evaluation-{split}", EVALUATION)
        if path.is_file():
            scores = json.loads(path.read_text("utf-8"))
            return 100 * scores[_main(scores)], f"own {split}"
    found = [
        row[f"validation_{name}"]
        for row in monitor.read_table(pathlib.Path(folder, METRICS))
        for name in ("top1", "map")
        if f"validation_{name}" in row
    ]
    return (100 * max(found), "own validation") if found else (None, "")


def _main(scores: dict) -> str:
    return "map" if "map" in scores else "top1"


def ordered(rows: list[Row], by: str, kinds: Sequence[str]) -> list[Row]:
    """Rows in the order of a column, what is unknown last.

    Args:
        rows: To sort.
        by: One of `ORDERS`; "accuracy" and "rate" have the highest first.
        kinds: Runtimes, of which the first counts.
    """
    first = kinds[0] if kinds else ""

    def key(row: Row) -> tuple:
        value = ORDERS[by](row, first)
        return value is None, value if value is not None else 0

    return sorted(rows, key=key)


def _median(row: Row, kind: str) -> float | None:
    return row.latencies[kind].median if kind in row.latencies else None


def _slowness(row: Row, kind: str) -> float | None:
    """Milliseconds for a multiply-accumulate."""
    median = _median(row, kind)
    return median and median / max(row.macs, 1)


ORDERS: dict[str, Callable[[Row, str], object]] = {
    "latency": _median,
    "rate": _slowness,
    "params": lambda row, _: row.parameters,
    "macs": lambda row, _: row.macs,
    "memory": lambda row, _: row.memory,
    "accuracy": lambda row, _: row.accuracy and -row.accuracy,
    "name": lambda row, _: row.name,
}


def table(rows: list[Row], kinds: Sequence[str], batch_size: int) -> str:
    """The rows as text, a line each, and below them what did not run.

    Args:
        rows: Of the networks, in order.
        kinds: Runtimes, each of which has its columns.
        batch_size: Clips a call, by which those a second are counted.
    """
    header = ["network", "clip", "parameters", "GMAC", "peak MB"]
    for kind in kinds:
        header += [f"{kind} ms", "quartiles", "clips/s", "GMAC/s"]
    lines = [[*header, "accuracy"], *(_cells(row, kinds, batch_size) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(
            cell.ljust(width) if place in (0, len(widths) - 1) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    failures = [
        f"{row.name} does not run on {kind}: {why}"
        for row in rows
        for kind, why in row.failures.items()
    ]
    return "\n".join([*text, *failures])


def _cells(row: Row, kinds: Sequence[str], batch_size: int) -> list[str]:
    cells = [row.name, "x".join(map(str, row.clip[:-1])), f"{row.parameters:,}"]
    cells += [f"{row.macs / 1e9:.2f}", f"{row.memory / 1e6:.1f}"]
    for kind in kinds:
        found = row.latencies.get(kind)
        if found is None:
            cells += ["-"] * 4
            continue
        clips = 1000 * batch_size / found.median
        cells += [f"{found.median:.1f}", f"{found.lower:.1f}-{found.upper:.1f}"]
        cells += [f"{clips:.3g}", f"{clips * row.macs / 1e9:.3g}"]
    known = row.accuracy is not None
    return [*cells, f"{row.accuracy:.1f} {row.accuracy_of}" if known else "-"]


def write(
    folder: str | os.PathLike, rows: list[Row], kinds: Sequence[str], settings: dict
) -> bool:
    """Writes the rows as JSON and CSV, and the picture where there is one to draw.

    Args:
        folder: Made where it is missing.
        rows: Of the networks.
        kinds: Runtimes, of which the picture shows the first.
        settings: Of the comparison, for the record.

    Returns:
        Whether there is a picture: some network has an accuracy and a latency.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record = {"machine": machine(), **settings}
    record["networks"] = [dataclasses.asdict(row) for row in rows]
    files.write_json(folder / JSON, record)
    flat = [_flat(row, kinds) for row in rows]
    names = list(flat[0])
    cells = [[row[name] for name in names] for row in flat]
    tables.write_table(folder / CSV, names, cells)
    known = [row for row in rows if row.accuracy is not None]
    shown = [row for row in known if kinds and kinds[0] in row.latencies]
    if shown:
        from zoo import scatter  # Draws, which takes long to import.

        scatter.draw(folder / PICTURE, shown, kinds[0])
    return bool(shown)


def _flat(row: Row, kinds: Sequence[str]) -> dict[str, object]:
    cells = {k: v for k, v in vars(row).items() if not isinstance(v, dict)}
    cells["clip"] = "x".join(map(str, row.clip))
    for kind in kinds:
        found = row.latencies.get(kind)
        for name in ("median", "lower", "upper", "calls"):
            cells[f"{kind}_{name}"] = "" if found is None else getattr(found, name)
    return cells


def machine() -> dict[str, object]:
    """Where and when this is measured."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "software": f"Keras {keras.version()} on {keras.backend.backend()}",
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }

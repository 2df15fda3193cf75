"""Which named networks become LiteRT and ONNX files and SavedModels, and how equal.

    python benches/bench_export.py [--forms litert onnx] [--keep=FOLDER] [NAME ...]

Each network is built for a small clip, with numbers in all weights, folded, written,
run, and compared with itself. A row is a network; a cell is its largest difference,
relative to its largest logit (at least 1), and the size in MB, or why it fails. A cell
has a process of its own, which ends after `--minutes`. With `--keep`, cells that are
done are read from there: what was ended goes on.
"""

import argparse
import multiprocessing
import pathlib
import tempfile

import keras
import numpy as np
from search_results import Kept, table

import zoo
from zoo import conversion, inference, runtimes
from zoo.fusing import fuse

# The first that a network can be built for: frames, height, width; then its own.
SHAPES = [(4, 32, 32), (8, 32, 32), (8, 64, 64), (16, 64, 64)]
CLASSES = 5


def built(name: str) -> keras.Model:
    spec = zoo.FOUND[name].clip_spec
    own = [(spec.frames, 64, 64), (spec.frames, spec.height, spec.width)]
    for shape in SHAPES + own:
        try:
            model = zoo.create(name, num_classes=CLASSES, input_shape=(*shape, 3))
        except ValueError as error:
            refused = error
        else:
            fill(model)
            return model
    raise refused


def fill(model: keras.Model) -> None:
    """No norm that is the identity, and no logit near 0."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        kind = weight.path.rpartition("/")[2]
        if kind in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
        elif kind in ("beta", "moving_mean", "bias"):
            weight.assign(0.1 * rng.standard_normal(weight.shape))
        elif "head" in weight.path and kind == "kernel":
            weight.assign(rng.standard_normal(weight.shape) / weight.shape[0] ** 0.5)


def noise(model: keras.Model) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    parts = {}
    for name, (shape, dtype) in conversion.plain(model).inputs.items():
        floats = "float" in dtype
        part = rng.random(shape) if floats else rng.integers(0, 9, shape)
        parts[name] = part.astype(dtype)
    return parts


def cell(fused: keras.Model, form: str, clip: dict, expected: np.ndarray) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "network")
        try:
            conversion.write(conversion.plain(fused), path, form)
            found = runtimes.opened(path, form)(clip)[runtimes.LOGITS]
        except Exception as error:
            text = " ".join(str(error).split())
            return f"fails: {text[:300]}"
        files = [path] if path.is_file() else path.rglob("*")
        size = sum(file.stat().st_size for file in files if file.is_file())
    difference = np.abs(found - expected).max() / max(1, np.abs(expected).max())
    return f"{difference:.0e}, {size / 1e6:.1f} MB"


def cell_of(name: str, form: str, answers) -> None:
    """Sends the clip's shape, and the cell."""
    model = built(name)
    clip = noise(model)
    one = clip if len(clip) > 1 else next(iter(clip.values()))
    expected = inference.compiled(model)(one)
    shape = "x".join(map(str, model.inputs[0].shape[1:4]))
    answers.send((shape, cell(fuse(model), form, clip, expected)))


def in_process(task: tuple[str, str], minutes: float) -> tuple[str, str]:
    """A cell by a process of its own, whose memory and crash end with it."""
    context = multiprocessing.get_context("spawn")
    answers, sender = context.Pipe(duplex=False)
    process = context.Process(target=cell_of, args=(*task, sender))
    process.start()
    sender.close()
    try:
        if answers.poll(60 * minutes):
            return answers.recv()
        return "", f"fails: takes over {minutes:g} minutes"
    except EOFError:
        process.join()
        return "", f"fails: its process ended with {process.exitcode}"
    finally:
        process.kill()
        process.join()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=zoo.list_models())
    forms = runtimes.FORMATS
    parser.add_argument("--forms", nargs="+", choices=forms, default=forms)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--keep", help="folder of what is done")
    given = parser.parse_args()
    kept = Kept(lambda task: in_process(task, given.minutes), given.keep)
    print("\n".join(table(["network", "clip", *given.forms], [])), flush=True)
    for name in given.names:
        found = [kept((name, form)) for form in given.forms]
        shape = next((shape for shape, _ in found if shape), "")
        row = [name, shape, *(text for _, text in found)]
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()

"""The job `python -m zoo.train`: trains a network, and goes on where it stopped."""

if __name__ == "__main__":  # First, as the libraries below write on the screen.
    from zoo import launch

    launch.main(
        "zoo.train.train",
        "--gin_file=train/tvn1.gin --data=videos --workdir=runs/tvn1",
        weights="a run's folder or a .weights.h5 file to begin with",
    )

import os
import pathlib

import keras

from zoo import inference, registry, training
from zoo.genotypes import FOUND, ClipSpec, Genotype, from_json
from zoo.genotypes.base import check
from zoo.weights import load as load_weights


def train(
    workdir: str,
    model: str,
    clips,
    recipe: training.Recipe | None = None,
    clip_spec: ClipSpec | None = None,
    weights: str | None = None,
    new_head: bool = False,
    seed: int = 0,
    save_every: int = 1000,
    log_every: int = 50,
    validation_limit: int | None = None,
    verbose: bool = True,
    **options,
) -> dict[str, float]:
    """Trains a network on a clip source, in a folder of its own.

    It gets `model.json` (what the network is), `best.weights.h5`,
    `checkpoint.npz`, `metrics.csv` and TensorBoard's events. The same call on the same
    folder goes on where an earlier one stopped.

    Args:
        workdir: Folder of the run.
        model: A published model's name, or a genotype's JSON file, as a search writes.
        clips: A clip source.
        recipe: How to train; the default suits some hundred clips.
        clip_spec: Clips to train on; None is what the genotype says.
        weights: A run's folder or a `.weights.h5` file to begin with.
        new_head: Whether the classifier begins anew, as other classes need it.
        seed: Of the weights, and of the order and the augmentation of the clips.
        save_every: Steps between checkpoints and validations.
        log_every: Steps between rows of `metrics.csv`.
        validation_limit: Most clips to validate on; None is all.
        verbose: Whether to show the progress.
        **options: Of the network's family, such as `pooling` and `dropout`.

    Returns:
        What `training.fit` does.
    """
    folder, recipe = pathlib.Path(workdir), recipe or training.Recipe()
    check(len(clips.classes) > 1, "clips", "of two classes or more", clips.classes)
    genotype = read_genotype(model)
    spec = clip_spec or genotype.clip_spec
    about = inference.Description(
        genotype, tuple(clips.classes), clips.task, spec, options
    )
    keras.utils.set_random_seed(seed)
    network = about.build()
    if weights and not (folder / training.CHECKPOINT).exists():
        load_weights(network, _weights_file(weights), skip_head=new_head)
    inference.describe(folder, about)
    if verbose:
        _announce(model, about, clips, recipe)
    how = {"save_every": save_every, "log_every": log_every, "verbose": verbose}
    how["validation_limit"] = validation_limit
    result = training.fit(network, clips, spec, recipe, folder, seed, **how)
    if verbose:
        _conclude(folder, clips, result)
    return result


def read_genotype(model: str) -> Genotype:
    """The genotype of a published name, of a JSON file, or of a search's folder."""
    if model in FOUND:  # First: its run may be a folder of the same name.
        return FOUND[model]
    path = pathlib.Path(model)
    if path.is_dir():
        path = path / "best.json"
        check(path.exists(), "model", "a name, or a search with best.json", model)
    if path.suffix == ".json" or path.is_file():
        check(path.is_file(), "model", "a name, or a file that exists", model)
        try:
            return from_json(path.read_text("utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return registry.find(model)


def _weights_file(place: str | os.PathLike) -> pathlib.Path:
    path = pathlib.Path(place)
    return path / training.BEST_WEIGHTS if path.is_dir() else path


def _announce(model: str, about: inference.Description, clips, recipe) -> None:
    cost = about.genotype.cost(len(about.classes), about.clip_spec.shape)
    size = clips.size("train")
    epochs = recipe.steps * recipe.batch_size / max(1, size)
    print(
        f"{model}: {cost.parameters / 1e6:.3g} million parameters, "
        f"{2 * cost.macs / 1e9:.3g} GFLOP a clip\n"
        f"{size} training clips of {len(clips.classes)} classes, "
        f"{recipe.steps} steps of {recipe.batch_size}: {epochs:.3g} epochs",
        flush=True,
    )


def _conclude(folder: pathlib.Path, clips, result: dict[str, float]) -> None:
    name = training.score_name(clips.task)
    print(
        f"{name} on validation: {result[f'validation_{name}']:.4f} at the end, "
        f"{result['best_score']:.4f} the best, whose weights are kept\n"
        f"evaluate: python -m zoo.evaluate --model={folder}\n"
        f"predict:  python -m zoo.predict --model={folder} CLIP",
        flush=True,
    )

"""The job `python -m zoo.train`: trains a network, and goes on where it stopped.

With `search` it trains networks of a search, which become an ensemble.
"""

if __name__ == "__main__":  # First, as the libraries below write on the screen.
    from zoo import launch

    launch.main(
        "zoo.train.train",
        "--gin_file=train/tvn1.gin --data=videos --workdir=runs/tvn1",
        weights="to begin with: a run's folder, a .weights.h5 file, or I3D's or S3D's",
        new_head="begin with a new classifier, as other classes need it",
        freeze="layers that do not train, by a regular expression of their names, such "
        "as '(?!head).*'",
        search="folder of a search whose best networks become an ensemble, in place "
        "of --model;\n--data is its clips where not given",
        top_k="networks of the --search to train, one after the other (default 3): the "
        "best that are\nnot alike",
        profile="steps to record for TensorBoard, such as 10:20",
        dry_run="show settings, cost, memory and steps; train and write nothing",
        distribution="devices to train on: none is one; mirrored (TensorFlow) and "
        "data_parallel (JAX)\nall of this machine, tpu (TensorFlow) those of a TPU, "
        "multi_worker (JAX) those of\nseveral machines; auto (default) all there are",
        tpu="for TensorFlow, a TPU's name, or local",
        num_virtual_devices="parts of this CPU to train on, to try a distribution",
        precision="float32, mixed_bfloat16 or mixed_float16",
    )

import pathlib
from dataclasses import dataclass
from typing import Literal

import keras

from zoo import (
    ensemble,
    estimate,
    files,
    freezing,
    inference,
    inputs,
    lookup,
    members,
    signals,
    summary,
    training,
)
from zoo.distribution import current, placed
from zoo.genotypes import ClipSpec, Genotype
from zoo.genotypes.base import check
from zoo.record import BEST_WEIGHTS, CHECKPOINT, MODEL
from zoo.weights import load as load_weights

TOP_K = 3
ASKED = "asked to end: after this step, and saving"


def train(
    workdir: str,
    model: str | None,
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
    search: str | None = None,
    top_k: int | None = None,
    freeze: str | None = None,
    save_minutes: float | None = 10.0,
    profile: str | None = None,
    dry_run: bool = False,
    distribution: Literal[
        "auto", "none", "mirrored", "multi_worker", "tpu", "data_parallel"
    ] = "auto",
    tpu: str | None = None,
    num_virtual_devices: int | None = None,
    precision: str | None = None,
    **options,
) -> dict[str, float]:
    """Trains a network on a clip source, in a folder of its own.

    It gets `model.json` (what the network is), `best.weights.h5`, `checkpoint.npz`,
    `metrics.csv`, `speed.csv`, TensorBoard's events, and at the end `summary.md`. The
    same call on the same folder goes on where an earlier one stopped. SIGTERM stops it
    after a step, whose state is saved, and ends the process with 0.

    With `search`, the `top_k` best networks of a search that are not alike
    (`zoo.diversity.choose`) are trained so in `member0`, `member1`, ..., with `seed`,
    `seed + 1`, ...; `members.json` says which they are, and a `model.json` that they
    are an ensemble, which `zoo.load` and the other jobs take like a network.

    Args:
        workdir: Folder of the run.
        model: A published model's name, a genotype's JSON file, as a search writes, or
            what else `zoo.lookup.find` takes by name, such as a run's folder, whose
            options are not taken over; None where there is a `search`.
        clips: A clip source.
        recipe: How to train; the default suits some hundred clips.
        clip_spec: Clips to train on; None is those of the search that found the
            network, or of the run that it is from, else what the genotype says.
        weights: To begin with: a run's folder, or what `zoo.weights.load` reads.
        new_head: Whether the classifier begins anew, as other classes need it.
        seed: Of the weights, and of the order and the augmentation of the clips.
        save_every: Steps between checkpoints and validations.
        log_every: Steps between rows of `metrics.csv`.
        validation_limit: Most clips to validate on; None is all.
        verbose: Whether to show the progress.
        search: Folder of a search, in place of a model.
        top_k: Networks of the search to train; None is three.
        freeze: Regular expression of whole names of layers that do not train; their
            batch norm is as in inference.
        save_minutes: Longest time between checkpoints; None is any.
        profile: First and last step of a profile for TensorBoard, such as "10:20".
        dry_run: Whether to tell only what would be trained, and what that takes.
        distribution: Of batches over devices, as `zoo.distribution.placed` has it.
        tpu: For TensorFlow, the name of a TPU, or "local".
        num_virtual_devices: Parts of this machine's CPU, to try a distribution.
        precision: "float32", "mixed_bfloat16" or "mixed_float16"; None is Keras' own.
        **options: Of the network's family, such as `pooling` and `dropout`.

    Returns:
        What `training.fit` does; with `search`, the best score of each member by its
        folder's name.

    Raises:
        ValueError: An argument is not what it must be, the folder holds another run, or
            training diverged (`training.TrainingDiverged`).
        OSError: The disk is full.
    """
    check(len(clips.classes) > 1, "clips", "of two classes or more", clips.classes)
    own = {"model": model, "weights": weights, "freeze": freeze}
    if search is None:
        rule = "given where there is no `search`"
        check(model is not None, "model", rule, model)
        check(top_k is None, "top_k", "left out where there is no `search`", top_k)
        own = {}
    for name, value in own.items():
        check(value is None, name, "left out with `search`", value)
    folder, recipe = pathlib.Path(workdir), recipe or training.Recipe()
    devices = placed(distribution, tpu, num_virtual_devices, precision)
    with devices, signals.Notice(ASKED) as notice:
        verbose = verbose and current().leads
        how = {"save_every": save_every, "log_every": log_every, "verbose": verbose}
        how |= {"validation_limit": validation_limit, "freeze": freeze}
        how |= {"save_minutes": save_minutes, "profile": profile}
        job = _Job(clips, recipe, clip_spec, options, how, seed, dry_run)
        if search is not None:
            top_k = TOP_K if top_k is None else top_k
            return _train_members(job, folder, search, top_k, notice)
        start = weights, new_head
        found = lookup.find(model, "model")
        result = job.train(folder, *found, model, notice, 0, start)
    if verbose and not dry_run:
        summary.show_commands(folder)
    return result


@dataclass(frozen=True)
class _Job:
    """How to train any network: arguments of `train`, some of them for `fit`."""

    clips: object
    recipe: training.Recipe
    clip_spec: ClipSpec | None
    options: dict
    how: dict
    seed: int
    dry_run: bool

    def train(
        self,
        folder: pathlib.Path,
        genotype: Genotype,
        clip: ClipSpec,
        title: str,
        notice: signals.Notice,
        number: int = 0,
        start: tuple[str | None, bool] = (None, False),
        unit: str = "step",
    ) -> dict[str, float]:
        """Trains a network in its folder, or goes on there; of several the number."""
        if _began_on_own_clips(folder, genotype):
            clip = genotype.clip_spec
        clips, spec = self.clips, self.clip_spec or clip
        about = inference.Description(
            genotype,
            tuple(clips.classes),
            clips.task,
            spec,
            self.options,
            inputs.channels(clips),
        )
        seed, freeze = self.seed + number, self.how["freeze"]
        keras.utils.set_random_seed(seed)
        network = about.build()
        inputs.check_source(network, clips)  # Before the folder says what it holds.
        if freeze is not None:
            freezing.find(network, freeze)
        names = ("save_every", "log_every", "save_minutes", "profile")
        settings = {name: self.how[name] for name in (*names, "validation_limit")}
        training.check_settings(network, self.recipe, **settings)
        if self.dry_run:
            summary.announce(title, about, clips, self.recipe)
            estimate.show(about, network, self.recipe, freeze)
            return {}
        weights, new_head = start
        if weights and not (folder / CHECKPOINT).exists():
            load_weights(network, _weights_file(weights), skip_head=new_head)
        how = {**self.how, "unit": unit, "notice": notice}
        if not current().leads:
            return training.fit(network, clips, spec, self.recipe, folder, seed, **how)
        settings = {"seed": seed, "weights at the start": weights, "frozen": freeze}
        with files.locked(folder):
            inference.describe(folder, about)
            if self.how["verbose"]:
                summary.announce(title, about, clips, self.recipe)
            result = training.fit(
                network, clips, spec, self.recipe, folder, seed, **how
            )
            if self.how["verbose"]:
                summary.conclude(clips, result)
            told = about, clips, self.recipe, settings, result
            summary.write(folder, title, *told)
        return result


def _train_members(
    job: _Job, folder: pathlib.Path, search: str, top_k: int, notice: signals.Notice
) -> dict[str, float]:
    """Trains an ensemble's networks, each in a folder within its own."""
    verbose, clip = job.how["verbose"], lookup.searched(search)
    rest = job.options, verbose, job.dry_run
    found, scores = members.chosen(folder, search, top_k, *rest), {}
    if _began_on_own_clips(folder / "member0", found[0][1]):
        clip = None
    for number, (candidate, genotype) in enumerate(found):
        name, place = f"member{number}", f"member {number + 1} of {len(found)}"
        title = f"{place}, trial {candidate.trial} of fitness {candidate.fitness:.4g}"
        unit = f"{place}, step"
        told = genotype, clip or genotype.clip_spec, title
        result = job.train(folder / name, *told, notice, number, unit=unit)
        scores |= {name: result["best_score"]} if result else {}
    if job.dry_run:
        return scores
    if current().leads:
        ensemble.describe(folder, list(scores))
    if verbose:
        summary.show_commands(folder)
    return scores


def _began_on_own_clips(folder: pathlib.Path, genotype: Genotype) -> bool:
    """Whether a folder's run is on a genotype's own clips, as it may go on with them.

    Runs began so on what a search found, before those of the search were taken.
    """
    if not (folder / MODEL).is_file():
        return False
    about = inference.read_description(folder)
    return (about.genotype, about.clip_spec) == (genotype, genotype.clip_spec)


def _weights_file(place: str) -> pathlib.Path:
    path = pathlib.Path(place)
    return path / BEST_WEIGHTS if path.is_dir() else path

"""Training and its scores: what `zoo.train` and the search's proxy training share."""

import os
import pathlib
import warnings
from collections.abc import Callable, Sequence

import keras
import numpy as np

from zoo import (
    boards,
    distribution,
    freezing,
    inference,
    inputs,
    losses,
    metrics,
    outputs,
)
from zoo.alarms import TrainingDiverged
from zoo.callbacks import Callbacks
from zoo.genotypes import ClipSpec
from zoo.genotypes.base import check, check_whole
from zoo.habits import Habits
from zoo.layers import normalization
from zoo.recipe import Recipe, optimizer
from zoo.session import Session
from zoo.signals import Interrupted, Notice

__all__ = [
    "Recipe",
    "TrainingDiverged",
    "check_settings",
    "evaluate",
    "fit",
    "optimizer",
    "score_name",
    "scorer",
    "validation_split",
]


def score_name(task: str) -> str:
    """The score that training keeps the best of: "top1", or "map" of many labels.

    Raises:
        ValueError: The task is neither "single" nor "multi".
    """
    check(task in ("single", "multi"), "task", '"single" or "multi"', task)
    return "map" if task == "multi" else "top1"


def evaluate(
    model: keras.Model,
    clips,
    clip_spec: ClipSpec,
    split: str,
    batch_size: int,
    limit: int | None = None,
) -> dict[str, float]:
    """Scores a model on a split of a clip source, or on its first `limit` clips.

    Args:
        model: From clips to logits, (batch, classes).
        clips: A clip source.
        clip_spec: Which clips to ask it for.
        split: "train", "validation" or "test".
        batch_size: Clips at once.
        limit: Only about so many clips; None is all.

    Returns:
        "loss", and "top1" and "top5", or "map".

    Raises:
        ValueError: The split holds no clips.
    """
    return scorer(model, clips, clip_spec, split, batch_size, limit)()


def scorer(
    model: keras.Model,
    clips,
    clip_spec: ClipSpec,
    split: str,
    batch_size: int,
    limit: int | None = None,
    verbose: bool = False,
    see: Callable[[np.ndarray, np.ndarray], None] | None = None,
    ends: Callable[[], bool] | None = None,
) -> Callable[[], dict[str, float]]:
    """What `evaluate` does as a function, for a model that is scored many times.

    Args:
        model: As of `evaluate`.
        clips: As of `evaluate`.
        clip_spec: As of `evaluate`.
        split: As of `evaluate`.
        batch_size: As of `evaluate`.
        limit: As of `evaluate`.
        verbose: Whether to show the progress of what takes long.
        see: Given labels and logits.
        ends: Asked before each batch whether to raise Interrupted.

    Raises:
        ValueError: The clips lack something that the model reads.
    """
    inputs.check_source(model, clips)
    predict = inference.compiled(model)

    def predict_or_end(clip):
        if ends and ends():
            raise Interrupted
        return predict(clip)

    def score() -> dict[str, float]:
        _, labels, logits = outputs.predictions(
            predict_or_end, clips, clip_spec, split, batch_size, limit, verbose
        )
        if see:
            see(labels, logits)
        loss = float(losses.cross_entropy(clips.task, labels, logits))
        return {"loss": loss, **metrics.scores_of(clips.task, labels, logits)}

    return score


def validation_split(clips) -> str:
    """The split that training scores: "validation", or "train" where that is empty.

    Raises:
        ValueError: That is empty, and the training clips are mixed.
    """
    if clips.size("validation"):
        return "validation"
    mixed = getattr(clips, "soft_labels", False)
    check(not mixed, "clips", "with a validation split where they are mixed", "none")
    warnings.warn("no validation clips: training clips are scored", stacklevel=3)
    return "train"


def fit(
    model: keras.Model,
    clips,
    clip_spec: ClipSpec,
    recipe: Recipe,
    workdir: str | os.PathLike | None = None,
    seed: int = 0,
    save_every: int = 1000,
    log_every: int = 50,
    validation_limit: int | None = None,
    verbose: bool = True,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    unit: str = "step",
    freeze: str | None = None,
    save_minutes: float | None = 10.0,
    profile: str | None = None,
    notice: Notice | None = None,
) -> dict[str, float]:
    """Trains a model, in place, and resumes where an interrupted call stopped.

    With a workdir, every `save_every` steps and at the end it scores the validation
    clips and writes the checkpoint, from which the next call goes on as if nothing
    had happened, and the best weights so far. `metrics.csv` and TensorBoard's events
    get a row every `log_every` steps, and `speed.csv` how fast they were.

    Args:
        model: From a clip to logits, or from several inputs by their names.
        clips: A clip source.
        clip_spec: Which clips to ask it for.
        recipe: How to train.
        workdir: Folder of the run; without one nothing is scored or written.
        seed: Of the order and the augmentation of the clips.
        save_every: Steps between checkpoints.
        log_every: Steps between rows.
        validation_limit: Most clips to validate on; None is all.
        verbose: Whether to show the progress.
        callbacks: For Keras' `fit`, to which all is one epoch; they may stop it.
        unit: What the progress calls a step.
        freeze: Regular expression of whole names of layers that do not train; their
            batch norm is as in inference.
        save_minutes: With a workdir, longest time between checkpoints; None is any.
        profile: First and last step of a profile for TensorBoard, such as "10:20".
        notice: Of a request to end, which is done after the step: the state is saved.

    Returns:
        "step", and of the last row "loss" and what else it holds: "accuracy", and with
        a workdir "validation_loss" and the validation scores; then "best_score" too.

    Raises:
        TrainingDiverged: The loss or a weight is no longer a number.
        Stopped: A notice was given.
        OSError: The disk is full. What was saved before stays.
        ValueError: The workdir holds a checkpoint of another model, the clips lack
            something that the model reads, or `freeze` fits no layer, or all.
    """
    how = (save_every, log_every, save_minutes, profile, validation_limit)
    check_settings(model, recipe, *how)
    inputs.check_source(model, clips)
    here = distribution.current()
    with freezing.frozen(model, freeze):
        trainee = _Trainee(inputs.named(model), model.output, name="trainee")
        trainee.prepare(clips, recipe)
        how = (save_every, log_every, verbose, unit, save_minutes, profile, notice)
        habits = Habits(*how, writes=here.leads, alone=here.processes == 1)
        session = Session(model, trainee.optimizer, recipe, habits)
        if workdir is not None:
            _open(session, model, clips, clip_spec, workdir, validation_limit)
        start, watch = session.progress.step, session.pace.watched
        distribution.check_same(start, "workdir", "of a disk that all processes share")
        if start < recipe.steps:
            size = recipe.batch_size // here.processes
            part, asked = here.part_of(clips), (clip_spec, size, seed, start, watch)
            trainee.fit(
                inputs.training_batches(trainee, part, *asked),
                steps_per_epoch=recipe.steps - start,
                shuffle=False,
                callbacks=Callbacks(session, callbacks, trainee),
                verbose=0,
            )
        else:
            session.set_model(trainee)
            session.score_at_last()
            # As Keras does at the end of `fit`: the averages, if there are any.
            trainee.optimizer.finalize_variable_values(trainee.trainable_variables)
    done = trainee.stop_training or session.progress.step >= recipe.steps
    check(done, "clips", "endless in training", f"{session.progress.step} batches")
    return session.result()


def check_settings(
    model: keras.Model,
    recipe: Recipe,
    save_every: int = 1000,
    log_every: int = 50,
    save_minutes: float | None = None,
    profile: str | None = None,
    validation_limit: int | None = None,
) -> None:
    """Raises ValueError where `fit` would, before anything is written.

    Args:
        model: Whose batch norm is told of the recipe's groups.
        recipe: As of `fit`, on the devices of the code that asks.
        save_every: As of `fit`.
        log_every: As of `fit`.
        save_minutes: As of `fit`.
        profile: As of `fit`.
        validation_limit: As of `fit`.
    """
    check_whole(save_every, "save_every")
    check_whole(log_every, "log_every")
    if validation_limit is not None:
        check_whole(validation_limit, "validation_limit")
    positive = save_minutes is None or save_minutes > 0
    check(positive, "save_minutes", "above 0, or None", save_minutes)
    boards.check_profile(profile)
    distribution.current().check_batch(recipe.batch_size)
    normalization.set_groups(model, recipe.norm_groups)
    optimizer(recipe)


def _open(session: Session, model, clips, clip_spec, workdir, limit) -> None:
    split = validation_split(clips)
    size, task = session.recipe.batch_size, clips.task
    scores = ["loss", "map"] if task == "multi" else ["loss", "top1", "top5"]
    columns = ["learning_rate", "loss", *(["accuracy"] if task == "single" else [])]
    watch = session.habits.verbose, session.see, session.ends_scoring
    session.open(
        pathlib.Path(workdir),
        [*columns, *(f"validation_{name}" for name in scores)],
        scorer(model, clips, clip_spec, split, size, limit, *watch),
        score_name(task),
        clips,
    )


class _Trainee(keras.Model):
    """A model's layers with the loss, as Keras' training loop wants it."""

    def prepare(self, clips, recipe: Recipe) -> None:
        """Compiles; nothing here reads data, so that a resume skips none."""
        task = self.task = clips.task
        self.smoothing = recipe.label_smoothing
        self.weights_of = losses.class_weights(clips) if recipe.class_weights else None
        if task == "single":
            self.accuracy = keras.metrics.Mean(name="accuracy")
        self.compile(optimizer(recipe), jit_compile=inference.compiles_with_xla())
        self.optimizer.build(self.trainable_variables)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        how = self.smoothing, self.weights_of
        return distribution.share(losses.cross_entropy(self.task, y, y_pred, *how))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if self.task == "single":
            self.accuracy.update_state(losses.accuracy(y, y_pred))
        return self.get_metrics_result()

"""Training and its scores: what `zoo.train` and the search's proxy training share."""

import math
import os
import pathlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras

from zoo import inference, inputs, losses, metrics, outputs
from zoo.genotypes import ClipSpec
from zoo.genotypes.base import check, check_whole
from zoo.optimizers import KernelDecaySGD
from zoo.session import BEST_WEIGHTS, CHECKPOINT, Session, TrainingDiverged

__all__ = [
    "BEST_WEIGHTS",
    "CHECKPOINT",
    "Recipe",
    "TrainingDiverged",
    "evaluate",
    "fit",
    "optimizer",
    "score_name",
    "scorer",
    "validation_split",
]


@dataclass(frozen=True)
class Recipe:
    """How to train: SGD with momentum, a linear warm-up, then a cosine to zero.

    The defaults suit some hundred clips.

    Args:
        steps: Of the whole training.
        batch_size: Clips in a step.
        learning_rate: Its peak, at the end of the warm-up.
        warmup_steps: Fewer than `steps`; 0 starts at the peak, None is a tenth.
        momentum: From 0 to below 1.
        weight_decay: Times each kernel, added to its gradient: the derivative of half
            its square. Those of the dense layers in gates decay, too; batch norm and
            biases do not.
        label_smoothing: Share of the target that is spread over the classes; with
            several labels a clip, the share that is drawn to one half.
        clip_norm: Longest the gradient of all weights together may be; None is any.
        class_weights: "balanced" weighs each clip by how rare its class is, such that
            all classes together count alike; None counts clips alike.
    """

    steps: int = 1000
    batch_size: int = 16
    learning_rate: float = 0.1
    warmup_steps: int | None = None
    momentum: float = 0.9
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    clip_norm: float | None = None
    class_weights: str | None = None

    def __post_init__(self):
        check_whole(self.steps, "steps")
        check_whole(self.batch_size, "batch_size")
        if self.warmup_steps is not None:
            check_whole(self.warmup_steps, "warmup_steps", least=0)
            fewer, rule = self.warmup_steps < self.steps, f"below `steps`, {self.steps}"
            check(fewer, "warmup_steps", rule, self.warmup_steps)
        positive = 0 < self.learning_rate < math.inf
        check(positive, "learning_rate", "above 0", self.learning_rate)
        for name in ("momentum", "label_smoothing"):
            value = getattr(self, name)
            check(0 <= value < 1, name, "from 0 to below 1", value)
        decays = 0 <= self.weight_decay < 1
        check(decays, "weight_decay", "from 0 to below 1", self.weight_decay)
        clips = self.clip_norm is None or self.clip_norm > 0
        check(clips, "clip_norm", "above 0, or None", self.clip_norm)
        known = self.class_weights in (None, "balanced")
        check(known, "class_weights", '"balanced" or None', self.class_weights)

    def schedule(self) -> keras.optimizers.schedules.LearningRateSchedule:
        """The learning rate of each step."""
        warmup = self.warmup_steps
        warmup = self.steps // 10 if warmup is None else warmup
        decay = keras.optimizers.schedules.CosineDecay
        if not warmup:
            return decay(self.learning_rate, self.steps)
        return decay(
            0.0,
            self.steps - warmup,
            warmup_target=self.learning_rate,
            warmup_steps=warmup,
        )


def optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """The optimizer that a recipe means."""
    return KernelDecaySGD(
        recipe.schedule(),
        momentum=float(recipe.momentum),
        global_clipnorm=recipe.clip_norm,
        kernel_decay=recipe.weight_decay,
    )


def score_name(task: str) -> str:
    """The score that training keeps the best of: "top1", or "map" of many labels."""
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
) -> Callable[[], dict[str, float]]:
    """What `evaluate` does as a function, for a model that is scored many times."""
    inputs.check_source(model, clips)
    predict = inference.compiled(model)

    def score() -> dict[str, float]:
        _, labels, logits = outputs.predictions(
            predict, clips, clip_spec, split, batch_size, limit, verbose
        )
        loss = float(losses.cross_entropy(clips.task, labels, logits))
        return {"loss": loss, **metrics.scores_of(clips.task, labels, logits)}

    return score


def validation_split(clips) -> str:
    """The split that training scores: "validation", or "train" where that is empty."""
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
) -> dict[str, float]:
    """Trains a model, in place, and resumes where an interrupted call stopped.

    With a workdir, every `save_every` steps and at the end it scores the validation
    clips and writes the checkpoint, from which the next call goes on as if nothing
    had happened, and the best weights so far. `metrics.csv` and TensorBoard's events
    get a row every `log_every` steps.

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

    Returns:
        "step", and of the last row "loss" and what else it holds: "accuracy", and with
        a workdir "validation_loss" and the validation scores; then "best_score" too.

    Raises:
        TrainingDiverged: The loss or a weight is no longer a number.
        ValueError: The workdir holds a checkpoint of another model, or the clips lack
            something that the model reads.
    """
    check_whole(save_every, "save_every")
    check_whole(log_every, "log_every")
    inputs.check_source(model, clips)
    trainee = _Trainee(inputs.named(model), model.output, name="trainee")
    trainee.prepare(clips, recipe)
    how = (save_every, log_every, verbose, unit)
    session = Session(model, trainee.optimizer, recipe, *how)
    if workdir is not None:
        _open(session, model, clips, clip_spec, workdir, validation_limit)
    start = session.progress.step
    if start < recipe.steps:
        trainee.fit(
            inputs.training_batches(
                trainee, clips, clip_spec, recipe.batch_size, seed, start
            ),
            steps_per_epoch=recipe.steps - start,
            shuffle=False,
            callbacks=[session, *callbacks],
            verbose=0,
        )
    done = trainee.stop_training or session.progress.step >= recipe.steps
    check(done, "clips", "endless in training", f"{session.progress.step} batches")
    return session.result()


def _open(session: Session, model, clips, clip_spec, workdir, limit) -> None:
    split = validation_split(clips)
    size, task = session.recipe.batch_size, clips.task
    scores = ["loss", "map"] if task == "multi" else ["loss", "top1", "top5"]
    columns = ["learning_rate", "loss", *(["accuracy"] if task == "single" else [])]
    session.open(
        pathlib.Path(workdir),
        [*columns, *(f"validation_{name}" for name in scores)],
        scorer(model, clips, clip_spec, split, size, limit, session.verbose),
        score_name(task),
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
        return losses.cross_entropy(self.task, y, y_pred, *how)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if self.task == "single":
            self.accuracy.update_state(losses.accuracy(y, y_pred))
        return self.get_metrics_result()

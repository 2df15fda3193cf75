"""How to train, as numbers: what `zoo.train` and a search's proxy training take."""

import dataclasses
import itertools
import math
from dataclasses import dataclass

import keras

from zoo import devices
from zoo.genotypes.base import check, check_whole
from zoo.optimizers import KernelDecayAdamW, KernelDecaySGD
from zoo.schedules import PerUpdate, StepDecay

# Fields that any recipe shows; the others only where they are not at their default, as
# a search that goes on compares what is shown with what it was begun with.
SHOWN = (
    *("steps", "batch_size", "learning_rate", "warmup_steps", "momentum"),
    *("weight_decay", "label_smoothing", "clip_norm", "class_weights"),
)


@dataclass(frozen=True, repr=False)
class Recipe:
    """How to train: by default SGD with momentum, a linear warm-up, then a cosine.

    The defaults suit some hundred clips.

    Args:
        steps: Batches of the whole training.
        batch_size: Clips in a step.
        learning_rate: Its peak, at the end of the warm-up.
        warmup_steps: Fewer than `steps`; 0 starts at the peak, None is a tenth.
        momentum: From 0 to below 1; of AdamW the first beta.
        weight_decay: Times each kernel, added to its gradient: the derivative of half
            its square. AdamW instead shrinks kernels by it times the rate. Those of the
            dense layers in gates decay, too; batch norm and biases do not.
        label_smoothing: Share of the target that is spread over the classes; with
            several labels a clip, the share that is drawn to one half.
        clip_norm: Longest the gradient of all weights together may be; None is any.
        class_weights: "balanced" weighs each clip by how rare its class is, such that
            all classes together count alike; None counts clips alike.
        optimizer: "sgd" or "adamw".
        nesterov: Whether the momentum of SGD looks ahead.
        decay: How the rate falls after the warm-up: "cosine" to zero, "step" or
            "constant".
        drops: With "step", shares of the steps after the warm-up, ascending, from which
            the rate is times `drop_factor` once more.
        drop_factor: From above 0 to below 1.
        base_batch_size: Clips in an update for which `learning_rate` is meant, which
            then is times `batch_size * accumulate / base_batch_size`; None takes the
            rate as it is.
        accumulate: Batches whose mean gradient makes one update of the weights. The
            rate is the same in all of them; steps still count batches.
        norm_groups: Parts of a batch that batch norm takes its statistics from, each
            by itself, as the cores of a TPU do; 1 is the whole batch, on any devices.
        ema: Share of a moving average of the weights that stays at an update, such as
            0.9999. The averages are what is scored, kept as the best and loaded;
            training goes on with the weights themselves. None averages none.
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
    optimizer: str = "sgd"
    nesterov: bool = False
    decay: str = "cosine"
    drops: tuple[float, ...] = ()
    drop_factor: float = 0.1
    base_batch_size: int | None = None
    accumulate: int = 1
    ema: float | None = None
    norm_groups: int = 1

    def __post_init__(self):
        self._check_numbers()
        self._check_steps()
        positive = 0 < self.learning_rate < math.inf
        check(positive, "learning_rate", "above 0", self.learning_rate)
        for name in ("momentum", "weight_decay", "label_smoothing"):
            value = getattr(self, name)
            check(0 <= value < 1, name, "from 0 to below 1", value)
        clips = self.clip_norm is None or self.clip_norm > 0
        check(clips, "clip_norm", "above 0, or None", self.clip_norm)
        known = self.class_weights in (None, "balanced")
        check(known, "class_weights", '"balanced" or None', self.class_weights)
        averages = self.ema is None or 0 < self.ema < 1
        check(averages, "ema", "between 0 and 1, or None", self.ema)
        self._check_optimizer()
        self._check_decay()

    def _check_numbers(self) -> None:
        names = ("learning_rate", "momentum", "weight_decay", "label_smoothing")
        for name in (*names, "drop_factor", "clip_norm", "ema"):
            value = getattr(self, name)
            none = value is None and name in ("clip_norm", "ema")
            number = isinstance(value, int | float) and not isinstance(value, bool)
            check(none or number, name, "a number", value)
        listed = isinstance(self.drops, tuple | list)
        known = listed and all(isinstance(drop, int | float) for drop in self.drops)
        check(known, "drops", "a list of numbers", self.drops)

    def _check_steps(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "norm_groups"):
            check_whole(getattr(self, name), name)
        even, rule = self.batch_size % self.norm_groups == 0, "a divisor of the batch"
        check(even, "norm_groups", rule, self.norm_groups)
        fits, rule = self.accumulate <= self.steps, f"at most `steps`, {self.steps}"
        check(fits, "accumulate", rule, self.accumulate)
        if self.base_batch_size is not None:
            check_whole(self.base_batch_size, "base_batch_size")
        if self.warmup_steps is not None:
            check_whole(self.warmup_steps, "warmup_steps", least=0)
            fewer, rule = self.warmup_steps < self.steps, f"below `steps`, {self.steps}"
            check(fewer, "warmup_steps", rule, self.warmup_steps)

    def _check_optimizer(self) -> None:
        known = self.optimizer in ("sgd", "adamw")
        check(known, "optimizer", '"sgd" or "adamw"', self.optimizer)
        looks = self.nesterov is False or (
            self.nesterov is True and self.optimizer == "sgd" and self.momentum > 0
        )
        check(looks, "nesterov", "True with momentum of SGD, or False", self.nesterov)

    def _check_decay(self) -> None:
        known = self.decay in ("cosine", "step", "constant")
        check(known, "decay", '"cosine", "step" or "constant"', self.decay)
        places = [0, *self.drops, 1]
        if self.decay == "step":
            rule = "ascending shares between 0 and 1"
            rises = all(a < b for a, b in itertools.pairwise(places))
            check(len(places) > 2 and rises, "drops", rule, self.drops)
        else:
            check(not self.drops, "drops", 'empty unless `decay` is "step"', self.drops)
        lower = 0 < self.drop_factor < 1
        check(lower, "drop_factor", "between 0 and 1", self.drop_factor)

    def __repr__(self):
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name in SHOWN or getattr(self, field.name) != field.default
        }
        return f"Recipe({', '.join(f'{k}={v!r}' for k, v in values.items())})"

    @property
    def peak(self) -> float:
        """The learning rate at the end of the warm-up."""
        clips = self.batch_size * self.accumulate
        return self.learning_rate * clips / (self.base_batch_size or clips)

    def schedule(self) -> keras.optimizers.schedules.LearningRateSchedule:
        """The learning rate of each step."""
        warmup = self.steps // 10 if self.warmup_steps is None else self.warmup_steps
        # In updates: then all is as with larger batches.
        steps, warmup = self.steps / self.accumulate, warmup / self.accumulate
        if self.decay == "cosine":
            rate = _cosine(self.peak, steps, warmup)
        else:
            drops = [warmup + share * (steps - warmup) for share in self.drops]
            rate = StepDecay(self.peak, warmup, drops, self.drop_factor)
        return PerUpdate(rate, self.accumulate) if self.accumulate > 1 else rate


def _cosine(
    peak: float, steps: float, warmup: float
) -> keras.optimizers.schedules.CosineDecay:
    decay = keras.optimizers.schedules.CosineDecay
    if not warmup:
        return decay(peak, steps)
    return decay(0.0, steps - warmup, warmup_target=peak, warmup_steps=warmup)


def optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """The optimizer that a recipe means, on the devices of the code that asks.

    Raises:
        ValueError: Keras can not accumulate on these devices.
    """
    # Of several devices TensorFlow clips each one's share.
    mirrors = devices.mirrors()
    clip_norm = recipe.clip_norm and recipe.clip_norm / mirrors
    how = {"global_clipnorm": clip_norm}
    if recipe.accumulate > 1:
        rule = "1 on several devices with TensorFlow; JAX can do more"
        check(mirrors == 1, "accumulate", rule, recipe.accumulate)
        how["gradient_accumulation_steps"] = recipe.accumulate
    if recipe.ema is not None:
        # Keras averages at each step, of which one in `accumulate` updates.
        how |= {"use_ema": True, "ema_momentum": recipe.ema ** (1 / recipe.accumulate)}
    rate, momentum = recipe.schedule(), float(recipe.momentum)
    if recipe.optimizer == "adamw":
        decay = recipe.weight_decay
        return KernelDecayAdamW(rate, weight_decay=decay, beta_1=momentum, **how)
    how |= {"nesterov": recipe.nesterov, "kernel_decay": recipe.weight_decay}
    return KernelDecaySGD(rate, momentum=momentum, **how)

"""Learning rates over a training that Keras does not have."""

from collections.abc import Sequence

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="zoo")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a line from zero, stays, and falls by a factor at some steps.

    Args:
        rate: After the warm-up.
        warmup_steps: Of the rise; 0 is none.
        drops: Steps from which the rate is lower.
        factor: Times the rate at each of them.
    """

    def __init__(
        self,
        rate: float,
        warmup_steps: float = 0,
        drops: Sequence[float] = (),
        factor: float = 0.1,
    ):
        super().__init__()
        self.rate, self.warmup_steps = rate, warmup_steps
        self.drops, self.factor = tuple(drops), factor

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rate = ops.full((), self.rate, "float32")
        if self.warmup_steps:
            rate = rate * ops.minimum(step / self.warmup_steps, 1)
        for drop in self.drops:
            rate = ops.where(step < drop, rate, rate * self.factor)
        return rate

    def get_config(self):
        names = ("rate", "warmup_steps", "drops", "factor")
        return {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="zoo")
class PerUpdate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of updates, each of which takes several steps.

    Args:
        schedule: The rate of each update.
        steps: Of an update.
    """

    def __init__(
        self, schedule: keras.optimizers.schedules.LearningRateSchedule, steps: int
    ):
        super().__init__()
        self.schedule, self.steps = schedule, steps

    def __call__(self, step):
        return self.schedule(ops.floor_divide(step, self.steps))

    def get_config(self):
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "steps": self.steps}

    @classmethod
    def from_config(cls, config):
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["steps"])

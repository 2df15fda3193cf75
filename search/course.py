"""A differentiable search underway: steps, epochs, checkpoints, and an exact resume."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
from keras import ops

from search.alternation import State
from search.descent import Schedule
from search.epochs import Epochs
from search.memory import Memory
from zoo import checkpoints, monitor
from zoo.genotypes import ClipSpec
from zoo.record import CHECKPOINT
from zoo.training import TrainingDiverged


@dataclass(frozen=True)
class Pace:
    """How long a search is, and how its learning rate goes.

    Args:
        epochs: Of the search.
        steps: Of each epoch.
        peak: Learning rate of the weights, which the schedule changes.
        schedule: The rate of each step.
        warmup: Epochs in which the weights train alone.
    """

    epochs: int
    steps: int
    peak: float
    schedule: Schedule
    warmup: int = 0

    @property
    def total(self) -> int:
        """Steps of the search."""
        return self.epochs * self.steps

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return self.schedule.rate(self.peak, step / self.steps, self.epochs)


class Course:
    """Trains a supernet, and goes on where an earlier call stopped.

    Args:
        network: The supernet.
        memory: Its variables and the optimizers'.
        step: From a state, a learning rate and two batches to the next state.
        alone: The same in the warm-up.
        pace: Of the search.
        epochs: Writes each.
        folder: Gets the checkpoint.
        save_every: Steps between checkpoints within an epoch.
        accuracies: Whether a batch has an accuracy.
    """

    def __init__(
        self,
        network: keras.Model,
        memory: Memory,
        step: Callable[..., State],
        alone: Callable[..., State],
        pace: Pace,
        epochs: Epochs,
        folder: Path,
        save_every: int,
        accuracies: bool,
    ):
        self.network, self.memory = network, memory
        self.step, self.alone = step, alone
        self.pace, self.epochs, self.save_every = pace, epochs, save_every
        self.path = folder / CHECKPOINT
        self.accuracies = accuracies
        self.sound = 0  # The last step whose loss was seen to be a number.

    def open(self) -> int:
        """Restores what an earlier call left; gives the steps that are done."""
        restored = checkpoints.restore(self.path, self.memory.variables)
        done = restored.step if restored else 0
        self.epochs.open(done // self.pace.steps, done)
        return done

    def run(
        self,
        done: int,
        batches: Iterator[tuple],
        score: Callable[[], tuple[float, dict[str, float]]],
        line: monitor.ProgressLine,
    ) -> None:
        """Does the steps that are left.

        Args:
            done: Steps that are not.
            batches: Two for each step, the first of them for the weights.
            score: Gives the fitness and the validation scores of the supernet.
            line: Shows the progress.
        """
        state, self.line = self.memory.read(), line
        self.sound = done
        for step in range(done, self.pace.total):
            rate = self.pace.rate(step)
            pair = keras.tree.map_structure(ops.convert_to_tensor, next(batches))
            act = self.alone if self._warms_up(step) else self.step
            state = act(state, ops.convert_to_tensor(rate, "float32"), *pair)
            step += 1
            if line.due(step):
                line.show(step, self._means(step, state))
            if step % self.pace.steps == 0:
                state = self._end_epoch(step, state, score)
            elif step % self.save_every == 0:
                self._save(step, state)

    def _means(self, step: int, state: State) -> dict[str, float]:
        """Losses and accuracy of the epoch so far; waits for the device."""
        count = (step - 1) % self.pace.steps + 1
        names = ("loss", "architecture_loss", "accuracy")
        sums = [float(ops.convert_to_numpy(total)) for total in state.sums]
        means = {n: total / count for n, total in zip(names, sums, strict=True)}
        if not all(map(math.isfinite, means.values())):
            self._stop(f"a loss is not a number in step {self.sound + 1} to {step}")
        self.sound = step
        if not self.accuracies:
            del means["accuracy"]
        if self._warms_up(step - 1):
            del means["architecture_loss"]
        return means

    def _warms_up(self, step: int) -> bool:
        """Of a step, counted from 0."""
        return step < self.pace.warmup * self.pace.steps

    def _end_epoch(self, step: int, state: State, score: Callable) -> State:
        row = {"learning_rate": self.pace.rate(step - 1), **self._means(step, state)}
        state = state._replace(sums=[ops.zeros_like(total) for total in state.sums])
        self.memory.write(state)
        self._check(step)
        fitness, scores = score()
        row |= {f"validation_{name}": value for name, value in scores.items()}
        # Before the checkpoint: a kill in between leaves an epoch too many, which goes
        # on resuming, and not one too few.
        record = self.epochs.add(step, self.network, row, fitness)
        self._save(step, state)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in scores.items())
        self.line.note(f"epoch {int(record.trial)}: validation {shown}, saved")
        return state

    def _save(self, step: int, state: State) -> None:
        self.memory.write(state)
        self._check(step)
        checkpoints.save(self.path, checkpoints.Progress(step), self.memory.variables)

    def _check(self, step: int) -> None:
        try:
            checkpoints.check_finite(self.memory.variables)
        except checkpoints.NotFinite as error:
            self._stop(f"{error} after step {step}")

    def _stop(self, reason: str) -> None:
        kept = f"; the last good state is {self.path}" if self.path.exists() else ""
        raise TrainingDiverged(
            f"the search diverged: {reason}{kept}. Try a lower `learning_rate` or "
            "`clip_norm`"
        )


def together(clips, clip_spec: ClipSpec, batch_size: int, seed: int, start: int):
    """For each step one batch of all training clips, and nothing held out.

    Args:
        clips: A clip source.
        clip_spec: Of the clips.
        batch_size: Clips in a batch.
        seed: Of their order.
        start: Steps to leave out.
    """
    for batch in clips.batches(clip_spec, "train", batch_size, seed=seed, start=start):
        yield batch, ()


def apart(clips, clip_spec: ClipSpec, batch_size: int, seed: int, start: int):
    """For each step a batch of either half of the training clips.

    Args:
        clips: A clip source with `halves`.
        clip_spec: Of the clips.
        batch_size: Clips in a batch.
        seed: Of the halves and of their order.
        start: Steps to leave out.
    """
    halves = [
        half.batches(clip_spec, "train", batch_size, seed=seed, start=start)
        for half in clips.halves(seed)
    ]
    return zip(*halves, strict=True)

"""What happens beside the steps of training: rows, scores, checkpoints, alarms."""

import math
import pathlib
import sys
import time
from collections.abc import Callable

import keras
import numpy as np

from zoo import (
    boards,
    checkpoints,
    distribution,
    files,
    metrics,
    monitor,
    optimizers,
    signals,
    weights,
)
from zoo.alarms import diverged, writing
from zoo.habits import Habits
from zoo.pace import Pace
from zoo.record import BEST_WEIGHTS, CHECKPOINT, METRICS, SPEED

CURVES = ("clips_per_second", "input_wait")
SPEEDS = [*CURVES, "seconds", "aside"]  # Of speed.csv.
AGREE_EVERY = 10  # Steps after which several processes ask each other whether to end.


class Session(keras.callbacks.Callback):
    """Watches a training, and writes what lets it resume.

    Args:
        network: The model, which Keras trains through a wrapper of the same weights.
        optimizer: Built for it.
        recipe: How it trains.
        habits: When it writes, and what it shows.
    """

    def __init__(
        self,
        network: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        recipe,
        habits: Habits,
    ):
        super().__init__()
        self.variables = [*network.variables, *optimizer.variables]
        self.network, self.recipe, self.schedule = network, recipe, recipe.schedule()
        self.habits, self.pace = habits, Pace(recipe.batch_size)
        self.progress = checkpoints.Progress()
        self.workdir = self.table = self.speed = self.events = self.score = None
        self.score_name = None
        self.profile = boards.Profile(None, "")
        self.row: dict[str, float] = {}
        self.seen: tuple[np.ndarray, np.ndarray] | None = None
        self.sound = 0  # The last step whose loss was seen to be a number.

    def open(
        self,
        workdir: pathlib.Path,
        columns: list[str],
        score: Callable[[], dict[str, float]],
        score_name: str,
        clips,
    ) -> None:
        """Goes on from the checkpoint of a folder, and writes there.

        Args:
            workdir: Made where it is missing.
            columns: Of metrics.csv.
            score: Gives the validation scores.
            score_name: The one that says which weights are best.
            clips: The clip source.
        """
        restored = checkpoints.restore(workdir / CHECKPOINT, self.variables)
        self.progress = restored or self.progress
        step = self.progress.step
        self.workdir, self.score, self.score_name = workdir, score, score_name
        self.classes, self.task = clips.classes, clips.task
        known = monitor.read_table(workdir / METRICS) if restored else []
        self.row = next(
            (r for r in reversed(known) if 0 < r.get("step", 0) <= step), {}
        )
        if not self.habits.writes:
            return
        size = sum(4 * math.prod(variable.shape) for variable in self.variables)
        # The new beside the old, and the best weights.
        files.check_writable(workdir, size if restored else 2 * size)
        self.table = monitor.MetricsTable(workdir / METRICS, columns, step)
        self.speed = monitor.MetricsTable(workdir / SPEED, SPEEDS, step)
        if step < self.recipe.steps:
            folder = workdir / "tensorboard"
            self.events = monitor.event_file(folder, step)
            self.profile = boards.Profile(self.habits.profile, folder)

    def see(self, labels: np.ndarray, logits: np.ndarray) -> None:
        """Takes what the network says of the validation clips, to show each class."""
        self.seen = labels, logits

    def on_train_begin(self, logs=None):
        self.start = self.sound = self.progress.step
        steps, batch_size = self.recipe.steps, self.recipe.batch_size
        how = self.habits.verbose, self.habits.unit
        self.line = monitor.ProgressLine(steps, batch_size, self.start, *how)
        if self.start:
            self.line.note(f"resumed at step {self.start}")
        self.saved_at = time.monotonic()
        self.pace.begin()
        if self._is_asked(self.start):
            self._end(self.start)

    def on_epoch_begin(self, epoch, logs=None):
        # Keras has just reset them.
        means, variables = self.progress.means, self.model.metrics_variables
        if len(means) == len(variables):
            for variable, value in zip(variables, means, strict=True):
                variable.assign(value)
        if self._is_unscored():
            numbers = self.model.get_metrics_result()
            self._log(self.start, self._read(self.start, numbers), saves=True)

    def score_at_last(self) -> None:
        """Scores a run without further steps, if it was ended before that."""
        if self._is_unscored():
            self.on_train_begin()
            self.on_epoch_begin(0)

    def ends_scoring(self) -> bool:
        """Whether to end while it scores; of several processes none does alone."""
        notice = self.habits.notice
        return self.habits.alone and notice is not None and notice.given

    def on_train_batch_begin(self, batch, logs=None):
        self.profile.begin(self.start + batch + 1)
        self.pace.ask()

    def on_train_batch_end(self, batch, logs=None):
        step = self.start + batch + 1
        first = self.pace.first  # Clips and labels.
        self.pace.end(batch, logs["loss"])
        self.progress = checkpoints.Progress(step, self.progress.best)
        last = step == self.recipe.steps
        saves = step % self.habits.save_every == 0 or last
        saves = saves and self.workdir is not None
        logs_row = saves or last or step % self.habits.log_every == 0
        due = self.line.due(step)
        numbers = self._read(step, logs) if logs_row or due else {}
        if due:
            self.line.show(step, numbers, self.pace.note())
        if first is not None and self.events:
            with writing(step, self.workdir):
                boards.add_clips(self.events, step, first[0])
        self._profile(step, logs)
        if logs_row:
            self._log(step, numbers, saves)
        asked = self._is_asked(step)
        if not saves and (self._is_late() or asked):
            self._keep(step, logs)
        if asked:
            self._end(step)

    def on_train_end(self, logs=None):
        self.profile.close()

    def result(self) -> dict[str, float]:
        """The last row, and the best score where there is one."""
        best = self.progress.best
        best = {} if best is None else {"best_score": best}
        return {**self.row, "step": self.progress.step, **best}

    def _read(self, step: int, logs: dict) -> dict[str, float]:
        """Waits for the device, so it is not done after each step."""
        numbers = {name: float(value) for name, value in logs.items()}
        if not math.isfinite(numbers["loss"]):
            raise diverged(
                f"the loss is not a number in step {self.sound + 1} to {step}",
                self.workdir,
            )
        self.sound = step
        return {"loss": numbers.pop("loss"), **numbers}

    def _log(self, step: int, numbers: dict[str, float], saves: bool) -> None:
        rate = float(self.schedule(step - 1))
        self.row = {"step": step, "learning_rate": rate, **numbers}
        speed = self.pace.row()
        try:
            shown = self._validate(step) if saves else ""
        except signals.Interrupted:
            self._keep(step, numbers)
            self._end(step)
        # Rows are means since the row before; `_keep` saves those of a row begun.
        self.model.reset_metrics()
        # Before the checkpoint: a kill in between leaves a row too many, which goes on
        # resuming, and not one too few.
        with writing(step, self.workdir):
            self._add(step, speed)
        if saves:
            self._save(step)
            self.line.note(f"step {step}: validation {shown}, saved")

    def _add(self, step: int, speed: dict[str, float]) -> None:
        if self.table:
            self.table.add(self.row)
            self.speed.add({"step": step, **speed})
        if self.events:
            values = {k: v for k, v in self.row.items() if k != "step"}
            curves = {k: speed[k] for k in CURVES if k in speed}
            self.events.add(step, values | curves)
            if self.seen:
                scores = metrics.of_classes(self.task, *self.seen)
                boards.add_classes(self.events, step, self.classes, scores)
        self.seen = None

    def _keep(self, step: int, logs: dict) -> None:
        """Saves in the middle of a row, whose means go on when the run resumes."""
        if self.workdir is None:
            return
        self._read(step, logs)
        values = map(keras.ops.convert_to_numpy, self.model.metrics_variables)
        means = tuple(float(value) for value in values)
        self.progress = checkpoints.Progress(step, self.progress.best, means)
        speed = {"step": step, **self.pace.row()}
        if self.speed:
            with writing(step, self.workdir):
                self.speed.add(speed)
        self._save(step)

    def _save(self, step: int) -> None:
        try:
            if self.habits.writes:
                with writing(step, self.workdir):
                    path = self.workdir / CHECKPOINT
                    checkpoints.save(path, self.progress, self.variables)
        except checkpoints.NotFinite as error:
            raise diverged(f"{error} after step {step}", self.workdir) from None
        self.saved_at = time.monotonic()
        self.pace.rest()

    def _is_late(self) -> bool:
        minutes = self.habits.save_minutes
        passed = time.monotonic() - self.saved_at
        return minutes is not None and passed >= 60 * minutes

    def _is_asked(self, step: int) -> bool:
        """Whether to end after a step; several processes agree on one, now and then."""
        notice = self.habits.notice
        given = notice is not None and notice.given
        if step >= self.recipe.steps or (step % AGREE_EVERY and not self.habits.alone):
            return False
        return given if self.habits.alone else distribution.any_of(given)

    def _end(self, step: int) -> None:
        self.profile.close()
        self.line.end()
        how = "and saved: resume" if self.workdir and step else "before any: begin"
        if self.habits.writes:
            text = f"stopped at step {step} {how} with the same command"
            print(text, file=sys.stderr)
        raise signals.Stopped

    def _is_unscored(self) -> bool:
        """Whether the state that it goes on from ought to be scored, and is not."""
        step, row = self.progress.step, self.row
        due = step % self.habits.save_every == 0 or step >= self.recipe.steps
        scored = row.get("step") == step and f"validation_{self.score_name}" in row
        return self.workdir is not None and step > 0 and due and not scored

    def _profile(self, step: int, logs: dict) -> None:
        if step == self.profile.last:
            self._read(step, logs)  # Waits for it.
        if self.profile.end(step):
            self.line.note(f"profile until step {step} in {self.profile.folder}")

    def _validate(self, step: int) -> str:
        """Scores the network and keeps the best weights; gives the scores in words."""
        model = self.model  # On JAX, its variables have their values only then.
        try:  # Before the best weights are replaced, too.
            checkpoints.check_finite(self.variables)
        except checkpoints.NotFinite as error:
            raise diverged(f"{error} after step {step}", self.workdir) from None
        with optimizers.averaged(model):
            scores = self.score()
            score = scores[self.score_name]
            best = self.progress.best
            if best is None or score >= best:
                best = score
                if self.habits.writes:
                    with writing(step, self.workdir):
                        weights.save(self.network, self.workdir / BEST_WEIGHTS)
        self.row |= {f"validation_{name}": value for name, value in scores.items()}
        self.progress = checkpoints.Progress(step, best)
        return "  ".join(f"{name} {value:.4g}" for name, value in scores.items())

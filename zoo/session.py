"""What happens beside the steps of training: rows, scores, checkpoints, alarms."""

import math
import pathlib
from collections.abc import Callable

import keras

from zoo import checkpoints, monitor, optimizers, weights
from zoo.inference import BEST_WEIGHTS
from zoo.record import METRICS

CHECKPOINT = "checkpoint.npz"


class TrainingDiverged(ValueError):  # noqa: N818
    """The loss or a weight is no longer a number."""


class Session(keras.callbacks.Callback):
    """Watches a training, and writes what lets it resume.

    Args:
        network: The model, which Keras trains through a wrapper of the same weights.
        optimizer: Built for it.
        recipe: How it trains.
        save_every: Steps between checkpoints.
        log_every: Steps between rows.
        verbose: Whether to show the progress.
        unit: What the progress calls a step.
    """

    def __init__(
        self,
        network: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        recipe,
        save_every: int,
        log_every: int,
        verbose: bool,
        unit: str = "step",
    ):
        super().__init__()
        self.variables = [*network.variables, *optimizer.variables]
        self.network, self.recipe, self.schedule = network, recipe, recipe.schedule()
        self.save_every, self.log_every = save_every, log_every
        self.verbose, self.unit = verbose, unit
        self.progress = checkpoints.Progress()
        self.workdir = self.table = self.events = self.score = None
        self.row: dict[str, float] = {}
        self.sound = 0  # The last step whose loss was seen to be a number.

    def open(
        self,
        workdir: pathlib.Path,
        columns: list[str],
        score: Callable[[], dict[str, float]],
        score_name: str,
    ) -> None:
        """Goes on from the checkpoint of a folder, and writes there.

        Args:
            workdir: Made where it is missing.
            columns: Of metrics.csv.
            score: Gives the validation scores.
            score_name: The one that says which weights are best.
        """
        workdir.mkdir(parents=True, exist_ok=True)
        restored = checkpoints.restore(workdir / CHECKPOINT, self.variables)
        self.progress = restored or self.progress
        step = self.progress.step
        self.workdir, self.score, self.score_name = workdir, score, score_name
        self.table = monitor.MetricsTable(workdir / METRICS, columns, step)
        if step < self.recipe.steps:
            self.events = monitor.event_file(workdir / "tensorboard", step)
        rows = monitor.read_table(workdir / METRICS)
        self.row = rows[-1] if rows else {}

    def on_train_begin(self, logs=None):
        self.start = self.sound = self.progress.step
        steps, batch_size = self.recipe.steps, self.recipe.batch_size
        self.line = monitor.ProgressLine(
            steps, batch_size, self.start, self.verbose, self.unit
        )
        if self.start:
            self.line.note(f"resumed at step {self.start}")

    def on_train_batch_end(self, batch, logs=None):
        step = self.start + batch + 1
        self.progress = checkpoints.Progress(step, self.progress.best)
        last = step == self.recipe.steps
        saves = self.workdir is not None and (step % self.save_every == 0 or last)
        logs_row = saves or last or step % self.log_every == 0
        if not (logs_row or self.line.due(step)):
            return
        numbers = self._read(step, logs)
        if self.line.due(step):
            self.line.show(step, numbers)
        if logs_row:
            self._log(step, numbers, saves)

    def result(self) -> dict[str, float]:
        """The last row, and the best score where there is one."""
        best = self.progress.best
        best = {} if best is None else {"best_score": best}
        return {**self.row, "step": self.progress.step, **best}

    def _read(self, step: int, logs: dict) -> dict[str, float]:
        """Waits for the device, so it is not done after each step."""
        numbers = {name: float(value) for name, value in logs.items()}
        if not math.isfinite(numbers["loss"]):
            self._stop(f"the loss is not a number in step {self.sound + 1} to {step}")
        self.sound = step
        return {"loss": numbers.pop("loss"), **numbers}

    def _log(self, step: int, numbers: dict[str, float], saves: bool) -> None:
        rate = float(self.schedule(step - 1))
        self.row = {"step": step, "learning_rate": rate, **numbers}
        # Rows are means since the row before, also in a run that resumes in between:
        # a checkpoint always ends a row.
        self.model.reset_metrics()
        shown = self._validate(step) if saves else ""
        # Before the checkpoint: a kill in between leaves a row too many, which goes on
        # resuming, and not one too few.
        if self.table:
            self.table.add(self.row)
        if self.events:
            values = {k: v for k, v in self.row.items() if k != "step"}
            self.events.add(step, values)
        if saves:
            checkpoints.save(self.workdir / CHECKPOINT, self.progress, self.variables)
            self.line.note(f"step {step}: validation {shown}, saved")

    def _validate(self, step: int) -> str:
        """Scores the network and keeps the best weights; gives the scores in words."""
        try:  # Before the best weights are replaced, too.
            checkpoints.check_finite(self.variables)
        except checkpoints.NotFinite as error:
            self._stop(f"{error} after step {step}")
        with optimizers.averaged(self.model):
            scores = self.score()
            score = scores[self.score_name]
            best = self.progress.best
            if best is None or score >= best:
                best = score
                weights.save(self.network, self.workdir / BEST_WEIGHTS)
        self.row |= {f"validation_{name}": value for name, value in scores.items()}
        self.progress = checkpoints.Progress(step, best)
        return "  ".join(f"{name} {value:.4g}" for name, value in scores.items())

    def _stop(self, reason: str):
        path = self.workdir and self.workdir / CHECKPOINT
        kept = f"; the last good state is {path}" if path and path.exists() else ""
        raise TrainingDiverged(
            f"training diverged: {reason}{kept}. Try a lower `learning_rate`, a longer "
            "warm-up or `clip_norm`"
        )

"""A search that trains nothing: in a test, or as a process that this file starts.

keras-tuner's environment variables make the process a chief or a worker:

    python tests/stub_search.py FOLDER [--trials=20] [--seconds=0.1] [--lease=60] ...
"""

import os
import sys

if __name__ == "__main__":  # Spares each process seconds of imports.
    os.environ.setdefault("KERAS_BACKEND", "jax")
    sys.modules |= dict.fromkeys(("tensorflow", "matplotlib"))

import argparse
import json
import time
import types
from pathlib import Path

from search.ledger import DETAILS, GENOTYPE
from search.spaces.tiny_video import TinyVideoSpace
from search.stopping import Halving
from search.tournament import TournamentOracle
from search.tuner import ArchitectureTuner
from zoo.genotypes import from_json

ONE = {"blocks": (1, 1), "repeats": (1, 1), "non_local": 0, "squeeze": 0}
SPACE = TinyVideoSpace(frames=(1, 32), sizes=(16, 64), filters=(8, 64), **ONE)
STEPS = 5  # Moments in a trial when it may be told to end.


def stub_oracle(folder=None, **arguments):
    """A small tournament; with a folder, as a tuner leaves it before it searches."""
    small = {"population_size": 6, "sample_size": 3, "max_trials": 20}
    oracle = TournamentOracle(
        **{"space": SPACE, "num_classes": 5, **small, **arguments}
    )
    if folder:
        oracle._set_project_dir(folder, "trials")
        oracle.reload()
    return oracle


def report(oracle, trial, score=0.5, status="COMPLETED", message=None, **details):
    """Ends a trial, as a tuner does."""
    if status == "COMPLETED":
        details["metrics"] = {"fitness": score}
    trial.hyperparameters.values[DETAILS] = json.dumps(details)
    trial.status, trial.message = status, message
    oracle.end_trial(trial)


def fitness(genotype) -> float:
    """Highest, 1, at 20 frames, 48 pixels and 8 filters."""
    stream, block = genotype.streams[0], genotype.blocks[0]
    misses = (
        (stream.frames - 20) / 32,
        (stream.size - 48) / 48,
        (block.filters - 8) / 64,
    )
    return 1 - sum(map(abs, misses)) / 3


class StubTuner(ArchitectureTuner):
    """Sleeps in place of training."""

    def run_trial(self, trial, seconds=0.0, crash=False):
        score = fitness(from_json(trial.hyperparameters.values[GENOTYPE]))
        model = types.SimpleNamespace(stop_training=False)
        self._details["feedback"] = {"0>1": score / 3}
        for step in range(STEPS):
            if seconds:
                time.sleep(seconds / STEPS)
            self.on_batch_end(trial, model, step)
            self.on_epoch_end(trial, model, step, {"fitness": score * (step + 1)})
            if model.stop_training:
                break
        if crash:
            raise OSError("the disk is full")
        return {"fitness": score}


def stub_tuner(folder, oracle=None, **arguments):
    """A tuner of a small search that trains nothing."""
    folder = Path(folder)
    return StubTuner(
        oracle or stub_oracle(),
        lambda hp: None,
        directory=str(folder.parent),
        project_name=folder.name,
        **arguments,
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--lease", type=float, default=60)
    parser.add_argument("--patience", type=float, default=60)
    parser.add_argument("--stages", type=int, default=0)
    parser.add_argument("--crash", action="store_true")
    given = parser.parse_args(argv)
    oracle = stub_oracle(
        max_trials=given.trials,
        lease_seconds=given.lease,
        max_attempts=1000,
        stopping=Halving(stages=given.stages) if given.stages else None,
    )
    tuner = stub_tuner(given.folder, oracle, patience=given.patience)
    tuner.search(given.seconds, given.crash, verbose=False)
    if oracle.stop_reason:
        print(oracle.stop_reason)


if __name__ == "__main__":
    main()

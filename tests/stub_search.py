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
import contextlib
import json
import signal
import socket
import subprocess
import time
import types
from pathlib import Path

import keras

from search import journal, network
from search.audit import audit
from search.ledger import DETAILS, GENOTYPE
from search.spaces.tiny_video import TinyVideoSpace
from search.stopping import Halving
from search.tournament import TournamentOracle
from search.tuner import ArchitectureTuner
from zoo.genotypes import from_json

ONE = {"blocks": (1, 1), "repeats": (1, 1), "non_local": 0, "squeeze": 0}
SPACE = TinyVideoSpace(frames=(1, 32), sizes=(16, 64), filters=(8, 64), **ONE)
ROOT = Path(__file__).parents[1]
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


class Crew:
    """The processes of a stub search, and an end to all of them.

    Args:
        folder: Of the search.
        **flags: Of this file, for each process.
    """

    def __init__(self, folder: Path, **flags):
        self.folder = Path(folder, "trials")
        self.logs = Path(folder, "logs")
        self.logs.mkdir(parents=True, exist_ok=True)
        self.flags = [f"--{name}={value}" for name, value in flags.items()]
        self.processes: dict[str, subprocess.Popen] = {}
        with socket.socket() as probe:
            probe.bind((network.LOOPBACK, 0))
            self.port = probe.getsockname()[1]

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_) -> None:
        for name in self.processes:
            self.kill(name)

    def start(self, *names: str) -> None:
        """Starts processes, "chief" or workers; also those that were killed."""
        for name in names:
            role = {network.IP: network.LOOPBACK, network.PORT: str(self.port)}
            paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
            role |= {network.TUNER_ID: name, "PYTHONPATH": paths}
            with Path(self.logs, name).open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, __file__, self.folder, *self.flags],
                    env={**os.environ, **role},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )

    def kill(self, name: str) -> None:
        """Ends a process that can do nothing about it."""
        with contextlib.suppress(ProcessLookupError):
            self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def wait(self, seconds: float) -> dict[str, int]:
        """The exit codes, once all have ended."""
        end = time.monotonic() + seconds
        return {
            name: process.wait(max(0.1, end - time.monotonic()))
            for name, process in self.processes.items()
        }

    def events(self, name: str | None = None) -> list[dict]:
        """What the journal holds, of all kinds or of one."""
        path = self.folder / journal.NAME
        found = journal.read(path) if path.exists() else ()
        return [event for event in found if name in (None, event["event"])]

    def log(self, name: str) -> str:
        """What a process wrote."""
        return Path(self.logs, name).read_text()

    def check(self, trials: int) -> None:
        """Each trial has ended once, and the audit finds no fault."""
        ends = sorted(event["trial"] for event in self.events("end"))
        assert ends == [f"{index:04d}" for index in range(trials)]
        audit(_oracle(parse(["", *self.flags])), self.events())


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--lease", type=float, default=60)
    parser.add_argument("--patience", type=float, default=60)
    parser.add_argument("--stages", type=int, default=0)
    parser.add_argument("--crash", type=int, default=0)
    return parser.parse_args(argv)


def _oracle(given: argparse.Namespace, folder=None) -> TournamentOracle:
    return stub_oracle(
        folder,
        max_trials=given.trials,
        lease_seconds=given.lease,
        max_attempts=1000,
        stopping=Halving(stages=given.stages) if given.stages else None,
    )


def main() -> None:
    given = parse()
    keras.backend.clear_session = lambda: None  # It takes a tenth of a second.
    oracle = _oracle(given)
    tuner = stub_tuner(given.folder, oracle, patience=given.patience)
    tuner.search(given.seconds, given.crash, verbose=False)
    if oracle.stop_reason:
        print(oracle.stop_reason)


if __name__ == "__main__":
    main()

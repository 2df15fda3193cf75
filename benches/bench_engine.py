"""What a trial costs the engine where training costs nothing, beside keras-tuner's.

In one process: milliseconds a trial, and what of them goes into proposing (mutation and
cost on paper), into the journal, and into the files that listeners write. Over gRPC:
trials a second of a chief and stub workers. keras-tuner's own random search over ten
numbers is the peer in the same run. "engine" is with the oldest out, "worst" with the
worst out, where the same few networks are parents for ever, as the scores mean nothing,
and most of their children are known.

    python benches/bench_engine.py [--trials=5000,20000] [--worst=5000] [--served=2000]
"""

import argparse
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
MARKS = (400, 2000)  # Trials at which the rate over gRPC is told.
WINDOW = 300  # Trials over which it is a mean.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", default="5000,20000")
    parser.add_argument("--worst", type=int, default=5000, help="trials, the worst out")
    parser.add_argument("--peer", type=int, default=5000, help="trials of keras-tuner")
    parser.add_argument("--served", type=int, default=max(MARKS))
    parser.add_argument("--workers", type=int, default=8)
    given = parser.parse_args()
    for trials in map(int, filter(None, given.trials.split(","))):
        alone("engine", trials)
    if given.worst:
        alone("worst", given.worst)
    if given.peer:
        alone("stock", given.peer)
    for kind in ("engine", "stock") if given.served else ():
        served(kind, given.served, given.workers)


def alone(kind: str, trials: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(command(kind, trials, folder), check=True, env=environment())


def served(kind: str, trials: int, workers: int) -> None:
    """Runs a chief and workers, and tells how many trials a second ended."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        crew = []
        for name in ("chief", *(f"worker{i}" for i in range(workers))):
            role = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_TUNER_ID": name}
            role["KERASTUNER_ORACLE_PORT"] = str(port)
            given = command(kind, trials, folder)
            crew.append(subprocess.Popen(given, env=environment() | role))
        codes = [process.wait(600) for process in crew[1:]]
        ends = [float(line) for line in Path(folder, "ends").read_text().split()]
        # The stock chief looks only every 20 seconds whether it is done.
        crew[0].terminate()
        crew[0].wait()
    assert codes == [0] * workers, codes
    assert len(ends) == trials, f"{trials - len(ends)} trials are lost"
    marks = [mark for mark in MARKS if mark <= trials]
    spans = [ends[mark - 1] - ends[mark - 1 - WINDOW] for mark in marks]
    pairs = zip(marks, spans, strict=True)
    rates = [f"{WINDOW / span:.0f}/s up to trial {mark}" for mark, span in pairs]
    print(f"{kind}, {workers} workers over gRPC: {', '.join(rates)}", flush=True)


def command(kind: str, trials: int, folder: str) -> list[str]:
    return [sys.executable, __file__, kind, str(trials), folder]


def environment() -> dict[str, str]:
    known = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    return {**os.environ, **known, "KERAS_BACKEND": "jax"}


class Watch:
    """Adds up the seconds in functions."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    def over(self, owner: object, name: str, label: str) -> None:
        """From now on, watches a method."""
        plain = getattr(owner, name)

        def watched(*args, **kwargs):
            start = time.perf_counter()
            try:
                return plain(*args, **kwargs)
            finally:
                spent = time.perf_counter() - start
                self.seconds[label] = self.seconds.get(label, 0) + spent

        setattr(owner, name, watched)


def part(kind: str, trials: int, folder: str) -> None:
    """One process: all of a search, its chief, or one of its workers."""
    sys.modules |= dict.fromkeys(("tensorflow", "matplotlib"))  # Slow to import.
    watch = Watch()
    if kind == "stock":
        tuner = stock(trials, folder, watch)
    else:
        tuner = engine(trials, folder, watch, "worst" if kind == "worst" else "oldest")
    with open(Path(folder, "ends"), "a", buffering=1) as file:
        plain = tuner.oracle.end_trial

        def end_trial(trial):
            plain(trial)
            file.write(f"{time.time()}\n")

        name = os.environ.get("KERASTUNER_TUNER_ID", "")
        if not name.startswith("worker"):
            tuner.oracle.end_trial = end_trial
        start, cpu = time.perf_counter(), time.process_time()
        tuner.search(**({} if kind == "stock" else {"verbose": False}))
    if name:
        return
    wall = (time.perf_counter() - start) / trials * 1000
    cpu = (time.process_time() - cpu) / trials * 1000
    ends = [float(line) for line in Path(folder, "ends").read_text().split()]
    last = (ends[-1] - ends[-501]) / 500 * 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    split = [f"{k} {v / trials * 1000:.2f}" for k, v in watch.seconds.items()]
    print(
        f"{kind}, {trials} trials in process: {wall:.2f} ms a trial ({cpu:.2f} of CPU; "
        f"{last:.2f} in the last 500), peak {peak:.0f} MB; {', '.join(split)}",
        flush=True,
    )


def engine(trials: int, folder: str, watch: Watch, survivor: str):
    """The project's tuner in the space of gin/search/tiny_video_small.gin."""
    import keras

    from search import history, hparams, journal
    from search.budget import Budget
    from search.evolution import Evolution
    from search.spaces.tiny_video import TinyVideoSpace
    from search.tournament import TournamentOracle
    from search.tuner import ArchitectureTuner

    class Stub(ArchitectureTuner):
        def run_trial(self, trial):
            return {"fitness": int(trial.trial_id) * 7919 % 1000 / 1000}

    keras.backend.clear_session = lambda: None  # Nothing was built.
    watch.over(Evolution, "propose", "proposals")
    watch.over(journal.Journal, "append", "journal")
    watch.over(history.HistoryFiles, "add", "history.csv")
    watch.over(hparams.HParamsFiles, "add", "TensorBoard")
    space = TinyVideoSpace(
        frames=(2, 16), rates=(2, 12), sizes=(48, 128), blocks=(2, 5), repeats=(1, 3),
        filters=(16, 128), expands=(1, 4), kernels=(1, 5), strides=(1, 3),
        temporal_kernels=(1, 5), temporal_strides=(1, 3),
    )  # fmt: skip
    budget = Budget(latency_ms=20, macs=1e9, macs_per_second=1e11)
    settings = {"survivor": survivor, "max_trials": trials}
    oracle = TournamentOracle(space, 12, budget, **settings)
    return Stub(oracle, lambda hp: None, directory=folder, project_name="search")


def stock(trials: int, folder: str, watch: Watch):
    """keras-tuner's random search over ten numbers."""
    import keras_tuner
    from keras_tuner.oracles import RandomSearchOracle

    class Stub(keras_tuner.engine.base_tuner.BaseTuner):
        def run_trial(self, trial):
            return int(trial.trial_id) * 7919 % 1000 / 1000

    hp = keras_tuner.HyperParameters()
    for index in range(10):
        hp.Float(f"number{index}", 0, 1)
    objective = keras_tuner.Objective("default_objective", "min")
    oracle = RandomSearchOracle(
        objective, max_trials=trials, hyperparameters=hp, tune_new_entries=False
    )
    oracle.verbose = 0
    return Stub(oracle, directory=folder, project_name="search")


if __name__ == "__main__":
    if sys.argv[1:2] in (["engine"], ["worst"], ["stock"]):  # A process of its own.
        part(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    else:
        main()

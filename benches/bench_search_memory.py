"""Does a search's memory stay bounded over many candidates?

Runs `python -m search.run` on tiny networks three times: as one process to the end, as
one that starts itself anew, and as a chief with a worker that does. Reports what the
process that trains had in memory at most, after every tenth trial.

    python benches/bench_search_memory.py [--trials=100] [--trials_per_process=25]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

STEP = 10


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--trials_per_process", type=int, default=25)
    arguments = parser.parse_args()
    trials, renewed = arguments.trials, arguments.trials_per_process
    for per_process, workers in ((trials, 0), (renewed, 0), (renewed, 1)):
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            memory = follow(Path(folder, "search"), trials, per_process, workers)
        seconds = (time.monotonic() - start) / trials
        print(
            f"{per_process} trials a process, {workers} workers: "
            f"peak {max(memory.values()):.0f} MB, "
            f"{seconds:.1f} s a trial; after trial "
            + ", ".join(
                f"{trial}: {memory[trial]:.0f} MB"
                for trial in sorted(memory)
                if trial % STEP == 0 or trial == 1
            ),
            flush=True,
        )


def follow(
    workdir: Path, trials: int, per_process: int, workers: int
) -> dict[int, float]:
    """Most resident megabytes, in each trial of a search, of who trains."""
    bindings = {
        "tournament.TournamentOracle.max_trials": trials,
        "tournament.TournamentOracle.population_size": 10,
        "run.search.trials_per_process": per_process,
    }
    command = [sys.executable, "-m", "search.run", f"--workdir={workdir}"]
    command += ["--gin_file=search/tiny_video.gin", "--smoke", "--data=moving_shapes"]
    command += [f"--workers={workers}"]
    command += [f"--gin_bindings={k}={v}" for k, v in bindings.items()]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    process, memory = psutil.Process(run.pid), {}
    while run.poll() is None:
        try:
            resident = max(map(_resident, _trainers(process, workers)), default=0)
        except psutil.NoSuchProcess:  # It ended just now.
            continue
        ended = _ended(workdir / "history.csv")
        memory[ended] = max(resident, memory.get(ended, 0))
        time.sleep(0.2)
    assert run.wait() == 0, "the search failed"
    return memory


def _trainers(process: psutil.Process, workers: int) -> list[psutil.Process]:
    if not workers:
        return [process]
    crew = process.children()
    return [
        child
        for child in crew
        if any("role='worker'" in word for word in child.cmdline())
    ]


def _resident(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


def _ended(history: Path) -> int:
    if not history.exists():
        return 0
    return sum(
        line[:1].isdigit() and ',"{' in line for line in history.open(encoding="utf-8")
    )


if __name__ == "__main__":
    main()

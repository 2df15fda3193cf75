"""Searches by several processes, which are killed."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from stub_search import Crew

ROOT = pathlib.Path(__file__).parents[2]
CHIEF = "chief"


def until(condition, crew, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, crew.log(CHIEF)
        time.sleep(0.05)


def ended(crew, least):
    return lambda: len(crew.events("end")) >= least


def issued_to(crew, name):
    """The trial that a worker has; None where it has none."""
    open_trials = {}
    for event in crew.events():
        if event["event"] == "issue":
            open_trials[event["trial"]] = event["tuner"]
        elif event["event"] in ("end", "lost"):
            open_trials.pop(event["trial"], None)
    return next((t for t, tuner in open_trials.items() if tuner == name), None)


@pytest.mark.model
def test_kills_of_a_worker_and_of_the_chief_lose_nothing(tmp_path):
    with Crew(tmp_path, trials=24, seconds=0.5, lease=3, stages=1) as crew:
        crew.start(CHIEF, "one", "two")
        until(lambda: ended(crew, 4)() and issued_to(crew, "one"), crew)
        lost = issued_to(crew, "one")
        crew.kill("one")
        killed = time.time()
        until(lambda: crew.events("lost"), crew)
        (loss,) = crew.events("lost")
        assert (loss["trial"], loss["reason"]) == (lost, "lease expired")
        assert loss["time"] - killed < 4
        until(lambda: issued_to(crew, "two") == lost, crew)
        crew.kill(CHIEF)
        crew.start(CHIEF, "one")
        assert crew.wait(60) == {CHIEF: 0, "one": 0, "two": 0}
        crew.check(24)
        # Who worked while the chief was away went on, and no trial was run twice.
        issues = [event["trial"] for event in crew.events("issue")]
        assert len(issues) <= 26
        tuner = {e["trial"]: e["details"]["worker"] for e in crew.events("end")}
        assert tuner[lost] == "two"


@pytest.mark.slow
def test_ten_crashes_in_a_row_end_all_processes(tmp_path):
    with Crew(tmp_path, trials=50, seconds=0.1, crash=1) as crew:
        crew.start(CHIEF, "one", "two")
        assert crew.wait(60) == {CHIEF: 0, "one": 0, "two": 0}
        assert 10 <= len(crew.events("end")) <= 11
        reason = "10 trials in a row crashed: OSError: the disk is full\n"
        assert crew.log(CHIEF) == reason
        assert "Traceback" in crew.events("end")[0]["details"]["error"]


@pytest.mark.slow
def test_a_finished_search_runs_nothing_and_its_chief_ends(tmp_path):
    with Crew(tmp_path, trials=3, seconds=0.1) as crew:
        crew.start(CHIEF, "one")
        assert crew.wait(60) == {CHIEF: 0, "one": 0}
        before = crew.events()
        crew.start(CHIEF)
        assert crew.wait(60) == {CHIEF: 0, "one": 0}
        assert crew.events() == before


@pytest.mark.slow
def test_a_worker_without_a_chief_ends_with_one_line(tmp_path):
    with Crew(tmp_path, patience=1) as crew:
        crew.start("one")
        assert crew.wait(60) == {"one": 1}
        assert "which did not answer for 1 s" in crew.log("one").splitlines()[-1]


@pytest.mark.slow
def test_the_search_survives_many_kills():
    flags = ("--trials=200", "--workers=4", "--every=5", "--seconds=0.7", "--limit=300")
    subprocess.run(
        [sys.executable, ROOT / "benches" / "soak_search.py", *flags],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def command(folder, *flags, trials=4, per_process=25):
    bindings = {
        "tournament.TournamentOracle.max_trials": trials,
        "run.search.trials_per_process": per_process,
        "budget.Budget.latency_ms": 10000,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "search.run", "--gin_file=search/tiny_video.gin"]
        + ["--data=moving_shapes", "--smoke", f"--workdir={folder}", *flags]
        + [f"--gin_bindings={name}={value}" for name, value in bindings.items()],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children(process):
    """Identifiers of the processes that a process has started."""
    path = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in path.read_text().split()]


def is_worker(pid):
    line = pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    return "role='worker'" in line


def lives(pid):
    status = pathlib.Path(f"/proc/{pid}/status")
    return status.exists() and "zombie" not in status.read_text()


@pytest.fixture
def run():
    """Starts commands, and ends them and all that they started."""
    processes, seen = [], set()

    def start(*arguments, **options):
        processes.append(command(*arguments, **options))
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            seen |= set(children(process))
            process.kill()
        process.communicate()
    for pid in seen:
        if lives(pid):
            os.kill(pid, signal.SIGKILL)


def until_true(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_the_command_searches_with_workers_and_starts_again_who_is_killed(
    run, tmp_path
):
    folder = tmp_path / "search"
    history = folder / "history.csv"
    process = run(folder, "--workers=2", trials=6, per_process=1)
    until_true(
        lambda: history.exists() and history.read_text().count('"{') > 0, process
    )
    victim = next(pid for pid in children(process) if is_worker(pid))
    os.kill(victim, signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "is started again" in err
    assert (folder / "best.json").exists()
    assert "6/6" in out
    assert "6 trials" in out
    assert len([*(folder / "logs").iterdir()]) == 2
    tuners = {line.split('"tuner":')[1] for line in lines(folder, "issue")}
    assert len(tuners) == 2
    # As it was: the record of the search is that of the command.
    config = (folder / "config.gin").read_text()
    assert "role" not in config
    audited = run(folder, "--audit", trials=6, per_process=1)
    out, err = audited.communicate(timeout=120)
    assert "Every decision" in out, err
    again = run(folder, "--workers=2", trials=6, per_process=1)
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert "finished" in out


def lines(folder, event):
    text = (folder / "journal.jsonl").read_text()
    return [line for line in text.splitlines() if f'"event":"{event}"' in line]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_all_processes_and_the_search_goes_on(run, tmp_path, name):
    folder = tmp_path / "search"
    process = run(folder, "--workers=2", trials=4)
    until_true(
        lambda: (folder / "journal.jsonl").exists() and len(lines(folder, "end")) > 0,
        process,
    )
    crew = children(process)
    assert len(crew) == 3
    process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not any(lives(pid) for pid in crew)
    assert all("died" not in line for line in lines(folder, "lost"))
    again = run(folder, "--workers=2", trials=4)
    _, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert len(lines(folder, "end")) == 4


@pytest.mark.slow
def test_a_chief_and_a_worker_as_commands_of_their_own(run, tmp_path):
    with Crew(tmp_path) as crew:
        address = f"--address=127.0.0.1:{crew.port}"
    chief = run(tmp_path / "chief", "--role=chief", address, trials=3)
    worker = run(tmp_path / "worker", "--role=worker", address, trials=3)
    _, err = chief.communicate(timeout=300)
    assert chief.returncode == 0, err
    assert (tmp_path / "chief" / "best.json").exists()
    _, err = worker.communicate(timeout=60)
    assert worker.returncode == 0, err
    assert not [*(tmp_path / "worker").glob("config.gin")]


@pytest.mark.slow
def test_what_the_chief_refuses_is_told_once(run, tmp_path):
    binding = "--gin_bindings=budget.Budget.parameters=10"
    process = run(tmp_path / "search", "--workers=2", binding)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert err.count("error:") == 1
    assert "`budget` must be one that networks of the space can meet" in err

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from search import supervisor
from search.network import TUNER_ID
from search.supervisor import Member

WAIT = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


def script(text):
    return [sys.executable, "-S", "-c", text]


@pytest.fixture
def members(monkeypatch):
    """What the supervisor starts in place of searches; ended after the test."""
    started = []
    monkeypatch.setattr(supervisor, "POLL", 0.01)
    monkeypatch.setattr(supervisor, "GRACE", 2.0)
    yield lambda *crew: started.extend(crew) or [*crew]
    for member in started:
        if member.process and member.process.poll() is None:
            member.process.kill()
            member.process.wait()


def supervise(monkeypatch, tmp_path, crew, chief=True):
    monkeypatch.setattr(supervisor, "_members", lambda *_: crew)
    return supervisor.supervise(1, tmp_path, "127.0.0.1:8700", chief)


def alive(member):
    return member.process.poll() is None


def later(act, seconds=0.1):
    thread = threading.Timer(seconds, act)
    thread.start()
    return thread


def test_the_end_of_the_chief_ends_the_workers(members, monkeypatch, tmp_path):
    crew = members(
        Member("chief", script(""), {}), Member("w", WAIT, {}, tmp_path / "w")
    )
    assert supervise(monkeypatch, tmp_path, crew)
    assert not alive(crew[1])


def test_a_mistake_that_the_chief_tells_ends_all(members, monkeypatch, tmp_path):
    chief = Member("chief", script("raise SystemExit(1)"), {})
    crew = members(chief, Member("w", WAIT, {}, tmp_path / "w"))
    assert not supervise(monkeypatch, tmp_path, crew)
    assert not alive(crew[1])


def test_who_is_killed_is_started_again(members, monkeypatch, tmp_path, capfd):
    once = f"""
import os, signal, time
if os.path.exists({str(tmp_path / "mark")!r}):
    time.sleep(0.2)
else:
    open({str(tmp_path / "mark")!r}, "w")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    crew = members(Member("chief", script(once), {}))
    assert supervise(monkeypatch, tmp_path, crew)
    assert capfd.readouterr().err == "chief ended (SIGKILL); it is started again\n"


def test_who_never_gets_going_is_given_up(members, monkeypatch, tmp_path, capfd):
    bad = script("print('cuda is broken'); raise SystemExit(3)")
    crew = members(
        Member("chief", WAIT, {}), Member("w", bad, {}, tmp_path / "logs" / "w")
    )
    assert not supervise(monkeypatch, tmp_path, crew)
    lines = capfd.readouterr().err.splitlines()
    assert lines[:4] == ["w ended (exit code 3); it is started again"] * 4
    assert lines[4:] == ["w was given up: cuda is broken"]
    assert not alive(crew[0])


def test_who_had_trials_is_never_given_up(members, monkeypatch, tmp_path):
    path = tmp_path / "w"
    deadly = "import os; print('trial 7', flush=True); os.kill(os.getpid(), 9)"
    patient = f"""
import os, time
while not os.path.exists({str(path)!r}) or os.path.getsize({str(path)!r}) < 7 * 8:
    time.sleep(0.01)
"""
    crew = members(
        Member("chief", script(patient), {}), Member("w", script(deadly), {}, path)
    )
    assert supervise(monkeypatch, tmp_path, crew)
    assert not crew[1].given_up


def test_trials_before_a_start_do_not_count_for_it(members, monkeypatch, tmp_path):
    (tmp_path / "w").write_text("trial 3\n")
    bad = Member("w", script("raise SystemExit(3)"), {}, tmp_path / "w")
    crew = members(Member("chief", WAIT, {}), bad)
    assert not supervise(monkeypatch, tmp_path, crew)


def test_who_has_lost_its_chief_is_not_started_again(
    members, monkeypatch, tmp_path, capfd
):
    code = supervisor.UNREACHABLE
    gone = script(f"print('no answer'); raise SystemExit({code})")
    crew = members(*(Member(n, gone, {}, tmp_path / n) for n in ("one", "two")))
    assert not supervise(monkeypatch, tmp_path, crew, chief=False)
    lines = sorted(capfd.readouterr().err.splitlines())
    assert lines == ["one was given up: no answer", "two was given up: no answer"]


def test_a_chief_that_is_about_to_end_is_waited_for(members, monkeypatch, tmp_path):
    slow = script("import time; time.sleep(0.5)")
    gone = script(f"raise SystemExit({supervisor.UNREACHABLE})")
    crew = members(
        Member("chief", slow, {}),
        Member("done", script(""), {}, tmp_path / "done"),
        Member("gone", gone, {}, tmp_path / "gone"),
    )
    assert supervise(monkeypatch, tmp_path, crew)


def test_one_worker_that_is_given_up_does_not_end_the_others(
    members, monkeypatch, tmp_path
):
    starts = tmp_path / "starts"
    bad = f"print(1, file=open({str(starts)!r}, 'a')); raise SystemExit(3)"
    patient = f"""
import os, time
while not os.path.exists({str(starts)!r}) or os.path.getsize({str(starts)!r}) < 10:
    time.sleep(0.01)
time.sleep(0.2)
"""
    bad = Member("bad", script(bad), {}, tmp_path / "bad")
    good = Member("good", WAIT, {}, tmp_path / "good")
    crew = members(Member("chief", script(patient), {}), bad, good)
    assert supervise(monkeypatch, tmp_path, crew)
    assert bad.given_up
    assert good.quick_deaths == 0


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_all_workers_before_the_chief(
    members, monkeypatch, tmp_path, name
):
    before = [signal.getsignal(number) for number in supervisor.SIGNALS]
    trace, number = tmp_path / "trace", getattr(signal, name)
    text = f"""
import signal, sys, time
def stop(*_):
    time.sleep({{pause}})
    print("{{name}}", file=open({str(trace)!r}, "a"), flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, stop)
open({str(tmp_path)!r} + "/{{name}} is up", "w")
time.sleep(60)
"""
    names, pauses = ("chief", "one", "two"), (0, 0.3, 0.1)
    crew = members(*(
        Member(n, script(text.format(name=n, pause=p)), {}, p and tmp_path / n)
        for n, p in zip(names, pauses, strict=True)
    ))  # fmt: skip

    def strike():
        while len([*tmp_path.glob("* is up")]) < 3:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = later(strike)
    with pytest.raises(KeyboardInterrupt):
        supervise(monkeypatch, tmp_path, crew)
    thread.join()
    assert trace.read_text().split() == ["two", "one", "chief"]
    assert [signal.getsignal(number) for number in supervisor.SIGNALS] == before


def test_who_does_not_heed_is_killed(members, monkeypatch, tmp_path):
    monkeypatch.setattr(supervisor, "GRACE", 0.2)
    deaf = f"""
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open({str(tmp_path / "up")!r}, "w")
time.sleep(60)
"""
    patient = f"""
import os, time
while not os.path.exists({str(tmp_path / "up")!r}):
    time.sleep(0.01)
"""
    worker = Member("w", script(deaf), {}, tmp_path / "w")
    crew = members(Member("chief", script(patient), {}), worker)
    assert supervise(monkeypatch, tmp_path, crew)
    assert worker.process.returncode == -signal.SIGKILL


def test_members_keep_their_names_and_their_settings(monkeypatch, tmp_path):
    monkeypatch.setattr(supervisor.socket, "gethostname", lambda: "Chief-7")
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "search.run", "--a=1"])
    crew = supervisor._members(2, tmp_path, "h:1", True)
    base = crew[1].name.removesuffix("-0")
    assert re.fullmatch("host-7-[0-9a-f]{6}", base)
    assert [member.name for member in crew] == ["chief", f"{base}-0", f"{base}-1"]
    assert [member.environment[TUNER_ID] for member in crew] == [m.name for m in crew]
    assert crew[0].environment["CUDA_VISIBLE_DEVICES"] == ""
    assert crew[1].log == tmp_path / "logs" / f"{base}-0.log"
    assert crew[1].environment[supervisor.CREW] == "2"
    command = [sys.executable, "-m", "search.run", "--a=1"]
    for member, role in zip(crew, ("chief", "worker", "worker"), strict=True):
        assert member.command[:4] == command
        assert "--gin_bindings=run.search.workers=0" in member.command
        assert f"--gin_bindings=run.search.role={role!r}" in member.command
        assert "--gin_bindings=run.search.address='h:1'" in member.command
    (worker,) = supervisor._members(1, tmp_path, "h:1", False)
    assert worker.name.endswith("-0")
    assert not worker.name.startswith(base)  # Another supervisor's, on this machine.


@pytest.mark.parametrize(
    ("visible", "listed", "expected"),
    [
        ("4,6", 0, ["4", "6", "4"]),
        ("4", 0, ["4"] * 3),
        ("", 0, [""] * 3),
        (None, 2, ["0", "1", "0"]),
        (None, 1, [None] * 3),
    ],
)
def test_each_worker_has_a_gpu_of_its_own(
    monkeypatch, tmp_path, visible, listed, expected
):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    shown = "".join(f"GPU {i}: H100 (UUID: GPU-{i})\n" for i in range(listed))
    done = subprocess.CompletedProcess([], 0, stdout=shown)
    monkeypatch.setattr(supervisor.shutil, "which", lambda name: "nvidia-smi")
    monkeypatch.setattr(supervisor.subprocess, "run", lambda *_, **__: done)
    crew = supervisor._members(3, tmp_path, "h:1", False)
    assert [member.environment.get("CUDA_VISIBLE_DEVICES") for member in crew] == (
        expected
    )


@pytest.mark.parametrize(("visible", "shared"), [("0", True), ("0,1", False), ("", 0)])
def test_workers_that_share_a_gpu_do_not_take_it_whole(
    monkeypatch, tmp_path, visible, shared
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")  # The user's.
    for member in supervisor._members(2, tmp_path, "h:1", False):
        assert ("TF_FORCE_GPU_ALLOW_GROWTH" in member.environment) == shared
        assert member.environment["XLA_PYTHON_CLIENT_PREALLOCATE"] == "true"


def test_an_address_that_is_none_starts_nothing(tmp_path):
    with pytest.raises(ValueError, match="`address` must be a host and a port"):
        supervisor.supervise(1, tmp_path, "nowhere")

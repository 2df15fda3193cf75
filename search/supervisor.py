"""Starts a chief and its workers on this machine, and starts anew who dies."""

import contextlib
import ctypes
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from search.network import LOOPBACK, TUNER_ID, split_address
from zoo.record import RECORDED

POLL = 0.2  # Seconds.
PR_SET_PDEATHSIG = 1  # As in Linux' prctl.h.
BEGUN = "trial "  # Begins a line of a worker's log when it has got a trial.
QUICK = 30.0  # A chief that dies sooner after its start has not got going.
MOST_QUICK = 5  # Deaths, of one that has not got going, until it is given up.
UNREACHABLE = 75  # Exit code of a worker whose chief is gone.
CREW = "ZOO_SEARCH_WORKERS"  # How many workers share the machine of a process.
# Else each process would take the whole memory of a GPU.
SHARED_GPU = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}
GRACE = 10.0  # Seconds that processes have to end.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Member:
    """A process of the search, under a name that it keeps.

    Args:
        name: Also what keras-tuner knows it by.
        command: Starts it.
        environment: Of the process, beside this one's.
        log: File for what it writes; None is the screen.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        log: Path | None = None,
    ):
        self.name, self.command, self.log = name, command, log
        own = {**environment, TUNER_ID: name, RECORDED: "1"}
        self.environment = {**os.environ, **own}
        self.quick_deaths = 0
        self.done = self.given_up = False
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Starts the process."""
        self.started = time.monotonic()
        self.read = self._log_size()
        with contextlib.ExitStack() as stack:
            out = None
            if self.log:
                self.log.parent.mkdir(parents=True, exist_ok=True)
                out = stack.enter_context(self.log.open("ab"))
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out and subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C ends this process, and it the others.
            )

    def look_after(self) -> None:
        """Notes its end, or starts it again where it was killed."""
        if self.done or self.given_up or self.process.poll() is None:
            return
        if self.process.returncode == 0:
            self.done = True
            return
        self.quick_deaths = 0 if self._got_going() else self.quick_deaths + 1
        # A mistake of the user is told by a chief, and would be told again.
        mistaken = self.log is None and self.process.returncode > 0
        alone = self.log is not None and self.process.returncode == UNREACHABLE
        self.given_up = mistaken or alone or self.quick_deaths >= MOST_QUICK
        if not self.given_up:
            _say(f"{self.name} ended ({self._how()}); it is started again")
            self.start()
        elif not mistaken:
            _say(f"{self.name} was given up: {self._last_words()}")

    def ask_to_end(self) -> None:
        """Asks it to end."""
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def end(self, grace: float) -> None:
        """Makes it end, after a time of grace at most."""
        if self.process:
            try:
                self.process.wait(grace)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _got_going(self) -> bool:
        """Whether a worker had a trial, or a chief its time, since it was started."""
        if self.log is None:
            return time.monotonic() - self.started >= QUICK
        return any(line.startswith(BEGUN) for line in self._written())

    def _last_words(self) -> str:
        lines = self._written() if self.log else []
        return next((line for line in reversed(lines) if line.strip()), self._how())

    def _written(self) -> list[str]:
        """The lines of its log since it was started."""
        with self.log.open("rb") as file:
            file.seek(self.read)
            return file.read().decode(errors="replace").splitlines()

    def _log_size(self) -> int:
        return self.log.stat().st_size if self.log and self.log.exists() else 0

    def _how(self) -> str:
        code = self.process.returncode
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def supervise(
    workers: int, workdir: Path, address: str | None = None, chief: bool = True
) -> bool:
    """Runs this command's search in processes, to its end.

    Args:
        workers: How many, of this machine.
        workdir: Folder of the search; `logs` in it gets what workers write.
        address: Of the chief; None is a free port of this machine alone.
        chief: Whether the chief is among them, or on another machine.

    Returns:
        Whether it ended as it should.
    """
    address = address or f"{LOOPBACK}:{_free_port()}"
    split_address(address)
    members = _members(workers, workdir, address, chief)
    with _ending(members):
        for member in members:
            member.start()
        while True:
            time.sleep(POLL)
            for member in members:
                member.look_after()
            lead = members[0]
            if chief and (lead.done or lead.given_up):
                return lead.done
            crew = members[1:] if chief else members
            lost = [member for member in crew if member.given_up]
            if lost and lost == crew:
                return False
            if not chief and all(member.done or member.given_up for member in crew):
                return not lost


def worker_name() -> str:
    """A name for workers that no others have: machines may have the same."""
    # One with "chief" in it would be a chief's to keras-tuner.
    host = re.sub("chief", "host", socket.gethostname(), flags=re.IGNORECASE)
    return f"{host}-{secrets.token_hex(3)}"


def _members(workers: int, workdir: Path, address: str, chief: bool) -> list[Member]:
    crew = []
    if chief:
        environment = {"CUDA_VISIBLE_DEVICES": ""}
        crew.append(Member("chief", _command("chief", address), environment))
    base, devices = worker_name(), _devices()
    for index in range(workers):
        name = f"{base}-{index}"
        log = workdir / "logs" / f"{name}.log"
        environment = {CREW: str(workers), **_device(index, workers, devices)}
        crew.append(Member(name, _command("worker", address), environment, log))
    return crew


def _command(role: str, address: str) -> list[str]:
    """This command in another role."""
    command = [sys.executable, *sys.orig_argv[1:]]
    roles = {"workers": 0, "role": role, "address": address}
    # As bindings, which count most: else one for workers would start more and more.
    return command + [f"--gin_bindings=run.search.{k}={v!r}" for k, v in roles.items()]


def _device(index: int, workers: int, devices: list[str]) -> dict[str, str]:
    """One GPU for each worker, in turn, where there are several."""
    chosen = {}
    if len(devices) > 1:
        chosen["CUDA_VISIBLE_DEVICES"] = devices[index % len(devices)]
    if workers > len(devices) > 0:
        chosen |= {k: v for k, v in SHARED_GPU.items() if k not in os.environ}
    return chosen


def _devices() -> list[str]:
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name for name in chosen.split(",") if name]
    if not shutil.which("nvidia-smi"):
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True)
    return [str(i) for i in range(listed.stdout.count("GPU "))]


@contextlib.contextmanager
def _ending(members: list[Member]) -> Iterator[None]:
    """Leaves no process behind, whatever signal ends this one."""

    def stop(*_):
        raise KeyboardInterrupt

    before = {name: signal.signal(name, stop) for name in SIGNALS}
    try:
        yield
    finally:
        for name in SIGNALS:
            signal.signal(name, signal.SIG_IGN)
        # Workers give their trials back while there is a chief.
        _end([member for member in members if member.log])
        _end([member for member in members if not member.log])
        for name, handler in before.items():
            signal.signal(name, handler)


def end_with_parent() -> None:
    """Has Linux end this process, of a supervisor, when that is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(members: list[Member]) -> None:
    for member in members:
        member.ask_to_end()
    latest = time.monotonic() + GRACE
    for member in members:
        member.end(max(0.0, latest - time.monotonic()))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

"""Starts a chief and its workers on this machine, and starts anew who dies."""

import contextlib
import os
import re
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
QUICK = 30.0  # Who dies sooner after its start has not got going.
MOST_QUICK = 5  # Such deaths in a row until a process is given up.
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
        quick = time.monotonic() - self.started < QUICK
        self.quick_deaths = self.quick_deaths + 1 if quick else 1
        # A mistake of the user is told by a chief, and would be told again.
        mistaken = self.log is None and self.process.returncode > 0
        if mistaken or self.quick_deaths >= MOST_QUICK:
            self.given_up = True
            return
        _say(f"{self.name} ended ({self._how()}); it is started again")
        self.start()

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log else []
        return next((line for line in reversed(lines) if line.strip()), self._how())

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
            if all(member.done or member.given_up for member in crew):
                lost = [member for member in crew if member.given_up]
                for member in lost:
                    _say(f"{member.name} was given up: {member.last_words()}")
                if not chief or lost:
                    return not lost


def _members(workers: int, workdir: Path, address: str, chief: bool) -> list[Member]:
    crew = []
    if chief:
        environment = {"CUDA_VISIBLE_DEVICES": ""}
        crew.append(Member("chief", _command("chief", address), environment))
    # A worker whose name has "chief" in it would be one to keras-tuner.
    host = re.sub("chief", "host", socket.gethostname(), flags=re.IGNORECASE)
    for index in range(workers):
        name = f"{host}-{index}"
        log = workdir / "logs" / f"{name}.log"
        environment = _device(index)
        crew.append(Member(name, _command("worker", address), environment, log))
    return crew


def _command(role: str, address: str) -> list[str]:
    """This command in another role."""
    command = [sys.executable, *sys.orig_argv[1:]]
    roles = {"workers": 0, "role": role, "address": address}
    # As bindings, which count most: else one for workers would start more and more.
    return command + [f"--gin_bindings=run.search.{k}={v!r}" for k, v in roles.items()]


def _device(index: int) -> dict[str, str]:
    """One GPU for each worker, in turn, where there are several."""
    devices = _devices()
    if len(devices) < 2:
        return {}
    return {"CUDA_VISIBLE_DEVICES": devices[index % len(devices)]}


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

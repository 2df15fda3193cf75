"""Commands that are killed, run twice in one folder, or have no room to write."""

import hashlib
import json
import os
import pathlib
import random
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.slow
DEMO = "--data={clips} --workdir={out}"
COMMANDS = {
    "clips": "datasets.prepare moving_shapes --videos_per_class=20 --out={out}",
    "shards": "datasets.prepare {clips} --out={out} --shard_mb=1 --frames",
    "training": f"zoo.train --gin_file=train/demo.gin --model={{net}} {DEMO} "
    "--steps=60 --gin_bindings=train.train.save_every=5",
    "search": f"search.run --gin_file=search/demo.gin --smoke {DEMO}",
    "export": "zoo.export --model={run} --format=onnx --out={out}/network.onnx",
    "evaluation": "zoo.evaluate --model={run} --data={clips} --smoke --out={out}",
    "benchmark": "zoo.benchmark {run} --seconds=0.2 --out={out}",
    "report": "search.report {search} --out={out}/report.html",
}
# What goes on where it was ended, and what has nothing to go on with.
RESUMED = ("clips", "shards", "training", "search")
ROOM = {"clips": 200, "shards": 900, "training": 300, "search": 40}  # KiB, too few.


def line(command: str, out: pathlib.Path, known: dict[str, pathlib.Path]) -> list[str]:
    words = shlex.split(COMMANDS[command].format(out=out, **known))
    return [sys.executable, "-m", *words]


def start(arguments: list[str]) -> subprocess.Popen:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(arguments, env=env, **pipes)


def run(arguments: list[str], code: int = 0) -> str:
    process = start(arguments)
    told = "".join(process.communicate())
    assert process.returncode == code, told
    assert "Traceback" not in told
    return told


def run_on_disk(options: str, arguments: list[str], out, kept) -> str:
    """Where `out` is a disk of its own, whose files are then copied to `kept`."""
    script = (
        f"mount -t tmpfs -o {options} tmpfs {out}; "
        f'"$@"; code=$?; cp -r {out}/. {kept}; exit $code'
    )
    return run(["unshare", "-rm", "sh", "-c", script, "sh", *arguments], code=1)


def content(folder: pathlib.Path) -> dict[str, str]:
    """Files by their paths; of a run what does not tell of times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                data = b"".join(arrays[key].tobytes() for key in arrays.files)
        elif path.is_dir() or path.name == ".lock":
            continue
        else:
            data = path.read_bytes()
        found[name] = hashlib.sha256(data).hexdigest()
    return found


def finished(folder: pathlib.Path) -> dict[pathlib.Path, int]:
    """Times of the videos, shards and checkpoints, which are written to be kept."""
    files = [f for f in folder.rglob("[!.]*") if f.suffix in (".mp4", ".npz", ".index")]
    return {file: file.stat().st_mtime_ns for file in files}


def outcome(command: str, folder: pathlib.Path) -> dict[str, str]:
    found = content(folder)
    if command in ("clips", "shards"):
        return found
    names = {"training": ("metrics.csv", "checkpoint.npz"), "search": ()}[command]
    return {name: found[name] for name in names}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Clips, a search, what it found, a short training of that; each made once."""
    root = tmp_path_factory.mktemp("known")
    known = {name: root / name for name in ("clips", "search", "run")}
    known["net"] = known["search"] / "best.json"
    run(line("clips", known["clips"], known))
    run(line("search", known["search"], known))
    run([*line("training", known["run"], known), "--smoke"])
    return known


@pytest.fixture(scope="module")
def wholes(known, tmp_path_factory):
    """What a command leaves that nothing disturbs, by its name."""
    made = {}

    def whole(command):
        if command not in made:
            folder = tmp_path_factory.mktemp("whole")
            run(line(command, folder, known))
            made[command] = outcome(command, folder)
        return made[command]

    return whole


@pytest.mark.parametrize("command", ["clips", "shards", "training"])
def test_what_is_killed_again_and_again_ends_the_same(command, known, wholes, tmp_path):
    rng, kills, out = random.Random(0), 0, tmp_path / "out"
    while kills < 5:
        process, before = start(line(command, out, known)), finished(out)
        while process.poll() is None and finished(out) == before:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        if process.poll() is not None:
            break
        process.kill()
        process.communicate()
        kills += 1
    assert kills >= 2
    run(line(command, out, known))
    assert outcome(command, out) == wholes(command)


@pytest.mark.parametrize("command", RESUMED)
def test_a_full_disk_is_told_and_later_the_command_goes_on(
    command, known, wholes, tmp_path
):
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    options = f"size={ROOM[command]}k"
    told = run_on_disk(options, line(command, disk, known), disk, kept)
    last = told.strip().splitlines()[-1]
    assert any(word in last for word in ("No space", "MB free", "disk is full")), told
    assert not [name for name in content(kept) if "writing" in name or "part" in name]
    run(line(command, kept, known))
    assert outcome(command, kept) == wholes(command)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in RESUMED])
def test_a_full_disk_is_told_and_nothing_half_written_is_left(command, known, tmp_path):
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    told = run_on_disk("size=4k", line(command, disk, known), disk, kept)
    last = told.strip().splitlines()[-1]
    assert any(word in last for word in ("No space", "MB free", "disk is full")), told
    for file in kept.rglob("*"):
        assert json.loads(file.read_text()), "only what is whole"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_disk_that_can_only_be_read_is_told(command, known, tmp_path):
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    told = run_on_disk("ro", line(command, disk, known), disk, kept)
    assert "Read-only file system" in told.strip().splitlines()[-1]


@pytest.mark.parametrize("command", RESUMED)
def test_a_second_process_in_the_folder_is_refused(command, known, wholes, tmp_path):
    out = tmp_path / "out"
    locks = out / ".lock", out / "journal.jsonl"
    with start(line(command, out, known)) as first:
        while first.poll() is None and not any(lock.exists() for lock in locks):
            time.sleep(0.01)
        told = run(line(command, out, known), code=1)
        first.communicate()
    assert "in which no other process" in told.strip().splitlines()[-1]
    assert first.returncode == 0
    assert outcome(command, out) == wholes(command)

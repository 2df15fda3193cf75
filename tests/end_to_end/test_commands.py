"""The whole path of a user, as commands in a folder of their own."""

import csv
import json
import os
import pathlib
import subprocess
import sys

import pytest

import zoo

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """An empty folder to work in, with a few real videos."""
    folder = tmp_path_factory.mktemp("home")
    run(
        folder,
        "datasets.prepare moving_shapes --out=videos --videos_per_class=3 --size=32 "
        "--seconds=1",
    )
    return folder


def run(folder: pathlib.Path, command: str, code: int = 0):
    module, *arguments = command.split()
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == code, result.stdout + result.stderr
    return result


def test_from_videos_to_a_prediction(home):
    searched = run(
        home,
        "search.run --gin_file=search/tiny_video.gin --data=videos --workdir=search "
        "--gin_bindings=budget.Budget.latency_ms=10000 --smoke",
    )
    assert "3/3" in searched.stdout
    with (home / "search" / "history.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
    again = run(home, "search.run --gin_file=search/config.gin --workdir=search")
    assert "finished" in again.stdout

    training = (
        "zoo.train --gin_file=train/tvn1.gin --model=search/best.json --data=videos "
        "--workdir=mine --smoke"
    )
    assert "zoo.evaluate --model=mine" in run(home, training).stdout
    before = (home / "mine" / "metrics.csv").read_text()
    run(home, training)
    assert (home / "mine" / "metrics.csv").read_text() == before

    run(home, "zoo.evaluate --model=mine --data=videos --split=train --smoke")
    assert list((home / "mine").glob("**/*.png"))

    videos = sorted((home / "videos").glob("*/*.mp4"))[:2]
    (home / "broken.mp4").write_bytes(b"no video")
    paths = " ".join(map(str, [*videos, "broken.mp4"]))
    predicted = run(home, f"zoo.predict --model=mine --json {paths}", code=1)
    records = json.loads(predicted.stdout)
    assert [len(r.get("predictions", [])) for r in records] == [5, 5, 0]
    assert "broken.mp4" in records[2]["path"]

    loaded = zoo.load(home / "mine")
    assert loaded.classes == tuple(
        sorted(p.name for p in (home / "videos").iterdir() if p.is_dir())
    )
    assert loaded.model.input_shape[1:] == loaded.clip_spec.shape


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("zoo.train --model=tvn1 --data=nowhere --workdir=a", "nowhere"),
        ("zoo.train --model=tvn11 --data=moving_shapes --workdir=a", "tvn1"),
        ("zoo.train --gin_file=train/tvn1.gim --workdir=a", "train/tvn1.gin"),
        (
            "zoo.train --gin_file=train/tvn1.gin --data=moving_shapes --workdir=a "
            "--gin_bindings=training.Recipe.step=3",
            "step",
        ),
        ("zoo.predict --model=nowhere clip.mp4", "nowhere"),
        (
            "search.run --gin_file=search/tiny_video.gin --data=moving_shapes "
            "--workdir=b --gin_bindings=budget.Budget.parameters=10 --smoke",
            "parameters",
        ),
        (
            "search.run --gin_file=search/tiny_video.gin --data=moving_shapes "
            "--workdir=c --gin_bindings=run.search.dropuot=0.1",
            "dropuot",
        ),
        ("datasets.check nowhere", "nowhere"),
    ],
)
def test_a_mistake_gets_one_line(home, command, message):
    result = run(home, command, code=1)
    told = result.stderr.strip().splitlines()
    # A busy machine also tells how far a long drawing of networks is.
    lines = [line for line in told if not line.startswith("drawn ")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    assert message in lines[0]

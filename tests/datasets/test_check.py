import csv
import os
import pathlib
import subprocess
import sys

import pytest
from synthesis import audio_only, scramble, write_video

from datasets import check
from datasets.folder import index_folder


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "videos"
    write_video(root / "a/good.mp4", rotation=90)
    write_video(root / "b/good.webm", codec="libvpx", size=(32, 48))
    scramble(write_video(root / "b/hurt.mp4", frames=120, gop=12))
    (root / "a/empty.mp4").touch()
    audio_only(root / "b/sound.mp4")
    return root


def test_tells_the_state_of_every_video(root, tmp_path, capsys):
    table, listed = tmp_path / "out.csv", tmp_path / "list.txt"
    code = check.main([str(root), f"--csv={table}", f"--exclude={listed}"])
    assert code == 1
    said = capsys.readouterr()
    assert "5 videos: 2 ok, 1 damaged, 2 broken" in said.out
    assert "5 of 5 videos" in said.err
    with open(table) as file:
        rows = {row["path"][len(str(root)) + 1 :]: row for row in csv.DictReader(file)}
    states = {name: row["state"] for name, row in rows.items()}
    assert states == {
        "a/good.mp4": "ok",
        "b/good.webm": "ok",
        "b/hurt.mp4": "damaged",
        "a/empty.mp4": "broken",
        "b/sound.mp4": "broken",
    }
    good = rows["a/good.mp4"]
    values = [good[k] for k in ("decoded", "expected", "fps", "width", "height")]
    assert values == ["40", "40", "20.0", "48", "64"]
    assert good["rotation"] == "90"
    assert "bad packets" in rows["b/hurt.mp4"]["error"]
    assert "Invalid data" in rows["a/empty.mp4"]["error"]
    assert listed.read_text().split() == ["a/empty.mp4", "b/sound.mp4"]
    splits = index_folder(root, listed).splits.values()
    assert len({item.path for items in splits for item in items}) == 3


def test_a_truncated_file_is_damaged(tmp_path):
    first = {"movflags": "faststart"}
    path = write_video(tmp_path / "a.mp4", frames=120, container_options=first)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    report = check.inspect(path)
    assert report.state == "damaged"
    assert report.decoded < report.expected == 120


def test_checks_the_videos_of_a_table(tmp_path, capsys):
    write_video(tmp_path / "a.mp4")
    table = tmp_path / "table.csv"
    table.write_text("path,labels\na.mp4,x\na.mp4,y\nnone.mp4,y\n")
    assert check.main([str(table)]) == 1
    assert "No such file" in capsys.readouterr().out
    table.write_text("path,labels\na.mp4,x\n")
    assert check.main([str(table)]) == 0


@pytest.mark.parametrize("make", [False, True])
def test_says_in_a_line_what_it_can_not_check(tmp_path, make):
    path = tmp_path / "none"
    if make:
        path.mkdir()
    with pytest.raises(ValueError, match=r"^`data` must .* Got: .*none"):
        check.main([str(path)])


@pytest.mark.model
@pytest.mark.parametrize(
    "command",
    ["datasets.check nowhere", "datasets.prepare moving_shapes --out=a --size=3"],
)
def test_as_a_command_a_mistake_is_one_line(tmp_path, command):
    flags = [sys.executable, "-X", "importtime", "-m"]
    result = subprocess.run(
        [*flags, *command.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    lines = result.stderr.splitlines()
    said = [line for line in lines if not line.startswith("import time:")]
    assert result.returncode == 1
    assert [line.partition(" `")[0] for line in said] == ["error:"]
    assert not any(line.endswith((" tensorflow", " keras")) for line in lines)

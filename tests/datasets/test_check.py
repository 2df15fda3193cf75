import csv
import os
import pathlib
import subprocess
import sys

import pytest
from official import hmdb51, something_something_v2
from synthesis import audio_only, scramble, write_video

import datasets
from datasets import check
from datasets.folder import index_folder
from datasets.items import read_exclude


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


def test_a_name_need_not_be_utf8(tmp_path, capsys):
    folder = tmp_path / "videos"
    folder.mkdir()
    name = os.fsdecode(b"\xe9.mp4")
    (folder / name).touch()
    table, listed = tmp_path / "out.csv", tmp_path / "list.txt"
    check.main([str(folder), f"--csv={table}", f"--exclude={listed}"])
    assert " ?.mp4 (" in capsys.readouterr().out
    assert b"/\xe9.mp4,broken," in table.read_bytes()
    assert read_exclude(listed) == {name}


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


@pytest.mark.parametrize("name", ["csv", "exclude"])
def test_says_before_it_decodes_where_it_can_not_write(root, name, monkeypatch):
    monkeypatch.setattr(check, "inspect", lambda path: pytest.fail("decoded"))
    with pytest.raises(ValueError, match=f"^`{name}` must be a file .* Got: .*none/a'"):
        check.main([str(root), f"--{name}={root}/none/a"])


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


@pytest.fixture
def official_root(tmp_path):
    """Of 64 videos one is whole, one empty, and the others are missing."""
    root = something_something_v2(tmp_path / "ssv2", "labels/")
    for path in (root / "videos").iterdir():
        path.unlink()
    write_video(root / "videos/1000.webm", frames=4, codec="libvpx", size=(16, 16))
    (root / "videos/5000.webm").touch()
    return root


def test_lists_missing_and_broken_videos_of_a_data_set(official_root, tmp_path, capsys):
    table, listed = tmp_path / "out.csv", tmp_path / "list.txt"
    argv = ["something_something_v2", f"--data_dir={official_root}"]
    assert check.main([*argv, f"--csv={table}", f"--exclude={listed}"]) == 1
    said = capsys.readouterr().out
    assert said.endswith("64 videos: 1 ok, 0 damaged, 1 broken, 62 missing\n")
    assert "videos/1000.webm" not in said
    with open(table) as file:
        rows = {row["path"]: row["problem"] for row in csv.DictReader(file)}
    assert len(rows) == 63
    assert rows["videos/5001.webm"] == "missing: no such file"
    assert rows["videos/5000.webm"].startswith("broken: ")
    assert listed.read_text() == "videos/5000.webm\n"
    options = {"data_dir": official_root, "exclude": listed}
    source = datasets.load("something_something_v2", **options)
    assert (source.size("train"), source.size("test")) == (1, 0)


def test_decodes_nothing_if_asked(official_root, capsys, monkeypatch):
    monkeypatch.setattr(check, "inspect", None)
    argv = ["something_something_v2", f"--data_dir={official_root}", "--missing_only"]
    assert check.main(argv) == 1
    said = capsys.readouterr().out
    assert said.endswith("64 videos: 2 there, 62 missing\n")
    assert all("missing" in line for line in said.splitlines())


def test_checks_all_folds_of_a_data_set(tmp_path, capsys):
    hmdb51(tmp_path)
    (tmp_path / "jump/Film14_jump_f_nm_np1_fr_med_0.avi").unlink()  # Not in fold 1.
    argv = ["hmdb51", f"--data_dir={tmp_path}", "--missing_only"]
    assert check.main(argv) == 1
    assert capsys.readouterr().out.endswith("90 videos: 89 there, 1 missing\n")


def test_says_in_a_line_what_is_wrong_with_a_data_sets_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="`data_dir` must be given for hmdb51"):
        check.main(["hmdb51"])
    with pytest.raises(ValueError, match="`name` must be a data set such as hmdb51"):
        check.main(["hmdb", f"--data_dir={tmp_path}"])
    with pytest.raises(ValueError, match="`missing_only` must be of a data set by na"):
        check.main([str(tmp_path), "--missing_only"])
    (tmp_path / "hmdb51").mkdir()  # A folder of this name is what is meant.
    with pytest.raises(ValueError, match=r"`data` must hold videos. Got: hmdb51"):
        check.main(["hmdb51"])


def test_clips_are_shown_as_they_train(tmp_path, monkeypatch, capsys):
    for name in ("a/1.mp4", "b/1.mp4"):
        write_video(tmp_path / "videos" / name)
    told = []
    monkeypatch.setattr("datasets.sheet._draw", lambda *given: told.extend(given))
    bindings = "--gin_bindings=sheet.sheet.rows = 3"
    argv = [str(tmp_path / "videos"), "--show=a.png", bindings]
    assert check.main(argv) == 0
    path, clips, names = told
    assert (path, clips.shape) == (pathlib.Path("a.png"), (3, 8, 112, 112, 3))
    assert set(names) <= {"a", "b"}

import csv

import pytest
from synthesis import number, picture

from datasets import prepare
from datasets.decode import Video
from datasets.folder import VideoFolder
from datasets.table import VideoTable

SMALL = ["--videos_per_class=1", "--size=16", "--seconds=0.5", "--fps=8"]


def run(out, *more):
    return prepare.main(["moving_shapes", f"--out={out}", *SMALL, *more])


def test_writes_class_folders_and_a_clip_of_no_split(tmp_path):
    assert run(tmp_path) == 0
    source = VideoFolder(tmp_path)
    assert len(source.classes) == 12
    assert not source.flip
    item = source.items("train")[0]
    for path in (item.path, tmp_path / "unseen.mp4"):
        with Video(path) as video:
            assert len(video.times) == 4
            assert video.rate == 8
            assert video.frames([0])[0].shape == (16, 16, 3)


def test_goes_on_where_it_stopped(tmp_path):
    run(tmp_path)
    files = sorted(tmp_path.rglob("*.mp4"))
    times = {path: path.stat().st_mtime_ns for path in files[1:]}
    content = files[0].read_bytes()
    files[0].unlink()
    run(tmp_path)
    assert files[0].read_bytes() == content
    assert {path: path.stat().st_mtime_ns for path in files[1:]} == times
    assert not list(tmp_path.rglob("*.part"))


def test_writes_split_folders(tmp_path):
    run(tmp_path, "--splits")
    source = VideoFolder(tmp_path)
    assert {source.size(split) for split in ("train", "validation", "test")} == {12}


def test_writes_a_table_of_several_labels(tmp_path):
    run(tmp_path, "--task=multi")
    with open(tmp_path / "table.csv") as file:
        assert len(list(csv.DictReader(file))) == 36
    source = VideoTable(tmp_path / "table.csv")
    assert source.task == "multi"
    assert source.size("test") == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size=15"], "`size` must be even"),
        (["--fps=0"], "`fps` must be above 0. Got: 0.0"),
        (["--fps=-1"], "`fps` must be above 0"),
        (["--seconds=0"], "`seconds` must be at least one frame"),
        (["--videos_per_class=0"], "`videos_per_class` must be at least 1"),
    ],
)
def test_says_in_a_line_what_it_can_not_write(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "out", *arguments)


def test_never_mixes_with_other_files(tmp_path):
    run(tmp_path / "out")
    with pytest.raises(ValueError, match="hold moving_shapes of the same settings"):
        run(tmp_path / "out", "--seed=1")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="`out` must be new or empty"):
        run(tmp_path)


def test_an_encoded_clip_is_the_clip(tmp_path):
    clip = [picture(i) / 255 for i in range(5)]
    prepare.write_video(tmp_path / "a.mp4", prepare.np.array(clip), 10)
    with Video(tmp_path / "a.mp4") as video:
        assert [number(image) for image in video.frames(range(5))] == [0, 1, 2, 3, 4]

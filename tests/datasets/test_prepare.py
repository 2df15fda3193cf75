import csv
import json

import official
import pytest
from synthesis import number, picture, write_video

import datasets
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
    left, right = map(source.classes.index, ("move_left", "move_right"))
    assert source.flip
    assert source.partners[left] == right
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


@pytest.mark.model
def test_a_seed_gives_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        prepare.moving_shapes(tmp_path / name, videos_per_class=1, seconds=1)
    files = sorted((tmp_path / "one").rglob("*.mp4"))
    others = [tmp_path / "other" / f.relative_to(tmp_path / "one") for f in files]
    assert len(files) == 13
    assert [f.read_bytes() for f in files] == [f.read_bytes() for f in others]


def test_a_full_disk_leaves_no_half_video(tmp_path):
    run(tmp_path)
    path = sorted(tmp_path.glob("*/*.mp4"))[0]
    content = path.read_bytes()
    path.unlink()
    path.with_name(f".{path.name}.part").symlink_to("/dev/full")
    with pytest.raises(ValueError, match="`out` must have room: the disk is full"):
        run(tmp_path)
    assert list(path.parent.iterdir()) == []
    run(tmp_path)
    assert path.read_bytes() == content


def test_two_runs_never_draw_into_one_folder(tmp_path):
    with (
        prepare.sharding.locked(tmp_path),
        pytest.raises(ValueError, match="in which no other process prepares"),
    ):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


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
        (["--seconds=0"], "`seconds` must be above 0"),
        (["--seconds=0.01"], "`seconds` must be at least one frame"),
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


@pytest.fixture
def hmdb51(tmp_path):
    """Three folds of two classes; most videos are missing, the others the same."""
    root = official.hmdb51(tmp_path / "hmdb51")
    video = write_video(tmp_path / "a.avi", frames=1, size=(16, 16), codec="mpeg4")
    for place, path in enumerate(sorted(root.rglob("*.avi"))):
        if place % 7:
            path.unlink()
        else:
            path.write_bytes(video.read_bytes())
    return root


def test_writes_a_data_set_by_name_into_shards(hmdb51, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--option=fold=2", "--option=held_out=False"]
    assert (
        prepare.main(["hmdb51", f"--data_dir={hmdb51}", f"--out={out}", *options]) == 0
    )
    said = capsys.readouterr()
    assert f"{out}: 13 videos in 2 shards\n" in said.out
    assert "clips: train 9, validation 4, test 4; 0 broken videos" in said.out
    assert said.err.startswith(f"Writing 13 videos to {out}: as they are\n")
    assert "13 of 13 videos, " in said.err
    assert " a second" in said.err
    shards = datasets.load("shards", data_dir=out)
    source = datasets.load("hmdb51", data_dir=hmdb51, fold=2, held_out=False)
    for split in ("train", "validation", "test"):
        paths = [f"{hmdb51}/{item.path}" for item in shards.items(split)]
        assert paths == [item.path for item in source.items(split)]
        assert shards.labels(split).tolist() == source.labels(split).tolist()


def test_writes_folders_and_tables_into_shards(tmp_path, capsys):
    for name in "ab":
        write_video(tmp_path / "videos" / name / "0.mp4", frames=2, size=(16, 16))
    table = tmp_path / "videos/table.csv"
    table.write_text("path,labels\na/0.mp4,x\nb/0.mp4,y\n")
    for number_, data in enumerate((tmp_path / "videos", f"table:{table}", table)):
        out = tmp_path / str(number_)
        prepare.main(
            [str(data), f"--out={out}", "--frames", "--fps=5", "--short_side=16"]
        )
        shards = datasets.load("shards", data_dir=out)
        assert {item.path for item in shards.items("train")} == {"a/0.mp4", "b/0.mp4"}
        said = capsys.readouterr()
        assert "2 videos in 1 shard, encoded by mjpeg\n" in said.out
        begun = f"Writing 2 videos to {out}: their frames, as JPEG pictures\n"
        assert said.err.startswith(begun)
        form = json.loads((out / "meta.json").read_text())["form"]
        expected = {"frames": True, "short_side": 16, "gop": None, "fps": 5.0}
        assert form == expected | {"flow": False}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["kinetics"],
            "`name` must be a data set such as kinetics400. Got: 'kinetics'",
        ),
        (["ucf101"], "`name` must be ucf101 with --data_dir=FOLDER, or ucf101:FOLDER"),
        (["ucf101:a", "--data_dir=b"], "or ucf101:FOLDER. Got: 'ucf101:a, b'"),
        (["folder:nowhere"], "`root` must be a folder of videos. Got: 'nowhere'"),
        (["ucf101:/", "--option=fold"], "`option` must be NAME=VALUE, such as fold=2"),
        (
            ["{videos}", "--option=fold=2"],
            "`option` must be .* of folder takes. .*'fold'",
        ),
        (["ucf101:/", "--gop=0"], "`gop` must be at least 1"),
        (["ucf101:/", "--shard_mb=0"], "`data_dir` must hold "),
    ],
)
def test_says_in_a_line_what_it_can_not_prepare(tmp_path, arguments, message):
    for name in ("a/0.mp4", "b/0.mp4"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True)
        path.touch()
    arguments = [word.format(videos=tmp_path / "videos") for word in arguments]
    with pytest.raises(ValueError, match=message):
        prepare.main([*arguments, f"--out={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()

import itertools
import os

import numpy as np
import pytest
from synthesis import number, write_video

from datasets.augment import Augmentation
from datasets.folder import VideoFolder
from datasets.health import Health
from datasets.items import Index, Item
from datasets.source import Batches
from datasets.table import VideoTable
from zoo.genotypes.base import ClipSpec

SPEC = ClipSpec(frames=2, rate=20, height=24, width=32)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two classes in split folders; video k has 6 + k frames."""
    root = tmp_path_factory.mktemp("videos")
    for split, count in (("train", 4), ("validation", 3), ("test", 1)):
        for name, k in itertools.product("ab", range(count)):
            write_video(root / split / name / f"{k}.mp4", frames=6 + k)
    return root


@pytest.fixture
def broken_root(root, tmp_path):
    """The same, with two broken videos: one in training, one in validation."""
    for path in root.rglob("*.mp4"):
        copy = tmp_path / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (tmp_path / "train/a/1.mp4").write_bytes(b"")
    (tmp_path / "validation/b/0.mp4").write_text("<html>")
    return tmp_path


def take(batches, count):
    return list(itertools.islice(batches, count))


def test_training_batches_are_floats_and_labels_without_end(root):
    source = VideoFolder(root, flip=False)
    batches = take(source.batches(SPEC, "train", 3), 7)
    for clip, label in batches:
        assert isinstance(clip, np.ndarray)
        assert clip.shape == (3, *SPEC.shape)
        assert clip.dtype == np.float32
        assert 0 <= clip.min() < 0.1 < 0.9 < clip.max() <= 1
        assert label.dtype == np.int32
    labels = np.concatenate([label for _, label in batches])[:16]
    assert np.bincount(labels).tolist() == [8, 8]


def test_evaluation_is_one_pass_in_order_with_keys(root):
    source = VideoFolder(root)
    batches = source.batches(SPEC, "validation", 4)
    for _ in range(2):  # Iterating again starts again.
        (first, label, keys), (second, _, _) = batches
        assert (len(first), len(second)) == (4, 2)
        assert label.tolist() == [0, 0, 0, 1]
        assert keys[3] == f"{root}/validation/b/0.mp4"
        assert [number(clip[0] * 255) for clip in first] == [2, 2, 3, 2]


def test_a_name_need_not_be_utf8(root, tmp_path):
    odd = os.fsdecode(b"validation/b/\xe9.mp4")
    for name in ("train/a/0.mp4", "train/b/0.mp4", odd):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes((root / "train/a/0.mp4").read_bytes())
    (batch,) = VideoFolder(tmp_path).batches(SPEC, "validation", 4)
    assert batch[2].tolist() == [str(tmp_path / odd)]


def test_resume_skips_exactly_and_reads_nothing_before(root, monkeypatch):
    source = VideoFolder(root)
    whole = take(source.batches(SPEC, "train", 3, seed=1), 6)
    read, original = [], VideoFolder.training_clip

    def record(self, spec, seed, position):
        read.append(position)
        return original(self, spec, seed, position)

    monkeypatch.setattr(VideoFolder, "training_clip", record)
    resumed = take(source.batches(SPEC, "train", 3, seed=1, start=4), 2)
    for expected, given in zip(whole[4:], resumed, strict=True):
        np.testing.assert_array_equal(expected[0], given[0])
        np.testing.assert_array_equal(expected[1], given[1])
    assert min(read) == 12


def test_halves_share_no_video_and_both_have_all_others(root):
    source = VideoFolder(root, flip=False)
    parts = source.halves(seed=0)
    keys = [[item.key for item in part.items("train")] for part in parts]
    whole = [item.key for item in source.items("train")]
    assert sorted([*keys[0], *keys[1]]) == sorted(whole)
    assert [part.size("train") for part in parts] == [4, 4]
    assert [part.size("validation") for part in parts] == [6, 6]
    again = [[i.key for i in part.items("train")] for part in source.halves(seed=0)]
    assert again == keys
    assert source.size("train") == 8


def test_segments_are_drawn_anew_in_each_epoch_and_their_centres_evaluated(root):
    spec = ClipSpec(frames=4, rate=20, height=48, width=64, segments=2)
    still = {"flip": False, "resize": (1.0, 1.0)}
    batches = take(VideoFolder(root, **still).batches(spec, "train", 8), 3)
    again = take(VideoFolder(root, **still).batches(spec, "train", 8, start=2), 1)
    np.testing.assert_array_equal(again[0][0], batches[2][0])
    epochs = [
        {tuple(number(image * 255) for image in clip) for clip in batch[0]}
        for batch in batches
    ]
    assert epochs[0] != epochs[1]
    for shown in set.union(*epochs):
        assert list(shown) == sorted(set(shown))
    ((clip, *_),) = VideoFolder(root).batches(spec, "validation", 6)
    assert [number(image * 255) for image in clip[1]] == [0, 2, 4, 6]


def test_a_video_of_fewer_frames_than_segments_give_loops(root, caplog):
    spec = ClipSpec(frames=12, rate=20, height=48, width=64, segments=3)
    ((clip, *_),) = VideoFolder(root).batches(spec, "validation", 6)
    assert [number(image * 255) for image in clip[0]] == [*range(6)] * 2
    assert caplog.text.count("shorter than the clip (12 frames)") == 1


def test_seeds_differ(root):
    source = VideoFolder(root)
    first, second = (take(source.batches(SPEC, "train", 8, seed=s), 1) for s in (0, 1))
    assert np.abs(first[0][0] - second[0][0]).max() > 0.1


def test_mirrors_unless_a_class_names_a_direction(root, tmp_path):
    assert VideoFolder(root).flip
    assert not VideoFolder(root, flip=False).flip
    for name in ("move_left", "move_up"):
        write_video(tmp_path / name / "1.mp4", frames=1)
    assert not VideoFolder(tmp_path).flip
    assert VideoFolder(tmp_path, flip=True).flip


def test_labels_of_a_table_are_many_hot(root, tmp_path):
    rows = [
        f"{root}/train/a/{k}.mp4,{labels},train"
        for k, labels in enumerate(["x|y", "y", "z"])
    ]
    table = tmp_path / "table.csv"
    table.write_text("path,labels,split\n" + "\n".join(rows))
    batches = VideoTable(table).batches(SPEC, "train", 3)
    _, label = next(iter(batches))
    assert label.dtype == np.float32
    assert sorted(label.tolist()) == [[0, 0, 1], [0, 1, 0], [1, 1, 0]]


def test_a_row_of_a_table_can_be_a_part(root, tmp_path):
    table = tmp_path / "table.csv"
    part = f"{root}/train/a/3.mp4,x,0.2,0.4,test\n"
    rest = "".join(f"{root}/train/a/{k}.mp4,{c},,,train\n" for k, c in enumerate("xy"))
    table.write_text(f"path,labels,start,end,split\n{part}{rest}")
    ((clip, _, key),) = VideoTable(table).batches(ClipSpec(4, 20, 48, 64), "test", 1)
    assert [number(image * 255) for image in clip[0]] == [4, 5, 6, 7]
    assert key[0].endswith("3.mp4#0.2-0.4")


def test_short_videos_loop_with_one_warning(root, caplog):
    source = VideoFolder(root)
    long = ClipSpec(frames=20, rate=20, height=48, width=64)
    ((clip, *_),) = source.batches(long, "validation", 6)
    assert [number(image * 255) for image in clip[0]] == [*range(6)] * 3 + [0, 1]
    assert caplog.text.count("shorter than the clip") == 1


def test_short_videos_can_hold_their_last_frame(root, caplog):
    long = ClipSpec(frames=9, rate=20, height=48, width=64)
    source = VideoFolder(root, short="hold")
    ((clip, *_),) = source.batches(long, "validation", 6)
    assert [number(image * 255) for image in clip[0]] == [*range(6), 5, 5, 5]
    assert caplog.text.count("such videos hold their last frame") == 1


def test_training_replaces_broken_videos_and_names_them_once(broken_root, caplog):
    source = VideoFolder(broken_root, max_bad_fraction=0.2)
    batches = take(source.batches(SPEC, "train", 8), 4)
    assert all(clip.max() > 0.5 for clip, _ in batches)
    assert caplog.text.count("train/a/1.mp4 is broken") == 1
    assert list(source.health.bad) == [f"{broken_root}/train/a/1.mp4"]
    again = take(VideoFolder(broken_root).batches(SPEC, "train", 8, start=3), 1)
    np.testing.assert_array_equal(again[0][0], batches[3][0])


def test_videos_that_vanish_amid_an_epoch_are_named_until_they_are_too_many(
    broken_root, caplog
):
    for name in ("train/a/1.mp4", "validation/b/0.mp4"):
        (broken_root / name).write_bytes((broken_root / "train/a/0.mp4").read_bytes())
    source = VideoFolder(broken_root, max_bad_fraction=0.1, cache_bytes=0)
    batches = iter(source.batches(SPEC, "train", 2))
    next(batches)
    (broken_root / "train/b/2.mp4").unlink()
    for _ in range(16):
        next(batches)
    gone = "train/b/2.mp4 is broken and left out: No such file or directory"
    assert caplog.text.count(gone) == 1
    for path in (broken_root / "train").rglob("*.mp4"):
        path.unlink()
    message = r"at most 10.0% of 16 videos may be broken .* Got 2 of .* No such file"
    with pytest.raises(ValueError, match=message):
        take(batches, 16)


def test_evaluation_leaves_broken_videos_out(broken_root, caplog):
    source = VideoFolder(broken_root, max_bad_fraction=0.2)
    (batch,) = source.batches(SPEC, "validation", 8)
    assert [key[-7:] for key in batch[2]] == [
        *("a/0.mp4", "a/1.mp4", "a/2.mp4"),
        *("b/1.mp4", "b/2.mp4"),
    ]
    assert batch[1].tolist() == [0, 0, 0, 1, 1]
    assert "validation/b/0.mp4 is broken" in caplog.text


def test_a_run_fails_with_one_line_when_too_many_are_broken(broken_root):
    source = VideoFolder(broken_root)  # 1 % of 16, so one is put up with.
    assert len(take(source.batches(SPEC, "train", 8), 4)) == 4
    message = r"at most 1.0% of 16 videos may be broken .* Got 2 of the \d+ read so far"
    with pytest.raises(ValueError, match=message) as caught:
        list(source.batches(SPEC, "validation", 8))
    assert "\n" not in str(caught.value)


def test_none_may_be_broken_where_the_user_says_so(broken_root):
    source = VideoFolder(broken_root, max_bad_fraction=0)
    with pytest.raises(ValueError, match="Got 1 of the"):
        take(source.batches(SPEC, "train", 8), 4)


def test_a_folder_of_broken_videos_fails_in_one_line(tmp_path, capfd):
    for name in ("a/1.mp4", "b/1.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match="Got 2 of the 2 read"):
        take(VideoFolder(tmp_path, max_bad_fraction=1).batches(SPEC, "train", 2), 1)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("fraction", "total", "allowed"),
    [(0, 100, 0), (0.01, 20, 1), (0.1, 100, 10), (0.5, 10, 5), (1, 10, 9), (1, 1, 0)],
)
def test_how_many_may_be_broken(fraction, total, allowed):
    items = [Item(f"{k}.mp4", (0,)) for k in range(total)]
    health = Health(Index(("a", "b"), {"train": items}), fraction)
    for item in items[:allowed]:
        health.breaks(item, "why")
    with pytest.raises(ValueError, match=f"Got {allowed + 1} of the"):
        health.breaks(items[allowed], "why")


def test_training_on_broken_videos_alone_fails(broken_root):
    for path in (broken_root / "train").rglob("*.mp4"):
        path.write_bytes(b"")
    source = VideoFolder(broken_root, max_bad_fraction=1)
    with pytest.raises(ValueError, match="hold a video that can be read"):
        take(source.batches(SPEC, "train", 2), 1)


def test_an_unexpected_error_comes_through(root, monkeypatch):
    def fail(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(VideoFolder, "training_clip", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        take(VideoFolder(root).batches(SPEC, "train", 2), 1)


def test_mistakes_are_told_before_anything_is_read(root, monkeypatch):
    monkeypatch.setattr(Batches, "_build", lambda *_: pytest.fail("built"))
    source = VideoFolder(root)
    with pytest.raises(ValueError, match="`split` must be"):
        source.batches(SPEC, "dev", 1)
    with pytest.raises(ValueError, match="`batch_size` must be"):
        source.batches(SPEC, "train", 0)
    with pytest.raises(ValueError, match="`split` must be"):
        source.size("dev")
    for wrong in ({"split": "train"}, {"clips": 0}, {"crops": 2}):
        (name,) = wrong
        asked = {"split": "test", "batch_size": 1, **wrong}
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            source.views(SPEC, **asked)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"resize": (0.5, 1)}, "resize"),
        ({"resize": (1.5, 1)}, "resize"),
        ({"resize": (1.5,)}, "resize"),
        ({"max_bad_fraction": 2}, "max_bad_fraction"),
        ({"workers": 0}, "workers"),
        ({"task": "both"}, "task"),
        ({"sampling": "random"}, "sampling"),
        ({"evaluation": "center"}, "evaluation"),
        ({"short": "stop"}, "short"),
        ({"augmentation": Augmentation(mixup=1.0), "objects": "maps"}, "mixup"),
    ],
)
def test_rejects_nonsense(root, options, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        VideoFolder(root, **options)

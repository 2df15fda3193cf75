import itertools

import numpy as np
import pytest
from synthesis import number, write_video

from datasets.folder import VideoFolder
from datasets.items import Index, Item
from datasets.objects import Maps, ObjectFolder
from datasets.table import VideoTable
from zoo.genotypes.base import ClipSpec

SPEC = ClipSpec(frames=3, rate=10, height=48, width=64)


def write_maps(path, count=20, rate=20.0, shape=(12, 16), **changes):
    """Map k holds k on its left half and 100 + k on its right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    maps = np.arange(count, dtype="uint8")[:, None, None] + np.zeros(shape, "uint8")
    maps[:, :, shape[1] // 2 :] += 100
    arrays = {"maps": maps, "times": np.arange(count) / rate, **changes}
    np.savez_compressed(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


@pytest.fixture
def root(tmp_path):
    for name in "ab":
        write_video(tmp_path / "videos" / name / "1.mp4", frames=20)
        write_maps(tmp_path / "maps" / name / "1.npz")
    return tmp_path


def source(root, **options):
    return VideoFolder(root / "videos", objects=str(root / "maps"), **options)


def test_clips_come_with_the_objects_of_their_frames(root):
    assert source(root).inputs == ("clip", "objects")
    ((clips, _, keys),) = source(root).batches(SPEC, "test", 4)
    assert sorted(clips) == ["clip", "objects"]
    assert clips["clip"].dtype == np.float32
    assert clips["objects"].dtype == np.uint8
    assert clips["objects"].shape == (len(keys), 3, 48, 64)
    shown = [number(image * 255) for image in clips["clip"][0]]
    assert clips["objects"][0, :, 0, 0].tolist() == shown
    assert clips["objects"][0, 0, :, 31].tolist() == [shown[0]] * 48
    assert clips["objects"][0, 0, :, 32].tolist() == [100 + shown[0]] * 48


def test_training_crops_and_mirrors_both_alike(root):
    # Red grows from the left to the right of the pictures, as do the classes here.
    maps = np.tile(np.linspace(0, 255, 64, dtype="uint8"), (20, 48, 1))
    for name in "ab":
        write_maps(root / "maps" / name / "1.npz", maps=maps)
    spec = ClipSpec(frames=2, rate=10, height=32, width=32)
    drawn = source(root, flip=True, resize=(1.0, 1.5)).batches(spec, "train", 8)
    clips, _ = next(iter(drawn))
    red = 255 * clips["clip"][:, :, -1, :, 0]
    objects = clips["objects"][:, :, -1].astype(int)
    np.testing.assert_allclose(objects, red, atol=16)
    rises = objects[:, 0, -1] > objects[:, 0, 0]
    assert rises.any()
    assert not rises.all()
    again, _ = next(
        iter(source(root, flip=True, resize=(1.0, 1.5)).batches(spec, "train", 8))
    )
    np.testing.assert_array_equal(again["objects"], clips["objects"])


def test_the_nearest_map_in_time_counts(root):
    for name in "ab":
        write_maps(root / "maps" / name / "1.npz", count=3, rate=2.0)
    spec = ClipSpec(frames=20, rate=20, height=12, width=16)
    ((clips, *_),) = source(root).batches(spec, "test", 4)
    steps = clips["objects"][0, :, 0, 0].tolist()
    assert steps == [0] * 6 + [1] * 10 + [2] * 4


def test_parts_of_videos_have_their_own_time(root):
    table = root / "videos/table.csv"
    rows = ["a/1.mp4,x,0.5,0.8,test", "a/1.mp4,x,,,train", "b/1.mp4,y,,,train"]
    table.write_text("path,labels,start,end,split\n" + "\n".join(rows))
    videos = VideoTable(table, objects=str(root / "maps"))
    spec = ClipSpec(frames=4, rate=20, height=48, width=64)
    ((clips, *_),) = videos.batches(spec, "test", 1)
    assert clips["objects"][0, :, 0, 0].tolist() == [11, 12, 13, 14]
    assert number(clips["clip"][0, 0] * 255) == 11


def test_every_video_must_have_its_file(root):
    (root / "maps/b/1.npz").unlink()
    message = "a file for each video. Got 1 that are missing: .*/maps/b/1.npz"
    with pytest.raises(ValueError, match=message):
        source(root)
    with pytest.raises(ValueError, match="`objects` must be a folder of maps"):
        VideoFolder(root / "videos", objects=str(root / "none"))


def test_videos_elsewhere_have_no_place_among_the_maps(root):
    index = Index(("a", "b"), {"train": [Item("/elsewhere/1.mp4", (0,))]}, str(root))
    with pytest.raises(ValueError, match="`objects` must be left out for videos outsi"):
        ObjectFolder(str(root / "maps"), index)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"maps": np.zeros((20, 12, 16, 1), "uint8")}, "`maps` in .* must be uint8 of"),
        ({"maps": np.zeros((20, 12, 16), "int32")}, "Got: int32 of"),
        ({"maps": np.zeros((20, 16, 12), "uint8")}, "proportions of its video"),
        ({"maps": None}, "with the arrays maps and times"),
        ({"times": np.arange(19)}, "one for each of 20 maps. Got: int64 of .19"),
        ({"times": np.zeros(20)}, "not ascending"),
        ({"times": np.array(["a"] * 20)}, "`times` in .* must be ascending"),
    ],
)
def test_a_file_of_another_form_ends_the_run_in_one_line(root, changes, message):
    for name in "ab":
        write_maps(root / "maps" / name / "1.npz", **changes)
    with pytest.raises(ValueError, match=message) as error:
        next(iter(source(root).batches(SPEC, "train", 2)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04broken"])
def test_a_file_that_is_none_is_named(root, content):
    for name in "ab":
        (root / "maps" / name / "1.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"1\.npz` must be of np\.savez") as error:
        next(iter(source(root).batches(SPEC, "train", 2)))
    assert "\n" not in str(error.value)


def test_maps_of_any_size_are_scaled_as_the_picture():
    maps = Maps("a.npz", np.arange(12, dtype="uint8").reshape(1, 3, 4), np.zeros(1))
    whole = maps.crop(np.array([0.5]), (6, 8), (0, 0), (6, 8))
    expected = np.repeat(np.repeat(maps.maps, 2, axis=1), 2, axis=2)
    np.testing.assert_array_equal(whole, expected)
    part = maps.crop(np.array([0.5]), (6, 8), (1, 3), (4, 5))
    np.testing.assert_array_equal(part, whole[:, 1:5, 3:8])


def test_halves_and_resumes_keep_their_objects(root):
    half, _ = source(root).halves(seed=0)
    clips, _ = next(iter(half.batches(SPEC, "train", 2)))
    assert sorted(clips) == ["clip", "objects"]
    whole = list(itertools.islice(source(root).batches(SPEC, "train", 2), 3))
    resumed, _ = next(iter(source(root).batches(SPEC, "train", 2, start=2)))
    np.testing.assert_array_equal(whole[2][0]["objects"], resumed["objects"])

import itertools

import gin
import numpy as np
import pytest
from synthesis import write_video

from datasets.augment import Augmentation
from datasets.folder import VideoFolder
from datasets.table import VideoTable
from zoo.genotypes.base import ClipSpec

SPEC = ClipSpec(frames=2, rate=20, height=24, width=32)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two classes in split folders; video k has 6 + k frames."""
    root = tmp_path_factory.mktemp("videos")
    for split, count in (("train", 4), ("validation", 3)):
        for name, k in itertools.product("ab", range(count)):
            write_video(root / split / name / f"{k}.mp4", frames=6 + k)
    return root


def take(batches, count):
    return list(itertools.islice(batches, count))


@pytest.fixture(scope="module")
def mirrors(tmp_path_factory):
    """Classes that are mirror images, whose red grows to the left or the right."""
    root = tmp_path_factory.mktemp("mirrors")
    for name in ("to_left", "to_right"):
        for k in range(2):
            write_video(root / f"train/{name}/{k}.mp4", frames=3)
    return root


def grows(clip):
    return clip[:, 0, -1, -1, 0] > clip[:, 0, -1, 0, 0]


def test_a_mirrored_clip_has_the_label_of_its_mirror_image(mirrors):
    source = VideoFolder(mirrors, resize=(1.0, 1.0))
    assert source.flip
    assert source.partners == (1, 0)
    shown = []
    for position in range(16):
        clip, index, mirrored = source.training_clip(SPEC, 0, position)
        assert grows(clip)[0] != mirrored
        shown.append(source.items("train")[index].labels[0] ^ mirrored)
    (batch,) = take(source.batches(SPEC, "train", 16), 1)
    assert batch[1].tolist() == shown
    assert 0 < (~grows(batch[0])).sum() < 16
    (plain,) = take(VideoFolder(mirrors, flip=False).batches(SPEC, "train", 16), 1)
    assert grows(plain[0]).all()
    assert (plain[1] != batch[1]).any()


def test_many_labels_are_mirrored_too(mirrors):
    table = mirrors / "table.csv"
    rows = [f"train/to_{n}/0.mp4,to_{n}|x" for n in ("left", "right")]
    table.write_text("path,labels,split\n" + "".join(f"{r},train\n" for r in rows))
    source = VideoTable(table, resize=(1.0, 1.0))
    expected = []
    for position in range(16):
        _, index, mirrored = source.training_clip(SPEC, 0, position)
        expected.append([1, 0, 1] if index == mirrored else [0, 1, 1])
    (batch,) = take(source.batches(SPEC, "train", 16), 1)
    assert batch[1].tolist() == expected


ALL = Augmentation(
    aspect=(0.75, 1.333),
    area=(0.3, 1.0),
    brightness=0.3,
    hue=0.1,
    rand_augment=2,
    erase=0.5,
    mixup=0.8,
    cutmix=1.0,
)


def test_augmented_batches_resume_exactly(root):
    source = VideoFolder(root, augmentation=ALL)
    assert source.soft_labels
    whole = take(source.batches(SPEC, "train", 4, seed=1), 5)
    resumed = take(source.batches(SPEC, "train", 4, seed=1, start=3), 2)
    for expected, given in zip(whole[3:], resumed, strict=True):
        np.testing.assert_array_equal(expected[0], given[0])
        np.testing.assert_array_equal(expected[1], given[1])
    labels = np.concatenate([label for _, label in whole])
    assert labels.shape == (20, 2)
    assert labels.dtype == np.float32
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    assert ((labels > 0) & (labels < 1)).any()
    clip = whole[0][0]
    assert clip.dtype == np.float32
    assert 0 <= clip.min() < clip.max() <= 1
    plain = take(VideoFolder(root).batches(SPEC, "train", 4, seed=1), 1)
    assert np.abs(plain[0][0] - clip).max() > 0.2


def test_evaluation_is_never_augmented(root):
    clips = []
    for augmentation in (None, ALL):
        source = VideoFolder(root, augmentation=augmentation)
        ((clip, label, _),) = source.batches(SPEC, "validation", 6)
        assert label.dtype == np.int32
        clips.append(clip)
    np.testing.assert_array_equal(*clips)


def test_a_config_binds_it(root):
    config = f"""
from __gin__ import dynamic_registration
from datasets import augment
from datasets import folder
clips = @folder.VideoFolder()
folder.VideoFolder.root = '{root}'
folder.VideoFolder.augmentation = @augment.Augmentation()
augment.Augmentation.area = (0.08, 1.0)
augment.Augmentation.mixup = 0.8
"""
    gin.clear_config()
    gin.parse_config(config)
    source = gin.query_parameter("%clips").scoped_configurable_fn()
    gin.clear_config()
    assert source.augmentation == Augmentation(area=(0.08, 1.0), mixup=0.8)


def test_objects_are_cut_and_pasted_with_their_clips(root, tmp_path):
    for path in root.rglob("*.mp4"):
        file = (tmp_path / path.relative_to(root)).with_suffix(".npz")
        file.parent.mkdir(parents=True, exist_ok=True)
        maps = np.full((1, 12, 16), 7 if path.parent.name == "a" else 9, "uint8")
        np.savez(file, maps=maps, times=np.zeros(1))
    mixing = Augmentation(cutmix=1.0, rand_augment=1)
    source = VideoFolder(root, objects=str(tmp_path), augmentation=mixing)
    whole = take(source.batches(SPEC, "train", 8), 4)
    for clips, labels in whole:
        assert set(np.unique(clips["objects"])) <= {7, 9, 255}
        assert clips["clip"].shape == (8, *SPEC.shape)
        np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    assert any(
        {7, 9} <= set(np.unique(one)) for clips, _ in whole for one in clips["objects"]
    )

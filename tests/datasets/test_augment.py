import math

import numpy as np
import pytest
from synthesis import write_video

from datasets import augment, clips
from datasets.augment import Augmentation
from datasets.clips import View
from datasets.decode import Video
from datasets.objects import Maps
from datasets.order import batch_draws, draws
from zoo.genotypes.base import ClipSpec

ALL = Augmentation(
    aspect=(0.75, 1.333),
    area=(0.3, 1.0),
    brightness=0.4,
    contrast=0.4,
    saturation=0.4,
    hue=0.1,
    rand_augment=2,
    erase=0.5,
)
SPEC = ClipSpec(frames=4, rate=10, height=24, width=24)


def views(augmentation, count=200, **options):
    return [augmentation.view(draws(0, 0, i), **options) for i in range(count)]


def test_nothing_else_is_done_by_default():
    place, scale, y, x, mirror = draws(5, 1, 3).uniform(size=5)
    view = Augmentation().view(draws(5, 1, 3), (1.0, 2.0), flip=True)
    assert view == View(place, y, x, 1 + scale, mirrored=mirror < 0.5)
    assert not Augmentation().mixes


def test_draws_are_those_of_the_clip_alone():
    for epoch, index in ((0, 0), (3, 1)):
        first = ALL.view(draws(7, epoch, index), flip=True)
        views(ALL, 3)
        assert ALL.view(draws(7, epoch, index), flip=True) == first
    assert len(set(views(ALL))) == 200
    # What is drawn beside it changes neither the moment nor the place.
    for view, plain in zip(views(ALL), views(Augmentation()), strict=True):
        assert (view.place, view.y, view.x) == (plain.place, plain.y, plain.x)


def test_draws_lie_in_their_ranges():
    jitter = Augmentation(brightness=0.4, contrast=2.0, hue=0.1)
    drawn = [dict(view.operations) for view in views(jitter)]
    assert all(set(d) == {"brightness", "contrast", "hue"} for d in drawn)
    for name, low, high in (("brightness", 0.6, 1.4), ("hue", -0.1, 0.1)):
        values = [d[name] for d in drawn]
        assert low <= min(values) < low + 0.05
        assert high - 0.05 < max(values) <= high
    assert min(d["contrast"] for d in drawn) == 0  # Never below.
    orders = {tuple(name for name, _ in view.operations) for view in views(jitter)}
    assert len(orders) == 6
    erased = [view.operations for view in views(Augmentation(erase=0.25))]
    assert 30 < sum(map(bool, erased)) < 70
    for ((_, area, ratio, *_),) in filter(None, erased):
        assert 0.02 <= area <= 0.33
        assert 0.3 <= ratio <= 1 / 0.3
    twice = [view.operations for view in views(Augmentation(rand_augment=2))]
    assert {len(drawn) for drawn in twice} == {0, 1, 2}


def test_the_aspect_is_drawn_by_its_logarithm():
    parts = [view.parts for view in views(Augmentation(aspect=(0.5, 2.0)))]
    aspects = [aspect for ((area, aspect),) in parts if area is None]
    assert len(aspects) == 200
    assert 0.5 <= min(aspects) < max(aspects) <= 2
    assert 70 < sum(aspect < 1 for aspect in aspects) < 130


def test_a_picture_is_scaled_to_what_a_view_shows():
    size = (112, 112)
    assert View().fit((240, 320), size) == (112, 149)
    assert View(scale=1.25).fit((240, 320), size) == (140, 187)
    assert View(parts=((None, 1.2),)).fit((240, 320), size) == (112, 179)
    assert View(parts=((None, 0.5),)).fit((240, 320), size) == (168, 112)
    # A quarter of 240x320 is a square of 139 pixels, of which 112 are made.
    assert View(parts=((0.25, 1.0),)).fit((240, 320), size) == (194, 259)
    wide = View(parts=((0.25, 2.0),)).fit((240, 320), size)
    assert wide == (round(240 * 112 / 195.96), round(320 * 112 / 97.98))
    # The whole is no square: the next counts, or else all that a square can show.
    assert View(parts=((1.0, 1.0), (0.25, 1.0))).fit((240, 320), size) == (194, 259)
    assert View(parts=((1.0, 1.0),)).fit((240, 320), size) == (112, 149)
    assert View(parts=((1.0, 1.0),)).fit((320, 240), size) == (149, 112)


@pytest.mark.parametrize("shape", [(240, 320), (320, 240), (25, 400)])
def test_random_parts_cover_the_clip_and_have_their_areas(shape):
    drawn = views(Augmentation(area=(0.08, 1.0), aspect=(0.75, 1.333)))
    fits = [view.fit(shape, (112, 112)) for view in drawn]
    assert all(min(fit) >= 112 for fit in fits)
    if shape != (25, 400):
        shares = [112 * 112 / math.prod(fit) for fit in fits]
        assert 0.075 < min(shares) < 0.15
        assert max(shares) > 0.7


@pytest.fixture
def video(tmp_path):
    with Video(write_video(tmp_path / "a.mp4")) as opened:
        yield opened


def read(video, view, maps=None, spec=SPEC):
    wanted = clips.chosen(video.times, spec, view.place)
    return clips.read(video, spec, wanted, [view], maps)[0]


def test_all_frames_of_a_clip_are_changed_alike(video):
    video._stamps[:] = video._stamps[0]  # A still video.
    for view in views(ALL, 12, flip=True):
        clip = read(video, view)
        assert clip.shape == SPEC.shape
        assert clip.dtype == np.uint8
        assert (clip == clip[:1]).all()


def test_views_of_a_video_differ(video):
    drawn = [read(video, view).tobytes() for view in views(ALL, 12, flip=True)]
    assert len(set(drawn)) == 12


def test_objects_are_cropped_stretched_and_moved_with_the_picture(video):
    # Red grows from the left to the right of the pictures, as do the classes here.
    numbers = np.tile(np.linspace(0, 240, 64, dtype="uint8"), (40, 48, 1))
    maps = Maps("maps", numbers, np.arange(40) / 20)
    moves = Augmentation(aspect=(0.6, 1.6), area=(0.2, 0.8))
    for view in views(moves, 12, flip=True):
        moved = View(**{**vars(view), "operations": (("rotate", 20.0),)})
        clip = read(video, moved, maps).astype(int)
        inside = clip[..., 3] != 255
        assert not inside.all()
        assert (clip[~inside] == [128, 128, 128, 255]).all()
        lower = inside[:, 16:]  # The upper half of the pictures holds their numbers.
        low = clip[:, 16:][lower]
        assert np.median(np.abs(low[:, 3] - low[:, 0] * 240 / 255)) < 20


LABELS = np.eye(3, dtype="float32")


def batch(channels=3):
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (3, 2, 8, 10, channels)).astype("uint8")


def test_mixup_by_hand():
    given = batch()
    mixed, labels = augment.mixup(given, LABELS, 0.75)
    expected = np.floor(0.75 * given + 0.25 * given[[2, 0, 1]] + 0.5)
    np.testing.assert_array_equal(mixed, expected)
    np.testing.assert_allclose(labels[0], [0.75, 0, 0.25])
    same, labels = augment.mixup(given, LABELS, 1.0)
    np.testing.assert_array_equal(same, given)
    np.testing.assert_array_equal(labels, LABELS)


def test_cutmix_by_hand():
    given = batch(channels=4)
    mixed, labels = augment.cutmix(given, LABELS, 0.75, 1.0, 0.0)
    np.testing.assert_array_equal(mixed[1, :, 4:, :5], given[0, :, 4:, :5])
    np.testing.assert_array_equal(mixed[1, :, :4], given[1, :, :4])
    np.testing.assert_array_equal(mixed[1, :, :, 5:], given[1, :, :, 5:])
    np.testing.assert_allclose(labels[1], [0.25, 0.75, 0])
    same, labels = augment.cutmix(given, LABELS, 1.0, 0.3, 0.3)
    np.testing.assert_array_equal(same, given)
    np.testing.assert_array_equal(labels, LABELS)
    other, labels = augment.cutmix(given, LABELS, 0.0, 0.3, 0.3)
    np.testing.assert_array_equal(other, given[[2, 0, 1]])
    np.testing.assert_array_equal(labels, LABELS[[2, 0, 1]])


@pytest.mark.parametrize("options", [{"mixup": 0.8}, {"cutmix": 1.0}])
def test_shares_of_the_classes_sum_to_1(options):
    mixing, weights = Augmentation(**options), []
    assert mixing.mixes
    for number in range(50):
        _, labels = mixing.mixed(batch_draws(0, number), batch(), LABELS)
        assert labels.dtype == np.float32
        assert labels.min() >= 0
        np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
        weights.append(labels[0, 0])
    assert min(weights) < 0.2 < 0.8 < max(weights)


def test_both_kinds_of_mixing_take_turns():
    given, kinds = np.array([0, 100, 200], "uint8"), []
    given = np.broadcast_to(given[:, None, None, None, None], (3, 1, 8, 8, 3))
    for number in range(60):
        both = Augmentation(mixup=1.0, cutmix=1.0)
        mixed, _ = both.mixed(batch_draws(0, number), given, LABELS)
        kinds.append(bool(set(np.unique(mixed)) - {0, 100, 200}))
    assert 15 < sum(kinds) < 45


@pytest.mark.parametrize(
    "wrong",
    [
        {"aspect": (0.0, 1.0)},
        {"aspect": (2.0, 1.0)},
        {"aspect": (1.0, math.inf)},
        {"aspect": (1.0,)},
        {"area": (0.5, 1.5)},
        {"area": (0.0, 1.0)},
        {"brightness": -0.1},
        {"contrast": math.nan},
        {"saturation": math.inf},
        {"hue": 0.6},
        {"rand_augment": -1},
        {"rand_augment": 1.5},
        {"magnitude": 11},
        {"erase": 1.1},
        {"erase_area": (0.5, 0.1)},
        {"mixup": -1},
        {"cutmix": math.inf},
    ],
)
def test_rejects_nonsense(wrong):
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be") as error:
        Augmentation(**wrong)
    assert "\n" not in str(error.value)

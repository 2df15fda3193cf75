import numpy as np
import pytest

from datasets import operations
from datasets.operations import OPERATIONS, apply
from datasets.order import draws

COLOURS = [
    ("brightness", 1.4),
    ("contrast", 0.5),
    ("saturation", 1.7),
    ("hue", 0.2),
    ("sharpness", 1.9),
    ("solarize", 100.0),
    ("posterize", 4),
    ("auto_contrast",),
    ("equalize",),
    ("erase", 0.2, 0.5, 0.3, 0.8, 7),
]
MOVES = [
    ("rotate", 25.0),
    ("shear_x", 0.3),
    ("shear_y", -0.3),
    ("translate_x", 0.2),
    ("translate_y", -0.4),
]
OF_THE_CLIP = ("contrast", "auto_contrast", "equalize")  # By its statistics.


def noise(frames=3, channels=3, low=0, high=256):
    rng = np.random.default_rng(0)
    return rng.integers(low, high, (frames, 12, 16, channels)).astype("uint8")


def test_every_operation_is_tested():
    assert {name for name, *_ in COLOURS + MOVES} == set(OPERATIONS)


@pytest.mark.parametrize("operation", COLOURS + MOVES)
@pytest.mark.parametrize("channels", [3, 4])
def test_equal_frames_stay_equal(operation, channels):
    clip = np.repeat(noise(1, channels), 3, axis=0)
    given = clip.copy()
    changed = apply(clip, [operation])
    assert changed.dtype == np.uint8
    assert changed.shape == clip.shape
    assert (changed == changed[:1]).all()
    assert (changed != clip).any()
    np.testing.assert_array_equal(clip, given)  # The caller's clip is left alone.


@pytest.mark.parametrize(
    "operation", [o for o in COLOURS + MOVES if o[0] not in OF_THE_CLIP]
)
def test_frames_of_a_clip_are_changed_as_each_alone(operation):
    clip = noise()
    alone = [apply(clip[i : i + 1], [operation])[0] for i in range(3)]
    np.testing.assert_array_equal(apply(clip, [operation]), alone)


@pytest.mark.parametrize("name", OF_THE_CLIP)
def test_one_table_serves_all_frames(name):
    clip, operation = noise(high=200), next(o for o in COLOURS if o[0] == name)
    clip[1] //= 4  # A dark frame: alone it would be stretched in another way.
    changed = apply(clip, [operation])
    assert (changed[1:2] != apply(clip[1:2], [operation])).any()
    for channel in range(3):
        before, after = clip[..., channel], changed[..., channel]
        pairs = set(zip(before.flat, after.flat, strict=True))
        assert len(pairs) == len(np.unique(before))


@pytest.mark.parametrize("operation", COLOURS)
def test_objects_are_never_coloured(operation):
    clip = noise(channels=4)
    changed = apply(clip, [operation])
    np.testing.assert_array_equal(changed[..., 3], clip[..., 3])
    np.testing.assert_array_equal(changed[..., :3], apply(clip[..., :3], [operation]))


@pytest.mark.parametrize("operation", MOVES)
def test_objects_move_with_the_picture(operation):
    clip = noise(channels=4, high=100)
    clip[..., 3] = clip[..., 0]
    changed = apply(clip, [operation])
    outside = changed[..., 3] == 255
    assert outside.any()
    assert (changed[outside] == [128, 128, 128, 255]).all()
    inside = changed[~outside]
    np.testing.assert_array_equal(inside[:, 3], inside[:, 0])


def pixel(*values):
    return np.array(values, "uint8").reshape(1, 1, -1, 3)


def test_colours_by_hand():
    two = pixel(100, 200, 0, 10, 20, 30)
    assert operations.brightness(two, 1.5).ravel().tolist() == [150, 255, 0, 15, 30, 45]
    inverted = operations.solarize(two, 30)
    assert inverted.ravel().tolist() == [155, 55, 0, 10, 20, 225]
    coarse = operations.posterize(pixel(255, 17, 64), 2)
    assert coarse.ravel().tolist() == [192, 0, 64]
    grey = operations.saturation(pixel(100, 200, 50), 0.0)
    assert set(grey.ravel()) == {round(0.299 * 100 + 0.587 * 200 + 0.114 * 50)}
    flat = operations.contrast(pixel(0, 0, 0, 200, 200, 200), 0.5)
    assert flat.ravel().tolist() == [50] * 3 + [150] * 3


def test_contrast_stretches_each_colour_to_the_ends():
    clip = pixel(50, 7, 0, 100, 7, 255, 75, 7, 128)
    stretched = operations.auto_contrast(clip)
    assert stretched[..., 0].ravel().tolist() == [0, 255, 128]
    assert stretched[..., 1].ravel().tolist() == [7, 7, 7]
    np.testing.assert_array_equal(stretched[..., 2], clip[..., 2])


def test_values_are_spread_by_how_frequent_they_are():
    clip = pixel(*[9] * 3, *[9] * 3, *[10] * 3, *[90] * 3, *[91] * 3)
    spread = operations.equalize(clip)[..., 0].ravel()
    assert spread.tolist() == [0, 0, 128, 191, 255]
    flat = np.full((2, 4, 4, 3), 9, "uint8")
    np.testing.assert_array_equal(operations.equalize(flat), flat)


def test_hues_turn_around_grey():
    clip = noise(low=64, high=192)
    np.testing.assert_allclose(operations.hue(clip, 1.0), clip, atol=1)
    grey = np.repeat(clip[..., :1], 3, axis=-1)
    np.testing.assert_allclose(operations.hue(grey, 0.3), grey, atol=1)
    turned = operations.hue(clip, 0.3)
    np.testing.assert_allclose(turned @ operations.GREY, clip @ operations.GREY, atol=2)
    red, green, blue = operations.hue(pixel(200, 100, 100), 1 / 3).ravel()
    assert max(red, green, blue) != red


def test_sharpness_of_an_edge_by_hand():
    clip = np.zeros((1, 5, 6, 3), "uint8")
    clip[:, :, 3:] = 130
    smooth = operations.sharpness(clip, 0.0)
    assert smooth[0, 2, :, 0].tolist() == [0, 0, 30, 100, 130, 130]
    np.testing.assert_array_equal(smooth[0, 0], clip[0, 0])
    sharp = operations.sharpness(clip, 1.5)
    assert sharp[0, 2, :, 0].tolist() == [0, 0, 0, 145, 130, 130]


def test_moves_by_hand():
    clip = noise(2)
    square = clip[:, :, :12]
    np.testing.assert_array_equal(
        operations.rotate(square, 90), np.rot90(square, axes=(1, 2))
    )
    np.testing.assert_array_equal(operations.rotate(clip, 180), clip[:, ::-1, ::-1])
    left = operations.translate_x(clip, 0.25)
    np.testing.assert_array_equal(left[:, :, :12], clip[:, :, 4:])
    assert (left[:, :, 12:] == 128).all()
    up = operations.translate_y(clip, 0.25)
    np.testing.assert_array_equal(up[:, :9], clip[:, 3:])
    sheared = operations.shear_x(clip, 1 / 5.5)
    np.testing.assert_array_equal(sheared[:, 0, 1:], clip[:, 0, :-1])
    np.testing.assert_array_equal(sheared[:, -1, :-1], clip[:, -1, 1:])
    sheared = operations.shear_y(clip, 1 / 7.5)
    np.testing.assert_array_equal(sheared[:, 1:, 0], clip[:, :-1, 0])


def test_erases_a_rectangle_of_noise():
    clip = np.zeros((2, 20, 40, 3), "uint8")
    erased = operations.erase(clip, 0.25, 1.0, 1.0, 0.5, seed=3)
    rows, columns = np.nonzero(erased[0].any(axis=-1))
    assert (rows.min(), rows.max()) == (10, 19)
    assert (columns.min(), columns.max()) == (10, 29)
    assert len(np.unique(erased[0, 10:, 10:30])) > 100
    other = operations.erase(clip, 0.25, 1.0, 1.0, 0.5, seed=4)
    assert (other != erased).any()
    whole = operations.erase(clip, 1.0, 3.0, 0.0, 0.0, seed=3)  # As high as can be.
    assert whole.any(axis=(0, 1, 3)).sum() == round(40 / 3**0.5)


def test_rand_augment_draws_all_of_its_operations():
    drawn = operations.rand_augment(draws(0, 0, 0), 500, 9)
    counts = {name: 0 for name in OPERATIONS if name not in ("hue", "erase")}
    for name, *_ in drawn:
        counts[name] += 1
    assert min(counts.values()) > 15
    assert 450 < len(drawn) < 490  # One of 14 changes nothing.
    assert {p for name, *p in map(list, drawn) if name == "rotate" for p in p} == {
        -27,
        27,
    }
    assert drawn == operations.rand_augment(draws(0, 0, 0), 500, 9)


def test_magnitude_is_how_strong_rand_augment_is():
    clip, distances = noise(), []
    for magnitude in (0, 3, 10):
        drawn = operations.rand_augment(draws(0, 0, 1), 200, magnitude)
        drawn = [o for o in drawn if o[0] not in ("auto_contrast", "equalize")]
        changed = [apply(clip, [o]).astype(int) for o in drawn]
        distances.append(np.abs(np.stack(changed) - clip).mean())
    assert distances[0] == 0
    assert 0 < distances[1] < distances[2]

import numpy as np
import pytest

from zoo.framing import clip_of

LEVELS = np.arange(2 * 4 * 6 * 3, dtype="uint8").reshape(2, 4, 6, 3)


def framed(frames, height, width):
    return np.asarray(clip_of(frames, height, width))


def test_frames_of_the_clip_s_size_stay_as_they_are():
    np.testing.assert_allclose(framed(LEVELS, 4, 6), LEVELS / 255, atol=1e-7)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (4, 2)])
def test_the_centre_is_cropped(height, width):
    left = (6 - width) // 2
    expected = LEVELS[:, :, left : left + width] / 255
    np.testing.assert_allclose(framed(LEVELS, height, width), expected, atol=1e-7)


def test_each_pixel_is_the_mean_of_those_that_it_covers():
    frames = np.zeros((1, 4, 4, 3), "uint8")
    frames[:, 0] = 70  # A triangle of two pixels' step, around row 0.5.
    rows = framed(frames, 2, 2)[0, :, 0, 0]
    np.testing.assert_allclose(255 * rows, [30.0, 0.0], atol=1e-4)


def test_frames_are_enlarged_between_pixels():
    frames = np.zeros((1, 2, 2, 3), "uint8")
    frames[:, 1] = 100
    rows = 255 * framed(frames, 4, 4)[0, :, 0, 0]
    np.testing.assert_allclose(rows, [0, 25, 75, 100], atol=1e-4)


@pytest.mark.parametrize("size", [(9, 31), (31, 9), (50, 40), (3, 5)])
def test_an_even_picture_stays_even(size):
    frames = np.full((1, *size, 3), 51, "uint8")
    np.testing.assert_allclose(framed(frames, 8, 10), 0.2, atol=1e-6)
    assert framed(frames, 8, 10).shape == (1, 8, 10, 3)

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from datasets.pictures import upright, whole


def frame_of(image):
    return av.VideoFrame.from_ndarray(image, format="rgb24")


@pytest.mark.parametrize("width", [127, 128])
def test_each_pixel_of_a_scaled_picture_has_its_own_colour(width):
    rng = np.random.default_rng(0)
    columns = rng.integers(0, 256, (64, 3), "uint8")
    image = np.broadcast_to(columns, (48, 64, 3))
    found = upright(frame_of(image.copy()), lambda *_: (96, width), VideoReformatter())
    places = (np.arange(width) + 0.5) * 64 / width - 0.5
    expected = [np.interp(places, np.arange(64), column) for column in columns.T]
    np.testing.assert_allclose(found[40], np.stack(expected, -1), atol=6)
    assert found.shape == (96, width, 3)


@pytest.mark.parametrize("size", [(48, 64), (24, 31)])
def test_gives_what_is_kept_of_a_picture(size):
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), "uint8")
    how = frame_of(image), lambda *_: size, VideoReformatter()
    every = upright(*how)
    kept = upright(*how, lambda channels: [channel[2:9, 5] for channel in channels])
    np.testing.assert_array_equal(kept, every[2:9, 5].T)
    if size == (48, 64):
        np.testing.assert_array_equal(every, image)


def test_a_picture_is_whole_again():
    image = np.random.default_rng(0).integers(0, 256, (3, 4, 2), "uint8")
    np.testing.assert_array_equal(whole(np.moveaxis(image, -1, 0)), image)

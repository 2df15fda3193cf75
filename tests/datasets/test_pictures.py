import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from datasets.pictures import upright, whole


def frame_of(image):
    return av.VideoFrame.from_ndarray(image, format="rgb24")


@pytest.mark.parametrize("width", [127, 128])
def test_each_pixel_of_a_scaled_picture_has_its_own_colour(width):
    colours = np.random.default_rng(0).integers(64, 192, (32, 3), "uint8")
    image = np.broadcast_to(np.repeat(colours, 2, axis=0), (48, 64, 3)).copy()
    frame = frame_of(image).reformat(format="yuv420p")  # As videos are stored.
    found = upright(frame, lambda *_: (96, width), VideoReformatter())
    assert found.shape == (96, width, 3)
    # However bright a pixel is, its red less its blue is of its colour alone.
    row = found[40].astype(int)
    hues = (row[:, 0] - row[:, 2])[:126].reshape(63, 2)
    assert (np.abs(np.diff(hues)) > 4).mean() > 0.5


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

import numpy as np
import pytest
from helpers import check_layer, known_clip
from keras import ops

from zoo.layers.frame_mixture import FrameMixture

CLIP = known_clip((2, 6, 7, 6, 3))
SUMS = [[7, 5], [11, 10], [7, 13], [5, 10]]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_frames_mix_by_hand(padding):
    frames = [[1.0, 1.0], [2.0, 3.0], [3.0, 2.0], [0.0, 3.0]]
    clip = np.array(frames, "float32").reshape(1, 4, 1, 1, 2) * np.ones((1, 1, 2, 3, 1))
    layer = FrameMixture(3, padding)
    layer.build(clip.shape)
    layer.kernel.assign([[1, 2], [1, 2], [2, 1]])
    layer.bias.assign([2, 0])
    sums = SUMS if padding == "same" else SUMS[1:3]
    expected = np.array(sums, "float32")[None, :, None, None]
    mixed = ops.convert_to_numpy(layer(clip))
    np.testing.assert_allclose(mixed, np.broadcast_to(expected, mixed.shape))


@pytest.mark.parametrize(
    "form",
    [{"activation": "relu"}, {"padding": "valid", "use_bias": False}],
    ids=str,
)
def test_contract_of_a_mixture_of_frames(form):
    frames = 4 if form.get("padding") == "valid" else 6
    shape = (2, frames, *CLIP.shape[2:])
    check_layer(FrameMixture(3, **form), CLIP, shape)


@pytest.mark.parametrize(("name", "value"), [("kernel_size", 0), ("padding", "causal")])
def test_a_mixture_of_frames_rejects(name, value):
    with pytest.raises(ValueError, match=f"^`{name}` must be .* Got: {value!r}$"):
        FrameMixture(**{"kernel_size": 3, name: value})


def test_without_zeros_a_clip_is_as_long_as_the_kernel():
    assert FrameMixture(6, "valid")(CLIP).shape[1] == 1
    with pytest.raises(ValueError, match="`clip` must be of at least 7 frames"):
        FrameMixture(7, "valid")(CLIP)

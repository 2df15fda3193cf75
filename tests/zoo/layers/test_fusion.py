import numpy as np
import pytest
from helpers import check_layer, known_clip

from zoo.layers.fusion import GatedSum, Resample

CLIP = known_clip((2, 4, 6, 8, 3))


def test_picks_frames():
    np.testing.assert_array_equal(Resample([3, 1], 6, 8)(CLIP), CLIP[:, [3, 1]])


def test_halves_by_averages():
    expected = CLIP.reshape(2, 4, 3, 2, 4, 2, 3).mean(axis=(3, 5))
    outputs = Resample([0, 1, 2, 3], 3, 4)(CLIP)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_a_constant_stays_one():
    outputs = Resample([0], 5, 5)(np.full((1, 2, 7, 8, 3), 0.3, "float32"))
    np.testing.assert_allclose(outputs, np.full((1, 1, 5, 5, 3), 0.3), rtol=1e-5)


LAYERS = {
    "resample": lambda: (Resample([0, 2], 4, 4), CLIP, (2, 2, 4, 4, 3)),
    "gated_sum": lambda: (OneWidth([0.9, 0.2]), [ONES, 2 * ONES], ONES.shape),
}


@pytest.mark.parametrize("name", LAYERS)
def test_contract(name):
    check_layer(*LAYERS[name]())


@pytest.mark.parametrize("arguments", [([], 4, 4), ([0], 0, 4), ([0], 4, 0)])
def test_rejects_nothing(arguments):
    with pytest.raises(ValueError, match=r"`(frames|height|width)` must be at least"):
        Resample(*arguments)


@pytest.mark.parametrize("frames", [[4], [0, 9], [-1]])
def test_rejects_frames_that_are_not_there(frames):
    with pytest.raises(ValueError, match="`frames` must be from 0 to 3"):
        Resample(frames, 6, 8)(CLIP)


ONES = np.ones((2, 2, 3, 3, 4), "float32")


class OneWidth(GatedSum):
    """For inputs of one width: their sum itself, which `check_layer` reads."""

    def call(self, inputs):
        return super().call(inputs)[0]

    def compute_output_shape(self, input_shapes):
        return super().compute_output_shape(input_shapes)[0]


def test_each_input_has_its_own_gate():
    layer = GatedSum([0.25, 0.5])
    [total] = layer([ONES, 3 * ONES])
    np.testing.assert_allclose(total, 1.75 * ONES, rtol=1e-6)
    layer.logits.assign([-50.0, 50.0])  # Shuts the first gate, opens the second.
    np.testing.assert_allclose(layer([ONES, 3 * ONES])[0], 3 * ONES)


def test_a_shut_gate_is_an_input_less():
    clips = [known_clip(ONES.shape) + shift for shift in range(3)]
    [shut], [less] = GatedSum([0.3, 0.6, 1e-9])(clips), GatedSum([0.3, 0.6])(clips[:2])
    np.testing.assert_allclose(shut, less, atol=1e-6)


def test_inputs_of_each_width_have_a_sum():
    wide = np.ones((2, 2, 3, 3, 6), "float32")
    sums = GatedSum([0.5, 0.25, 0.75])([ONES, wide, ONES])
    assert [tuple(total.shape) for total in sums] == [ONES.shape, wide.shape]
    np.testing.assert_allclose(sums[0], 1.25 * ONES, rtol=1e-6)
    np.testing.assert_allclose(sums[1], 0.25 * wide, rtol=1e-6)


def test_gates_begin_near_one_half():
    layer = GatedSum()
    [total] = layer([ONES, ONES])
    np.testing.assert_allclose(total, ONES, atol=0.02)
    assert np.abs(np.asarray(layer.logits)).max() > 0


@pytest.mark.parametrize("learned", [True, False])
def test_gates_train_only_if_told(learned):
    layer = GatedSum([0.5, 0.5], learned=learned)
    layer.build([ONES.shape, ONES.shape])
    assert len(layer.trainable_weights) == learned
    assert len(layer.weights) == 1


def test_gated_sum_counts_its_sums():
    shapes = [(None, 2, 3, 3, 4), (None, 2, 3, 3, 6), (None, 2, 3, 3, 4)]
    assert GatedSum().cost(shapes) == (0, 18 * 4 + 18 * 6)


@pytest.mark.parametrize("gates", [(0.0, 0.5), (0.5, 1.0), (0.5, -1.0)])
def test_rejects_a_gate_that_can_not_be_a_sigmoid(gates):
    with pytest.raises(ValueError, match=r"`gates` must be in \(0, 1\)"):
        GatedSum(gates)


def test_rejects_gates_of_another_number_of_inputs():
    with pytest.raises(ValueError, match="`gates` must be one for each of 3 inputs"):
        GatedSum([0.5, 0.5])([ONES] * 3)

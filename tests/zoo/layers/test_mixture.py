import keras
import numpy as np
import pytest
from helpers import check_layer, known_clip

from zoo.layers import mixture
from zoo.layers.mixture import CellWeights, MixedOperation, architecture

SHARES = np.array([[0.5, 0.25, 0.25], [0.1, 0.6, 0.3], [0.0, 0.0, 1.0]], "float32")
CLIP = known_clip((2, 2, 3, 3, 4))
WIDE = known_clip((2, 2, 3, 3, 8))  # Of two edges.


class OneEdge(MixedOperation):
    """For a single edge: its sum itself, which `check_layer` reads."""

    def call(self, inputs):
        return super().call(inputs)[0]

    def compute_output_shape(self, input_shapes):
        return super().compute_output_shape(input_shapes)[0]


@pytest.mark.parametrize("dense", [0, 64])
def test_each_edge_has_its_own_shares(dense, monkeypatch):
    monkeypatch.setattr(mixture, "DENSE", dense)  # Both ways to sum.
    layer = MixedOperation(rows=[0, 2], columns=[[2], [0]], channels=4)
    first, second = layer([SHARES, CLIP, WIDE])
    np.testing.assert_allclose(first, 0.25 * CLIP + 0.5 * WIDE[..., :4], rtol=1e-5)
    np.testing.assert_allclose(second, CLIP, rtol=1e-5)


@pytest.mark.parametrize("dense", [0, 64])
def test_operations_may_be_side_by_side(dense, monkeypatch):
    monkeypatch.setattr(mixture, "DENSE", dense)
    pairs = np.concatenate([WIDE, 2 * WIDE], axis=-1)
    first, second = MixedOperation([1, 2], [[0, 2]], 4)([SHARES, pairs])
    np.testing.assert_allclose(first, 0.7 * WIDE[..., :4], rtol=1e-5)
    np.testing.assert_allclose(second, 2 * WIDE[..., 4:], rtol=1e-5)
    pools = np.concatenate([CLIP, 2 * CLIP], axis=-1)
    first, second, third = MixedOperation([1, 2, 0], [[0, 2]], 4)([SHARES, pools])
    np.testing.assert_allclose(first, 0.7 * CLIP, rtol=1e-5)
    np.testing.assert_allclose(second, 2 * CLIP, rtol=1e-5)
    np.testing.assert_allclose(third, CLIP, rtol=1e-5)


def test_an_operation_that_is_not_given_is_zero():
    [total] = MixedOperation([1], [[0]], 4)([SHARES, CLIP])
    np.testing.assert_allclose(total, 0.1 * CLIP, rtol=1e-5)


def test_shares_add_up_to_one_and_begin_equal():
    layer = CellWeights(5, 4)
    shares = np.asarray(layer(CLIP))
    np.testing.assert_allclose(shares, np.full((5, 4), 0.25), atol=0.002)
    assert len({float(share) for share in shares[:, 0]}) > 1
    layer.logits.assign(np.log([[1, 2, 3, 4]] * 5))
    np.testing.assert_allclose(layer(CLIP)[0], [0.1, 0.2, 0.3, 0.4], rtol=1e-5)


def test_both_count_no_products():
    shapes = [(3, 3), (None, 2, 3, 3, 4), (None, 2, 3, 3, 8)]
    assert MixedOperation([0, 2], [[2], [0]], 4).cost(shapes) == (0, 2 * 18 * 4)
    assert CellWeights(5, 4).cost((None, 2, 3, 3, 4)) == (0, 20)


def test_architecture_finds_weights_by_kind():
    clip = keras.Input((2, 3, 3, 4))
    shares = [CellWeights(2, 3, name=kind)(clip) for kind in ("normal", "reduction")]
    sums = [MixedOperation([1], [[0]], 4)([table, clip])[0] for table in shares]
    model = keras.Model(clip, keras.layers.Add()(sums))
    found = architecture(model)
    assert list(found) == ["normal", "reduction"]
    assert found["normal"] is model.get_layer("normal").logits
    # Networks keep their batch, though the table has none.
    assert model(CLIP).shape == CLIP.shape


def test_a_network_without_cells_has_no_architecture():
    clip = keras.Input((2, 3, 3, 4))
    with pytest.raises(ValueError, match="`model` must be a supernet of cells"):
        architecture(keras.Model(clip, keras.layers.ReLU()(clip)))


def test_contract():
    table = np.tile(SHARES[:1], (2, 1))  # As long as the batch.
    check_layer(OneEdge([0], [[2], [0, 1]], 4), [table, CLIP, WIDE], CLIP.shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CellWeights(0, 3), "`edges` must be at least 1"),
        (lambda: CellWeights(3, 0), "`operations` must be at least 1"),
        (lambda: MixedOperation([], [[0]], 4), "`rows` must be places"),
        (lambda: MixedOperation([0], [], 4), "`columns` must be places"),
        (lambda: MixedOperation([0], [[-1]], 4), "`columns` must be places"),
        (
            lambda: MixedOperation([3], [[0]], 4)([SHARES, CLIP]),
            r"`rows` must be within a table of shape \(3, 3\). Got: \[3\]",
        ),
        (
            lambda: MixedOperation([0], [[3]], 4)([SHARES, CLIP]),
            r"`columns` must be within a table of shape \(3, 3\). Got: \[\[3\]\]",
        ),
        (
            lambda: MixedOperation([0], [[0], [1]], 4)([SHARES, CLIP]),
            "`columns` must be some for each of 1 inputs",
        ),
        (
            lambda: MixedOperation([0, 1, 2], [[0]], 4)([SHARES, WIDE]),
            r"`input` must be of one of \[4, 12\] channels. Got: 8",
        ),
    ],
)
def test_refuses_nonsense(make, message):
    with pytest.raises(ValueError, match=message):
        make()

import numpy as np
import pytest
from helpers import check_layer, known_clip

from zoo.layers.attention import PeerAttention

ONE, TWO = known_clip((2, 3, 4, 5, 4)), known_clip((2, 3, 4, 5, 6)) + 1
PEERS = [known_clip((2, 3, 1, 1, 5)) + shift for shift in (0, 1)]


class OneInput(PeerAttention):
    """For one input: itself, which `check_layer` reads."""

    def call(self, tensors):
        return super().call(tensors)[0]

    def compute_output_shape(self, input_shapes):
        return super().compute_output_shape(input_shapes)[0]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def filled(layer, shapes):
    """The layer with weights that can be seen."""
    layer.build(shapes)
    for index, weight in enumerate(layer.weights):
        weight.assign(known_clip(weight.shape) + 0.1 * index)
    return layer


def dense(layer, x):
    return x @ np.asarray(layer.kernel) + np.asarray(layer.bias)


def test_peers_decide_for_each_input():
    tensors = [ONE, TWO, *PEERS]
    layer = filled(PeerAttention(2), [x.shape for x in tensors])
    outputs = layer(tensors)
    shares = np.exp(np.asarray(layer.logits))
    shares /= shares.sum(axis=1, keepdims=True)
    projected = [
        dense(u, peer) for u, peer in zip(layer.projections, PEERS, strict=True)
    ]
    assert shares.shape == (2, 2)
    assert abs(shares[0] - shares[1]).max() > 0.1
    for index, x in enumerate([ONE, TWO]):
        merged = sum(s * p for s, p in zip(shares[index], projected, strict=True))
        expected = x * sigmoid(dense(layer.gates[index], merged))
        np.testing.assert_allclose(outputs[index], expected, rtol=1e-4, atol=1e-5)


def test_without_peers_each_input_attends_to_itself():
    layer = filled(PeerAttention(2), [ONE.shape, TWO.shape])
    for index, (x, y) in enumerate(zip([ONE, TWO], layer([ONE, TWO]), strict=True)):
        gate = sigmoid(dense(layer.gates[index], x.mean(axis=(2, 3), keepdims=True)))
        np.testing.assert_allclose(y, x * gate, rtol=1e-4, atol=1e-5)


def test_one_input_may_come_without_a_list():
    layer = PeerAttention(1)
    [listed], [alone] = layer([ONE]), layer(ONE)
    np.testing.assert_array_equal(listed, alone)
    assert layer.compute_output_shape(ONE.shape) == [ONE.shape]


def test_frames_are_attended_to_one_by_one():
    layer = filled(OneInput(1), [ONE.shape, PEERS[0].shape])
    before = np.asarray(layer([ONE, PEERS[0]]))
    peer = PEERS[0].copy()
    peer[:, 1] += 1
    after = np.asarray(layer([ONE, peer]))
    changed = np.abs(after - before).max(axis=(0, 2, 3, 4)) > 0
    assert changed.tolist() == [False, True, False]


def test_a_lone_peer_has_all_the_share():
    layer = filled(PeerAttention(2), [ONE.shape, TWO.shape, PEERS[0].shape])
    assert len(layer.weights) == 6
    projected = dense(layer.projections[0], PEERS[0])
    for index, (x, y) in enumerate(
        zip([ONE, TWO], layer([ONE, TWO, PEERS[0]]), strict=True)
    ):
        gate = sigmoid(dense(layer.gates[index], projected))
        np.testing.assert_allclose(y, x * gate, rtol=1e-4, atol=1e-5)


LAYERS = {
    "peers": lambda: (OneInput(1), [ONE, *PEERS], ONE.shape),
    "itself": lambda: (OneInput(1), [ONE], ONE.shape),
}


@pytest.mark.parametrize("name", LAYERS)
def test_contract(name):
    check_layer(*LAYERS[name]())


def test_counts_what_it_computes():
    shapes = [(None, 3, 4, 5, 4), (None, 3, 4, 5, 6), *[(None, 3, 1, 1, 5)] * 2]
    macs = 3 * (2 * 5 * 5 + 5 * 4 + 5 * 6)
    elements = 3 * (5 * 4 + 10) + 60 * 10
    assert PeerAttention(2).cost(shapes) == (macs, elements)
    alone = (3 * (4 * 4 + 6 * 6), 3 * (10 + 10) + 60 * 10)
    assert PeerAttention(2).cost(shapes[:2]) == alone
    assert PeerAttention(1).cost(shapes[0]) == PeerAttention(1).cost(shapes[:1])


def test_rejects_nothing():
    with pytest.raises(ValueError, match="`count` must be at least 1"):
        PeerAttention(0)
    with pytest.raises(ValueError, match="`inputs` must be at least 2"):
        PeerAttention(2)([ONE])

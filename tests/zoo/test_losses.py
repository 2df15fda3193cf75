import math

import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_network
from keras import ops

from zoo import losses, training

LOGITS = np.array([[2.0, 0.5, -1.0], [0.0, 1.0, 3.0]], "float32")
NUMBERS = np.array([0, 1], "int32")


class SharedClips(ArrayClips):
    """The same with labels that are shares of the classes, as of mixed clips.

    Args:
        weight: Share of the clip's own class; the next has the rest.
    """

    soft_labels = True

    def __init__(self, weight=1.0, **options):
        super().__init__(**options)
        self.weight = weight

    def _batches(self, spec, split, *arguments):
        for clip, label, *keys in super()._batches(spec, split, *arguments):
            hot = np.eye(3, dtype="float32")[label]
            mixed = self.weight * hot + (1 - self.weight) * np.roll(hot, 1, axis=1)
            yield clip, mixed if split == "train" else label, *keys


def test_cross_entropies_by_hand():
    logits = np.log([[0.5, 0.25, 0.25]]).astype("float32")
    loss = losses.cross_entropy("single", np.array([1]), logits)
    assert float(loss) == pytest.approx(math.log(4))
    smoothed = losses.cross_entropy("single", np.array([1]), logits, 0.3)
    assert float(smoothed) == pytest.approx(0.9 * math.log(4) + 0.1 * math.log(2))
    zeros, labels = np.zeros((1, 2), "float32"), np.array([[1.0, 0.0]])
    loss = losses.cross_entropy("multi", labels, zeros, 0.3)
    assert float(loss) == pytest.approx(math.log(2))
    sure = losses.cross_entropy("multi", labels, np.array([[100.0, -100.0]]), 0.2)
    assert float(sure) == pytest.approx(10, rel=1e-3)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_whole_shares_are_hard_labels(smoothing):
    shares = np.eye(3, dtype="float32")[NUMBERS]
    hard, soft = (
        losses.cross_entropy("single", labels, LOGITS, smoothing)
        for labels in (NUMBERS, shares)
    )
    assert float(hard) == float(soft)
    right = [
        ops.convert_to_numpy(losses.accuracy(labels, LOGITS)).tolist()
        for labels in (NUMBERS, shares)
    ]
    assert right == [[1, 0], [1, 0]]


def test_the_loss_of_shares_is_the_mean_of_both_labels():
    one, other = np.eye(3, dtype="float32")[NUMBERS], np.eye(3)[[2, 0]]
    mixed = (0.75 * one + 0.25 * other).astype("float32")
    loss = float(losses.cross_entropy("single", mixed, LOGITS))
    both = [
        float(losses.cross_entropy("single", np.array(labels), LOGITS))
        for labels in ([0, 1], [2, 0])
    ]
    assert loss == pytest.approx(0.75 * both[0] + 0.25 * both[1])
    found = ops.convert_to_numpy(losses.accuracy(mixed, LOGITS))
    np.testing.assert_allclose(found, [0.75, 0.0])


def test_mixed_clips_need_others_to_validate_on():
    clips = SharedClips(sizes={"validation": 0})
    with pytest.raises(ValueError, match="`clips` must be with a validation split"):
        training.validation_split(clips)


@pytest.mark.model
def test_training_on_whole_shares_is_training_on_hard_labels(tmp_path):
    recipe = training.Recipe(3, 4, 0.1, label_smoothing=0.1)
    results, networks = [], []
    for name, clips in (("hard", ArrayClips()), ("soft", SharedClips())):
        network = tiny_network()
        how = {"log_every": 1, "verbose": False}
        result = training.fit(network, clips, TINY, recipe, tmp_path / name, **how)
        results.append(result)
        networks.append(network)
    assert results[0] == results[1]
    for hard, soft in zip(*(n.variables for n in networks), strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (hard, soft)))
    mixed = training.fit(
        tiny_network(), SharedClips(0.6), TINY, recipe, verbose=False, log_every=1
    )
    assert mixed["loss"] != results[0]["loss"]


class Unbalanced(ArrayClips):
    """Twelve training clips, of which nine, three and none are of the classes."""

    def labels(self, split):
        return np.array([0] * 9 + [1] * 3)


def test_rare_classes_weigh_more():
    weights = losses.class_weights(Unbalanced())
    # Of the third class there are no clips.
    np.testing.assert_allclose(weights[:2], [12 / 18, 12 / 6], rtol=1e-6)
    # In mean over the training clips those of a class with clips sum to as much.
    assert 9 * weights[0] == pytest.approx(3 * weights[1])
    plain = [
        float(losses.cross_entropy("single", NUMBERS[[i]], LOGITS[[i]])) for i in (0, 1)
    ]
    weighted = float(losses.cross_entropy("single", NUMBERS, LOGITS, weights=weights))
    expected = (weights[0] * plain[0] + weights[1] * plain[1]) / 2
    assert weighted == pytest.approx(expected)
    mixed = np.array([[0.25, 0.75, 0]], "float32")
    plain = float(losses.cross_entropy("single", mixed, LOGITS[:1]))
    weighted = float(losses.cross_entropy("single", mixed, LOGITS[:1], weights=weights))
    assert weighted == pytest.approx((0.25 * weights[0] + 0.75 * weights[1]) * plain)


def test_mirrored_clips_count_for_their_partners():
    clips = Unbalanced()
    clips.flip, clips.partners = True, (1, 0, 2)
    np.testing.assert_allclose(losses.class_weights(clips)[:2], 1, rtol=1e-6)


@pytest.mark.model
def test_training_weighs_classes():
    network = tiny_network()
    recipe = training.Recipe(3, 4, 1e-6, 0, class_weights="balanced")
    weighted = training.fit(network, Unbalanced(), TINY, recipe, verbose=False)
    network = tiny_network()
    recipe = training.Recipe(3, 4, 1e-6, 0)
    plain = training.fit(network, Unbalanced(), TINY, recipe, verbose=False)
    assert weighted["loss"] != pytest.approx(plain["loss"], rel=1e-3)


@pytest.mark.parametrize(
    ("clips", "reason"),
    [
        (ArrayClips(), "`class_weights` must be None, as these clips have no `labels`"),
        (ArrayClips("multi"), "`class_weights` must be None of several labels"),
    ],
)
def test_classes_that_can_not_be_weighed_are_refused(clips, reason):
    recipe = training.Recipe(3, 4, class_weights="balanced")
    with pytest.raises(ValueError, match=reason):
        training.fit(tiny_network(), clips, TINY, recipe, verbose=False)
    with pytest.raises(ValueError, match='`class_weights` must be "balanced" or None'):
        training.Recipe(class_weights="rare")

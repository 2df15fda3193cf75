"""Training on mixed clips, whose labels are shares of the classes."""

import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_network
from keras import ops

from zoo import training

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


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_whole_shares_are_hard_labels(smoothing):
    shares = np.eye(3, dtype="float32")[NUMBERS]
    losses = [
        training.cross_entropy("single", labels, LOGITS, smoothing)
        for labels in (NUMBERS, shares)
    ]
    assert float(losses[0]) == float(losses[1])
    right = [
        ops.convert_to_numpy(training.accuracy(labels, LOGITS)).tolist()
        for labels in (NUMBERS, shares)
    ]
    assert right == [[1, 0], [1, 0]]


def test_the_loss_of_shares_is_the_mean_of_both_labels():
    one, other = np.eye(3, dtype="float32")[NUMBERS], np.eye(3)[[2, 0]]
    mixed = (0.75 * one + 0.25 * other).astype("float32")
    loss = float(training.cross_entropy("single", mixed, LOGITS))
    both = [
        float(training.cross_entropy("single", np.array(labels), LOGITS))
        for labels in ([0, 1], [2, 0])
    ]
    assert loss == pytest.approx(0.75 * both[0] + 0.25 * both[1])
    found = ops.convert_to_numpy(training.accuracy(mixed, LOGITS))
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

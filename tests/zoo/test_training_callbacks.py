import keras
import numpy as np
import pytest
from clip_sources import TINY, ArrayClips, tiny_network
from keras import ops

from zoo import training

RECIPE = training.Recipe(steps=6, batch_size=4, warmup_steps=2)


def fit(network, workdir=None, **options):
    options = {"save_every": 2, "verbose": False, **options}
    return training.fit(network, ArrayClips(), TINY, RECIPE, workdir, **options)


class StopAt(keras.callbacks.Callback):
    """Ends a training after some batches."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.steps:
            self.model.stop_training = True


@pytest.mark.model
def test_callback_ends_a_training_early_and_the_next_call_goes_on(tmp_path):
    whole, cut = tiny_network(), tiny_network()
    fit(whole, tmp_path / "whole")
    assert fit(cut, tmp_path / "cut", callbacks=[StopAt(4)])["step"] == 4
    assert fit(cut, tmp_path / "cut")["step"] == 6
    for one, other in zip(whole.weights, cut.weights, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (one, other)))


@pytest.mark.model
def test_error_of_a_callback_passes_through():
    class Killing(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(tiny_network(), callbacks=[Killing()])


@pytest.mark.model
def test_scorer_follows_the_weights():
    network, clips = tiny_network(), ArrayClips()
    score = training.scorer(network, clips, TINY, "validation", 2)
    before = score()
    fit(network)
    after = training.evaluate(network, clips, TINY, "validation", 2)
    assert score() == pytest.approx(after, rel=1e-5)
    assert after["loss"] != pytest.approx(before["loss"], rel=1e-3)

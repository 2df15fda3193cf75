import dataclasses
import json
import math
from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np
import pytest
from clip_sources import ArrayClips, tiny_genotype
from keras import ops
from keras_tuner.src.engine import tuner_utils

from search.proxy import ProxyTraining
from zoo import training
from zoo.genotypes import ClipSpec
from zoo.training import Recipe

RECIPE = Recipe(steps=6, batch_size=4, learning_rate=0.05, warmup_steps=2)


class Listener(keras.callbacks.Callback):
    """Notes what it hears; ends a training at the end of one epoch."""

    def __init__(self, stop_at=None):
        super().__init__()
        self.stop_at, self.heard, self.epochs, self.models = stop_at, [], [], []

    def on_batch_end(self, batch, logs=None):
        self.heard.append(batch)

    def on_epoch_end(self, epoch, logs=None):
        self.heard.append(f"epoch {epoch}")
        self.epochs.append(logs)
        self.models.append(self.model)
        if epoch == self.stop_at:
            self.model.stop_training = True


def hyperparameters(rungs=(), seed=0, **ordinary):
    hp = keras_tuner.HyperParameters()
    hp.values = {
        "nas/genotype": tiny_genotype().to_json(),
        "nas/seed": seed,
        "nas/rungs": json.dumps(list(rungs)),
        **ordinary,
    }
    return hp


def train(rungs=(), callbacks=(), clips=None, hp=None, **arguments):
    proxy = ProxyTraining(3, **{"recipe": RECIPE, "dropout": 0.2, **arguments})
    hp = hp or hyperparameters(rungs)
    keras.utils.set_random_seed(1)
    model = proxy.build(hp)
    return model, proxy.fit(hp, model, clips or ArrayClips(), callbacks=callbacks)


def weights(model):
    return [ops.convert_to_numpy(weight) for weight in model.weights]


@pytest.fixture
def unscored(monkeypatch):
    """Builds and trains nothing; the n-th time it is asked the loss is n / 10."""
    losses = iter(range(1, 100))
    fake = lambda *_: lambda: {"loss": next(losses) / 10, "top1": 0.5, "top5": 0.75}  # noqa: E731
    monkeypatch.setattr(ProxyTraining, "build", lambda *_: SimpleNamespace())
    monkeypatch.setattr(training, "scorer", fake)
    monkeypatch.setattr(training, "fit", _batches)


def _batches(model, clips, spec, recipe, seed, verbose, callbacks):
    trainee = SimpleNamespace(stop_training=False, optimizer=training.optimizer(recipe))
    for callback in callbacks:
        callback.set_model(trainee)
        callback.on_train_begin()
    for batch in range(recipe.steps):
        for callback in callbacks:
            callback.on_train_batch_end(batch, {"loss": 1.0})
        if trainee.stop_training:
            break


@pytest.mark.parametrize(
    ("shares", "steps"),
    [([], []), ([0.01, 0.4], [1, 2]), ([0.2, 0.21, 0.9], [1, 1, 5])],
)
def test_rungs_are_epochs_after_their_share_of_the_steps(unscored, shares, steps):
    listener, expected = Listener(), []
    _, scores = train(shares, [listener])
    for batch in range(6):
        expected.append(batch)
        rungs = [i for i, step in enumerate(steps) if step == batch + 1]
        expected += [f"epoch {i}" for i in rungs]
    assert listener.heard == [*expected, f"epoch {len(shares)}"]
    losses = [(i + 1) / 10 for i in range(len(shares) + 1)]
    assert [logs["loss"] for logs in listener.epochs] == losses
    assert scores == listener.epochs[-1]


@pytest.mark.parametrize("rungs", ["[0.5, 0.5]", "[0.0]", "[0.6, 0.3]", "[1.0]"])
def test_rungs_that_do_not_ascend_are_refused(unscored, rungs):
    hp = hyperparameters()
    hp.values["nas/rungs"] = rungs
    with pytest.raises(ValueError, match="`nas/rungs` must be ascending shares"):
        train(hp=hp)


def test_fitness_is_the_tasks_score_or_a_sum(unscored):
    assert train()[1]["fitness"] == 0.5
    assert train(scores=("top1", "top5"))[1]["fitness"] == 1.25


def test_unknown_scores_are_refused(unscored):
    with pytest.raises(ValueError, match="`scores` must be some of"):
        ProxyTraining(3, scores=("top2",))
    with pytest.raises(ValueError, match="where the task is 'multi'"):
        train(scores=("top1",), clips=ArrayClips("multi"))


@pytest.mark.parametrize("limit", [0, -1, 2.5])
def test_a_score_of_no_clips_is_refused(limit):
    with pytest.raises(ValueError, match="`validation_limit` must be a whole number"):
        ProxyTraining(3, validation_limit=limit)


def test_hyperparameters_replace_what_the_recipe_says():
    hp = hyperparameters(learning_rate=0.3, steps=4, depth=9)
    recipe = ProxyTraining(3, RECIPE).recipe_of(hp)
    assert recipe == Recipe(4, 4, 0.3, warmup_steps=2)
    assert ProxyTraining(3).recipe_of(hyperparameters()) == Recipe()


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_trial(unscored, monkeypatch, loss):
    fake = lambda *_: lambda: {"loss": loss, "top1": 0.5, "top5": 0.5}  # noqa: E731
    monkeypatch.setattr(training, "scorer", fake)
    expected = f"the loss on validation clips is {loss}"
    with pytest.raises(training.TrainingDiverged, match=expected):
        train()


@pytest.mark.model
@pytest.mark.parametrize("task", ["single", "multi"])
def test_rungs_that_stop_nothing_change_nothing(task):
    plain, without = train(clips=ArrayClips(task))
    listener = Listener()
    rungs, scores = train([0.2, 0.5, 0.9], [listener], ArrayClips(task))
    assert scores == without
    for one, other in zip(weights(plain), weights(rungs), strict=True):
        np.testing.assert_array_equal(one, other)
    losses = [logs["loss"] for logs in listener.epochs]
    assert len(set(losses)) == 4
    assert listener.epochs[-1] == scores
    assert listener.models == [rungs] * 4


@pytest.mark.model
def test_a_stopped_training_has_the_scores_of_its_rung():
    watcher, stopper = Listener(), Listener(stop_at=1)
    train([0.2, 0.5, 0.9], [watcher])
    model, scores = train([0.2, 0.5, 0.9], [stopper])
    assert scores == {**watcher.epochs[1], "rung": 1}
    assert stopper.heard == [0, "epoch 0", 1, 2, "epoch 1"]
    assert model.stop_training
    proxy, hp = ProxyTraining(3, RECIPE), hyperparameters([0.5])
    again = proxy.fit(hp, model, ArrayClips(), [watcher])
    assert "rung" not in again


@pytest.mark.model
def test_the_seed_and_the_limit_reach_the_clips():
    clips = ArrayClips()
    train(clips=clips, hp=hyperparameters(seed=7, batch_size=2), validation_limit=1)
    assert clips.asked == [("train", 2, 7, 0), ("validation", 2, 0, 0)]
    losses = [
        train(hp=hyperparameters(), validation_limit=limit)[1]["loss"]
        for limit in (1, 4, None)
    ]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.model
def test_other_clips_than_the_genotypes_are_trained_and_scored_on():
    class Clips(ArrayClips):
        def _batches(self, spec, split, *args):
            specs.append((split, spec))
            return super()._batches(spec, split, *args)

    specs, clip_spec = [], ClipSpec(frames=4, rate=8.0, height=24, width=20)
    model, scores = train(clips=Clips(), clip_spec=clip_spec)
    assert model.input_shape[1:] == clip_spec.shape
    assert specs == [("train", clip_spec), ("validation", clip_spec)]
    assert scores["fitness"] >= 0


@pytest.mark.model
def test_rungs_score_averaged_weights_as_the_end_does():
    listener = Listener()
    recipe = dataclasses.replace(RECIPE, ema=0.9)
    _, scores = train([0.95], [listener], recipe=recipe)  # After the last step.
    assert listener.epochs[0]["loss"] == pytest.approx(scores["loss"], rel=1e-6)


@pytest.mark.model
def test_the_options_reach_the_network():
    proxy = ProxyTraining(3, pooling="max", dropout=0.1)
    head = proxy.build(hyperparameters()).get_layer("head")
    assert (head.pooling, head.dropout, head.num_classes) == ("max", 0.1, 3)


@pytest.mark.model
def test_keras_tuner_keeps_the_best_epoch(tmp_path):
    path = tmp_path / "checkpoint.weights.h5"
    objective = keras_tuner.Objective("fitness", "max")
    listener, kept = Listener(), []
    seen = SimpleNamespace(
        on_batch_end=lambda trial, model, batch, logs: kept.append(batch),
        on_epoch_begin=None,
        on_epoch_end=lambda trial, model, epoch, logs: kept.append(weights(model)),
    )
    callbacks = [
        tuner_utils.TunerCallback(seen, "0000"),
        tuner_utils.SaveBestEpoch(objective, str(path)),
        listener,
    ]
    model, _ = train([0.2, 0.5], callbacks)
    epochs = [item for item in kept if isinstance(item, list)]
    assert [item for item in kept if isinstance(item, int)] == list(range(6))
    fitness = [logs["fitness"] for logs in listener.epochs]
    best = epochs[fitness.index(max(fitness))]
    model.load_weights(path)
    for one, other in zip(best, weights(model), strict=True):
        np.testing.assert_array_equal(one, other)

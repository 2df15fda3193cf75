"""The short training that tells a search what a network is worth."""

import dataclasses
import json
import math
from collections.abc import Callable, Sequence

import keras
import keras_tuner

from search.ledger import GENOTYPE, RUNGS, SEED
from zoo import genotypes, optimizers, registry, training
from zoo.genotypes.base import ClipSpec, check, check_whole

SCORES = {"single": ("top1", "top5"), "multi": ("map",)}
RECIPE_FIELDS = frozenset(field.name for field in dataclasses.fields(training.Recipe))


class ProxyTraining(keras_tuner.HyperModel):
    """Trains the network of a genotype for a while and scores it.

    It reads the hyperparameters `nas/genotype`, `nas/seed`, and `nas/rungs`: a JSON
    list of the shares of the training after which it is scored, too. Others that are
    named like fields of the recipe replace them. To keras-tuner's callbacks what ends
    at a rung is an epoch; what one of them may stop, it stops there.

    Args:
        num_classes: Of the clips.
        recipe: How to train; None is the default recipe.
        validation_limit: Most clips to score a network on; None is all.
        scores: Of "top1", "top5" or "map", those whose sum is the fitness; none is the
            one that `zoo.training.score_name` tells of the task.
        clip_spec: Clips to train and score on; None is what each genotype says. The
            oracle must have the same, as its costs on paper are of these clips.
        **options: Of the networks' family, such as `pooling` and `dropout`.
    """

    def __init__(
        self,
        num_classes: int,
        recipe: training.Recipe | None = None,
        validation_limit: int | None = None,
        scores: Sequence[str] = (),
        clip_spec: ClipSpec | None = None,
        **options,
    ):
        super().__init__()
        known = sorted(name for names in SCORES.values() for name in names)
        check(set(scores) <= set(known), "scores", f"some of {known}", scores)
        if validation_limit is not None:
            check_whole(validation_limit, "validation_limit")
        self.num_classes = num_classes
        self.recipe = recipe or training.Recipe()
        self.validation_limit = validation_limit
        self.scores = tuple(scores)
        self.clip_spec = clip_spec
        self.options = options

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        genotype = genotypes.from_json(hp.values[GENOTYPE])
        shape = self.clip_spec.shape if self.clip_spec else None
        return registry.build(genotype, shape, self.num_classes, **self.options)

    def fit(
        self,
        hp: keras_tuner.HyperParameters,
        model: keras.Model,
        clips,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> dict[str, float]:
        """Trains the network that `build` gave, and scores it.

        Args:
            hp: The trial's hyperparameters.
            model: Trained in place.
            clips: A clip source, as `zoo.training.fit` wants it.
            callbacks: Their `model` is the network. They see all batches, and each rung
                and the end as the end of an epoch, with the scores; where they set
                `model.stop_training`, the training ends at the rung that comes next.

        Returns:
            "fitness", "loss", and "top1" and "top5", or "map", of the end, or of the
            rung that the training stopped at; then "rung", its index, is there too.

        Raises:
            TrainingDiverged: A loss is no longer a number.
            ValueError: A hyperparameter, or a name in `scores`, does not suit.
        """
        recipe = self.recipe_of(hp)
        rungs = _rungs(hp.values.get(RUNGS, "[]"))
        score = self._scorer(hp, model, clips, recipe)
        watch = _Rungs(model, rungs, recipe.steps, score, callbacks)
        training.fit(
            model,
            clips,
            self.clip_spec_of(hp),
            recipe,
            seed=hp.values[SEED],
            verbose=False,
            callbacks=[watch],
        )
        return watch.end()

    def recipe_of(self, hp: keras_tuner.HyperParameters) -> training.Recipe:
        """The recipe, with what the hyperparameters say of it."""
        changes = {k: v for k, v in hp.values.items() if k in RECIPE_FIELDS}
        return dataclasses.replace(self.recipe, **changes)

    def clip_spec_of(self, hp: keras_tuner.HyperParameters) -> ClipSpec:
        """The clips that the network of a genotype is trained on."""
        return self.clip_spec or genotypes.from_json(hp.values[GENOTYPE]).clip_spec

    def score_names(self, task: str) -> tuple[str, ...]:
        """The scores whose sum is the fitness, where clips have this task.

        Args:
            task: "single" or "multi" label.

        Raises:
            ValueError: One that was asked for is none of this task.
        """
        names = self.scores or (training.score_name(task),)
        known = SCORES[task]
        rule = f"some of {list(known)} where the task is {task!r}"
        check(set(names) <= set(known), "scores", rule, names)
        return names

    def _scorer(self, hp, model, clips, recipe) -> Callable[[], dict[str, float]]:
        names = self.score_names(clips.task)
        spec = self.clip_spec_of(hp)
        split, limit = training.validation_split(clips), self.validation_limit
        measure = training.scorer(model, clips, spec, split, recipe.batch_size, limit)

        def score() -> dict[str, float]:
            scores = measure()
            if not math.isfinite(scores["loss"]):
                reason = f"the loss on {split} clips is {scores['loss']}"
                raise training.TrainingDiverged(reason)
            return {"fitness": sum(scores[name] for name in names), **scores}

        return score


class _Rungs(keras.callbacks.Callback):
    """Scores a training at its rungs, and shows it to callbacks of the network.

    Args:
        network: The model, which Keras trains through a wrapper of the same weights.
        rungs: Ascending shares of the training.
        steps: Of the whole training.
        score: Gives the scores of the network as it is.
        callbacks: What keras-tuner's loop, and a caller, listen with.
    """

    def __init__(
        self,
        network: keras.Model,
        rungs: Sequence[float],
        steps: int,
        score: Callable[[], dict[str, float]],
        callbacks: Sequence[keras.callbacks.Callback],
    ):
        super().__init__()
        self.network, self.score, self.callbacks = network, score, callbacks
        self.steps = [max(1, round(share * steps)) for share in rungs]
        self.passed = 0
        self.result: dict[str, float] | None = None

    def on_train_begin(self, logs=None):
        self.network.stop_training = False
        for callback in self.callbacks:
            callback.set_model(self.network)
            callback.on_train_begin()

    def on_train_batch_end(self, batch, logs=None):
        for callback in self.callbacks:  # Keras' own passes it on to `on_batch_end`.
            callback.on_train_batch_end(batch, logs)
        while self.result is None and batch + 1 in self.steps[self.passed :][:1]:
            self._rung()

    def end(self) -> dict[str, float]:
        """Scores the end, unless the training stopped before."""
        if self.result is None:
            self.result = self._scored()
        for callback in self.callbacks:
            callback.on_train_end()
        return self.result

    def _rung(self) -> None:
        # On JAX the weights are the network's only once `self.model` is asked for.
        trainee = self.model
        with optimizers.averaged(trainee):
            scores = self._scored()
        if self.network.stop_training:
            self.result = {**scores, "rung": self.passed}
            trainee.stop_training = True
        self.passed += 1

    def _scored(self) -> dict[str, float]:
        scores = self.score()
        for callback in self.callbacks:
            callback.on_epoch_end(self.passed, dict(scores))
        return scores


def _rungs(text: str) -> list[float]:
    rungs = json.loads(text)
    ascending = all(a < b for a, b in zip([0, *rungs], [*rungs, 1], strict=True))
    check(ascending, RUNGS, "ascending shares between 0 and 1", rungs)
    return rungs

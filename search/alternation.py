"""The alternating steps of differentiable architecture search.

Weights `w` of a supernet and its architecture weights `a` are trained in turn:
bilevel as in DARTS (https://arxiv.org/abs/1806.09055), to first or second order, or
one-level as in PV-NAS (https://arxiv.org/abs/2011.00826).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import keras
from keras import ops

from search import gradients
from search.descent import Adam, Momentum, along, norm
from zoo.losses import accuracy, cross_entropy

REACH = 0.01  # How far finite differences move the weights.
LEAST_NORM = 1e-12


class State(NamedTuple):
    """All that a step changes, as lists of arrays.

    Args:
        weights: Of the network.
        architecture: Its architecture weights.
        others: Its moving statistics and random states.
        velocities: Of the weights.
        means: Of the architecture weights' gradients.
        squares: Means of their squares.
        counts: One number, of steps done.
        sums: Over the steps of an epoch: of the losses of the weights' steps and of the
            architecture's, and of the share of right guesses.
    """

    weights: list
    architecture: list
    others: list
    velocities: list
    means: list
    squares: list
    counts: list
    sums: list


class Slope(NamedTuple):
    """What one pass through the network tells, forward and back.

    Args:
        weights: Gradients of the loss by the weights.
        architecture: Gradients by the architecture weights.
        loss: On the batch.
        accuracy: Share of right guesses.
        others: The moving statistics and random states after it.
    """

    weights: list
    architecture: list
    loss: object
    accuracy: object
    others: list


@dataclass(frozen=True)
class Alternation:
    """One step of a search: of the architecture first, then of the weights.

    A step goes from a `State`, the learning rate of the weights, a scalar, and two
    batches, `training` and `held_out`, to the next `State`. A batch is a pair (clips,
    labels), float32 (batch, time, height, width, channels) and (batch,), or (batch,
    classes) where they are several; `held_out` may be () where no clips are held out.
    Moving statistics are those of the weights' own passes alone.

    Args:
        slope: From a state and a batch to a `Slope`.
        descent: Moves the weights.
        architecture: Moves the architecture weights.
    """

    slope: Callable[[State, tuple], Slope]
    descent: Momentum
    architecture: Adam

    def weights_alone(self, state: State, rate, training: tuple, held_out: tuple = ()):
        """A step of a warm-up: w <- w - d/dw L_training(w, a)."""
        return self._move_weights(state, rate, training)

    def first_order(self, state: State, rate, training: tuple, held_out: tuple):
        """DARTS with w as the best weights.

        1. a <- a - d/da L_held_out(w, a)
        2. w <- w - d/dw L_training(w, a)
        """
        slope = self.slope(state, held_out)
        state = self._move_architecture(state, slope, slope.architecture)
        return self._move_weights(state, rate, training)

    def second_order(self, state: State, rate, training: tuple, held_out: tuple):
        """DARTS with w one step ahead, w' = w - rate * d/dw L_training(w, a).

        1. a <- a - (d/da L_held_out(w', a) - rate * d2/dadw L_training(w, a) v),
           where v = d/dw' L_held_out(w', a)
        2. w <- w - d/dw L_training(w, a)
        """
        near = self.slope(state, training)
        ahead = self.descent.ahead(state.weights, state.velocities, near.weights, rate)
        slope = self.slope(state._replace(weights=ahead), held_out)
        product = hessian_product(self.slope, state, slope.weights, training)
        slopes = along(slope.architecture, -rate, product)
        state = self._move_architecture(state, slope, slopes)
        return self._move_weights(state, rate, training)

    def one_level(self, state: State, rate, training: tuple, held_out: tuple = ()):
        """Algorithm 1 of PV-NAS, both steps on the same clips.

        1. a <- a - d/da L_training(w, a)
        2. w <- w - d/dw L_training(w, a)
        """
        slope = self.slope(state, training)
        state = self._move_architecture(state, slope, slope.architecture)
        return self._move_weights(state, rate, training)

    def _move_architecture(self, state: State, slope: Slope, slopes: list) -> State:
        [count] = state.counts
        moved, means, squares = self.architecture.step(
            state.architecture, state.means, state.squares, count + 1, slopes
        )
        weights = gradients.after(slopes, state.weights)
        loss, own_loss, accuracy = state.sums
        return state._replace(
            weights=weights,
            architecture=moved,
            means=means,
            squares=squares,
            counts=[count + 1],
            sums=[loss, own_loss + slope.loss, accuracy],
        )

    def _move_weights(self, state: State, rate, training: tuple) -> State:
        slope = self.slope(state, training)
        weights, velocities = self.descent.step(
            state.weights, state.velocities, slope.weights, rate
        )
        loss, own_loss, accuracy = state.sums
        return state._replace(
            weights=weights,
            velocities=velocities,
            others=slope.others,
            sums=[loss + slope.loss, own_loss, accuracy + slope.accuracy],
        )


ALGORITHMS = ("first_order", "second_order", "one_level")


def hessian_product(
    slope: Callable[[State, tuple], Slope], state: State, vector: list, batch: tuple
) -> list:
    """The product d2/dadw L(w, a) v by finite differences, as in DARTS.

    (d/da L(w + e v, a) - d/da L(w - e v, a)) / 2e, with e = 0.01 / |v|.

    Args:
        slope: From a state and a batch to a `Slope`.
        state: Holds w and a.
        vector: v, formed as the weights are.
        batch: Clips and labels of the loss L.
    """
    step = REACH / ops.maximum(norm(vector), LEAST_NORM)
    plus = slope(state._replace(weights=along(state.weights, step, vector)), batch)
    weights = gradients.after(plus.architecture, state.weights)
    minus = slope(state._replace(weights=along(weights, -step, vector)), batch)
    pairs = zip(plus.architecture, minus.architecture, strict=True)
    return [(high - low) / (2 * step) for high, low in pairs]


def supernet_slope(
    model: keras.Model, architecture: list[keras.Variable], task: str, smoothing: float
) -> Callable[[State, tuple], Slope]:
    """The slope of a supernet's cross-entropy.

    Args:
        model: From a clip to logits.
        architecture: Those of its trainable variables that are no weights.
        task: "single" or "multi" label.
        smoothing: Of the labels.
    """
    chosen = {id(variable): i for i, variable in enumerate(architecture)}
    places = [chosen.get(id(v)) for v in model.trainable_variables]

    def loss(values, others, clips, labels):
        weights, alphas = values
        rest = iter(weights)
        trained = [next(rest) if i is None else alphas[i] for i in places]
        logits, others = model.stateless_call(trained, others, clips, training=True)
        told = _accuracy(task, labels, logits), others
        return cross_entropy(task, labels, logits, smoothing), told

    gradient = gradients.gradient(loss)

    def slope(state: State, batch: tuple) -> Slope:
        values = (state.weights, state.architecture)
        slopes, scalar, (accuracy, others) = gradient(values, state.others, *batch)
        return Slope(*slopes, scalar, accuracy, others)

    return slope


def weights_of(
    model: keras.Model, architecture: list[keras.Variable]
) -> list[keras.Variable]:
    """The trainable variables of a supernet that are no architecture weights."""
    chosen = {id(variable) for variable in architecture}
    return [v for v in model.trainable_variables if id(v) not in chosen]


def _accuracy(task: str, labels, logits):
    if task == "multi":  # Mean average precision is none of a batch.
        return ops.zeros(())
    return ops.mean(accuracy(labels, logits))

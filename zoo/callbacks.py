"""The callbacks of a training, as Keras calls them."""

from collections.abc import Sequence

import keras


class Callbacks(keras.callbacks.CallbackList):
    """A session and other callbacks; steps do not wait for the device between them.

    Keras' own list reads all numbers after each step. Here the session reads them when
    it has to; only others are given them each time.

    Args:
        session: Of the training.
        others: What the caller of `training.fit` gives.
        model: Which Keras trains.
    """

    def __init__(
        self,
        session: keras.callbacks.Callback,
        others: Sequence[keras.callbacks.Callback],
        model: keras.Model,
    ):
        super().__init__([session, *others], add_history=True, model=model)
        self.session, self.others = session, list(others)

    def on_train_batch_end(self, batch, logs=None):
        self.session.on_train_batch_end(batch, logs)
        if self.others:
            numbers = {name: _number(value) for name, value in logs.items()}
            for callback in self.others:
                callback.on_train_batch_end(batch, logs=numbers)


def _number(value) -> float:
    return float(keras.ops.convert_to_numpy(value))

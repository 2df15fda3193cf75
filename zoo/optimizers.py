"""The optimizers of training."""

import contextlib
from collections.abc import Iterator

import keras
from keras import ops

from zoo import distribution


class _Even:
    """An optimizer that clips the gradient of a whole batch on several devices, too."""

    def apply(self, grads, trainable_variables=None):
        grads = distribution.even(grads) if self.global_clipnorm else grads
        super().apply(grads, trainable_variables)


class KernelDecaySGD(_Even, keras.optimizers.SGD):
    """SGD whose weight decay is part of the gradient, and of kernels only.

    Keras' own `weight_decay` leaves the momentum out, which with a momentum of 0.9
    makes a paper's number ten times weaker.

    Args:
        kernel_decay: Times the kernel, added to its gradient.
    """

    def __init__(self, *args, kernel_decay: float = 0.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.kernel_decay = kernel_decay

    def update_step(self, gradient, variable, learning_rate):
        if self.kernel_decay and "kernel" in variable.name:
            gradient = gradient + self.kernel_decay * ops.cast(variable, gradient.dtype)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "kernel_decay": self.kernel_decay}


class KernelDecayAdamW(_Even, keras.optimizers.AdamW):
    """AdamW (https://arxiv.org/abs/1711.05101) that decays kernels only."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.exclude_from_weight_decay(var_names=["^(?!.*kernel)"])


@contextlib.contextmanager
def averaged(trainee: keras.Model) -> Iterator[None]:
    """Gives a compiled model's weights, for a while, their moving averages.

    Nothing changes where its optimizer keeps none.
    """
    # In half precision another optimizer scales the loss for the one that averages.
    optimizer = trainee.optimizer
    if not getattr(optimizer, "inner_optimizer", optimizer).use_ema:
        yield
        return
    weights = trainee.trainable_variables
    raw = [ops.convert_to_numpy(weight.value) for weight in weights]
    optimizer.finalize_variable_values(weights)
    try:
        yield
    finally:
        for weight, value in zip(weights, raw, strict=True):
            weight.assign(value)

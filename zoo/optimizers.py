"""The optimizer of training."""

import keras
from keras import ops


class KernelDecaySGD(keras.optimizers.SGD):
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

"""All that a differentiable search remembers, in Keras' variables."""

import keras
from keras import ops

from search.alternation import State, weights_of


class Memory:
    """The variables of a supernet and of its two optimizers.

    Steps compute with their values, a `State`; what is scored and saved are variables.

    Args:
        network: The supernet.
        architecture: Its architecture weights.

    Attributes:
        variables: All of them, always in one order.
    """

    def __init__(self, network: keras.Model, architecture: list[keras.Variable]):
        weights = weights_of(network, architecture)
        self._groups = State(
            weights=weights,
            architecture=architecture,
            others=network.non_trainable_variables,
            velocities=[_zeros(v.shape, "velocity") for v in weights],
            means=[_zeros(v.shape, "mean") for v in architecture],
            squares=[_zeros(v.shape, "square") for v in architecture],
            counts=[_zeros((), "count")],
            sums=[_zeros((), name) for name in ("loss", "own_loss", "accuracy")],
        )
        self.variables = [v for group in self._groups for v in group]

    @property
    def names(self) -> list[str]:
        """Names of the supernet's weights."""
        return [variable.name for variable in self._groups.weights]

    def read(self) -> State:
        """The values."""
        # Through NumPy, as TensorFlow would give the variables' own buffers.
        return State(
            *(
                [ops.convert_to_tensor(ops.convert_to_numpy(v), v.dtype) for v in group]
                for group in self._groups
            )
        )

    def write(self, state: State) -> None:
        """Gives the variables these values."""
        for group, values in zip(self._groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)


def _zeros(shape: tuple[int, ...], name: str) -> keras.Variable:
    start = keras.initializers.Zeros()
    return keras.Variable(start, shape, "float32", trainable=False, name=name)

"""What each backend does in its own way: gradients, compiled steps, an order of work.

Functions here are pure, and values are lists and tuples of arrays: both backends then
compute by the same code, without variables.
"""

from collections.abc import Callable

import keras

from zoo import inference
from zoo.genotypes.base import check


def gradient(loss: Callable) -> Callable:
    """The function that gives a loss' gradients.

    Args:
        loss: From values and other inputs to a scalar, and whatever else it tells.

    Returns:
        From the same arguments to the gradients, formed as the values are, the scalar,
        and what else the loss told. A value that the loss does not read has gradient 0.
    """
    return _by_backend(_gradient_by_tensorflow, _gradient_by_jax)(loss)


def compiled(step: Callable) -> Callable:
    """A pure function, compiled at its first call.

    What it computes and does not use costs nothing.
    """
    return _by_backend(_compiled_by_tensorflow, _compiled_by_jax)(step)


def after(earlier: object, values: object) -> object:
    """The same values, which are there only once the earlier ones are.

    Passes through a network that do not need each other would else be computed at once,
    and need memory at once.
    """
    return _by_backend(_after_by_tensorflow, _after_by_jax)(earlier, values)


def _by_backend(by_tensorflow: Callable, by_jax: Callable) -> Callable:
    backend = keras.backend.backend()
    known = {"tensorflow": by_tensorflow, "jax": by_jax}
    rule = "tensorflow or jax for this search"
    check(backend in known, "KERAS_BACKEND", rule, backend)
    return known[backend]


def _gradient_by_tensorflow(loss: Callable) -> Callable:
    import tensorflow as tf  # Only where it is the backend.

    def gradients(values, *inputs):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            scalar, told = loss(values, *inputs)
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(scalar, values, unconnected_gradients=zero), scalar, told

    # A function of its own is traced once, however many passes a step has.
    return tf.function(gradients, autograph=False)


def _gradient_by_jax(loss: Callable) -> Callable:
    import jax  # Only where it is the backend.

    function = jax.value_and_grad(loss, has_aux=True)

    def gradients(values, *inputs):
        (scalar, told), slopes = function(values, *inputs)
        return slopes, scalar, told

    # So that it is traced once, however many passes a step has.
    return jax.jit(gradients)


def _compiled_by_tensorflow(step: Callable) -> Callable:
    import tensorflow as tf

    with_xla = inference.compiles_with_xla()
    return tf.function(step, autograph=False, jit_compile=with_xla)


def _compiled_by_jax(step: Callable) -> Callable:
    import jax

    return jax.jit(step)


def _after_by_tensorflow(earlier: object, values: object) -> object:
    import tensorflow as tf

    with tf.control_dependencies(tf.nest.flatten(earlier)):
        return tf.nest.map_structure(tf.identity, values)


def _after_by_jax(earlier: object, values: object) -> object:
    import jax

    return jax.lax.optimization_barrier((earlier, values))[1]

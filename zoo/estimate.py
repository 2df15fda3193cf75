"""What a training will take, before it begins."""

import math

import keras

from zoo import freezing, inference, training

BYTES = {"float16": 2, "bfloat16": 2}  # Others have 4.


def show(
    about: inference.Description,
    network: keras.Model,
    recipe: training.Recipe,
    freeze: str | None = None,
) -> None:
    """Prints the cost of a network, and an estimate of the memory to train it.

    Args:
        about: As of `memory`.
        network: As of `memory`.
        recipe: As of `memory`.
        freeze: As of `memory`.
    """
    cost = about.genotype.cost(len(about.classes), about.shape)
    found = memory(about, network, recipe, freeze)
    parts = ", ".join(f"{name} {size(value)}" for name, value in found.items())
    print(
        f"{cost.parameters:,} parameters, {cost.macs:,} multiply-accumulates a clip\n"
        f"memory, as an estimate: {parts}: {size(sum(found.values()))} in all. What "
        "the libraries need beside, and what compiling saves, is not in it",
        flush=True,
    )


def memory(
    about: inference.Description,
    network: keras.Model,
    recipe: training.Recipe,
    freeze: str | None = None,
) -> dict[str, int]:
    """Bytes that a step of training holds at once, as an estimate.

    Args:
        about: What the network is.
        network: Built for that.
        recipe: How to train.
        freeze: Layers that do not train, as `training.fit` has them.

    Returns:
        "weights", "gradients", "optimizer", and "activations" of a batch: the outputs
        of all layers.
    """
    cost = about.genotype.cost(len(about.classes), about.shape)
    with freezing.frozen(network, freeze):
        trained = network.trainable_variables
        optimizer = training.optimizer(recipe)
        optimizer.build(trained)
        width = BYTES.get(keras.config.dtype_policy().compute_dtype, 4)
        return {
            "weights": _bytes(network.variables),
            "gradients": _bytes(trained),
            "optimizer": _bytes(optimizer.variables),
            "activations": recipe.batch_size * cost.activation_bytes * width // 4,
        }


def size(count: float) -> str:
    """Bytes as "1.2 GB" or "340 MB"."""
    return f"{count / 1e9:.2g} GB" if count >= 1e9 else f"{math.ceil(count / 1e6)} MB"


def _bytes(variables) -> int:
    return sum(4 * math.prod(variable.shape) for variable in variables)

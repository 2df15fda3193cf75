"""A small training, as a process of its own whose devices a test chooses.

    python tests/distributed.py spread DIR     one device, then four, then groups
    python tests/distributed.py alone DIR      one device
    python tests/distributed.py process DIR    one of several processes
    python tests/distributed.py endless DIR    the same, until SIGTERM

Prints JSON: of each training the losses of all steps, and some sums of its weights.
"""

import json
import pathlib
import sys

import keras
import numpy as np
from keras import layers

from datasets.moving_shapes import MovingShapes
from zoo import distribution, signals, training
from zoo.genotypes import ClipSpec
from zoo.layers.normalization import BatchNorm

SPEC = ClipSpec(frames=2, rate=4.0, height=16, width=16)
RECIPE = {"steps": 4, "batch_size": 8, "learning_rate": 0.1, "warmup_steps": 0}
RECIPE |= {"clip_norm": 0.5, "weight_decay": 1e-3}  # The clip bites at each step.


class Losses(keras.callbacks.Callback):
    """Keeps the loss of each step."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(float(logs["loss"]))
        if len(self.seen) == 1:
            print("trains", file=sys.stderr, flush=True)


def network():
    keras.utils.set_random_seed(3)
    clip = keras.Input(SPEC.shape, name="clip")
    x = layers.Reshape((16, 16, 6))(clip)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = BatchNorm(momentum=0.8)(x)
    x = layers.GlobalAveragePooling2D()(keras.ops.tanh(x))
    return keras.Model(clip, layers.Dense(3, name="head", dtype="float32")(x))


def train(folder: pathlib.Path, kind: str, **changes) -> dict:
    """Losses and weights of a training in a folder."""
    clips = MovingShapes(
        actions=("move_left", "move_right", "grow"), videos_per_class=4, seed=1
    )
    precision = changes.pop("precision", None)
    parts = None if kind == "multi_worker" else 4
    how = {"num_virtual_devices": parts, "precision": precision}
    with distribution.placed(kind, **how) as here, signals.Notice() as notice:
        model, losses = network(), Losses()
        recipe = training.Recipe(**RECIPE | changes)
        every = 2 if recipe.steps < 100 else 10**6
        how = {"save_every": every, "log_every": 1, "verbose": False}
        how |= {"callbacks": [losses], "notice": notice}
        result = training.fit(model, clips, SPEC, recipe, folder, 5, **how)
        sums = [float(np.abs(np.asarray(weight)).sum()) for weight in _values(model)]
    return {
        "replicas": here.replicas,
        "process": here.process,
        "losses": losses.seen,
        "sums": sums,
        "result": result,
    }


def _values(model: keras.Model) -> list:
    values = [weight.value for weight in model.weights]
    return [v.numpy() if hasattr(v, "numpy") else v for v in values]


def spread(folder: pathlib.Path) -> dict:
    """The same training on one device and on four, and with groups of clips."""
    tasks = {
        "one": ("none", {}),
        "four": ("auto", {}),
        "one_grouped": ("none", {"norm_groups": 4}),
        "four_grouped": ("auto", {"norm_groups": 4}),
        "four_adamw": ("auto", {"optimizer": "adamw"}),
        "one_adamw": ("none", {"optimizer": "adamw"}),
        "four_half": ("auto", {"precision": "mixed_bfloat16"}),
    }
    found = {
        name: train(folder / name, kind, **changes)
        for name, (kind, changes) in tasks.items()
    }
    # Goes on with other devices than it began with.
    train(folder / "resumed", "auto", steps=4, decay="constant")
    found["resumed"] = train(folder / "resumed", "none", steps=6, decay="constant")
    found["longer"] = train(folder / "longer", "none", steps=6, decay="constant")
    return found


if __name__ == "__main__":
    place = pathlib.Path(sys.argv[2])
    if sys.argv[1] == "spread":
        print(json.dumps(spread(place)))
    else:
        steps = {"endless": 100000}.get(sys.argv[1], RECIPE["steps"])
        kind = "none" if sys.argv[1] == "alone" else "multi_worker"
        print(json.dumps(train(place, kind, steps=steps)))

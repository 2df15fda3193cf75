"""Draws ordinary hyperparameters, such as a learning rate, beside a genotype."""

import random

from keras_tuner import HyperParameters

from search.history import Record
from search.ledger import PREFIX

REDRAWN = 0.5  # Share of children that have one value other than their parent's.


def draw(
    space: HyperParameters, rng: random.Random, parent: Record | None = None
) -> dict[str, object]:
    """Values for all that is active.

    Random ones without a parent. A child keeps its parent's values, but in one half of
    all cases one of them, any of them, is drawn again.

    Args:
        space: Of keras-tuner; a hyperparameter may depend on the values of others,
            also of later ones.
        rng: Where the draws come from.
        parent: The record whose hyperparameters are inherited.
    """
    kept = dict(parent.hyperparameters) if parent else {}
    if kept and rng.random() < REDRAWN:
        del kept[rng.choice(sorted(kept))]
    drawn = HyperParameters()
    waiting = [hp for hp in space.space if not hp.name.startswith(PREFIX)]
    # Over gRPC the order is lost: a condition may come before what it depends on.
    progress = True
    while progress:
        progress = False
        for hp in list(waiting):
            if all(condition.is_active(drawn.values) for condition in hp.conditions):
                fresh = hp.random_sample(rng.getrandbits(32))
                drawn.values.setdefault(hp.name, kept.get(hp.name, fresh))
                waiting.remove(hp)
                progress = True
    return drawn.values

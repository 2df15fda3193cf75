"""Clip sources: folders and tables of videos, and data sets by name.

    import datasets
    source = datasets.load("kinetics400", split="validation", data_dir="k400")
    datasets.list_datasets()

Names load when they are first used, so that `datasets.moving_shapes` needs NumPy alone.
"""

import importlib

# Where each public name lives.
PLACES = {"load": "datasets.catalog", "list_datasets": "datasets.catalog"}


def __getattr__(name: str):
    if name not in PLACES:
        raise AttributeError(f"module 'datasets' has no attribute {name!r}")
    value = getattr(importlib.import_module(PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *PLACES})

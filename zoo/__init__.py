"""A zoo of video networks that were found by architecture search.

    import zoo
    model = zoo.tvn1(num_classes=51)
    zoo.list_models("tvn*")
    run = zoo.load("runs/tvn1")

Names load when they are first used, so that `zoo.genotypes` imports no Keras.
"""

import importlib

__version__ = "0.1.0"

# Where each public name lives. The published networks' names are public, too.
PLACES = {
    "FOUND": "zoo.genotypes",
    "ClipSpec": "zoo.genotypes",
    "Cost": "zoo.genotypes",
    "Predictor": "zoo.predictor",
    "from_json": "zoo.genotypes",
    "compound_scale": "zoo.genotypes.found.tiny_video",
    "scale": "zoo.genotypes.found.tiny_video",
    "build": "zoo.registry",
    "create": "zoo.registry",
    "draw": "zoo.drawing",
    "endpoints": "zoo.registry",
    "features": "zoo.registry",
    "fold_batch_norm": "zoo.fusing",
    "from_rgb": "zoo.streams",
    "fuse": "zoo.ensemble",
    "list_models": "zoo.genotypes",
    "load": "zoo.inference",
}


def __getattr__(name: str):
    if name in PLACES:
        value = getattr(importlib.import_module(PLACES[name]), name)
    elif name.startswith("_") or name not in __getattr__("FOUND"):
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    else:
        value = importlib.import_module("zoo.registry").named(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *PLACES, *__getattr__("FOUND")})

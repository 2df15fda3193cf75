"""What --smoke shrinks besides what gin/smoke.gin says: the clips of a training."""

import dataclasses
from collections.abc import Collection, Mapping

from zoo import lookup

LARGEST = {"frames": 8, "height": 64, "width": 64}


def clip_bindings(
    model: str,
    name: str = "model",
    bound: Mapping[str, object] | None = None,
    given: Collection[str] = (),
) -> list[str]:
    """Settings of small clips that a network can read.

    Args:
        model: What `zoo.lookup.find` takes: of a search, the best network counts.
        name: Of the argument, for errors.
        bound: Settings of the clips that take the place of the network's own.
        given: Names of those of them that stay as they are.

    Returns:
        Lines such as "genotypes.ClipSpec.frames = 8"; none for a network of several
        streams, whose clips are as large as they are.
    """
    genotype, spec = lookup.find(model, name)
    if len(getattr(genotype, "streams", ())) > 1:
        return []
    settings = {**dataclasses.asdict(spec), **(bound or {})}
    for side, most in LARGEST.items():
        if side not in given and isinstance(settings[side], int):
            settings[side] = min(settings[side], most)
    segments = settings["segments"]
    if segments and settings["frames"] % segments:
        settings["segments"] = None
    return [
        f"genotypes.ClipSpec.{name} = {value!r}"
        for name, value in settings.items()
        if name not in given
    ]

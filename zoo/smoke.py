"""What --smoke shrinks besides what gin/smoke.gin says: the clips of a training."""

from zoo import lookup

LARGEST = {"frames": 8, "height": 64, "width": 64}


def clip_bindings(model: str) -> list[str]:
    """Settings of small clips that a network can read.

    Args:
        model: A published model's name, or a genotype's file.

    Returns:
        Lines such as "genotypes.ClipSpec.frames = 8"; none for a network of several
        streams, whose clips are as large as they are.
    """
    genotype, spec = lookup.find(model, "model")
    if len(getattr(genotype, "streams", ())) > 1:
        return []
    small = {name: min(getattr(spec, name), most) for name, most in LARGEST.items()}
    fits = spec.segments and small["frames"] % spec.segments == 0
    settings = {**small, "rate": spec.rate, "segments": spec.segments if fits else None}
    return [f"genotypes.ClipSpec.{name} = {value}" for name, value in settings.items()]

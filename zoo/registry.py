"""Which function builds which genotype, and the models by name."""

import difflib
import inspect
import numbers
from collections.abc import Callable, Iterable

import keras

from zoo.genotypes import (
    FOUND,
    AssembleNetGenotype,
    EvaNetGenotype,
    Genotype,
    InceptionGenotype,
    Pseudo3DGenotype,
    PVNASGenotype,
    ResNet2Plus1DGenotype,
    TinyVideoGenotype,
)
from zoo.genotypes.base import check
from zoo.models import (
    assemblenet,
    evanet,
    inception,
    pseudo3d,
    pvnas,
    resnet2plus1d,
    tiny_video,
)

BUILDERS: dict[type[Genotype], Callable[..., keras.Model]] = {
    AssembleNetGenotype: assemblenet.build,
    EvaNetGenotype: evanet.build,
    InceptionGenotype: inception.build,
    PVNASGenotype: pvnas.build,
    Pseudo3DGenotype: pseudo3d.build,
    ResNet2Plus1DGenotype: resnet2plus1d.build,
    TinyVideoGenotype: tiny_video.build,
}
# Networks that hold all of a family's, for searches by gradients.
SUPERNETS: dict[type[Genotype], Callable[..., keras.Model]] = {
    PVNASGenotype: pvnas.supernet,
    Pseudo3DGenotype: pseudo3d.supernet,
}
# What training taught about a genotype's parts: from it and the trained network, a
# number by part, such as the gates of edges. A family without such parts has no entry.
FEEDBACK: dict[type[Genotype], Callable[..., dict[str, float]]] = {
    AssembleNetGenotype: assemblenet.feedback,
}
# What `build` gives every builder; the rest are a family's options.
COMMON = ("genotype", "input_shape", "num_classes", "include_top")


def build(
    genotype: Genotype,
    input_shape: tuple[int, int, int, int] | None = None,
    num_classes: int = 400,
    weights: str | None = None,
    include_top: bool = True,
    **options,
) -> keras.Model:
    """Builds the network that a genotype means.

    Args:
        genotype: Of any family.
        input_shape: (frames, height, width, 3), or 2 of optical flow where the family
            reads it; None is the genotype's own clip.
        num_classes: Width of the classifier.
        weights: Path of a `.weights.h5` file to load, or of published weights (see
            `zoo.weights.load`), or None for a new network.
        include_top: Whether to end with the classifier; without it the network puts
            out its last features, (batch, frames, height, width, channels).
        **options: The family's own; see the `build` of its file in `zoo/models`.

    Raises:
        ValueError: There is no such family, or an argument is not what it must be.
    """
    check_options(genotype, options)
    if include_top:
        num_classes = _counted(num_classes)
    builder = BUILDERS[type(genotype)]
    model = builder(genotype, input_shape, num_classes, include_top, **options)
    model.genotype = genotype  # For `zoo.draw`; no copy of the model has it.
    if weights is not None:
        from zoo.weights import load  # Reads files, so only for those who ask.

        load(model, weights)
    return model


def supernet(
    genotype: Genotype,
    input_shape: tuple[int, int, int, int] | None = None,
    num_classes: int = 400,
    **options,
) -> keras.Model:
    """Builds the supernet of a genotype's layout: every cell, with all that it may be.

    Args:
        genotype: Of a family of cells, which themselves are not read.
        input_shape: (frames, height, width, 3); None is the genotype's own clip.
        num_classes: Width of the classifier.
        **options: The family's own; see the `supernet` of its file in `zoo/models`.

    Raises:
        ValueError: The family has no supernet, or an argument is not what it must be.
    """
    _check_family(genotype, SUPERNETS)
    num_classes = _counted(num_classes)
    build_supernet = SUPERNETS[type(genotype)]
    return build_supernet(genotype, input_shape, num_classes, **options)


def feedback(genotype: Genotype, model: keras.Model) -> dict[str, float]:
    """What training taught a network about the parts of its genotype, by part.

    Args:
        genotype: Of the network.
        model: What `build` made of it, trained.

    Returns:
        Such as {"3>7": 0.61} of an edge; {} of a family without such parts.
    """
    read = FEEDBACK.get(type(genotype))
    return read(genotype, model) if read else {}


def check_options(genotype: Genotype, options: Iterable[str]) -> None:
    """Checks names of options before the work that leads to `build`.

    Args:
        genotype: Whose family's options they must be.
        options: Names.

    Raises:
        ValueError: The genotype's family is unknown, or has no such option.
    """
    _check_family(genotype, BUILDERS)
    parameters = inspect.signature(BUILDERS[type(genotype)]).parameters
    known = [name for name in parameters if name not in COMMON]
    for name in options:
        check(name in known, "options", f"some of {known}", name)


def _check_family(genotype: Genotype, families: Iterable[type[Genotype]]) -> None:
    known = [genotype_class.__name__ for genotype_class in families]
    check(type(genotype) in families, "genotype", f"one of {known}", genotype)


def _counted(num_classes: int) -> int:
    """The number of classes as Keras takes it, checked before any layer is built.

    NumPy's integers, as labels are, it does not take.
    """
    whole = isinstance(num_classes, numbers.Integral)
    rule = "a whole number of at least 1"
    check(whole and num_classes >= 1, "num_classes", rule, num_classes)
    return int(num_classes)


def find(name: str) -> Genotype:
    """The published genotype of that name.

    Raises:
        ValueError: There is none; the nearest names are listed.
    """
    if name not in FOUND:
        near = difflib.get_close_matches(str(name), FOUND, cutoff=0.5) or sorted(FOUND)
        check(False, "name", f"a model such as {near}", name)
    return FOUND[name]


def create(name: str, **options) -> keras.Model:
    """Builds a published network by name; `**options` are those of `build`."""
    return build(find(name), **options)


def named(name: str) -> Callable[..., keras.Model]:
    """The function that `zoo.<name>` is."""

    def model(
        num_classes: int = 400,
        input_shape: tuple[int, int, int, int] | None = None,
        weights: str | None = None,
        include_top: bool = True,
        **options,
    ) -> keras.Model:
        return build(
            genotype, input_shape, num_classes, weights, include_top, **options
        )

    genotype = find(name)
    spec = genotype.clip_spec
    times = f"at {spec.rate:g} a second"
    if spec.segments:
        times = f"from {spec.segments} equal parts of a video"
    model.__name__ = model.__qualname__ = name
    model.__doc__ = (
        f"Builds {name}, of the family {genotype.family!r}, {genotype.origin}.\n\n"
        f"It reads {spec.frames} frames of {spec.height}x{spec.width} pixels "
        f"{times}. Arguments are those of `zoo.build`."
    )
    return model


def endpoints(model: keras.Model) -> list[str]:
    """Names of a network's feature maps, from its input on.

    By the project's convention they are the layers whose names have no underscore.
    """
    inner = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
    names = [layer.name for layer in inner if layer.name != "head"]
    return [name for name in names if "_" not in name]


def features(model: keras.Model, names: list[str] | None = None) -> keras.Model:
    """A model with the same weights that puts out feature maps by name.

    Args:
        model: Any network of the zoo.
        names: Which of `endpoints(model)`; None is all.

    Returns:
        Model from the clip to a dict of (batch, frames, height, width, channels).

    Raises:
        ValueError: A name is no endpoint, or there are none.
    """
    known = endpoints(model)
    names = known if names is None else list(names)
    some = bool(names) and set(names) <= set(known)
    check(some, "names", f"some of {known}", names)
    return keras.Model(model.input, {n: model.get_layer(n).output for n in names})

"""PV-NAS' networks of four cells (https://arxiv.org/abs/2011.00826)."""

import keras

from zoo.genotypes.pvnas import PVNASGenotype
from zoo.layers.head import VideoHead
from zoo.models import cells


def build(
    genotype: PVNASGenotype,
    input_shape: tuple[int, int, int, int] | None = None,
    num_classes: int = 400,
    include_top: bool = True,
    pooling: str = "average",
    dropout: float = 0.4,
    drop_path: float = 0.0,
    drop_path_steps: int = 0,
    norms: str = "final",
) -> keras.Model:
    """Builds a network of PV-NAS.

    What the paper leaves open is as in DARTS; see `zoo/genotypes/plans/pvnas.py`.

    Args:
        genotype: Which network.
        input_shape: (frames, height, width, channels); None is the genotype's clip.
        num_classes: Width of the classifier.
        include_top: Whether to end with the classifier.
        pooling: How the classifier joins frames; see `VideoHead`.
        dropout: Before the classifier.
        drop_path: Share of the clips for which training leaves out an edge that is no
            skip; the paper has 0.1, as it seems for UCF101 alone.
        drop_path_steps: Of training, in which that share rises from 0.
        norms: "final" are norms with scale and shift, and none after pools; "search"
            are those of a supernet: without scale and shift, and also after pools.

    Returns:
        Model from `clip`, float32 of (batch, frames, height, width, channels), RGB in
        [0, 1] or flow, to logits (batch, num_classes), or without the top to the last
        cell's features. Endpoints are `stem`, `cell0`, `cell1`, ...
    """
    head = None
    if include_top:
        head = VideoHead(num_classes, pooling, dropout, dtype="float32", name="head")
    dropped = cells.drop_paths(drop_path, drop_path_steps)
    return cells.build(genotype, input_shape, head, norms, dropped)


def supernet(
    genotype: PVNASGenotype,
    input_shape: tuple[int, int, int, int] | None = None,
    num_classes: int = 400,
    pooling: str = "average",
    dropout: float = 0.0,
) -> keras.Model:
    """Builds the supernet of a layout: all edges, and all operations on each.

    Its architecture weights are those of `zoo.layers.mixture.architecture`.

    Args:
        genotype: The layout; of its cells the numbers of nodes count alone.
        input_shape: (frames, height, width, channels); None is the genotype's clip.
        num_classes: Width of the classifier.
        pooling: How the classifier joins frames; see `VideoHead`.
        dropout: Before the classifier; the paper names it for the final network.
    """
    head = VideoHead(num_classes, pooling, dropout, dtype="float32", name="head")
    return cells.supernet(genotype, input_shape, head)

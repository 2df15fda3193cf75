"""The PV-NAS networks of the cells that this project's own search found.

The cells of https://arxiv.org/abs/2011.00826 are in a picture alone. These are by
`python -m search.run --gin_file=search/pvnas_thin.gin --data=moving_shapes`, seed 0, on
TensorFlow, in 15 CPU minutes at commit 9ce2e26: four cells of 4 channels on 8 frames of
32x32 pixels, whose supernet ends at a top-1 of 0.704 on validation clips of twelve
actions. Trained anew at the search's size they reach 0.70 on test clips in the mean of
three, where five random networks reach 0.78 (docs/results/cells_pvnas.md): they are
what this search found, and no better than chance. The layouts of L and M are the
paper's.
"""

from zoo.genotypes.cells import Cell
from zoo.genotypes.pvnas import PVNASGenotype

CELLS = {
    "spatial_normal": Cell.of(
        [(0, "max_pool3"), (1, "dilated3")],
        [(0, "dilated3"), (1, "separable3")],
        [(1, "separable3"), (3, "separable3")],
        [(2, "separable3"), (4, "skip")],
    ),
    "spatial_reduction": Cell.of(
        [(0, "dilated3"), (1, "skip")],
        [(0, "dilated3"), (2, "skip")],
        [(2, "separable3"), (3, "dilated3")],
        [(1, "separable3"), (2, "skip")],
    ),
    "temporal_normal": Cell.of(
        [(0, "temporal3x1x1"), (1, "temporal3x1x1")],
        [(0, "temporal3x3x3"), (2, "temporal3x3x3")],
        [(1, "temporal3x3x3"), (3, "temporal3x3x3")],
        [(2, "separable3"), (4, "max_pool3")],
    ),
    "temporal_reduction": Cell.of(
        [(0, "temporal3x3x3"), (1, "separable3")],
        [(1, "max_pool3"), (2, "separable3")],
        [(2, "separable3"), (3, "separable3")],
        [(2, "separable3"), (3, "separable3")],
    ),
}

FOUND = {
    "pvnas_l": PVNASGenotype(**CELLS),
    "pvnas_m": PVNASGenotype(**CELLS, repeats=2, channels=100),
}

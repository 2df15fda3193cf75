"""The pseudo-3D network that this project's own search found.

The cell of Peng, Hong and Zhao (https://arxiv.org/abs/1907.04632) is in a picture
alone. This one is by `python -m search.run --gin_file=search/pseudo3d_thin.gin
--data=moving_shapes`, seed 0, on TensorFlow, in 17 CPU minutes at commit 9ce2e26: three
cells of 4 channels on 8 frames of 24x24 pixels, whose supernet ends at a top-1 of 0.868
on validation clips of twelve actions. Trained anew it reaches 0.68 on test clips in the
mean of three, where five random cells reach 0.78 (docs/results/cells_pseudo3d.md): it
is what this search found, and no better than chance.
"""

from zoo.genotypes.cells import Cell
from zoo.genotypes.pseudo3d import Pseudo3DGenotype

CELL = Cell.of(
    [(0, "max_pool3"), (1, "max_pool3")],
    [(1, "max_pool3"), (2, "max_pool3")],
    [(1, "conv3"), (2, "separable3")],
    [(2, "conv3"), (3, "conv3")],
)

FOUND = {"pseudo3d": Pseudo3DGenotype(CELL)}

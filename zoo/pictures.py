"""Writes what Matplotlib draws."""

import os
import warnings

from zoo import files


def save(figure, path: str | os.PathLike) -> None:
    """Replaces a picture, in the format of its name's ending.

    Letters that no font at hand has become boxes; a warning for each would tell nothing
    that the picture does not.

    Args:
        figure: Of Matplotlib.
        path: Of the file, such as "confusion.png".
    """
    with files.replacing(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from")
        figure.savefig(temporary, dpi=100)

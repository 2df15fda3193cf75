"""Segmentations of videos, which lie beside them: which object each pixel shows."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from datasets.items import Index, Item
from datasets.order import check

ENDING = ".npz"
# What NumPy raises, according to how far it came.
UNREADABLE = (
    *(OSError, EOFError, KeyError, TypeError, ValueError),
    *(zipfile.BadZipFile, zlib.error),
)
PROPORTIONS = 0.05  # By which those of a map may differ from those of its picture.


@dataclass(frozen=True)
class Maps:
    """The objects of one video, as NumPy's `savez` wrote them.

    Args:
        path: Of the file.
        maps: uint8 (maps, height, width): the number of each pixel's class, upright and
            whole as the picture, in any size. 255 by custom says that it has none.
        times: Seconds of each map, ascending, from the video's first frame.
    """

    path: str
    maps: np.ndarray
    times: np.ndarray

    def __post_init__(self):
        shape, kind = self.maps.shape, self.maps.dtype
        if kind != "uint8" or len(shape) != 3 or 0 in shape:
            rule = "uint8 of (maps, height, width)"
            raise ValueError(
                f"`maps` in {self.path} must be {rule}. Got: {kind} of {shape}"
            )
        number = np.issubdtype(self.times.dtype, np.number)
        fits = number and self.times.shape == shape[:1]
        if not fits or not (np.diff(self.times) > 0).all():
            rule = f"ascending seconds, one for each of {shape[0]} maps"
            raise ValueError(
                f"`times` in {self.path} must be {rule}. Got: {self.times.dtype} of "
                f"{self.times.shape}{', not ascending' if fits else ''}"
            )

    def crop(
        self,
        times: np.ndarray,
        shape: tuple[int, int],
        corner: tuple[int, int],
        size: tuple[int, int],
        picture: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """The class of each pixel in a part of a picture, by the nearest map.

        Args:
            times: Seconds of the frames.
            shape: Height and width that the whole picture is scaled to.
            corner: Top and left of the part, in it.
            size: Height and width of the part.
            picture: Height and width before it was scaled, where that has made it wider
                or narrower.

        Returns:
            uint8 (frames, height, width).

        Raises:
            ValueError: The maps have other proportions than the picture.
        """
        height, width = self.maps.shape[1:]
        before = picture or shape
        ratio = (height * before[1]) / (width * before[0])
        if not 1 / (1 + PROPORTIONS) <= ratio <= 1 + PROPORTIONS:
            rule = f"of the proportions of its video, such as {before[0]}x{before[1]}"
            raise ValueError(
                f"`maps` in {self.path} must be {rule}. Got: {height}x{width}"
            )
        rows, columns = (
            ((first + np.arange(count) + 0.5) * whole / scaled).astype(int)
            for first, count, whole, scaled in zip(
                corner, size, (height, width), shape, strict=True
            )
        )
        middles = (self.times[1:] + self.times[:-1]) / 2
        nearest = np.searchsorted(middles, times)
        return self.maps[nearest[:, None, None], rows[:, None], columns]


class ObjectFolder:
    """The maps of all videos of an index, each in a file of its own.

    Args:
        folder: It holds a file for each video, at the path that it has in the index'
            root, with the ending .npz.
        index: The videos.

    Raises:
        ValueError: A video has no file.
    """

    def __init__(self, folder: str, index: Index):
        check(Path(folder).is_dir(), "objects", "a folder of maps", str(folder))
        items = [item for split in index.splits.values() for item in split]
        self._files = {
            item.path: self._file(folder, index.root, item) for item in items
        }
        missing = sorted({str(p) for p in self._files.values() if not p.is_file()})
        if missing:
            shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
            rule = "`objects` must hold a file for each video"
            raise ValueError(f"{rule}. Got {len(missing)} that are missing: {shown}")

    def read(self, item: Item) -> Maps:
        """Reads a video's maps.

        Raises:
            ValueError: The file is not what it must be.
        """
        path = self._files[item.path]
        try:
            # NumPy leaves a file open that is no archive.
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                maps, times = arrays["maps"], arrays["times"]
        except UNREADABLE as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            rule = "must be of np.savez, with the arrays maps and times"
            raise ValueError(f"`{path}` {rule}. Got: {reason}") from None
        return Maps(str(path), maps, times)

    def _file(self, folder: str, root: str, item: Item) -> Path:
        inside = PurePath(item.path).is_relative_to(root)
        check(inside, "objects", f"left out for videos outside of {root}", item.path)
        name = PurePath(item.path).relative_to(root)
        return Path(folder, name).with_suffix(ENDING)

"""Moments in Time: three seconds of anything, each with the verb that it shows."""

from datasets.listing import Listing, Official
from datasets.order import check
from datasets.source import VideoSource
from datasets.tree import Tree, stem

PLACES = (
    "",
    "annotations/",
    "Moments_in_Time_Raw/",
    "Moments_in_Time_Raw_v2/",
)
CATEGORIES = {
    1: ("moments_categories.txt", "category_moment.txt"),
    2: ("category_momentsv2.txt", "moments_categories.txt"),
}
VIDEO_PLACES = (*PLACES, "videos/")


class Moments(VideoSource):
    """Clips of Moments in Time (https://arxiv.org/abs/1801.03150).

    `data_dir` holds the list of categories, `trainingSet.csv` and `validationSet.csv`,
    or has them in `annotations/`, and the videos in `training/` and `validation/`, in a
    folder a category. Version 1 has 339 categories in `moments_categories.txt`, whose
    lines are a category and its number; version 2 has 305, in
    `category_momentsv2.txt` if not in a file of the first name, whose lines may also
    be the category alone.

    The labels of the test list are not published: "test" is the validation list, on
    which papers report, and so is "validation" unless a tenth of the training list is
    held out for it.

    Args:
        data_dir: Folder of the data set.
        version: 1 or 2; None: that whose list of categories is there.
        held_out: Whether validation is a tenth of the training list, in which clips of
            one video are kept together.
        exclude: File with paths to leave out, relative to `data_dir` or whole, one a
            line, as `python -m datasets.check` writes it.
        options: Those of `source.VideoSource`.
    """

    def __init__(
        self,
        data_dir: str,
        version: int | None = None,
        held_out: bool = False,
        exclude: str | None = None,
        **options,
    ):
        check(version in (None, 1, 2), "version", "1, 2 or None", version)
        index = OFFICIAL.index(data_dir, held_out, exclude, version=version)
        super().__init__(index, **options)


def read(tree: Tree, version: int | None = None) -> Listing:
    """Reads the list of categories, and the training and the validation list."""
    names = CATEGORIES[version or 1] + (CATEGORIES[2] if version is None else ())
    name = tree.file(*(f"{place}{name}" for place in PLACES for name in names))
    newer = [f"{place}{CATEGORIES[2][0]}" for place in PLACES]
    if version is None and name not in newer and any(map(tree.has, newer)):
        rule = "`version` must be 1 or 2 where the categories of both are there"
        raise ValueError(f"{rule}. Got: None for {tree.root}")
    numbers = categories(tree, name)
    listing = Listing(tuple(numbers))
    for part, word in (("train", "training"), ("test", "validation")):
        name = tree.file(*(f"{place}{word}Set.csv" for place in PLACES))
        folder = tree.folder(*(f"{place}{word}" for place in VIDEO_PLACES)) or word
        found = set(tree.videos(folder)) if tree.has(folder) else set()
        for line, video, category in _rows(tree, name):
            if category not in numbers:
                tree.refuse(name, line, "have a category of the list", category)
            path = f"{folder}/{video}"
            there = path if path in found else None
            listing.add(part, there, path, (numbers[category],), recording(video))
    return listing


def _rows(tree: Tree, name: str):
    """Yields line, path and category; votes follow, which are not read."""
    for line, row in tree.rows(name):
        folder, slash, file = row[0].partition("/")
        if not (folder and slash and file):
            tree.refuse(name, line, "begin with category/file.mp4", row[0])
        category = row[1] if len(row) > 1 else folder
        if category != folder:
            rule = f"have the category {folder}, as its path has"
            tree.refuse(name, line, rule, category)
        yield line, row[0], category


def categories(tree: Tree, name: str) -> dict[str, int]:
    """Numbers of the categories, in their order."""
    lines = tree.lines(name)
    numbers = {}
    for place, (line, text) in enumerate(lines):
        category, comma, number = text.rpartition(",")
        if not comma:  # The number of a line without one is its place.
            category, number = text, str(place)
        if category in numbers:
            tree.refuse(name, line, "have a category of its own", category)
        numbers[category] = tree.number(name, line, number.strip(), range(len(lines)))
    if sorted(numbers.values()) != list(range(len(lines))):
        rule = f"end a list of the numbers 0 to {len(lines) - 1}, each once"
        tree.refuse(name, lines[-1][0], rule, lines[-1][1])
    return dict(sorted(numbers.items(), key=lambda pair: pair[1]))


def recording(video: str) -> str:
    """The video that a clip is of: its name without the number behind the last _."""
    return stem(video).rpartition("_")[0] or video


OFFICIAL = Official(
    "moments",
    "the Moments in Time download (by its form at MIT)",
    (339, 305),
    read,
    ({"version": None},),
)

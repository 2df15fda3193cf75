"""Multi-Moments in Time: three seconds of anything, with all verbs that they show."""

from datasets.listing import Listing, Official
from datasets.moments import categories, recording
from datasets.source import VideoSource
from datasets.tree import Tree

PLACES = ("", "annotations/")
CATEGORIES = ("moments_categories.txt", "category_multi_momentsv2.txt")
VIDEO_FOLDERS = ("videos/{}", "{}", "videos", "")


class MultiMoments(VideoSource):
    """Clips of Multi-Moments in Time (https://arxiv.org/abs/1911.00232).

    `data_dir` holds the list of categories, `trainingSet.csv` and `validationSet.csv`
    (or .txt), or has them in `annotations/`. Their lines are the path of a video and
    the numbers of its categories; the videos lie at these paths in `videos/`, or in
    `training/` and `validation/`. The categories are in `moments_categories.txt`, whose
    lines are a category and its number, or for version 2 in
    `category_multi_momentsv2.txt`, whose lines may be the category alone.

    The labels of the test list are not published: "test" is the validation list, on
    which papers report, and so is "validation" unless a tenth of the training list is
    held out for it.

    Args:
        data_dir: Folder of the data set.
        held_out: Whether validation is a tenth of the training list, in which clips of
            one video are kept together.
        exclude: File with paths to leave out, relative to `data_dir` or whole, one a
            line, as `python -m datasets.check` writes it.
        options: Those of `source.VideoSource`, without `task`, which is "multi".
    """

    def __init__(
        self,
        data_dir: str,
        held_out: bool = False,
        exclude: str | None = None,
        **options,
    ):
        index = OFFICIAL.index(data_dir, held_out, exclude)
        super().__init__(index, task="multi", **options)


def read(tree: Tree) -> Listing:
    """Reads the list of categories, and the training and the validation list."""
    name = tree.file(*(f"{place}{name}" for place in PLACES for name in CATEGORIES))
    listing = Listing(tuple(categories(tree, name)))
    numbers = range(len(listing.classes))
    for part, word in (("train", "training"), ("test", "validation")):
        names = (f"{word}Set.csv", f"{word}Set.txt")
        name = tree.file(*(f"{place}{name}" for place in PLACES for name in names))
        folder = tree.folder(*(place.format(word) for place in VIDEO_FOLDERS))
        start = f"{folder}/" if folder else ""
        found = set(tree.videos(folder))
        for line, (video, *labels) in tree.rows(name):
            if not (video and labels):
                tree.refuse(name, line, "have a video, and numbers of categories", "")
            hot = sorted({tree.number(name, line, n, numbers) for n in labels})
            path = f"{start}{video}"
            there = path if path in found else None
            listing.add(part, there, path, tuple(hot), recording(video))
    return listing


OFFICIAL = Official(
    "multi_moments",
    "the Multi-Moments in Time download (by its form at MIT)",
    (313, 292),
    read,
)

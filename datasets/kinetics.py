"""Kinetics-400: ten seconds of YouTube videos, each with one of 400 actions."""

import re

from datasets.listing import Listing, Official
from datasets.source import VideoSource
from datasets.tree import Tree, stem

PLACES = ("", "annotations/", "kinetics400/", "kinetics400/annotations/")
TRAIN_FILES = ("train.csv", "kinetics_train.csv", "kinetics-400_train.csv")
TEST_FILES = (
    *("val.csv", "validate.csv", "validation.csv"),
    *("kinetics_val.csv", "kinetics-400_val.csv"),
)
# Of videos whose labels are not published.
UNLABELLED_FILES = ("test.csv", "kinetics_test.csv", "kinetics-400_test.csv")
TRAIN_FOLDERS = ("train", "videos/train", "videos_train")
TEST_FOLDERS = (
    *("val", "validate", "validation"),
    *("videos/val", "videos/validate", "videos/validation", "videos_val"),
)
UNLABELLED_FOLDERS = ("test", "videos/test", "videos_test")
# What the CVDF gives in place of 1,392 files that it has found to be broken.
REPLACEMENTS = (
    "replacement/replacement_for_corrupted_k400",
    "replacement_for_corrupted_k400",
    "replacement",
)
YOUTUBE = re.compile(r"[\w-]{11}", re.ASCII)


class Kinetics400(VideoSource):
    """Clips of Kinetics-400 (https://arxiv.org/abs/1705.06950).

    `data_dir` holds `train.csv` and `val.csv` with the columns label, youtube_id,
    time_start and time_end, or has them in `annotations/`; the videos are in `train/`
    and `val/`, in one flat folder each as from the CVDF, or in folders named after the
    classes, with spaces or underscores. Files are `ID_000010_000020.mp4`, found by
    their whole name, else by the eleven characters of the id. Those in
    `replacement_for_corrupted_k400/` go before others. Classes are numbered in the
    alphabetical order of their labels.

    The labels of the test list are not published: "test" is the validation list, on
    which papers report, and so is "validation" unless a tenth of the training list is
    held out for it. `zoo.predict` takes the videos of `test.csv`, in `test/`, as
    kinetics400:FOLDER.

    Args:
        data_dir: Folder of the data set.
        held_out: Whether validation is a tenth of the training list, by a hash of the
            YouTube ids.
        exclude: File with paths to leave out, relative to `data_dir` or whole, one a
            line, as `python -m datasets.check` writes it.
        options: Those of `source.VideoSource`.
    """

    def __init__(
        self,
        data_dir: str,
        held_out: bool = False,
        exclude: str | None = None,
        **options,
    ):
        super().__init__(OFFICIAL.index(data_dir, held_out, exclude), **options)


def read(tree: Tree) -> Listing:
    """Reads the training and the validation list."""
    lists = {
        "train": tree.file(*_places(TRAIN_FILES)),
        "test": tree.file(*_places(TEST_FILES)),
    }
    rows = {part: list(_rows(tree, name)) for part, name in lists.items()}
    classes = sorted({label for _, label, *_ in rows["train"]})
    numbers = {label: number for number, label in enumerate(classes)}
    listing = Listing(tuple(classes))
    replaced = _files(tree, tree.folder(*REPLACEMENTS))
    for part, folders in (("train", TRAIN_FOLDERS), ("test", TEST_FOLDERS)):
        files = _files(tree, tree.folder(*folders)) | replaced
        for line, label, youtube, name in rows[part]:
            if label not in numbers:
                rule = f"have a label of {lists['train']}"
                tree.refuse(lists[part], line, rule, label)
            path = files.get(name) or files.get(youtube)
            expected = f"{folders[0]}/{name}.mp4"
            listing.add(part, path, expected, (numbers[label],), youtube)
    return listing


def read_unlabelled(tree: Tree) -> tuple[list[str], list[str]]:
    """Paths of the test list's videos: of those that are there, and of the others."""
    name = tree.file(*_places(UNLABELLED_FILES))
    files = _files(tree, tree.folder(*UNLABELLED_FOLDERS))
    found, missing = [], []
    for _, _, youtube, file in _clips(tree, name):
        path = files.get(file) or files.get(youtube)
        expected = f"{UNLABELLED_FOLDERS[0]}/{file}.mp4"
        (found if path else missing).append(path or expected)
    return found, missing


def _rows(tree: Tree, name: str):
    """Yields line, label, YouTube id, and name of the file without its ending."""
    for line, row, youtube, file in _clips(tree, name, "label"):
        if not row["label"]:
            tree.refuse(name, line, "have a label", "")
        yield line, row["label"], youtube, file


def _clips(tree: Tree, name: str, *columns: str):
    """Yields line, row, YouTube id, and name of the file without its ending."""
    columns = *columns, "youtube_id", "time_start", "time_end"
    for line, row in tree.table(name, *columns):
        youtube = row["youtube_id"]
        # A spreadsheet makes an error text of an id that begins with a minus.
        if not YOUTUBE.fullmatch(youtube):
            rule = "have a youtube_id of 11 letters, digits, - and _"
            tree.refuse(name, line, rule, youtube)
        start, end = tree.seconds(name, line, row["time_start"], row["time_end"])
        if not 0 <= start < end:
            rule = "have ascending time_start and time_end"
            tree.refuse(name, line, rule, f"{start:g}, {end:g}")
        yield line, row, youtube, f"{youtube}_{int(start):06}_{int(end):06}"


def _files(tree: Tree, folder: str | None) -> dict[str, str]:
    """Paths of the videos by their names, and by the YouTube ids these begin with."""
    paths = {stem(path): path for path in tree.videos(folder)}
    return {name[:11]: path for name, path in paths.items()} | paths


def _places(names: tuple[str, ...]) -> list[str]:
    return [f"{place}{name}" for place in PLACES for name in names]


OFFICIAL = Official(
    "kinetics400",
    "the Kinetics-400 download of the CVDF (cvdfoundation/kinetics-dataset on GitHub)",
    (400,),
    read,
    read_unlabelled=read_unlabelled,
)

"""UCF101: YouTube clips, each with one of 101 actions, in 25 groups an action."""

import re

from datasets.hmdb51 import check_fold
from datasets.listing import Listing, Official
from datasets.source import VideoSource
from datasets.tree import Tree

PLACES = (
    "ucfTrainTestlist/",
    "UCF101TrainTestSplits-RecognitionTask/ucfTrainTestlist/",
    "annotations/",
    "",
)
VIDEO_FOLDERS = ("UCF-101", "UCF101", "videos")
GROUP = re.compile(r"_(g\d+)_c\d+\.\w+$", re.IGNORECASE)


class UCF101(VideoSource):
    """Clips of UCF101 (https://arxiv.org/abs/1212.0402).

    `data_dir` holds the folder `ucfTrainTestlist` with `classInd.txt`,
    `trainlist01.txt` and its like, and the videos by class in `UCF-101/`. Case does not
    count in names: the lists have `v_HandStandPushups` in `HandstandPushups`. Classes
    are numbered as in `classInd.txt`, from 0 on.

    A fold, which the papers call a split, never parts the clips of one group, which are
    of one recording. There is no validation list: "validation" is about a tenth of the
    groups of the training list. Papers train on the whole list and score on the test
    one: so does `held_out=False`, where "validation" is the test list. Choose no
    checkpoint by it.

    Args:
        data_dir: Folder of the data set.
        fold: 1, 2 or 3.
        held_out: Whether validation is a tenth of the training list.
        exclude: File with paths to leave out, relative to `data_dir` or whole, one a
            line, as `python -m datasets.check` writes it.
        options: Those of `source.VideoSource`.
    """

    def __init__(
        self,
        data_dir: str,
        fold: int = 1,
        held_out: bool = True,
        exclude: str | None = None,
        **options,
    ):
        check_fold(fold)
        index = OFFICIAL.index(data_dir, held_out, exclude, fold=fold)
        super().__init__(index, **options)


def read(tree: Tree, fold: int) -> Listing:
    """Reads the class list and the lists of a fold."""
    index = tree.file(*(f"{place}classInd.txt" for place in PLACES))
    place = index.removesuffix("classInd.txt")
    classes = _classes(tree, index)
    numbers = {name.lower(): number for number, name in enumerate(classes)}
    folder = tree.folder(*VIDEO_FOLDERS) or ""
    files = {_key(path): path for path in tree.videos(folder)}
    listing = Listing(classes)
    for part in ("train", "test"):
        name = tree.file(f"{place}{part}list0{fold}.txt")
        for line, text in tree.lines(name):
            video, number = _video(tree, name, line, text, part)
            label = numbers.get(video.partition("/")[0].lower())
            if label is None:
                tree.refuse(name, line, "name a class of classInd.txt", video)
            if number and tree.number(name, line, number, _range(classes)) - 1 != label:
                rule = f"have label {label + 1}, as classInd.txt says"
                tree.refuse(name, line, rule, number)
            expected = f"{folder or VIDEO_FOLDERS[0]}/{video}"
            path = files.get(_key(video))
            listing.add(part, path, expected, (label,), _group(video))
    return listing


def _classes(tree: Tree, name: str) -> tuple[str, ...]:
    classes = []
    for line, text in tree.lines(name):
        fields = text.split()
        if len(fields) != 2 or fields[0] != str(len(classes) + 1):
            rule = f"be a number from 1 on and a class, here {len(classes) + 1}"
            tree.refuse(name, line, rule, text)
        classes.append(fields[1])
    return tuple(classes)


def _video(tree: Tree, name: str, line: int, text: str, part: str) -> tuple[str, str]:
    """The path that a line has, and its label: "" where it may lack one."""
    video, *rest = text.split()
    if len(rest) not in ((1,) if part == "train" else (0, 1)) or "/" not in video:
        rule = "be Class/file.avi" + (" and its label" if part == "train" else "")
        tree.refuse(name, line, rule, text)
    return video, rest[0] if rest else ""


def _range(classes: tuple[str, ...]) -> range:
    return range(1, len(classes) + 1)


def _key(path: str) -> str:
    """What a file is found by: its name, which has the class in it."""
    return path.rpartition("/")[2].lower()


def _group(video: str) -> str:
    """The class and the group of a video, which its name has."""
    group = GROUP.search(video)
    return f"{video.partition('/')[0]}/{group[1]}" if group else video


OFFICIAL = Official(
    "ucf101",
    "UCF101TrainTestSplits-RecognitionTask.zip of the UCF101 page of the University of "
    "Central Florida's CRCV",
    (101,),
    read,
    ({"fold": 1},),  # Each has all videos.
)

"""Charades: half a minute of people at home, with several of 157 actions each."""

import re

from datasets.intervals import Action, add_video
from datasets.listing import Listing, Official
from datasets.source import VideoSource
from datasets.tree import Tree

PLACES = ("", "Charades/", "annotations/", "vu17_charades/")
VIDEO_FOLDERS = ("Charades_v1_480", "Charades_v1", "videos")
CLASS = re.compile(r"c(\d+)\s+(.+)")


class Charades(VideoSource):
    """Clips of Charades (https://arxiv.org/abs/1604.01753), several labels each.

    `data_dir` holds `Charades_v1_train.csv`, `Charades_v1_test.csv` and
    `Charades_v1_classes.txt`, or has them in `Charades/`; the videos, ID.mp4, are in
    `Charades_v1_480/`, or else `Charades_v1/`. A video has the labels of all actions
    in it, or none.

    There is no validation list: "validation" is about a tenth of the training list, in
    which the videos of one subject are kept together. Papers train on the whole list
    and score on the test one: so does `held_out=False`, where "validation" is the test
    list. Choose no checkpoint by it.

    Args:
        data_dir: Folder of the data set.
        intervals: Whether training clips are drawn from the annotated intervals rather
            than from whole videos: each action, from its start to its end, with the
            labels of all that are going on at its middle. "validation" and "test"
            always have whole videos.
        held_out: Whether validation is a tenth of the training list.
        exclude: File with paths to leave out, relative to `data_dir` or whole, one a
            line, as `python -m datasets.check` writes it.
        options: Those of `source.VideoSource`, without `task`, which is "multi".
    """

    def __init__(
        self,
        data_dir: str,
        intervals: bool = False,
        held_out: bool = True,
        exclude: str | None = None,
        **options,
    ):
        index = OFFICIAL.index(data_dir, held_out, exclude, intervals=intervals)
        super().__init__(index, task="multi", **options)


def read(tree: Tree, intervals: bool = False) -> Listing:
    """Reads the class list and the two lists of videos."""
    name = tree.file(*(f"{place}Charades_v1_classes.txt" for place in PLACES))
    place = name.removesuffix("Charades_v1_classes.txt")
    listing = Listing(_classes(tree, name))
    folder = tree.folder(*VIDEO_FOLDERS)
    files = {path.rpartition("/")[2]: path for path in tree.videos(folder)}
    for part in ("train", "test"):
        name = tree.file(f"{place}Charades_v1_{part}.csv")
        for line, row in tree.table(name, "id", "subject", "actions", "length"):
            actions = _actions(tree, name, line, row["actions"], len(listing.classes))
            video, subject = row["id"], row["subject"] or row["id"]
            expected = f"{folder or VIDEO_FOLDERS[0]}/{video}.mp4"
            parted = intervals and part == "train"
            length = tree.seconds(name, line, row["length"])[0] if parted else 0.0
            how = (actions, length, subject, parted)
            add_video(listing, part, files.get(f"{video}.mp4"), expected, *how)
    return listing


def _classes(tree: Tree, name: str) -> tuple[str, ...]:
    classes = []
    for line, text in tree.lines(name):
        found = CLASS.fullmatch(text)
        if found is None or int(found[1]) != len(classes):
            rule = f"be c{len(classes):03} and the name of a class"
            tree.refuse(name, line, rule, text)
        classes.append(found[2])
    return tuple(classes)


def _actions(tree: Tree, name: str, line: int, text: str, classes: int) -> list[Action]:
    """Class, start and end of each action in a text such as "c092 11.90 21.20;..."."""
    actions = []
    for action in text.split(";") if text else ():
        fields = action.split()
        if len(fields) != 3 or not re.fullmatch(r"c\d+", fields[0]):
            rule = "have actions such as c092 11.90 21.20"
            tree.refuse(name, line, rule, action)
        label = tree.number(name, line, fields[0][1:], range(classes))
        actions.append((label, *tree.seconds(name, line, *fields[1:])))
    return actions


OFFICIAL = Official(
    "charades",
    "Charades.zip of the Charades page of the Allen Institute for AI",
    (157,),
    read,
)

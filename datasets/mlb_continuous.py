"""MLB-YouTube, continuous: minutes of baseball, with when each activity happens."""

from datasets.intervals import Action, add_video
from datasets.listing import Listing, Official
from datasets.mlb_youtube import ACTIVITIES, PARTS, PLACES, field
from datasets.source import VideoSource
from datasets.tree import Tree, stem

CONTINUOUS = "mlb-youtube-continuous.json"
VIDEO_FOLDERS = ("continuous", "videos", "clips")


class MLBContinuous(VideoSource):
    """Clips of the continuous MLB-YouTube videos (https://arxiv.org/abs/1804.03247).

    `data_dir` holds `mlb-youtube-continuous.json`, or has it in `data/`, and the
    videos, ID.mp4, which the data set's script cuts out of the games, in `continuous/`,
    `videos/`, `clips/`, or itself. A video has the labels of all of eight activities
    that are in it, or none. The paper scores each frame, which nothing does here.

    There is no validation list: "validation" is about a tenth of the training list, by
    a hash of the videos' ids, for the official lists part the videos of a game, too.
    Papers train on the whole list and score on the test one: so does `held_out=False`,
    where "validation" is the test list. Choose no checkpoint by it.

    Args:
        data_dir: Folder of the data set.
        intervals: Whether training clips are drawn from the annotated intervals rather
            than from whole videos: each activity, from its start to its end, with the
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
    """Reads the list of videos."""
    name = tree.file(*(f"{place}{CONTINUOUS}" for place in PLACES))
    folder = tree.folder(*VIDEO_FOLDERS) or ""
    files = {stem(path): path for path in tree.videos(folder)}
    listing = Listing(ACTIVITIES)
    for video, entry in tree.json(name, dict).items():
        where = f"video {video!r}"
        part = PARTS.get(field(tree, name, where, entry, "subset"))
        if part is None:
            tree.refuse(name, where, "be training or testing", entry["subset"])
        times = (field(tree, name, where, entry, end) for end in ("start", "end"))
        start, end = tree.seconds(name, where, *times)
        actions = _actions(tree, name, where, entry)
        expected = f"{folder}/{video}.mp4" if folder else f"{video}.mp4"
        how = (actions, end - start, video, intervals)
        add_video(listing, part, files.get(video), expected, *how)
    return listing


def _actions(tree: Tree, name: str, where: str, entry: dict) -> list[Action]:
    """Class, start and end of each activity, in seconds of the video."""
    actions = []
    annotations = field(tree, name, where, entry, "annotations")
    if not isinstance(annotations, list):
        tree.refuse(name, where, "have a list of annotations", annotations)
    for annotation in annotations:
        label = field(tree, name, where, annotation, "label")
        if label not in ACTIVITIES:
            tree.refuse(name, where, f"have labels of {', '.join(ACTIVITIES)}", label)
        segment = field(tree, name, where, annotation, "segment")
        if not isinstance(segment, list) or len(segment) != 2:
            tree.refuse(name, where, "have segments of a start and an end", segment)
        times = tree.seconds(name, where, *segment)
        actions.append((ACTIVITIES.index(label), *times))
    return actions


OFFICIAL = Official(
    "mlb_continuous",
    "piergiaj/mlb-youtube on GitHub",
    (len(ACTIVITIES),),
    read,
)

"""MLB-YouTube, segmented: seven seconds of baseball, with what the pitch led to."""

from datasets.items import hashed_split
from datasets.listing import Listing, Official
from datasets.order import check
from datasets.source import VideoSource
from datasets.tree import Tree, stem

PLACES = ("", "data/", "annotations/", "mlb-youtube/data/")
SEGMENTED, NEGATIVE = "mlb-youtube-segmented.json", "mlb-youtube-negative.json"
VIDEO_FOLDERS = ("videos", "clips", "segmented")
PARTS = {"training": "train", "testing": "test"}
ACTIVITIES = (
    *("ball", "swing", "strike", "hit", "foul", "in play", "bunt"),
    "hit by pitch",
)
PITCHES = ("fastball", "slider", "knucklecurve", "curveball", "changeup", "sinker")
KINDS = {"activities": ACTIVITIES, "pitches": PITCHES}


class MLBYouTube(VideoSource):
    """Clips of the segmented MLB-YouTube data set (https://arxiv.org/abs/1804.03247).

    `data_dir` holds `mlb-youtube-segmented.json`, or has it in `data/`, and the clips,
    ID.mp4, which the data set's script cuts out of the games, in `videos/`, `clips/`,
    or itself. A clip has one or several of eight activities.

    There is no validation list: "validation" is about a tenth of the training list, by
    a hash of the clips' ids, for the official lists part the clips of a game, too.
    Papers train on the whole list and score on the test one: so does `held_out=False`,
    where "validation" is the test list. Choose no checkpoint by it.

    Args:
        data_dir: Folder of the data set.
        kind: "activities", several labels a clip; "pitches": one label, the type of
            the pitch, of the clips that have one.
        negatives: Whether the 2,983 clips without any activity are taken too, from
            `mlb-youtube-negative.json`. They are in no official list: by a hash of
            their ids 10 % go to the test list, the others to the training list.
        held_out: Whether validation is a tenth of the training list.
        exclude: File with paths to leave out, relative to `data_dir` or whole, one a
            line, as `python -m datasets.check` writes it.
        options: Those of `source.VideoSource`, without `task`, which is "multi" for
            activities, else "single".
    """

    def __init__(
        self,
        data_dir: str,
        kind: str = "activities",
        negatives: bool = False,
        held_out: bool = True,
        exclude: str | None = None,
        **options,
    ):
        check(kind in KINDS, "kind", f"one of {', '.join(KINDS)}", kind)
        valid = kind == "activities" or not negatives
        check(valid, "negatives", "False for pitches", negatives)
        layout = {"kind": kind, "negatives": negatives}
        index = OFFICIAL.index(data_dir, held_out, exclude, **layout)
        task = "multi" if kind == "activities" else "single"
        super().__init__(index, task=task, **options)


def read(
    tree: Tree, kind: str = "activities", negatives: bool | None = None
) -> Listing:
    """Reads the segmented clips, and the negative ones: None is if they are there."""
    name = tree.file(*(f"{place}{SEGMENTED}" for place in PLACES))
    folder = tree.folder(*VIDEO_FOLDERS) or ""
    files = {stem(path): path for path in tree.videos(folder)}
    start = f"{folder}/" if folder else ""
    listing = Listing(KINDS[kind])
    numbers = {label: number for number, label in enumerate(listing.classes)}
    for clip, entry in tree.json(name, dict).items():
        where = f"clip {clip!r}"
        part = PARTS.get(field(tree, name, where, entry, "subset"))
        if part is None:
            tree.refuse(name, where, "be training or testing", entry["subset"])
        labels = _labels(tree, name, where, entry, kind)
        unknown = [label for label in labels if label not in numbers]
        if unknown:
            rule = f"have labels of {', '.join(numbers)}"
            tree.refuse(name, where, rule, unknown[0])
        if labels or kind == "activities":
            found = tuple(sorted({numbers[label] for label in labels}))
            listing.add(part, files.get(clip), f"{start}{clip}.mp4", found, clip)
    if negatives or (negatives is None and tree.has(_beside(name))):
        for clip in tree.json(tree.file(_beside(name)), dict):
            part = "test" if hashed_split(clip) == "test" else "train"
            listing.add(part, files.get(clip), f"{start}{clip}.mp4", (), clip)
    return listing


def _labels(tree: Tree, name: str, where: str, entry: dict, kind: str) -> list[str]:
    if kind == "pitches":
        return [entry["type"]] if entry.get("type") else []
    labels = field(tree, name, where, entry, "labels")
    if not isinstance(labels, list):
        tree.refuse(name, where, "have a list of labels", labels)
    return labels


def field(tree: Tree, name: str, where: str, entry: object, key: str) -> object:
    """What an entry of a JSON file has by a key that it must have."""
    if not isinstance(entry, dict) or key not in entry:
        tree.refuse(name, where, f"have {key}", entry)
    return entry[key]


def _beside(name: str) -> str:
    return name.removesuffix(SEGMENTED) + NEGATIVE


OFFICIAL = Official(
    "mlb_youtube",
    "piergiaj/mlb-youtube on GitHub",
    (len(ACTIVITIES), len(PITCHES)),
    read,
    ({"negatives": None},),
)

"""Something-Something V2: people doing 174 things with things, told by motion."""

from datasets.listing import Listing, Official
from datasets.source import VideoSource
from datasets.tree import Tree, stem

PLACES = ("", "labels/", "annotations/", "something-something-v2/")
# The files of the first release, and of the newer one.
NAMES = ("something-something-v2-{}.json", "{}.json")
VIDEO_FOLDERS = ("20bn-something-something-v2", "videos")


class SomethingSomethingV2(VideoSource):
    """Clips of Something-Something V2 (https://arxiv.org/abs/1706.04261).

    `data_dir` holds `something-something-v2-labels.json`, `-train.json` and
    `-validation.json`, or in the newer release the folder `labels` with `labels.json`,
    `train.json` and `validation.json`; the videos, ID.webm, are in
    `20bn-something-something-v2/` or `videos/`. A video's class is its template without
    the brackets.

    "test" is the validation list, on which papers report, for the test list came
    without labels; so is "validation" unless a tenth of the training list is held out
    for it. In a mirrored clip left and right are swapped in the label, too.
    `zoo.predict` takes the videos of the test list as something_something_v2:FOLDER.

    Args:
        data_dir: Folder of the data set.
        held_out: Whether validation is a tenth of the training list, by a hash of the
            ids: the files do not say who recorded what.
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
    """Reads the templates, and the training and the validation list."""
    numbers = _templates(tree, _file(tree, "labels"))
    folder, files = _files(tree)
    listing = Listing(tuple(numbers))
    for part, word in (("train", "train"), ("test", "validation")):
        name = _file(tree, word)
        for place, entry in enumerate(tree.json(name, list)):
            if not isinstance(entry, dict) or not {"id", "template"} <= entry.keys():
                tree.refuse(name, f"entry {place}", "have id and template", entry)
            video = str(entry["id"])
            template = str(entry["template"]).replace("[", "").replace("]", "")
            if template not in numbers:
                rule = "have a template of the labels"
                tree.refuse(name, f"video {video}", rule, template)
            expected = f"{folder}/{video}.webm"
            label = (numbers[template],)
            listing.add(part, files.get(video), expected, label, video)
    return listing


def read_unlabelled(tree: Tree) -> tuple[list[str], list[str]]:
    """Paths of the test list's videos: of those that are there, and of the others."""
    name = _file(tree, "test")
    folder, files = _files(tree)
    found, missing = [], []
    for place, entry in enumerate(tree.json(name, list)):
        if not isinstance(entry, dict) or "id" not in entry:
            tree.refuse(name, f"entry {place}", "have id", entry)
        path = files.get(str(entry["id"]))
        (found if path else missing).append(path or f"{folder}/{entry['id']}.webm")
    return found, missing


def _files(tree: Tree) -> tuple[str, dict[str, str]]:
    """The folder of the videos, and their paths by their ids."""
    folder = tree.folder(*VIDEO_FOLDERS)
    paths = tree.videos(folder)
    return folder or VIDEO_FOLDERS[0], {stem(path): path for path in paths}


def _file(tree: Tree, word: str) -> str:
    names = [name.format(word) for name in NAMES]
    return tree.file(*(f"{place}{name}" for place in PLACES for name in names))


def _templates(tree: Tree, name: str) -> dict[str, int]:
    """Numbers of the templates, in their order."""
    labels = tree.json(name, dict)
    numbers = {}
    for template, number in labels.items():
        where, taken = f"label {template!r}", numbers.values()
        valid = str(number).isdecimal() and int(number) < len(labels)
        if not valid or int(number) in taken:
            rule = f"have a number of its own from 0 to {len(labels) - 1}"
            tree.refuse(name, where, rule, number)
        numbers[template] = int(number)
    return dict(sorted(numbers.items(), key=lambda pair: pair[1]))


OFFICIAL = Official(
    "something_something_v2",
    "the Something-Something V2 download of Qualcomm (20BN before)",
    (174,),
    read,
    read_unlabelled=read_unlabelled,
)

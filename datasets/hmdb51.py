"""HMDB51: short clips of films and the web, each with one of 51 actions."""

from datasets.listing import Listing, Official
from datasets.order import check
from datasets.source import VideoSource
from datasets.tree import Tree

FOLDS = (1, 2, 3)
SPLIT_FOLDERS = ("testTrainMulti_7030_splits", "splits", "test_train_splits", "")
VIDEO_FOLDERS = ("hmdb51_org", "videos", "hmdb51")
PARTS = {"1": "train", "2": "test", "0": None}


class HMDB51(VideoSource):
    """Clips of HMDB51 (https://doi.org/10.1109/ICCV.2011.6126543).

    `data_dir` holds the folder `testTrainMulti_7030_splits`, with a file for each
    class and fold such as `wave_test_split1.txt`, and a folder of videos for each
    class, itself or in `hmdb51_org/`. Both come as .rar files in a .rar file, to be
    unpacked before. Classes are numbered in alphabetical order.

    A fold, which the papers call a split, has 70 training and 30 test videos of each
    class, and leaves the others out. There is no validation list: "validation" is
    about a tenth of the training list, in which clips of one film and class are kept
    together. Papers train on the whole list and score on the test one: so does
    `held_out=False`, where "validation" is the test list. Choose no checkpoint by it.

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


def check_fold(fold: int) -> None:
    """Raises ValueError unless a fold is one of the three."""
    check(fold in FOLDS, "fold", "1, 2 or 3", fold)


def read(tree: Tree, fold: int) -> Listing:
    """Reads the files of a fold."""
    folder, names = _split_files(tree)
    classes = sorted({name.rpartition("_test_split")[0] for name in names})
    videos = tree.videos(tree.folder(*VIDEO_FOLDERS) or "", depth=2)
    files = {tuple(path.split("/")[-2:]): path for path in videos}
    if not files:
        _refuse_packed(tree)
    listing = Listing(tuple(classes))
    for number, label in enumerate(classes):
        name = tree.file(f"{folder}{label}_test_split{fold}.txt")
        for line, text in tree.lines(name):
            # A name may have a space, and what else films' names have.
            video, _, mark = text.rpartition(" ")
            if mark not in PARTS or not video:
                tree.refuse(name, line, "be a file's name and 0, 1 or 2", text)
            if PARTS[mark] is not None:
                video = video.strip()
                path = files.get((label, video))
                film = f"{label}/{video.rpartition(f'_{label}_')[0] or video}"
                expected = f"{label}/{video}"
                listing.add(PARTS[mark], path, expected, (number,), film)
    return listing


def _split_files(tree: Tree) -> tuple[str, list[str]]:
    """The folder with the split files, and their names."""
    for folder in SPLIT_FOLDERS:
        names = tree.names(folder)[0] if tree.has(folder) else []
        found = [name for name in names if "_test_split" in name]
        if found:
            return f"{folder}/" if folder else "", found
    tree.file(f"{SPLIT_FOLDERS[0]}/brush_hair_test_split1.txt")  # Raises.


def _refuse_packed(tree: Tree) -> None:
    packed = [name for name in tree.names("")[0] if name.lower().endswith(".rar")]
    if packed:
        rule = "`data_dir` must hold HMDB51 unpacked: `unrar x` each .rar file"
        raise ValueError(f"{rule}. Got: {', '.join(packed[:3])} in {tree.root}")


OFFICIAL = Official(
    "hmdb51",
    "test_train_splits.rar of the HMDB51 page of Brown University's Serre lab",
    (51,),
    read,
    tuple({"fold": fold} for fold in FOLDS),
)

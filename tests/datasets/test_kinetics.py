import pytest
from official import LABELS, change, kinetics400, kinetics_id, plant

from datasets import catalog
from datasets.kinetics import Kinetics400


@pytest.mark.parametrize("folder", ["{part}/", "{part}/{label}/", "{part}/{joined}/"])
@pytest.mark.parametrize("place", ["", "annotations/"])
def test_reads_flat_folders_and_those_of_classes(tmp_path, place, folder):
    source = Kinetics400(kinetics400(tmp_path, place, folder))
    assert source.classes == LABELS
    counts = [source.size(split) for split in ("train", "validation", "test")]
    assert counts == [90, 12, 12]
    assert source.items("validation") == source.items("test")
    numbers = [item.labels[0] for item in source.items("train")]
    assert numbers == [0, 1, 2] * 30
    # Ids have underscores and begin with a minus.
    name = f"{kinetics_id('train', 1)}_000001_000011.mp4"
    assert source.items("train")[1].path.endswith(f"/{name}")
    assert source.items("train")[1].path.startswith(f"{tmp_path}/train/")


@pytest.mark.parametrize(
    ("train", "val"), [("videos/train", "videos/val"), ("videos_train", "videos_val")]
)
def test_reads_other_folders(tmp_path, train, val):
    kinetics400(tmp_path)
    (tmp_path / "videos").mkdir()
    (tmp_path / "train").rename(tmp_path / train)
    (tmp_path / "val").rename(tmp_path / val)
    assert Kinetics400(tmp_path).size("train") == 90


def test_reads_other_names_of_the_lists_and_other_endings(tmp_path):
    kinetics400(tmp_path, ending=".webm")
    (tmp_path / "annotations/val.csv").rename(tmp_path / "annotations/validate.csv")
    assert Kinetics400(tmp_path).size("test") == 12


def test_holds_out_a_tenth_of_the_training_list_if_asked(tmp_path):
    source = Kinetics400(kinetics400(tmp_path), held_out=True)
    held = source.size("validation")
    assert 1 <= held <= 20
    assert source.size("train") == 90 - held
    assert source.size("test") == 12


def test_a_file_is_found_by_the_id_where_its_times_differ(tmp_path):
    folder = kinetics400(tmp_path) / "train"
    old = folder / f"{kinetics_id('train', 5)}_000005_000015.mp4"
    old.rename(folder / f"{kinetics_id('train', 5)}_000005_000014.mp4")
    plant(folder, f"{kinetics_id('train', 6)}_000000_000002.mp4")
    paths = [item.path for item in Kinetics400(tmp_path).items("train")]
    assert paths[5].endswith("_000005_000014.mp4")
    assert paths[6].endswith("_000006_000016.mp4")


@pytest.mark.parametrize("place", ["replacement/replacement_for_corrupted_k400"])
def test_replacements_go_before_broken_files(tmp_path, place):
    name = f"{kinetics_id('train', 7)}_000007_000017.mp4"
    source = Kinetics400(plant(kinetics400(tmp_path), f"{place}/{name}"))
    assert source.items("train")[7].path == f"{tmp_path}/{place}/{name}"
    assert source.size("train") == 90


def test_missing_videos_are_counted_in_one_warning(tmp_path, caplog):
    root = tmp_path / "my videos"
    for path in sorted((kinetics400(root) / "train").iterdir())[:10]:
        path.unlink()
    assert Kinetics400(root).size("train") == 80
    told = [r.getMessage() for r in caplog.records if "are missing" in r.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("10 of 102 videos of kinetics400 are missing and left ou")
    assert f"datasets.check kinetics400 --data_dir='{root}'" in told[0]
    assert "kinetics400 has 400 classes, but its annotation files" in caplog.text


def test_one_split_may_be_there_alone(tmp_path):
    for path in (kinetics400(tmp_path) / "train").iterdir():
        path.unlink()
    source = Kinetics400(tmp_path)
    assert (source.size("train"), source.size("test")) == (0, 12)


def test_without_videos_none_is_offered(tmp_path):
    kinetics400(tmp_path, folder="elsewhere/{part}/")
    rule = (
        "must hold videos of kinetics400, such as train/-_T_000000x_000000_000010.mp4"
    )
    with pytest.raises(ValueError, match=f"{rule}. Got: none of 102 in {tmp_path}"):
        Kinetics400(tmp_path)


def test_a_missing_list_is_named(tmp_path):
    (kinetics400(tmp_path, "") / "val.csv").unlink()
    with pytest.raises(
        ValueError, match=r"must hold val.csv, which comes from .* CVDF"
    ):
        Kinetics400(tmp_path)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("train", "label,youtube_id", "label,youtube", "line 1 must name the columns"),
        ("train", "-_T_000001x", "#NAME?", "line 3 must have a youtube_id of 11"),
        ("train", "-_T_000001x", "-_T_00001x", "line 3 must have a youtube_id of 11"),
        ("train", ",1,11,", ",1,", "line 3 must have 6 fields. Got: 5"),
        ("train", ",1,11,", ",x,11,", "line 3 must have seconds. Got: 'x 11'"),
        ("train", ",1,11,", ",1,inf,", "line 3 must have seconds. Got: '1 inf'"),
        ("train", ",1,11,", ",11,1,", "line 3 must have ascending time_start and"),
        ("train", LABELS[0], "", "line 2 must have a label. Got: ''"),
        (
            "val",
            LABELS[0],
            "Air drumming",
            "line 2 must have a label of annotations/tr",
        ),
    ],
)
def test_names_a_line_that_makes_no_sense(tmp_path, file, old, new, message):
    change(kinetics400(tmp_path) / f"annotations/{file}.csv", old, new)
    with pytest.raises(ValueError, match=rf"annotations/{file}.csv` {message}"):
        Kinetics400(tmp_path)


def test_names_a_file_that_is_no_text(tmp_path):
    (kinetics400(tmp_path) / "annotations/train.csv").write_bytes(b"label\n\xff\xfe")
    with pytest.raises(ValueError, match=r"train.csv` must be readable. Got: 'utf-8'"):
        Kinetics400(tmp_path)


@pytest.mark.parametrize("folder", ["test/", "videos/test/"])
def test_lists_the_videos_of_the_test_list(tmp_path, folder, caplog):
    kinetics400(tmp_path)
    names = [f"{kinetics_id('else', n)}_{n:06}_000009.mp4" for n in range(2)]
    plant(tmp_path, *(f"{folder}{name}" for name in names))
    found = catalog.list_unlabelled("kinetics400", str(tmp_path))
    assert found == [f"{tmp_path}/{folder}{name}" for name in names]
    missing = "test/-_E_000002x_000002_000009.mp4"
    text = "1 of 3 videos of the test list of kinetics400 are missing, such as "
    assert text + missing in caplog.text


def test_a_test_list_has_videos_to_be_found(tmp_path):
    kinetics400(tmp_path)
    rule = "test list of kinetics400, such as test/-_E_000000x_000000_000009.mp4"
    with pytest.raises(ValueError, match=f"{rule}. Got: none of 3"):
        catalog.list_unlabelled("kinetics400", tmp_path)
    change(tmp_path / "annotations/test.csv", "-_E_000001x", "short")
    with pytest.raises(ValueError, match=r"test.csv` line 3 must have a youtube_id"):
        catalog.list_unlabelled("kinetics400", tmp_path)
    (tmp_path / "annotations/test.csv").unlink()
    with pytest.raises(ValueError, match=r"must hold test.csv, which comes from"):
        catalog.list_unlabelled("kinetics400", tmp_path)

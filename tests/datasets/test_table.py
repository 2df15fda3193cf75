from pathlib import Path

import numpy as np
import pytest

from datasets.table import VideoTable, index_table


@pytest.fixture
def write(tmp_path):
    for name in "abcd":
        (tmp_path / f"{name}.mp4").touch()

    def table(text):
        path = tmp_path / "table.csv"
        path.write_text(text)
        return path

    return table


FULL = """path,labels,start,end,split
a.mp4,run|jump,1.5,4,train
a.mp4,sit,4,,train
b.mp4,run,,,val
c.mp4,jump,,,test
"""


def test_reads_labels_parts_and_splits(write, tmp_path):
    source = VideoTable(write(FULL))
    assert source.classes == ("jump", "run", "sit")
    assert source.task == "multi"
    first, second = source.items("train")
    assert (first.labels, first.start, first.end) == ((0, 1), 1.5, 4.0)
    assert (second.labels, second.start, second.end) == ((2,), 4.0, None)
    assert [first.key, second.key] == [
        f"{tmp_path}/a.mp4#1.5-4",
        f"{tmp_path}/a.mp4#4-",
    ]
    assert source.items("validation")[0].key == f"{tmp_path}/b.mp4"
    assert source.size("test") == 1
    labels = source.labels("train")
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, [[1, 1, 0], [0, 0, 1]])


def test_is_single_label_where_rows_have_one(write):
    path = write(
        "\ufeffpath, labels\na.mp4, run\nb.mp4, jump\nc.mp4, run\nd.mp4, jump\n"
    )
    assert VideoTable(path).task == "single"
    assert VideoTable(path).labels("train").dtype == np.int32
    assert VideoTable(path, task="multi").labels("train").shape[1] == 2


def test_parts_of_a_video_share_a_split(write):
    rows = "".join(f"a.mp4,{'ab'[i % 2]},{i},{i + 1}\n" for i in range(20))
    splits = index_table(write("path,labels,start,end\n" + rows)).splits
    assert {len(items) for items in splits.values()} == {20}  # Too few: all serve.


def test_an_exclude_list_leaves_rows_out(write, tmp_path):
    for path in ("c.mp4", tmp_path / "c.mp4"):
        (tmp_path / "list.txt").write_text(f"{path}\n")
        index = index_table(write(FULL), tmp_path / "list.txt")
        assert index.splits["test"] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns path and labels. Got: none"),
        ("path,label\na.mp4,run\n", "columns path and labels. Got: path, label"),
        ("path,labels\na.mp4,run\n", "two classes or more. Got: run"),
        ("path,labels\na.mp4,run\nb.mp4,\n", "`labels` must not be empty. .* line 3"),
        (FULL.replace("b.mp4", "x.mp4"), "name a file. Got 1 that do not: x.mp4"),
        (FULL.replace("val", "dev"), "`split` must be one of .* Got: 'dev' .* line 4"),
        (FULL.replace("1.5,4", "4,1.5"), "ascending seconds. Got: '4', '1.5'"),
        (FULL.replace("1.5,4", "x,4"), "ascending seconds. Got: 'x', '4'"),
        (
            FULL.replace("sit,4,,train", "sit,4,,test"),
            "`split` must give .* Got: none in sit",
        ),
    ],
)
def test_rejects_a_table_that_makes_no_sense(write, text, message):
    with pytest.raises(ValueError, match=message):
        VideoTable(write(text))


def test_rejects_an_unreadable_file(write, tmp_path):
    with pytest.raises(ValueError, match="`path` must be a readable CSV file"):
        VideoTable(tmp_path / "none.csv")
    (tmp_path / "table.csv").write_bytes(b"path,labels\n\xff\xfe\x00")
    with pytest.raises(ValueError, match="`path` must be a readable CSV file"):
        VideoTable(tmp_path / "table.csv")


def test_several_labels_are_not_one(write):
    with pytest.raises(ValueError, match=r"`task` must be 'multi' .* Got: 'single'"):
        VideoTable(write(FULL), task="single")


def test_rows_of_a_group_stay_together(tmp_path):
    paths = [f"{c}{day}-{i}.mp4" for c in "ab" for day in range(60) for i in "xy"]
    for path in paths:
        (tmp_path / path).touch()
    table = tmp_path / "table.csv"
    table.write_text("path,labels\n" + "".join(f"{p},{p[0]}\n" for p in paths))
    index = index_table(table, group=r"\d+-")
    days = {
        split: {Path(item.path).name[1:].partition("-")[0] for item in items}
        for split, items in index.splits.items()
    }
    assert sum(map(len, days.values())) == len(set.union(*days.values())) == 60

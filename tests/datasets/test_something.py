import json

import pytest
from official import something_something_v2 as something
from official import write

from datasets import catalog
from datasets.something import SomethingSomethingV2


@pytest.mark.parametrize("folder", ["20bn-something-something-v2/", "videos/"])
@pytest.mark.parametrize(
    "place",
    ["something-something-v2-", "labels/", "labels/something-something-v2-"],
)
def test_reads_the_older_and_the_newer_release(tmp_path, place, folder):
    source = SomethingSomethingV2(something(tmp_path, place, folder))
    assert source.classes == (
        "Putting number of something",
        "Pushing something from left to right",
    )
    assert [source.size(s) for s in ("train", "validation", "test")] == [60, 4, 4]
    assert source.items("validation") == source.items("test")
    first = source.items("train")[0]
    assert (first.path, first.labels) == (f"{tmp_path}/{folder}1000.webm", (1,))


def test_holds_out_a_tenth_of_the_training_list_if_asked(tmp_path):
    source = SomethingSomethingV2(something(tmp_path), held_out=True)
    assert 0 < source.size("validation") < 15
    assert source.size("train") + source.size("validation") == 60


@pytest.mark.parametrize(
    ("word", "change", "message"),
    [
        ("train", {"template": "Eating [a]"}, "video 1003 must have a template of the"),
        ("train", None, "entry 3 must have id and template. Got: "),
        (
            "labels",
            "0",
            "label 'Putting number of something' must have a number of its",
        ),
        (
            "labels",
            "2",
            "label 'Putting number of something' must have a number of its",
        ),
        (
            "labels",
            "x",
            "label 'Putting number of something' must have a number of its",
        ),
    ],
)
def test_names_an_entry_that_makes_no_sense(tmp_path, word, change, message):
    path = something(tmp_path, "labels/") / f"labels/{word}.json"
    value = json.loads(path.read_text())
    if word == "labels":
        value = {"Pushing something from left to right": "0", [*value][1]: change}
    else:
        value[3] = {**value[3], **change} if change else {"id": "3"}
    write(path, value)
    with pytest.raises(ValueError, match=rf"labels/{word}.json` {message}"):
        SomethingSomethingV2(tmp_path)


@pytest.mark.parametrize("word", ["labels", "train", "validation"])
def test_a_missing_file_is_named(tmp_path, word):
    (something(tmp_path) / f"something-something-v2-{word}.json").unlink()
    rule = f"must hold something-something-v2-{word}.json, which comes from .* Qualcomm"
    with pytest.raises(ValueError, match=rule):
        SomethingSomethingV2(tmp_path)


@pytest.mark.parametrize("place", ["something-something-v2-", "labels/"])
def test_lists_the_videos_of_the_test_list(tmp_path, place):
    root = something(tmp_path, place)
    found = catalog.list_unlabelled("something_something_v2", root)
    assert found == [f"{root}/videos/9.webm"]
    write(root / f"{place}test.json", [{"id": "9"}, {"name": "8"}])
    with pytest.raises(ValueError, match=r"test.json` entry 1 must have id. Got: {'n"):
        catalog.list_unlabelled("something_something_v2", root)

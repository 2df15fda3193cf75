import codecs

import pytest

from datasets.items import Groups, Item, hashed_split, path_in, read_exclude


def test_a_key_tells_parts_of_a_long_video_apart():
    assert Item("a.mp4", (0,)).key == "a.mp4"
    assert Item("a.mp4", (0,), 1.5).key == "a.mp4#1.5-"
    assert Item("a.mp4", (0,), 0.0, 12.0).key == "a.mp4#0-12"
    keys = {Item("a.mp4", (0,), 40000 + i / 25).key for i in range(100)}
    assert len(keys) == 100


@pytest.mark.parametrize(
    ("pattern", "name", "group"),
    [
        (r"s\d+", "a/s3_1.mp4", "s3"),
        (r"s(\d+)", "a/s3_1.mp4", "3"),
        (r"s(\d+)_|day(\d+)", "a/day7-s.mp4", "7"),
        (r"s(\d+)?", "a/s.mp4", "s"),
    ],
)
def test_a_group_is_what_the_pattern_finds(pattern, name, group):
    assert Groups(pattern).split(name) == hashed_split(group)


def test_an_exclude_list_may_come_from_any_system(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(codecs.BOM_UTF8 + "a b/\u00e9.mp4\r\n\r\nc.mp4".encode())
    assert read_exclude(path) == {"a b/\u00e9.mp4", "c.mp4"}
    path.write_bytes(b"a/\xe9.mp4\n")
    assert read_exclude(path) == {"a/\udce9.mp4"}  # As a folder of such files lists it.
    path.write_bytes("a.mp4\n".encode("utf-16"))
    with pytest.raises(ValueError, match="`exclude` must be a text file in UTF-8"):
        read_exclude(path)
    with pytest.raises(ValueError, match="`exclude` must be a readable file"):
        read_exclude(tmp_path)


@pytest.mark.parametrize("root", ["v", "./v", "v/", "v//", "."])
def test_a_path_in_a_folder_does_not_depend_on_its_spelling(root):
    assert path_in(root, "v/a/1.mp4") == ("v/a/1.mp4" if root == "." else "a/1.mp4")
    assert path_in(root, "/else/1.mp4") == "/else/1.mp4"

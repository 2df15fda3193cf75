import errno
import os

import pytest

from zoo import files

NOBODY = 65534


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_test_of_a_folder_makes_it_and_leaves_nothing(tmp_path):
    files.check_writable(tmp_path / "a" / "b", 1)
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_folder_that_can_not_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="`workdir` must be a folder that can be writ"):
        files.check_writable(tmp_path / "file" / "run")


@pytest.fixture
def closed(tmp_path):
    """A folder that this user may not write to; root may all, and becomes another."""
    tmp_path.chmod(0o500)
    user = os.geteuid()
    os.seteuid(user or NOBODY)
    yield tmp_path
    os.seteuid(user)


def test_folder_without_permission_is_refused(closed):
    with pytest.raises(ValueError, match="Permission denied"):
        files.check_writable(closed)


def test_locked_folder_is_one_process_s(tmp_path):
    message = r"no other process trains\. Got: '.*/run'"
    with files.locked(tmp_path / "run"), pytest.raises(ValueError, match=message):
        files.locked(tmp_path / "run").__enter__()
    with pytest.raises(BlockingIOError, match="of the body"), files.locked(tmp_path):
        raise BlockingIOError("of the body")


def test_disk_without_locks_may_be_trained_on(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    with files.locked(tmp_path), files.locked(tmp_path):
        assert (tmp_path / files.LOCK).exists()


def test_folder_without_permission_is_not_locked(closed):
    with pytest.raises(ValueError, match="Permission denied"), files.locked(closed):
        pass


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC])
def test_disk_that_takes_nothing_is_refused(code, tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(ValueError, match=rf"{tmp_path}, {os.strerror(code)}"):
        files.check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_disk_with_too_little_room_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"1000000000000 MB free to save to\. Got: .* MB"
    ):
        files.check_writable(tmp_path, 10**18)


def test_file_stays_where_its_replacement_fails(tmp_path, monkeypatch):
    files.write_text(tmp_path / "a", "old")
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_text(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_files_of_a_user_are_not_touched_by_a_test_of_the_folder(tmp_path):
    (tmp_path / "test").write_text("precious")
    files.check_writable(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["test"]
    assert (tmp_path / "test").read_text() == "precious"


def test_name_of_a_file_that_is_not_utf8_is_written_as_it_is(tmp_path):
    files.write_text(tmp_path / "list.csv", os.fsdecode(b"a/\xe9.mp4,1\n"))
    assert (tmp_path / "list.csv").read_bytes() == b"a/\xe9.mp4,1\n"


def test_too_little_room_is_what_a_write_would_say(tmp_path):
    files.check_room(tmp_path, 1)
    with pytest.raises(OSError, match="No space left on device, of ") as caught:
        files.check_room(tmp_path, 1 << 60)
    assert caught.value.errno == errno.ENOSPC

"""A file is there whole or not at all."""

import errno
import os
import zipfile
from contextlib import nullcontext

import numpy as np
import pytest

from vae_gluon import _files as files
from vae_gluon._files import lock, open_file, read_npz, remove_partials, replacing


@pytest.fixture
def old(tmp_path):
    """A file with content, in a folder of its own."""
    path = tmp_path / "folder/file.txt"
    path.parent.mkdir()
    path.write_text("old")
    return path


def test_new_content_takes_the_place_of_the_old_with_the_usual_permissions_also_by_a_link(old):
    link = old.parent.parent / "link.txt"
    link.symlink_to(old)
    with replacing(link) as partial:
        partial.write_text("new")
        with replacing(old) as other:  # another process, say, which writes to a file of its own
            other.write_text("other")
        assert old.read_text() == "other"
    assert old.read_text() == "new"
    assert list(old.parent.iterdir()) == [old]
    assert link.is_symlink()
    usual = old.with_name("usual")
    usual.touch()
    assert old.stat().st_mode == usual.stat().st_mode


@pytest.mark.parametrize("error", [KeyboardInterrupt, PermissionError])
def test_after_an_error_the_old_content_is_there_and_nothing_else(old, error):
    with pytest.raises(error), replacing(old) as partial:
        partial.write_text("ne")
        raise error
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_content_is_on_the_disk_before_it_gets_its_name(old, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda *args: calls.append("fsync") or fsync(*args))
    monkeypatch.setattr(os, "replace", lambda *args: calls.append("replace") or replace(*args))
    with replacing(old) as partial:
        partial.write_text("new")
    assert calls == ["fsync", "replace", "fsync"]  # at last the folder's


def test_what_a_killed_process_has_left_can_be_removed_and_nothing_else(old):
    left, link = (old.with_name(f".vae-gluon-{end}.txt") for end in ("0123456789abcdef", "0" * 16))
    left.write_text("ne")  # locked by no process
    link.symlink_to(old)
    strangers = {old.with_name(name) for name in (".notes.partial", ".vae-gluon-notes.partial")}
    for path in strangers:
        path.write_text("precious")
    with replacing(old) as partial:
        partial.write_text("new")
        remove_partials(old.parent)
        assert set(old.parent.iterdir()) == {old, link, partial, *strangers}


def test_a_folder_has_one_owner_until_it_is_closed(old):
    with lock(old.parent):
        assert lock(old.parent) is None
    lock(old.parent).close()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO])
def test_a_file_system_that_cannot_flush_is_no_error_and_one_that_fails_is(
    old, monkeypatch, number
):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    expected = pytest.raises(OSError, match=str(old)) if number == errno.EIO else nullcontext()
    with expected, replacing(old) as partial:
        partial.write_text("new")
    assert old.read_text() == ("old" if number == errno.EIO else "new")


def test_where_there_are_no_locks_there_are_no_owners(old, monkeypatch):
    def refuse(*args):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    with lock(old.parent), lock(old.parent), replacing(old) as partial:
        partial.write_text("new")
    assert old.read_text() == "new"


def test_only_files_are_read(old):
    with open_file(old) as file:
        assert file.read() == b"old"
    os.mkfifo(old.parent / "pipe")  # which nobody writes to
    for path in (old.parent, old.parent / "pipe"):
        with pytest.raises(ValueError, match=f"{path}: expected a file, got a folder, a pipe"):
            open_file(path)


# Archives of arrays


def npy(header, content=b"", version=b"\1\0"):
    length = len(header).to_bytes(2 if version[0] == 1 else 4, "little")
    return b"\x93NUMPY" + version + length + header + content


HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%s,)}\n"


def test_arrays_come_back_compressed_ones_up_to_a_limit(tmp_path, monkeypatch):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(["x", "yy"]), "c": np.zeros(10_000)}
    monkeypatch.setattr(files, "MAX_BYTES", 80_448)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        read = read_npz(tmp_path / "a.npz", compressed=True)
        assert read.keys() == arrays.keys()
        assert all((read[name] == arrays[name]).all() for name in arrays)
    with pytest.raises(ValueError, match="arrays of 80448 bytes, more than"):
        read_npz(tmp_path / "a.npz")
    monkeypatch.setattr(files, "MAX_BYTES", 80_447)
    with pytest.raises(ValueError, match="arrays of 80448 bytes, more than 80447"):
        read_npz(tmp_path / "a.npz", compressed=True)


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (b"no array", "'a.npy', which is no array"),
        (npy(HEADER % b"2" + b" " * 400_000, bytes(8), b"\2\0"), "'a.npy', which is no arr"),
        (npy(HEADER % b"1099511627776"), ""),  # NumPy's message, or a MemoryError
        (npy(HEADER.replace(b"<f4", b"|O8") % b"1", b"cos\nsystem\n"), "allow_pickle=False"),
        (npy(b"(" * 9000), ""),
        (npy(b"\x1b" * 9000), ""),  # which NumPy's message quotes
    ],
    ids=["no array", "long header", "huge claim", "pickle", "nested header", "long message"],
)
def test_what_is_no_array_is_a_short_error_that_names_the_file(tmp_path, array, found):
    path = tmp_path / "arrays.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.npy", array)
    with pytest.raises(ValueError, match=f"{path}: expected an .npz file .*{found}") as error:
        read_npz(path)
    assert len(str(error.value)) < len(str(path)) + 300

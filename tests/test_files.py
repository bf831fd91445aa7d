"""A file is there whole or not at all."""

import errno
import os
import resource
import stat
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
    before = os.umask(0o022)
    os.umask(before)
    assert stat.S_IMODE(old.stat().st_mode) == 0o666 & ~before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, PermissionError])
def test_after_an_error_the_old_content_is_there_and_nothing_else(old, error):
    with pytest.raises(error), replacing(old) as partial:
        partial.write_text("ne")
        raise error
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_content_is_on_the_disk_before_it_gets_its_name(old, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        call = getattr(os, name)
        watched = lambda *args, name=name, call=call: calls.append(name) or call(*args)  # noqa: E731
        monkeypatch.setattr(files.os, name, watched)
    with replacing(old) as partial:
        partial.write_text("new")
    assert calls == ["fsync", "replace", "fsync"]  # at last the folder's


def test_a_full_disk_leaves_the_old_content_and_is_named_with_the_file(old):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as error, replacing(old) as partial:
            partial.write_bytes(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.filename == str(old)
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_what_a_killed_process_has_left_can_be_removed_and_not_what_others_write(old):
    left = old.with_name(f".vae-gluon-{'0123456789abcdef'}.txt")
    left.write_text("ne")  # locked by no process
    with replacing(old) as partial:
        partial.write_text("new")
        remove_partials(old.parent)
        assert set(old.parent.iterdir()) == {old, partial}
    assert list(old.parent.iterdir()) == [old]


def test_a_folder_has_one_owner_until_it_is_closed(old):
    with lock(old.parent):
        assert lock(old.parent) is None
    lock(old.parent).close()


def test_what_others_have_named_alike_stays_and_stops_nothing(old):
    strangers = [old.parent / name for name in (".notes.partial", ".vae-gluon-notes.partial")]
    for path in strangers:
        path.write_text("precious")
    (old.parent / f".vae-gluon-{'0' * 16}").symlink_to(old)
    remove_partials(old.parent)
    assert [path.read_text() for path in strangers] == ["precious"] * 2
    assert old.read_text() == "old"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_a_file_system_that_cannot_flush_is_no_error_and_one_that_fails_is(
    old, monkeypatch, number
):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "fsync", refuse)
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
    with pytest.raises(ValueError, match=r"folder: expected a file, got a folder"):
        open_file(old.parent)
    os.mkfifo(old.parent / "pipe")  # which nobody writes to
    (old.parent / "zero").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=r"pipe: expected a file, got a pipe or a device"):
        open_file(old.parent / "pipe")
    with pytest.raises(ValueError, match=r"zero: expected a file, got a pipe or a device"):
        open_file(old.parent / "zero")


# Archives of arrays


@pytest.fixture
def archive(tmp_path):
    """A function that writes members, bytes by name, as an .npz file."""

    def write(method=zipfile.ZIP_STORED, **members):
        with zipfile.ZipFile(tmp_path / "arrays.npz", "w", method) as file:
            for name, content in members.items():
                file.writestr(f"{name}.npy", content)
        return tmp_path / "arrays.npz"

    return write


def npy(header, content=b"", version=b"\1\0"):
    length = len(header).to_bytes(2 if version[0] == 1 else 4, "little")
    return b"\x93NUMPY" + version + length + header + content


HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%s,)}\n"


def test_arrays_come_back_by_name(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(["x", "yy"]), "c": np.zeros(0)}
    np.savez(tmp_path / "a.npz", **arrays)
    read = read_npz(tmp_path / "a.npz")
    assert read.keys() == arrays.keys()
    assert all((read[name] == arrays[name]).all() for name in arrays)


def test_compressed_arrays_are_unpacked_up_to_a_limit(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(10_000))
    np.savez(tmp_path / "b.npz", a=np.zeros(10_000))
    monkeypatch.setattr(files, "MAX_BYTES", 80_128)
    assert read_npz(tmp_path / "a.npz", compressed=True)["a"].shape == (10_000,)
    monkeypatch.setattr(files, "MAX_BYTES", 80_127)
    with pytest.raises(ValueError, match="arrays of 80128 bytes, more than 80127"):
        read_npz(tmp_path / "a.npz", compressed=True)
    with pytest.raises(ValueError, match="arrays of 80128 bytes, more than"):
        read_npz(tmp_path / "a.npz")
    assert read_npz(tmp_path / "b.npz")["a"].shape == (10_000,)


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"a": b"no array"}, "'a.npy', which is no array"),
        ({"a": npy(HEADER % b"2" + b" " * 400_000, bytes(8), b"\2\0")}, "'a.npy', which is no arr"),
        ({"a": npy(HEADER % b"1099511627776")}, ""),  # NumPy's message, or a MemoryError
        ({"a": npy(HEADER % b"2", bytes(7))}, ""),
        ({"a": npy(HEADER.replace(b"<f4", b"|O8") % b"1", b"cos\nsystem\n")}, "allow_pickle=False"),
        ({"a": npy(b"(" * 9000)}, ""),
    ],
    ids=["no array", "long header", "huge claim", "cut off", "pickle", "nested header"],
)
def test_what_is_no_array_is_a_value_error_that_names_the_file(archive, members, found):
    with pytest.raises(ValueError, match=rf"arrays.npz: expected an .npz file of arrays.*{found}"):
        read_npz(archive(**members))


def test_any_damage_is_a_value_error_that_names_the_file(archive, tmp_path):
    whole = archive(a=npy(HEADER % b"2", bytes(8))).read_bytes()
    path = tmp_path / "damaged.npz"
    messages = []
    for at in range(0, len(whole), 2):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]):
            path.write_bytes(damaged)
            try:
                read_npz(path)
            except ValueError as error:
                messages.append(str(error))
    assert len(messages) > len(whole) / 2
    assert all(text.startswith(f"{path}: expected an .npz file") for text in messages)
    assert max(map(len, messages)) < len(str(path)) + 300

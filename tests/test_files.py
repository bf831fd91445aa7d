"""A file is there whole or not at all."""

import errno
import os
import stat
import subprocess
import sys
from contextlib import nullcontext

import pytest

from vae_gluon import _files as files
from vae_gluon._files import lock, read_file, remove_partials, replacing


@pytest.fixture
def old(tmp_path):
    """A file with content, in a folder of its own."""
    path = tmp_path / "folder/file.txt"
    path.parent.mkdir()
    path.write_text("old")
    return path


def test_new_content_takes_the_place_of_the_old(old):
    with replacing(old) as partial:
        partial.write_text("new")
        assert old.read_text() == "old"
    assert old.read_text() == "new"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, PermissionError])
def test_after_an_error_the_old_content_is_there_and_nothing_else(old, error):
    with pytest.raises(error), replacing(old) as partial:
        partial.write_text("ne")
        raise error
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_processes_that_write_the_same_file_write_to_files_of_their_own(old):
    with replacing(old) as partial:
        partial.write_text("first")
        with replacing(old) as other:
            other.write_text("second")
        assert old.read_text() == "second"
        assert partial.read_text() == "first"


def test_content_is_on_the_disk_before_it_gets_its_name(old, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        call = getattr(os, name)
        watched = lambda *args, name=name, call=call: calls.append(name) or call(*args)  # noqa: E731
        monkeypatch.setattr(files.os, name, watched)
    with replacing(old) as partial:
        partial.write_text("new")
    assert calls == ["fsync", "replace", "fsync"]  # at last the folder's


@pytest.mark.parametrize("folder", ["nowhere", "folder/file.txt"])
def test_an_error_names_the_file_and_not_the_one_beside_it(old, folder):
    path = old.parent.parent / folder / "new.txt"
    with pytest.raises(OSError, match=f"directory: '{path}'$"), replacing(path) as partial:
        partial.write_text("new")


def test_a_full_disk_leaves_the_old_content(old):
    code = (
        "import resource, sys; from pathlib import Path; from vae_gluon._files import replacing\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "with replacing(Path(sys.argv[1])) as partial: partial.write_bytes(bytes(5000))"
    )
    done = subprocess.run([sys.executable, "-c", code, old], capture_output=True, text=True)
    assert done.stderr.endswith(f"OSError: [Errno 27] File too large: '{old}'\n")
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_a_killed_process_leaves_the_old_content_and_a_partial_that_can_be_removed(old):
    code = (
        "import os, signal, sys; from pathlib import Path; from vae_gluon._files import replacing\n"
        "with replacing(Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('ne'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, old]).returncode == -9
    assert old.read_text() == "old"
    assert len(list(old.parent.iterdir())) == 2
    with replacing(old) as partial:  # by a process that lives
        partial.write_text("new")
        remove_partials(old.parent)
        assert set(old.parent.iterdir()) == {old, partial.parent}
    assert list(old.parent.iterdir()) == [old]


def test_what_others_have_named_alike_stays_and_stops_nothing(old):
    strangers = [old.parent / name for name in (".notes.partial", ".vae-gluon-notes.partial")]
    for path in strangers:
        path.write_text("precious")
    (old.parent / ".vae-gluon-link.partial").symlink_to(old.parent)
    remove_partials(old.parent)
    assert [path.read_text() for path in strangers] == ["precious"] * 2
    assert old.read_text() == "old"


def test_a_file_is_written_where_nobody_else_can_put_a_link(old):
    with replacing(old) as partial:
        assert stat.S_IMODE(partial.parent.stat().st_mode) == 0o700
        partial.write_text("new")
    before = os.umask(0o022)
    os.umask(before)
    assert stat.S_IMODE(old.stat().st_mode) == 0o666 & ~before


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


def test_a_folder_has_one_owner_until_it_is_closed_or_ends(old):
    code = (
        "import sys, time; from pathlib import Path; from vae_gluon._files import lock\n"
        "held = lock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    words = [sys.executable, "-c", code, old.parent]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(BlockingIOError):
            lock(old.parent)
        process.kill()
    with lock(old.parent), pytest.raises(BlockingIOError):
        lock(old.parent)
    lock(old.parent).close()


def test_where_there_are_no_locks_there_are_no_owners(old, monkeypatch):
    def refuse(*args):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    with lock(old.parent), lock(old.parent), replacing(old) as partial:
        partial.write_text("new")
    assert old.read_text() == "new"


def test_a_lock_is_not_looked_for_behind_a_link(old):
    (old.parent / ".lock").symlink_to(old)
    with pytest.raises(OSError, match="symbolic links"):
        lock(old.parent)
    assert old.read_text() == "old"


def test_only_files_are_read_and_none_longer_than_expected(old):
    assert read_file(old, 3) == b"old"
    with pytest.raises(ValueError, match=r"file.txt: expected at most 2 bytes, found 3"):
        read_file(old, 2)
    with pytest.raises(ValueError, match=r"folder: expected a file, found a folder"):
        read_file(old.parent, 10)
    os.mkfifo(old.parent / "pipe")  # which nobody writes to
    (old.parent / "zero").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=r"pipe: expected a file, found a pipe"):
        read_file(old.parent / "pipe", 10)
    with pytest.raises(ValueError, match=r"zero: expected a file, found a device"):
        read_file(old.parent / "zero", 10)
    with (old.parent / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=r"expected at most 10 bytes, found 1099511627776"):
        read_file(old.parent / "sparse", 10)

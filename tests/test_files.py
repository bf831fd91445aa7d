"""A file is there whole or not at all."""

import os
import subprocess
import sys

import pytest

from vae_gluon import _files as files
from vae_gluon._files import remove_partials, replacing


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


def test_processes_that_write_the_same_file_write_to_files_of_their_own(old, monkeypatch):
    with replacing(old) as partial:
        partial.write_text("first")
        monkeypatch.setattr(os, "getpid", lambda: -1)
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


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files as POSIX does")
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
    remove_partials(old.parent)
    assert list(old.parent.iterdir()) == [old]

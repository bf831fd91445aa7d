"""Files: read if they are what they seem, written whole or not at all, folders with one owner."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PREFIX, SUFFIX = ".vae-gluon-", ".partial"  # of the folder that a file is written in
LOCK = ".lock"
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading: a pipe would be waited for, a device has no end.

    Raises
    ------
    ValueError
        If it is something else.
    OSError
        If it is not there, or may not be read.
    """
    return open(path, "rb", opener=_open_regular)


def _open_regular(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NONBLOCK)  # which does not wait for a pipe's writer
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise ValueError(f"{path}: expected a file, found {KINDS.get(stat.S_IFMT(mode), 'none')}")
    return descriptor


def read_file(path: Path, limit: float) -> bytes:
    """Return the content of a regular file; a ValueError if it has more than ``limit`` bytes."""
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise ValueError(f"{path}: expected at most {limit} bytes, found {size}")
        return file.read()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, then rename it to ``path``.

    The file is flushed to the disk before it is renamed, so that ``path`` always has either the
    old content or the new: after an error, a kill or a power cut.

    Raises
    ------
    OSError
        If the system refuses (a full disk, a read-only folder). The error names ``path``, which
        is unchanged.
    """
    try:
        with _temporary_folder(path.parent) as folder:
            partial = folder / path.name
            yield partial
            _flush(partial)
            os.replace(partial, path)
            with contextlib.suppress(OSError):  # some may not be opened, some file systems refuse
                _flush(path.parent)
    except OSError as error:
        if error.errno is None:  # not of the system
            raise
        # OSError itself chooses the subclass, by the number.
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextlib.contextmanager
def _temporary_folder(parent: Path) -> Iterator[Path]:
    """Make a folder that is this user's alone: nobody can put a link into it for us to follow."""
    folder = Path(tempfile.mkdtemp(SUFFIX, PREFIX, parent))
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        os.close(descriptor)
        # An error here must not hide the first one.
        shutil.rmtree(folder, ignore_errors=True)


def remove_partials(folder: Path) -> None:
    """Remove what processes have left in ``folder`` that were killed while writing."""
    for partial in folder.glob(f"{PREFIX}*{SUFFIX}"):
        with contextlib.suppress(OSError):  # its process lives, nobody knows, or it is no folder
            descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(partial, ignore_errors=True)
            finally:
                os.close(descriptor)


def lock(folder: Path) -> BinaryIO:
    """Make this process the owner of ``folder``, until it closes what is returned, or ends.

    Raises
    ------
    BlockingIOError
        If another process is.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    file = os.fdopen(os.open(folder / LOCK, flags, 0o666), "rb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    except OSError:  # this file system has no locks
        pass
    return file


def _flush(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # this file system cannot
            raise
    finally:
        os.close(descriptor)

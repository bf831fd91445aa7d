"""Files: checked when read, written atomically; locks for folders."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vae_gluon._checks import quoted

PREFIX, N_HEX = ".vae-gluon-", 16  # of a file being written, before its suffix
LOCK = ".lock"
MAX_BYTES = 2**30  # to which a file may decompress
MAX_HEADER = 10_000  # bytes of an array's header in an .npz file; NumPy writes about 120


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading: a pipe would block, and a device has no end."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: expected a file, got a folder, a pipe or a device")
    return open(path, "rb")


def read_npz(path: Path, compressed: bool = False) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` file by name, without pickle.

    A ValueError names the file if it is damaged, or its arrays are larger than the file, or than
    MAX_BYTES if they may be compressed.
    """
    with open_file(path) as file:
        try:
            _check_members(file, MAX_BYTES if compressed else 0)
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except Exception as error:  # any of the parsers' errors, memory and recursion included
            raise ValueError(
                f"{path}: expected an .npz file of arrays, got: {quoted(error)}"
            ) from error


def _check_members(file: BinaryIO, limit: int) -> None:
    """Check the sizes that an ``.npz`` file claims, before NumPy allocates them."""
    limit = max(limit, os.fstat(file.fileno()).st_size)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if size > limit:
            raise ValueError(f"arrays of {size} bytes, more than {limit}")
        for member in members:
            with archive.open(member) as array:
                start = array.read(12)
            # The length of the header: 2 bytes in version 1 of the format, 4 in later ones. A long
            # header crashes the parser of NumPy 1.21.
            length = int.from_bytes(start[8 : 10 if start[6:7] == b"\1" else 12], "little")
            if start[:6] != np.lib.format.MAGIC_PREFIX or length > MAX_HEADER:
                raise ValueError(f"{quoted(member.filename)}, which is no array")
    file.seek(0)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, then rename it to ``path``, or to its link's target.

    The file is flushed to disk before it is renamed, so that ``path`` has either the old content or
    the new, even after a crash or a power cut. If writing fails (a full disk, a read-only folder),
    an OSError names ``path``, which is unchanged.
    """
    path = Path(os.path.realpath(path))
    partial = path.with_name(f"{PREFIX}{secrets.token_hex(N_HEX // 2)}{path.suffix}")
    try:
        with open(partial, "xb") as file:  # "x", so that no link is followed
            try:
                _try_lock(file)  # while this process lives
                yield partial
                _flush(file)
                os.replace(partial, path)
            finally:
                partial.unlink(missing_ok=True)  # missing if it has been renamed
        with contextlib.suppress(OSError):  # not every file system can flush a folder
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        if error.errno is None:  # not a system error
            raise
        # OSError chooses the subclass by the number.
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically; errors as for ``replacing``."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a mapping to a JSON file, atomically."""
    write_bytes(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def remove_partials(folder: Path) -> None:
    """Remove files left in ``folder`` by processes killed while writing."""
    for partial in folder.glob(f"{PREFIX}{'[0-9a-f]' * N_HEX}*"):
        if partial.is_file() and not partial.is_symlink():
            with contextlib.suppress(OSError), open(partial, "rb") as file:
                if _try_lock(file):  # its process has ended
                    partial.unlink()


def lock(folder: Path) -> BinaryIO | None:
    """Lock ``folder`` until the returned file is closed or this process ends.

    Return None if another process has locked it.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    file = os.fdopen(os.open(folder / LOCK, flags, 0o666), "rb")
    if not _try_lock(file):
        file.close()
        return None
    return file


def _try_lock(file: BinaryIO) -> bool:
    """Lock a file until it is closed; return False if another process has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # this file system has no locks
        pass
    return True


def _flush(file: BinaryIO) -> None:
    """Wait until a file is on disk."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # this file system cannot
            raise

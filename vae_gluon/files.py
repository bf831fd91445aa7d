"""Files that are there whole or not at all, whatever ends the process that writes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, beside ``path``; then put what was written in its place.

    It is flushed to the disk before it gets its name, so that under ``path`` there is always
    the old content or the new one: after an error, after a kill, after a power cut.

    Raises
    ------
    OSError
        If the system refuses something (a full disk, a read-only folder): it names ``path``,
        which is as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        yield partial
        _flush(partial, os.O_RDWR)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise type(error)(error.errno, error.strerror or str(error), str(path)) from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # elsewhere a folder cannot be opened
        _flush(path.parent, os.O_RDONLY)


def remove_partials(folder: Path) -> None:
    """Remove what killed processes have left of files that they were writing."""
    for partial in folder.glob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)


def _flush(path, flags):
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

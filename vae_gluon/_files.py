"""Files that are written whole or not at all, whatever ends the process that writes them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

PARTIAL = ".partial"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to, then rename it to ``path``.

    The file is flushed to the disk before it is renamed, so that ``path`` always has either the
    old content or the new: after an error, a kill or a power cut.

    Raises
    ------
    OSError
        If the system refuses (a full disk, a read-only folder). The error names ``path``, which
        is unchanged.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        yield partial
        _flush(partial, os.O_RDWR)
        os.replace(partial, path)
    except OSError as error:
        if error.errno is None:  # not of the system
            raise
        # OSError itself chooses the subclass, by the number.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        # After a success it is gone. An error here must not hide the first one.
        with contextlib.suppress(OSError):
            partial.unlink()
    if os.name == "posix":  # other systems cannot open a folder
        _flush(path.parent, os.O_RDONLY)


def remove_partials(folder: Path) -> None:
    """Remove the temporary files of processes that were killed while writing."""
    for partial in folder.glob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)


def _flush(path: Path, flags: int) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Standard output and error that never raise, so that printing cannot stop training."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class _Lenient:
    """A stream that drops output to a closed pipe, a full disk or a lost terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            self._give_up()
        except UnicodeEncodeError:  # a folder's name, if output is ASCII
            encoding = self._stream.encoding
            self.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        """Discard further output, including what is still in the stream's buffer."""
        with suppress(OSError), open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def lenient_output() -> Iterator[None]:
    """Keep printing within the block from raising errors."""
    before = sys.stdout, sys.stderr
    # A stream that was closed when Python started is None.
    sys.stdout, sys.stderr = (_Lenient(s or open(os.devnull, "w")) for s in before)  # noqa: SIM115
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before

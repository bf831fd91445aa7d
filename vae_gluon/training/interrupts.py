"""Signals that end a training, deferred until that does no harm."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

# Ctrl-C, what asks a process to end, and what a terminal sends when it is closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt with the number of a signal, whose handler this may be."""
    raise KeyboardInterrupt(number)


@contextmanager
def ending_by_signals() -> Iterator[None]:
    """Let each of SIGNALS that is not ignored raise KeyboardInterrupt, in the main thread."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            # A handler that is not Python's is None, and stays.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class HeldInterrupt:
    """Defers Ctrl-C within a ``with`` block until ``check`` is called.

    So it does other signals, if the handler is ``interrupt``. A second one interrupts at once. In
    any thread but the main one, and where somebody has set another handler, nothing changes.

    >>> with HeldInterrupt() as held:
    ...     for step in range(3):
    ...         held.check()  # raises KeyboardInterrupt if Ctrl-C has been pressed
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> HeldInterrupt:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                handler = signal.getsignal(number)
                if handler in (interrupt, signal.default_int_handler):
                    self._before[number] = handler
                    signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if error is None:
            self.check()

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C has been pressed."""
        if self._received is not None:
            number, self._received = self._received, None
            raise KeyboardInterrupt(number)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._received is not None:
            raise KeyboardInterrupt(number)
        self._received = number

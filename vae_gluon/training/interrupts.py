"""Ctrl-C, deferred until it does no harm."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class HeldInterrupt:
    """Defers Ctrl-C within a ``with`` block until ``check`` is called.

    A second Ctrl-C interrupts at once. In any thread but the main one, and where somebody has
    set a handler of SIGINT, nothing changes.

    >>> with HeldInterrupt() as held:
    ...     for step in range(3):
    ...         held.check()  # raises KeyboardInterrupt if Ctrl-C has been pressed
    """

    def __init__(self) -> None:
        self._pressed = False
        self._holds = False

    def __enter__(self) -> HeldInterrupt:
        self._holds = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if self._holds:
            signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._holds:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if error is None:
            self.check()

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C has been pressed."""
        if self._pressed:
            self._pressed = False
            raise KeyboardInterrupt

    def _press(self, number: int, frame: FrameType | None) -> None:
        if self._pressed:
            raise KeyboardInterrupt
        self._pressed = True

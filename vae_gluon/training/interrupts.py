"""Signals that stop training, deferred until it is safe to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C, what asks a process to end, and what a terminal sends when it is closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt with the number of a signal, whose handler this may be."""
    raise KeyboardInterrupt(number)


@contextmanager
def ending_by_signals() -> Iterator[None]:
    """Let each of SIGNALS that is not ignored raise KeyboardInterrupt, in the main thread."""
    # A handler that is not Python's is None, and stays.
    with _handling(interrupt, lambda handler: handler not in (signal.SIG_IGN, None)):
        yield


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], None]]:
    """Defer Ctrl-C within the block until the function that is yielded is called, or to its end.

    So it does other signals, if the handler is ``interrupt``. A second one interrupts at once. In
    any thread but the main one, and where somebody has set another handler, nothing changes.

    >>> with deferred_interrupt() as check:
    ...     for step in range(3):
    ...         check()  # raises KeyboardInterrupt if Ctrl-C has been pressed
    """
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt(number)

    def check() -> None:
        if received:
            raise KeyboardInterrupt(received.pop())

    with _handling(receive, lambda handler: handler in (interrupt, signal.default_int_handler)):
        yield check
    check()


@contextmanager
def _handling(handler: Callable[..., None], replaces: Callable[[object], bool]) -> Iterator[None]:
    """Handle those of SIGNALS whose handler ``replaces`` says, in the main thread."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in SIGNALS}
        before = {number: old for number, old in before.items() if replaces(old)}
        for number in before:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)

"""Signals that stop training, deferred until it is safe to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C, a request to terminate, a closed terminal.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Handle a signal: raise KeyboardInterrupt with its number."""
    raise KeyboardInterrupt(number)


@contextmanager
def ending_by_signals() -> Iterator[None]:
    """Let each of SIGNALS that is not ignored raise KeyboardInterrupt, in the main thread."""
    # A handler not set from Python is None, and is kept.
    with _handling(interrupt, lambda handler: handler not in (signal.SIG_IGN, None)):
        yield


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], None]]:
    """Defer Ctrl-C within the block until the yielded function is called or the block ends.

    Other signals too, if their handler is ``interrupt``. A second one interrupts at once. Outside
    the main thread, or if another handler is set, nothing changes.
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
    """Set a handler for SIGNALS, in the main thread, where ``replaces`` accepts the old one."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in SIGNALS if in_main_thread}
    before = {number: old for number, old in handlers.items() if replaces(old)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)

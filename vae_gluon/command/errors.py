"""What ends a command early, told in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CommandError(Exception):
    """An error that the user can correct: one line of text and exit code 2."""


class InterruptedRunError(KeyboardInterrupt):
    """A signal has ended a training: is there a ``checkpoint``, and which words ``resume`` it."""

    def __init__(self, number: int, checkpoint: bool, resume: str) -> None:
        super().__init__(number)
        self.checkpoint = checkpoint
        self.resume = resume


class DivergedRunError(FloatingPointError):
    """A training has diverged, and this ``checkpoint`` is from before."""

    def __init__(self, error: FloatingPointError, checkpoint: Path) -> None:
        super().__init__(str(error))
        self.checkpoint = checkpoint


class PicturesError(Exception):
    """A run is complete but for its pictures, which could not be drawn."""


@contextmanager
def bad_input() -> Iterator[None]:
    """Turn errors about bad input into a CommandError."""
    try:
        yield
    except (ValueError, FileNotFoundError, ImportError) as error:
        raise CommandError(error) from error

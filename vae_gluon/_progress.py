"""The progress bar: in a notebook or a terminal, where it can be drawn over itself."""

from __future__ import annotations

import sys
import warnings
from typing import Any

with warnings.catch_warnings():
    # In a notebook without ipywidgets tqdm warns, and then rightly draws its bar in text.
    warnings.filterwarnings("ignore", message="IProgress not found")
    from tqdm.auto import tqdm

IN_NOTEBOOK = any(kind.__module__ == "tqdm.notebook" for kind in tqdm.__mro__)


def write(text: str) -> None:
    """Print a line above the bar; nothing, where there is no output (``pythonw``, services)."""
    if sys.stdout is not None:
        tqdm.write(text)


def make_bar(shown: bool = True, **settings: Any) -> tqdm:
    """Return a bar with these settings of tqdm, disabled where it would fill a log."""
    drawn = shown and (IN_NOTEBOOK or _is_terminal(sys.stderr))
    # Enabled by default, and not by False, which overrides the TQDM_DISABLE of a user.
    return tqdm(**settings) if drawn else tqdm(disable=True, **settings)


def _is_terminal(stream: Any) -> bool:
    """Return whether it is one: it may be None, closed, or a logger that does not know."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False

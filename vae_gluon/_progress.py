"""The progress bar, in notebooks and terminals, where it can be redrawn in place."""

from __future__ import annotations

import sys
import warnings
from typing import Any

with warnings.catch_warnings():
    # In a notebook without ipywidgets, tqdm warns, then falls back to a text bar.
    warnings.filterwarnings("ignore", message="IProgress not found")
    from tqdm.auto import tqdm

IN_NOTEBOOK = any(kind.__module__ == "tqdm.notebook" for kind in tqdm.__mro__)


def write(text: str) -> None:
    """Print a line above the bar, unless there is no output (``pythonw``, services)."""
    if sys.stdout is not None:
        tqdm.write(text)


def make_bar(shown: bool = True, **settings: Any) -> tqdm:
    """Return a tqdm bar with these settings, disabled where it would fill a log."""
    try:
        drawn = shown and (IN_NOTEBOOK or sys.stderr.isatty())
    except (AttributeError, ValueError):  # it is None, a logger, or closed
        drawn = False
    # Not disable=False, which would override the user's TQDM_DISABLE.
    return tqdm(**settings) if drawn else tqdm(disable=True, **settings)

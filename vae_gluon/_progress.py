"""The progress bar, in a notebook or a terminal."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # In a notebook without ipywidgets tqdm warns, and then rightly draws its bar in text.
    warnings.filterwarnings("ignore", message="IProgress not found")
    from tqdm.auto import tqdm

__all__ = ["tqdm"]

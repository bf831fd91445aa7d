"""The bar that says how far something has come, in a notebook as in a terminal."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # In a notebook without ipywidgets tqdm warns, and then does what it should: it
    # draws its bar in text.
    warnings.filterwarnings("ignore", message="IProgress not found")
    from tqdm.auto import tqdm

__all__ = ["tqdm"]

"""NumPy arrays, and what becomes one."""

from __future__ import annotations

import numpy as np


def as_array(values: object) -> np.ndarray:
    """Return an array of values; one of MXNet's as well, which NumPy would take to pieces."""
    return np.asarray(values.asnumpy() if hasattr(values, "asnumpy") else values)

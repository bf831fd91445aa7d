"""NumPy's or MXNet's arrays -> NumPy's."""

from __future__ import annotations

import numpy as np


def as_array(values: object) -> np.ndarray:
    """Return ``values`` as a NumPy array.

    NumPy itself would turn one of MXNet's arrays into an array of objects, element by element.
    """
    return np.asarray(values.asnumpy() if hasattr(values, "asnumpy") else values)

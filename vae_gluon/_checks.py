"""What all rooms do with input: check it, with clear errors, and turn it into NumPy's arrays."""

from __future__ import annotations

import math
from numbers import Integral

import mxnet as mx
import numpy as np


def as_array(values: object) -> np.ndarray:
    """Return ``values``, of any shape, as a NumPy array.

    NumPy itself would turn one of MXNet's arrays into an array of objects, element by element.
    """
    return np.asarray(values.asnumpy() if hasattr(values, "asnumpy") else values)


def check_integer(name: str, value: int, least: int = 1) -> None:
    """Raise a ValueError unless ``value`` is an integer of at least ``least``.

    NumPy's integers are accepted, booleans are not.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"expected {name} to be an integer of at least {least}, got {value!r}")


def check_pixels(name: str, images: np.ndarray | mx.nd.NDArray) -> None:
    """Raise a ValueError unless images, (N, ...), are there and all pixels are in [0, 1]."""
    if 0 in images.shape:
        raise ValueError(f"{name}: expected images, got none: the shape is {images.shape}")
    # Comparisons with NaN are false, so the test below is for what is good, not for what is bad.
    low, high = (as_array(end).item() for end in (images.min(), images.max()))
    if not (low >= 0 and high <= 1):
        found = "NaN" if math.isnan(low) or math.isnan(high) else f"from {low:g} to {high:g}"
        raise ValueError(f"{name}: expected pixels in [0, 1], got {found}")

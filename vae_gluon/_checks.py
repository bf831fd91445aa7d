"""Check input where it enters the package; convert it to NumPy arrays."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from numbers import Integral

import mxnet as mx
import numpy as np

LIMIT = 2**31  # MXNet takes signed 32-bit integers
MAX_QUOTED = 80  # characters


def as_array(values: object) -> np.ndarray:
    """Return ``values`` (MXNet's, sparse, a list), of any shape, as a dense NumPy array."""
    for convert in ("asnumpy", "toarray"):
        if hasattr(values, convert):
            values = getattr(values, convert)()
    return np.asarray(values)


def checksum(*arrays: np.ndarray) -> int:
    """Return the CRC-32 of the concatenated content of arrays, of any shapes."""
    crc = 0
    for array in arrays:
        crc = zlib.crc32(np.ascontiguousarray(array).data, crc)
    return crc


def check_integer(name: str, value: int, least: int = 1) -> None:
    """Raise a ValueError unless ``value`` is an integer from ``least`` to below LIMIT.

    NumPy's integers are accepted, booleans are not.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"expected {name} to be an integer of at least {least}, got {value!r}")
    if value >= LIMIT:
        raise ValueError(f"expected {name} to be an integer below {LIMIT}, got {quoted(value)}")


def quoted(value: object) -> str:
    """Return a value from a file or a user as text for a message: short, on one line."""
    text = repr(value)
    return text if len(text) <= MAX_QUOTED else f"{text[: MAX_QUOTED - 10]}...{text[-7:]}"


def printable(text: str) -> str:
    """Return a text with its control characters escaped, for a terminal or a picture."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def check_shape(name: str, array: np.ndarray, *shape: int | str) -> None:
    """Raise a ValueError unless ``array`` has this shape; a letter stands for any size above 0."""
    fits = len(shape) == len(array.shape) and all(
        found > 0 if isinstance(size, str) else found == size
        for size, found in zip(shape, array.shape)
    )
    if not fits:
        expected = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{name}: expected an array of shape ({expected}), got {array.shape}")


def check_pixels(name: str, images: np.ndarray) -> None:
    """Raise a ValueError unless there are images, (N, ...), with all pixels in [0, 1]."""
    if 0 in images.shape:
        raise ValueError(f"{name}: expected images, got none: the shape is {images.shape}")
    if images.dtype.kind not in "biufO":
        raise ValueError(f"{name}: expected pixels in [0, 1], got an array of {images.dtype}")
    # Comparisons with NaN are false, so test for good values, not for bad ones.
    low, high = images.min(), images.max()
    if not (low >= 0 and high <= 1):
        hint = "; divide bytes by 255" if (low, high) == (0, 255) else ""
        # !s is the shortest text, also in single precision.
        raise ValueError(f"{name}: expected pixels in [0, 1], got from {low!s} to {high!s}{hint}")


def image_shape(images: np.ndarray) -> tuple[int, ...]:
    """Return the height and width of images, (N, ..., height, width), or flat and square."""
    return images.shape[-2:] if images.ndim > 2 else (math.isqrt(images[:1].size),) * 2


def as_matrices(name: str, images: np.ndarray) -> np.ndarray:
    """Return images, (N, height, width), (N, 1, height, width) or flat, as (N, height, width)."""
    if images.ndim < 2 or math.prod(images.shape[1:]) != math.prod(image_shape(images)):
        raise ValueError(
            f"{name}: expected an array of shape (N, height, width), or of square images, "
            f"(N, side * side), got {images.shape}"
        )
    return images.reshape(-1, *image_shape(images))


def check_finite(
    name: str, numbers: np.ndarray, error: Callable[[str], Exception] = ValueError
) -> None:
    """Raise an ``error`` unless all numbers of an array, of any shape, are finite."""
    finite = np.isfinite(numbers)
    if not finite.all():
        raise error(f"{name}: expected finite numbers, got {numbers[~finite].flat[0]}")


def check_classic_arrays() -> None:
    """Raise a ValueError if MXNet has NumPy semantics, which the net does not support."""
    if mx.util.is_np_array() or mx.util.is_np_shape():
        raise ValueError(
            "expected MXNet's classic arrays, but mx.npx.set_np() is on: call mx.npx.reset_np()"
        )

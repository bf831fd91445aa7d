"""IDX files, the format of MNIST.

The format (http://yann.lecun.com/exdb/mnist/): a magic number and the size of each dimension as
big-endian 32-bit integers, then one byte for each item.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from vae_gluon._checks import LIMIT
from vae_gluon._files import open_file

IMAGE_MAGIC = 2051  # 0x00000803: unsigned bytes in three dimensions
LABEL_MAGIC = 2049  # 0x00000801: unsigned bytes in one dimension
SIDE = 28


def read_images(path: Path) -> np.ndarray:
    """Read images of 28x28, plain or gzip: float32 in [0, 1], (N, 1, 28, 28).

    Raises
    ------
    ValueError
        If the file is longer or shorter than its header says, or has no images of this size. The
        message names the file, what was expected and what it has.
    """
    pixels = _read_idx(path, IMAGE_MAGIC, (SIDE, SIDE))
    # In one pass over memory, and bit for bit the same as astype(float32) / 255.
    return np.divide(pixels, np.float32(255), dtype=np.float32)[:, None]


def read_labels(path: Path) -> np.ndarray:
    """Read labels, plain or gzip: (N,), int8 as MNIST's, or uint8 if one is above 127.

    Errors are those of ``read_images``.
    """
    labels = _read_idx(path, LABEL_MAGIC, ())
    return labels if labels.max() > np.iinfo(np.int8).max else labels.astype(np.int8)


def _read_idx(path: Path, magic: int, item_shape: tuple[int, ...]) -> np.ndarray:
    """Read the items of an IDX file: uint8, (N, *item_shape)."""
    with open_file(path) as raw:
        packed = raw.read(2) == b"\x1f\x8b"  # whatever its name
        raw.seek(0)
        file = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
        try:
            n_numbers = 2 + len(item_shape)
            header = file.read(4 * n_numbers)
            found, *shape = (
                int.from_bytes(header[4 * i : 4 * i + 4], "big") for i in range(n_numbers)
            )
            if found != magic:
                raise ValueError(
                    f"{path}: expected an IDX file with the magic number {magic}, got {found}: "
                    f"the file starts with {header[:4]!r}"
                )
            size = math.prod(shape)
            if tuple(shape[1:]) != item_shape or not 0 < size < LIMIT:
                expected = ", ".join(map(str, ("N", *item_shape)))
                raise ValueError(
                    f"{path}: expected the shape ({expected}) with at least 1 and fewer than "
                    f"{LIMIT} numbers, got {tuple(shape)}"
                )
            data = file.read(size + 1)
        except (EOFError, OSError, MemoryError, zlib.error) as error:
            reason = str(error) or type(error).__name__
            raise ValueError(f"{path}: expected a whole file, got: {reason}") from error
    if len(data) != size:
        got = "more" if len(data) > size else len(data)
        raise ValueError(
            f"{path}: expected {size} bytes after the header, for its shape {tuple(shape)}, "
            f"got {got}"
        )
    return np.frombuffer(data, np.uint8).reshape(shape)

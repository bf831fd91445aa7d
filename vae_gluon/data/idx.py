"""IDX files, the format of MNIST.

The format (http://yann.lecun.com/exdb/mnist/): a magic number and the size of each dimension as
big-endian 32-bit integers, then one byte for each item.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from vae_gluon._files import MAX_BYTES, open_file

IMAGE_MAGIC = 2051  # 0x00000803: unsigned bytes in three dimensions
LABEL_MAGIC = 2049  # 0x00000801: unsigned bytes in one dimension
SIDE = 28


def read_images(path: Path) -> np.ndarray:
    """Read images of 28x28, plain or gzip: float32 in [0, 1], (N, 1, 28, 28)."""
    pixels = _read_idx(path, IMAGE_MAGIC, (SIDE, SIDE))
    # One pass over memory, bit-identical to astype(float32) / 255.
    return np.divide(pixels, np.float32(255), dtype=np.float32)[:, None]


def read_labels(path: Path) -> np.ndarray:
    """Read labels, plain or gzip: (N,), int8 as for MNIST, or uint8 if one is above 127."""
    labels = _read_idx(path, LABEL_MAGIC, ())
    return labels if labels.max() > np.iinfo(np.int8).max else labels.astype(np.int8)


def _read_idx(path: Path, magic: int, item_shape: tuple[int, ...]) -> np.ndarray:
    """Read the items of an IDX file: uint8, (N, *item_shape)."""
    with open_file(path) as raw:
        packed = raw.read(2) == b"\x1f\x8b"  # the name may differ
        raw.seek(0)
        file: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        try:
            found, n, *sides = np.frombuffer(file.read(8 + 4 * len(item_shape)), ">u4").tolist()
            if (found, *sides) != (magic, *item_shape):
                raise ValueError(f"the numbers {[found, n, *sides]}")
            size = n * math.prod(item_shape)
            if not 0 < size <= MAX_BYTES:
                raise ValueError(f"N = {n}")
            data = file.read(size + 1)
            if len(data) != size:
                raise ValueError("more" if len(data) > size else f"{len(data)} of {size} bytes")
        except (EOFError, OSError, MemoryError, ValueError, zlib.error) as error:
            begin = ", ".join(map(str, (magic, "N", *item_shape)))
            raise ValueError(
                f"{path}: expected an IDX file that begins with {begin} and has all of its N "
                f"items, of at most {MAX_BYTES} bytes, got: {str(error) or type(error).__name__}"
            ) from error
    return np.frombuffer(data, np.uint8).reshape(n, *item_shape)

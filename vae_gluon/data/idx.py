"""IDX files, the format of MNIST, checked as they are read.

The format (http://yann.lecun.com/exdb/mnist/): a magic number and the size of each dimension as
big-endian 32-bit integers, then one byte for each item.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from vae_gluon._checks import LIMIT
from vae_gluon._files import open_file

IMAGE_MAGIC = 2051  # 0x00000803: unsigned bytes in three dimensions
LABEL_MAGIC = 2049  # 0x00000801: unsigned bytes in one dimension
SIDE = 28
CHUNK = 1 << 20
# What a packed file may unpack to, in its own size: images are packed to a tenth or a quarter, and
# never to a thousandth, as files are that were made to fill the memory.
MAX_RATIO, ALWAYS_ALLOWED = 100, 1 << 22


def read_images(path: Path) -> np.ndarray:
    """Read images of 28x28, plain or gzip: float32 in [0, 1], (N, 1, 28, 28).

    Raises
    ------
    ValueError
        If the file is longer or shorter than its header says, or has no images of this size. The
        message names the file, what was found and what was expected.
    """
    pixels, (n, *sides) = _read_idx(path, IMAGE_MAGIC, item_shape=(SIDE, SIDE))
    # In one pass over memory, and bit for bit the same as astype(float32) / 255.
    return np.divide(pixels, np.float32(255), dtype=np.float32).reshape(n, 1, *sides)


def read_labels(path: Path) -> np.ndarray:
    """Read labels, plain or gzip: (N,), int8 as MNIST's, or uint8 if one is above 127.

    Errors are those of ``read_images``.
    """
    labels, _ = _read_idx(path, LABEL_MAGIC, item_shape=())
    return labels if labels.max() > np.iinfo(np.int8).max else labels.astype(np.int8)


def _read_idx(
    path: Path, magic: int, item_shape: tuple[int, ...]
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Read the items of an IDX file as a flat array of bytes, and its shape, (N, *item_shape)."""
    with open_file(path) as raw:
        size_on_disk = os.fstat(raw.fileno()).st_size
        file = _unpacked(raw)
        try:
            shape = _read_shape(file, path, magic, n_dims=1 + len(item_shape))
            if shape[0] == 0 or shape[1:] != item_shape:
                expected = f"{('N', *item_shape)} with N of at least 1"
                raise ValueError(f"{path}: expected the shape {expected}, found {shape}")
            size = math.prod(shape)
            if size >= LIMIT:
                raise ValueError(
                    f"{path}: expected fewer than {LIMIT} numbers, the limit of MXNet's arrays, "
                    f"found the shape {shape}"
                )
            if file is not raw and size > max(ALWAYS_ALLOWED, MAX_RATIO * size_on_disk):
                raise ValueError(
                    f"{path}: expected at most {MAX_RATIO} times its {size_on_disk} bytes in it, "
                    f"found the shape {shape}"
                )
            data = _read_at_most(file, size + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path}: expected a whole gzip file, found: {error}") from error
    if len(data) != size:
        found = "more" if len(data) > size else f"only {len(data)}"
        raise ValueError(
            f"{path}: expected {size} bytes after the header, for its shape {shape}, found {found}"
        )
    return np.frombuffer(data, np.uint8), shape


def _read_shape(file: BinaryIO, path: Path, magic: int, n_dims: int) -> tuple[int, ...]:
    """Read the header of an IDX file, check its magic number, return the shape it gives."""
    size = 4 * (1 + n_dims)
    header = file.read(size)
    if len(header) < size:
        raise ValueError(f"{path}: expected a header of {size} bytes, found only {len(header)}")
    found, *shape = (int(number) for number in np.frombuffer(header, ">u4"))
    if found != magic:
        raise ValueError(
            f"{path}: expected an IDX file with the magic number {magic}, found {found}: "
            f"the file begins with {header[:4]!r}"
        )
    return tuple(shape)


def _unpacked(file: BinaryIO) -> BinaryIO:
    """Return what a file holds, unpacked if its content is gzip, whatever its name."""
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file


def _read_at_most(file: BinaryIO, size: int) -> bytes:
    """Read up to ``size`` bytes, with memory for no more than there are.

    ``file.read(size)`` would allocate ``size`` bytes first, and a header may claim anything.
    """
    data = io.BytesIO()
    while size > data.tell():
        chunk = file.read(min(CHUNK, size - data.tell()))
        if not chunk:
            break
        data.write(chunk)
    return data.getvalue()

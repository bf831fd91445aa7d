"""Parameter files in MXNet's format, read and written without MXNet.

MXNet's reader allocates as much as a file claims to hold (4 GB for one of 200 bytes) or aborts the
process; it compares shapes only up to the length of the shorter one, and fails at the first
parameter that does not fit, after replacing the previous ones. Its writer does not notice a full
disk.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Optional

import mxnet as mx
import numpy as np

from vae_gluon._checks import check_finite, quoted
from vae_gluon._files import open_file, write_bytes
from vae_gluon.model.parameters import all_names

FILE_MAGIC = 0x112
# At the beginning of an array: the first, or the second with NumPy semantics, without which MXNet
# does not read it.
ARRAY_MAGIC, NUMPY_MAGIC = 0xF993FAC9, 0xF993FACA
DENSE, CPU = 0, 1
MAX_DIMS = 32
# Types by their numbers in mshadow/base.h.
DTYPES = dict(enumerate(map(np.dtype, ("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8"))))

# A shape, with 0 for any size, or None for any shape; and a type.
Expected = tuple[Optional[tuple[int, ...]], np.dtype]


def check_parameters(
    path: str | os.PathLike[str],
    net: mx.gluon.Block,
    allow_missing: bool = False,
    ignore_extra: bool = False,
    cast_dtype: bool = False,
) -> None:
    """Raise a ValueError with the difference unless ``net.load_parameters(path)`` will work.

    The options are as for ``load_parameters``. The other names in files of the tutorial's
    ``save_params`` are accepted too.
    """
    arrays = read_parameters(path)
    if any("." in name for name in arrays):
        parameters = all_names(net)
    else:
        arrays = {re.sub("^(arg|aux):", "", name): array for name, array in arrays.items()}
        parameters = {
            name.removeprefix(net.prefix): parameter
            for name, parameter in net.collect_params().items()
        }
    # A parameter shared by several blocks may be in the file under one of its names, or all.
    found = {parameters[name] for name in arrays if name in parameters}
    expected = {
        name: expected_array(parameter)
        for name, parameter in parameters.items()
        if name in arrays or not (allow_missing or parameter in found)
    }
    if ignore_extra:
        arrays = {name: array for name, array in arrays.items() if name in expected}
    check_arrays(path, arrays, expected, cast_dtype)


def expected_array(parameter: mx.gluon.Parameter) -> Expected:
    """Return what ``check_arrays`` should expect for a parameter."""
    return parameter.shape, np.dtype(parameter.dtype)


def check_arrays(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    expected: Mapping[str, Expected],
    cast_dtype: bool = False,
) -> None:
    """Raise a ValueError unless ``arrays`` are finite, with the expected names, shapes and types.

    With ``cast_dtype`` they may have any type.
    """
    missing = [name for name in expected if name not in arrays]
    extra = [name for name in arrays if name not in expected]
    if missing or extra:
        raise ValueError(
            f"{path}: missing arrays {quoted(missing)}, unexpected arrays {quoted(extra)}"
        )
    for name, array in arrays.items():
        shape, dtype = expected[name]
        fits = shape is None or (
            len(shape) == array.ndim and all(n in (0, m) for n, m in zip(shape, array.shape))
        )
        if not fits or not (cast_dtype or array.dtype == dtype):
            raise ValueError(
                f"{path}: {name}: expected {shape} {dtype}, got {array.shape} {array.dtype}"
            )
        check_finite(f"{path}: {name}", array)


def write_parameters(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays of any shapes, by name, as ``mx.nd.save`` does, atomically."""
    write_bytes(path, parameter_bytes(arrays))


def parameter_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the content of a parameter file."""
    numbers = {dtype: number for number, dtype in DTYPES.items()}
    parts = [struct.pack("<QQQ", FILE_MAGIC, 0, len(arrays))]
    for array in arrays.values():
        head = (ARRAY_MAGIC, DENSE, array.ndim, *array.shape, CPU, 0, numbers[array.dtype])
        parts += [struct.pack(f"<Iii{array.ndim}qiii", *head), array.tobytes()]
    parts.append(struct.pack("<Q", len(arrays)))
    for name in map(str.encode, arrays):
        parts += [struct.pack("<Q", len(name)), name]
    return b"".join(parts)


def read_parameters(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read a file of ``save_parameters``: read-only arrays of the parameters' shapes, by name."""
    with open_file(Path(path)) as file:
        try:
            magic = int.from_bytes(file.read(8), "little")
            if magic != FILE_MAGIC:
                raise ValueError(f"expected the magic number {FILE_MAGIC:#x}, got {magic:#x}")
            return _parse(io.BytesIO(file.read()))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{path} is not a parameter file of MXNet: {error}") from error


def _parse(file: BinaryIO) -> dict[str, np.ndarray]:
    """Read the arrays of a whole file, of any shapes, by name."""
    _, n_arrays = _numbers(file, "QQ")
    arrays: list[np.ndarray] = []
    while len(arrays) < n_arrays:  # if the number is too high, _take raises an error
        arrays.append(_parse_array(file))
    (n_names,) = _numbers(file, "Q")
    names = [_take(file, *_numbers(file, "Q")).decode() for _ in range(n_names)]
    named = dict(zip(names, arrays))
    if n_names != len(named) or not named or "\0" in "".join(names) or file.read(1):
        raise ValueError(f"expected {n_arrays} arrays, each with one name, then the end")
    return named


def _parse_array(file: BinaryIO) -> np.ndarray:
    """Read the next array, with the shape in its header."""
    magic, storage, n_dims = _numbers(file, "Iii")
    if magic == NUMPY_MAGIC:
        raise ValueError("its arrays were saved with mx.npx.set_np() on: save them without it")
    if magic != ARRAY_MAGIC or storage != DENSE or not 0 < n_dims <= MAX_DIMS:
        raise ValueError(
            f"expected a dense array of 1 to {MAX_DIMS} dimensions, got storage type {storage}, "
            f"{n_dims} dimensions and the magic number {magic:#x}"
        )
    shape = _numbers(file, f"{n_dims}q")
    *_, dtype = _numbers(file, "iii")  # device, its number, and the type
    if dtype not in DTYPES or min(shape) < 1:
        raise ValueError(f"expected an array of numbers, got shape {shape}, type {dtype}")
    content = _take(file, math.prod(shape) * DTYPES[dtype].itemsize)
    return np.frombuffer(content, DTYPES[dtype]).reshape(shape)


def _numbers(file: BinaryIO, code: str) -> tuple[Any, ...]:
    """Return the next numbers, of the types in ``struct``'s code."""
    return struct.unpack(f"<{code}", _take(file, struct.calcsize(f"<{code}")))


def _take(file: BinaryIO, n: int) -> bytes:
    """Return the next ``n`` bytes of a file in memory, without allocating more than it has."""
    content = file.read(n)
    if len(content) < n:
        raise ValueError(f"expected {n} bytes, got its end after {len(content)}")
    return content

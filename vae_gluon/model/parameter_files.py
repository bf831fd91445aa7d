"""Parameter files in MXNet's format, checked before MXNet reads them.

MXNet's own reader allocates memory for whatever a file claims to hold (2 GB for a file of 193 bytes
was seen), compares shapes only up to the shorter one's length, and fails at the first parameter
that does not fit, when those before it are already replaced. So each file is checked here first.
"""

from __future__ import annotations

import errno
import math
import os
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np

from vae_gluon._checks import first_not_finite, quoted
from vae_gluon._files import read_file, replacing

FILE_MAGIC = 0x112
# What an array begins with: the first, or, with NumPy's shapes, the second, which MXNet itself
# reads only with them.
ARRAY_MAGIC, NUMPY_MAGIC = 0xF993FAC9, 0xF993FACA
DENSE = 0
MAX_DIMS = 32
# Types by their numbers in mshadow/base.h.
DTYPES = dict(enumerate(("f4", "f8", "f2", "u1", "i4", "i1", "i8")))


def read_parameters(path: str | os.PathLike[str], limit: float = math.inf) -> dict[str, np.ndarray]:
    """Read a file of ``save_parameters``: read-only arrays by name, of the parameters' shapes.

    Raises
    ------
    ValueError
        If the file is not one, is damaged, or has more than ``limit`` bytes. The message names the
        file, what was found and what was expected.
    FileNotFoundError
        If there is no such file.
    """
    data = read_file(Path(path), limit)
    try:
        return _parse(_Bytes(data))
    except (ValueError, struct.error) as error:
        raise ValueError(f"{path} is not a parameter file of MXNet: {error}") from error


@contextmanager
def writing_parameters() -> Iterator[None]:
    """Turn MXNet's errors in writing a parameter file into an OSError.

    MXNet hides the system's message, and does not notice a full disk at all: so read the file back
    within the ``with`` block.
    """
    try:
        yield
    except (mx.base.MXNetError, ValueError) as error:
        raise OSError(errno.EIO, f"could not be written whole: {error}") from error


def write_parameters(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays of any shapes, by name, as ``save_parameters`` does; whole or not at all."""
    with replacing(path) as partial, writing_parameters():
        mx.nd.save(str(partial), {n: mx.nd.array(a, dtype=a.dtype) for n, a in arrays.items()})
        read_parameters(partial)


def named_parameters(net: mx.gluon.Block) -> dict[str, mx.gluon.Parameter]:
    """Return the parameters of ``net`` by their names in files of ``save_parameters``."""
    # Private, but how Gluon itself gets these names: those of the public collect_params change
    # with the number of nets made before.
    return net._collect_params_with_prefix()


def parameter_arrays(net: mx.gluon.Block) -> dict[str, np.ndarray]:
    """Return the numbers of the parameters of ``net``, arrays of their shapes, by those names."""
    return {name: numbers_of(parameter) for name, parameter in named_parameters(net).items()}


def numbers_of(parameter: mx.gluon.Parameter) -> np.ndarray:
    """Return the numbers of a parameter, an array of its shape.

    They are copied by MXNet's engine, in its turn. A convolution that is still to be computed
    brings its weights into an order of its own, in another thread, and ``asnumpy`` of the
    parameter itself would read them meanwhile.
    """
    return parameter.data(parameter.list_ctx()[0]).copy().asnumpy()


def check_parameters(
    path: str | os.PathLike[str],
    net: mx.gluon.Block,
    allow_missing: bool = False,
    ignore_extra: bool = False,
    cast_dtype: bool = False,
) -> None:
    """Raise a ValueError that says what differs, unless ``net.load_parameters(path)`` will work.

    Names, shapes and types are compared, and all numbers must be finite. The options are those of
    ``load_parameters``. Files of the tutorial's ``save_params`` have names of another kind, which
    are accepted as well.
    """
    arrays = read_parameters(path, math.inf if ignore_extra else largest_file(net))
    if any("." in name for name in arrays):
        parameters = named_parameters(net)
    else:
        parameters = _named_as_by_the_tutorial(net)
        arrays = {re.sub("^(arg|aux):", "", name): array for name, array in arrays.items()}
    expected = {name: expected_array(parameter) for name, parameter in parameters.items()}
    if allow_missing:
        expected = {name: expected[name] for name in expected if name in arrays}
    else:
        # A parameter that two blocks share is in the file once, under the name of either.
        held = {id(parameters[name]) for name in arrays if name in parameters}
        expected = {
            name: expected[name]
            for name in expected
            if name in arrays or id(parameters[name]) not in held
        }
    if ignore_extra:
        arrays = {name: arrays[name] for name in arrays if name in expected}
    check_arrays(path, arrays, expected, cast_dtype)


def largest_file(net: mx.gluon.Block, arrays: int = 1) -> float:
    """Return how long a file may be that has as many ``arrays`` as parameters, times that number.

    Twice as long as with numbers of 8 bytes, for the names; infinite, if a shape is not known yet.
    """
    shapes = [expected_array(parameter)[0] for parameter in named_parameters(net).values()]
    if any(0 in shape for shape in shapes):
        return math.inf
    return arrays * (2**20 + 16 * sum(map(math.prod, shapes)))


def _named_as_by_the_tutorial(net: mx.gluon.Block) -> dict[str, mx.gluon.Parameter]:
    """Return the parameters by their names in files of ``save_params``."""
    return {
        name[len(net.prefix) :] if name.startswith(net.prefix) else name: parameter
        for name, parameter in net.collect_params().items()
    }


def expected_array(parameter: mx.gluon.Parameter) -> tuple[tuple[int, ...], np.dtype]:
    """Return the shape and type of a parameter; a size that is not known yet is 0."""
    return tuple(parameter.shape or ()), np.dtype(parameter.dtype)


def check_arrays(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    expected: Mapping[str, tuple[tuple[int, ...], np.dtype]],
    cast_dtype: bool = False,
) -> None:
    """Raise a ValueError that says how ``arrays`` differ from the expected shapes and types."""
    differences = list(_differences(arrays, expected, cast_dtype))
    if differences:
        more = f", and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise ValueError(f"{path} does not fit: {'; '.join(differences[:3])}{more}")


def _differences(
    arrays: Mapping[str, np.ndarray],
    expected: Mapping[str, tuple[tuple[int, ...], np.dtype]],
    cast_dtype: bool,
) -> Iterator[str]:
    """Say how arrays, of any shape, differ from what is expected: names, shapes, types, numbers."""
    missing = [name for name in expected if name not in arrays]
    if missing:
        yield f"expected {', '.join(missing[:3])}, not found in it"
    extra = [name for name in arrays if name not in expected]
    if extra:
        yield f"found {', '.join(map(quoted, extra[:3]))}, not expected"
    for name, array in arrays.items():
        if name not in expected:
            continue
        shape, dtype = expected[name]
        fits = len(shape) == array.ndim and all(n in (0, m) for n, m in zip(shape, array.shape))
        if (shape and not fits) or not (cast_dtype or array.dtype == dtype):
            yield f"{name}: expected {shape} {dtype}, found {array.shape} {array.dtype}"
            continue
        bad = first_not_finite(array)
        if bad is not None:
            yield f"{name}: expected finite numbers, found {bad}"


class _Bytes:
    """The content of a file, read piece by piece and never beyond its end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, n: int) -> bytes:
        """Return the next ``n`` bytes."""
        if n > len(self.data) - self.at:
            raise ValueError(f"expected {n} bytes at {self.at}, found its end at {len(self.data)}")
        self.at += n
        return self.data[self.at - n : self.at]

    def numbers(self, code: str) -> tuple[Any, ...]:
        """Return the next numbers, as ``struct`` names their types."""
        return struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))


def _parse(file: _Bytes) -> dict[str, np.ndarray]:
    """Read the arrays of a whole file, of any shapes, by name."""
    magic, _, n_arrays = file.numbers("QQQ")
    if magic != FILE_MAGIC:
        raise ValueError(f"expected the magic number {FILE_MAGIC:#x}, found {magic:#x}")
    arrays: list[np.ndarray] = []
    while len(arrays) < n_arrays:  # whatever number is claimed, the end of the file ends this
        arrays.append(_parse_array(file))
    (n_names,) = file.numbers("Q")
    if n_names != n_arrays:
        raise ValueError(f"expected a name for each of {n_arrays} arrays, found {n_names} names")
    if n_arrays == 0:
        raise ValueError("expected arrays, found none")
    names = [file.take(*file.numbers("Q")).decode() for _ in arrays]
    if len(set(names)) < len(names):
        raise ValueError("expected a name for each array, found one twice")
    if any("\0" in name for name in names):
        raise ValueError("expected names of text, found a zero byte")
    if file.at < len(file.data):
        raise ValueError(f"expected its end at byte {file.at}, found {len(file.data)} bytes")
    return dict(zip(names, arrays))


def _parse_array(file: _Bytes) -> np.ndarray:
    """Read the next array, of the shape that stands before it."""
    shape = _parse_shape(file)
    *_, dtype = file.numbers("iii")  # the device it was on, its number, and the type
    if dtype not in DTYPES or min(shape) < 1:
        raise ValueError(f"expected an array of numbers, found shape {shape}, type {dtype}")
    dtype = np.dtype(f"<{DTYPES[dtype]}")
    return np.frombuffer(file.take(math.prod(shape) * dtype.itemsize), dtype).reshape(shape)


def _parse_shape(file: _Bytes) -> tuple[int, ...]:
    """Read what the next array begins with, up to its shape."""
    magic, storage, n_dims = file.numbers("Iii")
    if magic == NUMPY_MAGIC:
        raise ValueError("its arrays were saved with mx.npx.set_np() on: save them without it")
    if magic != ARRAY_MAGIC or storage != DENSE or not 0 < n_dims <= MAX_DIMS:
        raise ValueError(
            f"expected a dense array of 1 to {MAX_DIMS} dimensions before byte {file.at}, "
            f"found storage type {storage}, {n_dims} dimensions and the magic number {magic:#x}"
        )
    return file.numbers(f"{n_dims}q")

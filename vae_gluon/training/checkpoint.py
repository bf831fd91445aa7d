"""Checkpoints: everything that a training is resumed from, in one file.

A checkpoint is an ``.npz`` file of plain arrays, each with a checksum. Reading it runs no code from
the file, unlike reading what MXNet's own ``Trainer.save_states`` writes, a pickle.
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np

from vae_gluon._checks import as_array, first_not_finite, quoted
from vae_gluon._files import read_file, replacing
from vae_gluon.model import (
    FILE_MAGIC,
    check_arrays,
    default_context,
    expected_array,
    largest_file,
    named_parameters,
    parameter_arrays,
)
from vae_gluon.training.history import History, TrainingState

MAX_HISTORY = 2**26  # bytes beside the parameters and moments; 40 for each epoch
MAX_HEADER = 1000  # bytes of an array's header; those written here have 118
HISTORY = {f"history/{name}": np.dtype("<f8") for name in History._fields}
KL_WEIGHT = "history/kl_weight"
UPDATES, CONFIG = "updates", "config"
PARAMETERS, MOMENTS = "parameters/", ("first_moments/", "second_moments/")


def save_checkpoint(
    path: str | os.PathLike[str],
    net: mx.gluon.Block,
    state: TrainingState,
    config: Mapping[str, Any] | None = None,
) -> None:
    """Write everything that the training of ``net`` is resumed from; replace an older file whole.

    Parameters
    ----------
    path : path
        The file. Its format is ``.npz``, whatever its name.
    net : Block
        The net in training.
    state : TrainingState
        What ``train`` passes to ``after_epoch``.
    config : mapping, optional
        Whatever describes the run, returned by ``load_checkpoint``; it must fit into JSON.

    Raises
    ------
    FloatingPointError
        If a number is not finite. An older file is kept.
    OSError
        If the file cannot be written. An older file is kept.
    """
    content = checkpoint_content(net, state, config)
    with replacing(Path(path)) as partial:
        partial.write_bytes(content)


def checkpoint_content(
    net: mx.gluon.Block, state: TrainingState, config: Mapping[str, Any] | None = None
) -> bytes:
    """Return what ``save_checkpoint`` writes, to be written when it is known to be needed."""
    arrays: dict[str, Any] = {
        PARAMETERS + name: array for name, array in parameter_arrays(net).items()
    }
    for name, moments in state.moments.items():
        for prefix, moment in zip(MOMENTS, moments):
            arrays[prefix + name] = as_array(moment)
    for name, array in arrays.items():
        if first_not_finite(array) is not None:
            raise FloatingPointError(f"{name} is not finite: the run has diverged")
    for name, numbers in zip(HISTORY, state.history):
        arrays[name] = np.array(numbers, HISTORY[name])
    arrays[UPDATES] = np.array([state.updates], "<i8")
    text = json.dumps(dict(config or {}), allow_nan=False)
    arrays[CONFIG] = np.frombuffer(text.encode(), "u1")
    content = io.BytesIO()  # not the file itself: zipfile prints errors when the disk is full
    np.savez(content, **arrays)
    # Not getbuffer(): if writing fails, the view is left to the garbage collector, which crashes
    # Python 3.12.
    return content.getvalue()


def load_checkpoint(
    path: str | os.PathLike[str], net: mx.gluon.Block, ctx: mx.Context | None = None
) -> tuple[TrainingState, dict[str, Any]]:
    """Set the parameters of ``net`` to those of a checkpoint; return what else is in it.

    Everything is checked first: after an error the net is unchanged.

    Parameters
    ----------
    path : path
        A file of ``save_checkpoint``.
    net : Block
        A net of the same architecture, initialized or not.
    ctx : Context, optional
        Where to put the parameters of a net that is not initialized; by default
        ``default_context()``.

    Returns
    -------
    (TrainingState, dict)
        What ``train`` takes as ``start``, and the config.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a checkpoint, is damaged, or is of another net. The message says what
        differs.
    """
    arrays = _read(Path(path), MAX_HISTORY + largest_file(net, arrays=3))
    parameters = named_parameters(net)
    if KL_WEIGHT not in arrays:  # of an earlier version
        arrays[KL_WEIGHT] = np.ones_like(arrays.get("history/train", []))
    _check(path, arrays, parameters)
    history = History(*(arrays[name].tolist() for name in HISTORY))
    moments = {
        name: (arrays[MOMENTS[0] + name], arrays[MOMENTS[1] + name])
        for name, parameter in parameters.items()
        if parameter.grad_req != "null"
    }
    state = TrainingState(history, int(arrays[UPDATES][0]), moments)
    config = _config(path, arrays[CONFIG])
    for name, parameter in parameters.items():
        _set(parameter, arrays[PARAMETERS + name], ctx)
    return state, config


def _set(parameter: mx.gluon.Parameter, value: np.ndarray, ctx: mx.Context | None) -> None:
    """Set a parameter to an array of its shape, initializing it first if need be."""
    try:
        parameter.list_ctx()
    except RuntimeError:
        parameter.shape = value.shape
        parameter.initialize(mx.init.Zero(), ctx=ctx or default_context())
    parameter.set_data(mx.nd.array(value, dtype=value.dtype))


def _check(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    parameters: Mapping[str, mx.gluon.Parameter],
) -> None:
    """Raise a ValueError unless these are the arrays of a checkpoint of the net.

    A parameter and its moments are of one shape, the fields of the history (epochs,), the updates
    (1,), the config (bytes,).
    """
    expected: dict[str, tuple[tuple[int, ...], np.dtype]] = {
        CONFIG: ((0,), np.dtype("u1")),
        UPDATES: ((1,), np.dtype("<i8")),
    }
    for name, dtype in HISTORY.items():
        expected[name] = ((0,), dtype)
    for name, parameter in parameters.items():
        expected[PARAMETERS + name] = expected_array(parameter)
        if parameter.grad_req != "null":
            for prefix in MOMENTS:
                expected[prefix + name] = expected_array(parameter)
    check_arrays(path, arrays, expected)
    lengths = {name: len(arrays[name]) for name in HISTORY}
    if len({n for name, n in lengths.items() if n or not name.endswith(("_kl", "_weight"))}) > 1:
        raise ValueError(f"{path}: expected as many numbers of each kind, found {lengths}")
    if arrays[UPDATES][0] < 0:
        raise ValueError(f"{path}: expected 0 or more updates, found {arrays[UPDATES][0]}")
    for name in parameters:
        variance = arrays.get(MOMENTS[1] + name)
        if variance is not None and variance.min() < 0:
            raise ValueError(
                f"{path}: {MOMENTS[1]}{name}: expected no number below 0, found {variance.min()}"
            )


def _config(path: str | os.PathLike[str], text: np.ndarray) -> dict[str, Any]:
    """Read the config from the bytes of its JSON, (bytes,)."""
    try:
        config = json.loads(text.tobytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected a config in JSON, found: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path}: expected a config with names, found {type(config).__name__}")
    return config


# Reading. NumPy's own reader would unpack, and allocate, whatever the file claims to hold.


def _read(path: Path, limit: float) -> dict[str, np.ndarray]:
    """Read the arrays, of any shape, of an uncompressed ``.npz`` file, by name."""
    data = read_file(path, limit)
    if data[:8] == FILE_MAGIC.to_bytes(8, "little"):
        raise ValueError(
            f"{path} is a file of parameters, not a checkpoint: net.load_parameters reads it"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ValueError("expected arrays that are not compressed")
            if sum(member.file_size for member in members) > len(data):
                raise ValueError("expected arrays that are no longer than the file")
            if len({member.header_offset for member in members}) < len(members):
                raise ValueError("expected each array in a place of its own")
            names = [member.filename[: -len(".npy")] for member in members]
            if len(set(names)) < len(names):
                raise ValueError("expected each name once")
            return {name: _parse(archive.read(member)) for name, member in zip(names, members)}
    except (
        zipfile.BadZipFile,  # damaged, or foreign
        NotImplementedError,  # a version or a method that zipfile does not know
        RuntimeError,  # encrypted
        EOFError,
        struct.error,
        TypeError,  # a header that is Python, but no array's
        ValueError,
    ) as error:
        raise ValueError(
            f"{path} is not a whole checkpoint: {_shortened(error)}; use a copy of it, or train "
            "from the start"
        ) from error


def _shortened(error: Exception) -> str:
    """Return the message of an error, which may quote the file, as one short line."""
    text = str(error)
    return text if text.isprintable() and len(text) < 200 else quoted(text)


def _parse(data: bytes) -> np.ndarray:
    """Read an array, of any shape, from the bytes of an ``.npy`` file."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version != (1, 0) or int.from_bytes(data[8:10], "little") > MAX_HEADER:
        raise ValueError("expected an array as NumPy saves it")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    rest = data[file.tell() :]
    if fortran_order or dtype.hasobject or math.prod(shape) * dtype.itemsize != len(rest):
        raise ValueError(f"expected {shape} {dtype} in rows, found {len(rest)} bytes")
    return np.frombuffer(rest, dtype).reshape(shape)

"""Checkpoints: everything needed to resume training, in one file.

A checkpoint is an ``.npz`` file of plain arrays, each with a checksum. Reading it runs no code from
the file, unlike the pickle of MXNet's ``Trainer.save_states``. It contains

===============================  ========================================  =====================
name                             array                                     of
===============================  ========================================  =====================
format                           ()                                        the number FORMAT
config                           (bytes,), JSON                            describes the run
updates                          (1,)                                      steps of Adam
history/FIELD                    (epochs,)                                 ``History``
parameters/NAME                  of the parameter's shape                  the net
first_moments/NAME, second_...   of the parameter's shape                  Adam
===============================  ========================================  =====================
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np

from vae_gluon._checks import as_array, check_finite
from vae_gluon._files import read_npz, write_bytes
from vae_gluon.model import (
    check_arrays,
    expected_array,
    named_parameters,
    parameter_arrays,
    set_parameters,
)
from vae_gluon.training.epoch import diverged
from vae_gluon.training.history import History, TrainingState
from vae_gluon.training.trainer import Moments

FORMAT = 1
UPDATES, HISTORY = "updates", "history/"
PARAMETERS, MOMENTS = "parameters/", ("first_moments/", "second_moments/")


def save_checkpoint(
    path: str | os.PathLike[str],
    net: mx.gluon.Block,
    state: TrainingState,
    config: Mapping[str, Any] | None = None,
) -> None:
    """Write everything needed to resume training ``net``, replacing the file atomically.

    The callback ``Checkpoint`` does this after each epoch.

    Parameters
    ----------
    path : path
        The file, in ``.npz`` format regardless of its name.
    net : Block
        The net in training.
    state : TrainingState
        The ``state`` of the ``Training`` given to callbacks.
    config : mapping, optional
        Describes the run; returned by ``load_checkpoint``. Its values must be valid in JSON.

    Raises
    ------
    FloatingPointError
        If a value is non-finite. An older file is kept.
    OSError
        If the file cannot be written. An older file is kept.
    """
    parameters = parameter_arrays(net)
    # Copied from the device once: what is checked is what is written.
    moments = {name: (as_array(m), as_array(v)) for name, (m, v) in state.moments.items()}
    check_all_finite(parameters, moments)
    write_checkpoint(Path(path), parameters, state._replace(moments=moments), config)


def check_all_finite(
    parameters: Mapping[str, np.ndarray], moments: Moments, when: str = ""
) -> None:
    """Raise a FloatingPointError unless all parameters and moments are finite."""
    for name, array in _arrays(parameters, moments).items():
        check_finite(name + when, array, diverged)


def write_checkpoint(
    path: Path,
    parameters: Mapping[str, np.ndarray],
    state: TrainingState,
    config: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint, given finite parameters and moments."""
    text = json.dumps(dict(config or {}), allow_nan=False)
    arrays: dict[str, Any] = {
        "format": FORMAT,
        "config": np.frombuffer(text.encode(), "u1"),
        UPDATES: np.array([state.updates], "<i8"),
        **_arrays(parameters, state.moments),
    }
    for name, numbers in state.history._asdict().items():
        arrays[HISTORY + name] = np.array(numbers, "<f8")
    content = io.BytesIO()  # not the file itself: zipfile prints errors when the disk is full
    np.savez(content, **arrays)
    # Not getbuffer(): if writing fails, the view is left to the garbage collector, which crashes
    # Python 3.12.
    write_bytes(path, content.getvalue())


def _arrays(parameters: Mapping[str, np.ndarray], moments: Moments) -> dict[str, np.ndarray]:
    """Return parameters and moments, arrays of the parameters' shapes, by their names in a file."""
    arrays = {PARAMETERS + name: array for name, array in parameters.items()}
    for name, pair in moments.items():
        for prefix, moment in zip(MOMENTS, pair):
            arrays[prefix + name] = moment
    return arrays


def load_checkpoint(
    path: str | os.PathLike[str], net: mx.gluon.Block, ctx: mx.Context | None = None
) -> tuple[TrainingState, dict[str, Any]]:
    """Load the parameters of a checkpoint into ``net``; return the rest of it.

    Everything is checked first: an error leaves the net unchanged.

    Parameters
    ----------
    path : path
        A file of ``save_checkpoint`` or of the callback ``Checkpoint``.
    net : Block
        A net of the same architecture, initialized or not.
    ctx : Context, optional
        Where to put the parameters of a net that is not initialized; by default
        ``default_context()``.

    Returns
    -------
    (TrainingState, dict)
        The ``start`` for ``train``, and the config. The file of the best epoch has no moments, so
        training cannot be resumed from it.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not a checkpoint, is damaged, or fits another net. The message says what
        differs.
    """
    arrays, history, config = read_checkpoint(path)
    return restore(path, arrays, history, net, ctx), config


def read_checkpoint(
    path: str | os.PathLike[str],
) -> tuple[dict[str, np.ndarray], History, dict[str, Any]]:
    """Return the arrays of a checkpoint, still unchecked, its history and its config."""
    arrays = read_npz(Path(path))
    if "format" not in arrays or arrays["format"].tolist() != FORMAT:
        raise ValueError(f"{path}: expected a checkpoint of format {FORMAT}, got another file")
    del arrays["format"]
    try:
        config = {**json.loads(arrays.pop("config").tobytes())}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected a config in JSON, got: {error}") from error
    fields = {name: arrays.pop(HISTORY + name, np.array("nothing")) for name in History._fields}
    epochs = len(np.atleast_1d(fields["train"]))
    for name, numbers in fields.items():
        lengths = (epochs, 0) if name.endswith("_kl") else (epochs,)  # the net may have no kl_loss
        if numbers.dtype != "<f8" or numbers.ndim != 1 or len(numbers) not in lengths:
            raise ValueError(
                f"{path}: expected {epochs} numbers in {HISTORY}{name}, one for each epoch, got "
                f"{numbers.dtype} {numbers.shape}"
            )
        check_finite(f"{path}: {HISTORY}{name}", numbers)
    return arrays, History(*(numbers.tolist() for numbers in fields.values())), config


def restore(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    history: History,
    net: mx.gluon.Block,
    ctx: mx.Context | None = None,
) -> TrainingState:
    """Load the arrays of a checkpoint into ``net``; return the state of training."""
    parameters = named_parameters(net)
    trained: list[str] = []
    if any(name.startswith(MOMENTS) for name in arrays):
        trained = [name for name, p in parameters.items() if p.grad_req != "null"]
    first, second = MOMENTS
    expected: dict[str, Any] = {UPDATES: ((1,), np.dtype("<i8"))}
    for prefix, names in ((PARAMETERS, parameters), (first, trained), (second, trained)):
        expected.update({prefix + name: expected_array(parameters[name]) for name in names})
    check_arrays(path, arrays, expected)
    moments = {name: (arrays[first + name], arrays[second + name]) for name in trained}
    for name, array in arrays.items():
        if name.startswith((UPDATES, second)) and array.min() < 0:
            raise ValueError(f"{path}: {name}: expected no number below 0, got {array.min()}")
    set_parameters(net, {name: arrays[PARAMETERS + name] for name in parameters}, ctx)
    return TrainingState(history, int(arrays[UPDATES][0]), moments)

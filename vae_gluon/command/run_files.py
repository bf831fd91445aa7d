"""The files of a run's folder, written whole and read without trusting them."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from vae_gluon._checks import quoted
from vae_gluon._files import lock, read_file, remove_partials, replacing
from vae_gluon.command.config import RunConfig, is_finite
from vae_gluon.training import History

CONFIG = "config.json"
CHECKPOINT = "checkpoint.npz"
HISTORY = "history.json"
EVALUATION = "evaluation.json"
EXPLORER = "explorer.html"
OWNER = "config"  # in the history: whose losses they are
KL_WEIGHT = "kl_weight"
PARAMETERS_CRC32 = "parameters_crc32"  # in the history: to which parameters they led
MAX_JSON = 2**26  # bytes; an epoch has about 100
MAX_LOSS = 1e30  # matplotlib cannot mark an axis that reaches the largest of a float's numbers


def check_no_run(folder: Path) -> None:
    """Raise a ValueError if ``folder`` holds a run with a checkpoint or a history."""
    # Links to nothing are there too: a disk may not be mounted.
    if any(os.path.lexists(folder / name) for name in (CHECKPOINT, HISTORY)):
        raise ValueError(
            f"{folder} already holds a run: resume it with --resume, remove it, or name another "
            "folder with --out"
        )


def make_folder(folder: Path) -> BinaryIO:
    """Make the folder of a new run; return its lock.

    Raises
    ------
    ValueError
        If it holds a run, or cannot be a folder.
    """
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:  # MXNet, which writes the parameters at the end, needs it
        raise ValueError(
            f"expected a folder whose name is {sys.getfilesystemencoding()} text, as this "
            f"system's locale says, got {os.fsencode(folder)!r}"
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(f"{folder} cannot be a folder: a file is in its place") from error
    owned = own(folder)
    check_no_run(folder)
    return owned


def own(folder: Path) -> BinaryIO:
    """Make this process the one that trains in ``folder``, until it ends or closes the result."""
    owned = lock(folder)
    if owned is None:
        raise ValueError(
            f"another process is training in {folder}: wait until it has ended, or name another "
            "folder with --out"
        )
    return owned


def write_config(folder: Path, config: RunConfig) -> None:
    """Write the config of a run that begins or is resumed, and clear up after killed processes."""
    remove_partials(folder)
    write_json(folder / CONFIG, config.to_json())


def read_config(folder: Path) -> RunConfig:
    """Read and check the config of a run.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it does not describe a run. The message says what was found and what was expected.
    """
    path = folder / CONFIG
    return RunConfig.from_json(path, _read_json(path, f"{folder} holds no run"))


def write_history(folder: Path, history: History, config: RunConfig, parameters: int) -> None:
    """Write the losses of a run, and to which config and parameters (a checksum) they belong."""
    belonging = {OWNER: config.to_json(), PARAMETERS_CRC32: parameters}
    write_json(folder / HISTORY, {**history._asdict(), **belonging})


def read_history(folder: Path, config: RunConfig) -> tuple[History, int | None]:
    """Read and check the losses of a finished run; return them and the parameters' checksum.

    Older files have no checksum. Errors are those of ``read_config``, and a ValueError if the
    history is of another run than ``config``.
    """
    path = folder / HISTORY
    missing = f"{folder} holds no finished run"
    if (folder / CHECKPOINT).exists():
        missing += (
            " (unless it is still being trained, finish it with vae-gluon train --resume --out "
            f"{as_word(folder)})"
        )
    content = _read_json(path, missing)
    if KL_WEIGHT not in content and isinstance(content.get("train"), list):
        content[KL_WEIGHT] = [1.0] * len(content["train"])  # of an earlier version
    for name in History._fields:
        if not _is_losses(content.get(name)):
            found = quoted(content[name]) if name in content else "nothing"
            raise ValueError(
                f"{path} does not describe a run: expected {name} to be a list of finite numbers, "
                f"one for each epoch, found {found}"
            )
    history = History(*(content[name] for name in History._fields))
    lengths = {name: len(numbers) for name, numbers in history._asdict().items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"{path} does not describe a run: expected as many numbers of each kind, "
            f"found {lengths}"
        )
    if OWNER in content:
        _check_same_run(folder, path, content[OWNER], config)
    return history, content.get(PARAMETERS_CRC32)


def as_word(folder: Path) -> str:
    """Return a folder as a word of a command line."""
    text = str(folder)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)  # "-x" would be an option


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` to a file, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def _is_losses(value: Any) -> bool:
    if not (isinstance(value, list) and value and all(map(is_finite, value))):
        return False
    return max(map(abs, value)) < MAX_LOSS


def _read_json(path: Path, missing: str) -> dict[str, Any]:
    try:
        data = read_file(path, MAX_JSON)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{missing}: no {path.name} in it") from error
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} does not describe a run: it holds a {type(content).__name__}")
    return content


# What a resumed run must have in common with its folder


def check_options(folder: Path, config: RunConfig, given: Mapping[str, Any]) -> None:
    """Raise a ValueError if an option contradicts the run in ``folder``."""
    fixed = config.fixed()
    for name, value in given.items():
        if name in fixed and value != fixed[name]:
            raise ValueError(
                f"{_words(name, value)} contradicts the run in {folder}, which has "
                f"{_words(name, fixed[name])}; leave it out, or begin another run with --out"
            )


def _words(name: str, value: Any) -> str:
    """Return an option as it is on the command line."""
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return option if value else f"no {option}"
    return f"{option} {value}"


def check_checkpoint(folder: Path, config: RunConfig, kept: Mapping[str, Any], done: int) -> None:
    """Raise a ValueError unless a checkpoint belongs to the run, and has no more epochs.

    ``kept`` is the config in the checkpoint, ``done`` the number of its epochs.
    """
    _check_same_run(folder, folder / CHECKPOINT, kept, config)
    if done > config.epochs:
        raise ValueError(
            f"--epochs {config.epochs} contradicts the run in {folder}, which has trained for "
            f"{done} epochs"
        )


def _check_same_run(folder: Path, path: Path, kept: Any, config: RunConfig) -> None:
    """Raise a ValueError unless the config that is kept in a file is that of the run."""
    if not isinstance(kept, dict):
        raise ValueError(f"{path} does not describe a run: expected a config, found {quoted(kept)}")
    kept = RunConfig.from_json(path, kept).fixed()
    for name, value in config.fixed().items():
        if kept[name] != value:
            raise ValueError(
                f"{path} is of another run than {folder / CONFIG}: {name} is "
                f"{quoted(kept[name])} in one and {quoted(value)} in the other"
            )

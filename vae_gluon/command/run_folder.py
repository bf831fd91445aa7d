"""The files in the folder of a run: its config and history, written, read and checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vae_gluon._files import remove_partials, replacing
from vae_gluon.command.nets import ARCHITECTURES
from vae_gluon.command.options import DATASETS, FLAGS, MAY_CHANGE, OPTIONS, Integer, is_finite
from vae_gluon.training import History

CONFIG = "config.json"
CHECKPOINT = "checkpoint.npz"
HISTORY = "history.json"
EVALUATION = "evaluation.json"


def begin(folder: Path, config: Mapping[str, Any]) -> None:
    """Make the folder of a new run and write its config.

    Raises
    ------
    ValueError
        If ``folder`` holds a run, or cannot be a folder.
    OSError
        If the folder or the config cannot be written.
    """
    check_no_run(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(f"{folder} cannot be a folder: a file is in its place") from error
    write_config(folder, config)


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the config of a run that begins or is resumed, and clear up after killed processes."""
    remove_partials(folder)
    write_json(folder / CONFIG, config)


def check_no_run(folder: Path) -> None:
    """Raise a ValueError if ``folder`` holds a run with a checkpoint or a history."""
    if any((folder / name).exists() for name in (CHECKPOINT, HISTORY)):
        raise ValueError(
            f"{folder} already holds a run: resume it with --resume, remove it, or name another "
            "folder with --out"
        )


def check_options(folder: Path, config: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise a ValueError if an option in ``given`` contradicts the run in ``folder``."""
    for name, value in given.items():
        if name not in MAY_CHANGE and value != config[name]:
            raise ValueError(
                f"{_words(name, value)} contradicts the run in {folder}, which has "
                f"{_words(name, config[name])}; leave it out, or begin another run with --out"
            )


def _words(name, value):
    """Return an option as it is on the command line."""
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return option if value else f"no {option}"
    return f"{option} {value}"


def check_checkpoint(
    folder: Path, config: Mapping[str, Any], kept: Mapping[str, Any], done: int
) -> None:
    """Raise a ValueError unless a checkpoint belongs to the run, and has no more epochs.

    ``kept`` is the config in the checkpoint, ``done`` the number of its epochs.
    """
    for name in config.keys() - MAY_CHANGE:
        if kept.get(name) != config[name]:
            raise ValueError(
                f"{folder / CHECKPOINT} is of another run than {folder / CONFIG}: {name} is "
                f"{kept.get(name)!r} in one and {config[name]!r} in the other"
            )
    if done > config["epochs"]:
        raise ValueError(
            f"--epochs {config['epochs']} contradicts the run in {folder}, which has trained for "
            f"{done} epochs"
        )


def read_config(folder: Path) -> dict[str, Any]:
    """Read and check the config of a run.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it does not describe a run. The message says what was found and what was expected.
    """
    path = folder / CONFIG
    config = _read_json(path, f"{folder} holds no run")
    expected: dict[str, tuple[Callable[[Any], bool], str]] = {
        name: (option.allows, option.expected) for name, option in OPTIONS.items()
    }
    expected |= dict.fromkeys(FLAGS, (lambda value: isinstance(value, bool), "true or false"))
    n_workers = Integer(1, None, 1, "")
    expected["n_workers"] = (n_workers.allows, n_workers.expected)
    # In a list, because a list or a mapping, which JSON may hold, cannot be looked up in a dict.
    expected["arch"] = (list(ARCHITECTURES).__contains__, " or ".join(ARCHITECTURES))
    expected["dataset"] = (DATASETS.__contains__, " or ".join(DATASETS))
    expected["data_dir"] = (lambda name: name is None or isinstance(name, str), "a path or null")
    expected["data_crc32"] = (lambda number: isinstance(number, int), "an integer")
    _check(path, config, expected)
    return config


def read_history(folder: Path) -> dict[str, list[float]]:
    """Read and check the losses of a finished run. Errors are those of ``read_config``."""
    path = folder / HISTORY
    missing = f"{folder} holds no finished run"
    if (folder / CHECKPOINT).exists():
        missing += " (finish it with vae-gluon train --resume)"
    history = _read_json(path, missing)
    fits = (_is_losses, "a list of finite numbers, one for each epoch")
    _check(path, history, dict.fromkeys(History._fields, fits))
    lengths = {name: len(history[name]) for name in History._fields}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"{path} does not describe a run: expected as many numbers of each kind, "
            f"found {lengths}"
        )
    return history


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` to a file, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def _is_losses(value):
    return isinstance(value, list) and len(value) > 0 and all(map(is_finite, value))


def _read_json(path, missing):
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{missing}: no {path.name} in it") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} does not describe a run: it holds a {type(content).__name__}")
    return content


def _check(path, content, expected):
    for name, (fits, text) in expected.items():
        value = content.get(name)
        if not fits(value):
            found = repr(value)[:100] if name in content else "nothing"
            raise ValueError(
                f"{path} does not describe a run: expected {name} to be {text}, found {found}"
            )

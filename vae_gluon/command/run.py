"""A run of the command: begun, resumed, or read when it has finished."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Optional

import mxnet as mx
import numpy as np

import vae_gluon
from vae_gluon._checks import checksum
from vae_gluon.command.config import DATASETS, OPTIONS, RunConfig
from vae_gluon.command.dataset import Dataset, load_data, name_of
from vae_gluon.command.run_files import (
    CHECKPOINT,
    CONFIG,
    HISTORY,
    check_checkpoint,
    check_no_run,
    check_options,
    make_folder,
    own,
    read_config,
    read_history,
    write_config,
)
from vae_gluon.distributed import check_agreement
from vae_gluon.model import VAE, default_context, parameter_arrays
from vae_gluon.training import History, TrainingState, load_checkpoint, seed

Connect = Callable[[], Optional[mx.kv.KVStore]]  # joins the other workers, if there are any


class Run(NamedTuple):
    """A run to train."""

    folder: Path
    config: RunConfig
    mnist: dict[str, np.ndarray]
    net: VAE
    start: TrainingState | None  # None if there is no checkpoint
    kvstore: mx.kv.KVStore | None
    writes: bool  # False if another worker writes the files


class FinishedRun(NamedTuple):
    """A run that has finished."""

    config: RunConfig
    mnist: dict[str, np.ndarray]
    net: VAE
    history: History


class LoadedRun(NamedTuple):
    """A finished run, opened in Python.

    Attributes
    ----------
    net : VAE
        With the parameters of the run.
    config : dict
        What describes it: the options, the size of the images, where they were.
    history : History
        Losses and seconds of each epoch.
    """

    net: VAE
    config: dict[str, Any]
    history: History


def load_run(folder: str | os.PathLike[str], which: str = "last") -> LoadedRun:
    """Open a run that ``vae-gluon train`` has finished.

    Parameters
    ----------
    folder : path
        The folder of the run.
    which : {'last', 'best'}
        The parameters of the last epoch, or those of the best, which a run with ``--patience``
        keeps.

    Returns
    -------
    LoadedRun
        The net, on ``default_context()``, its config and its history.

    Raises
    ------
    FileNotFoundError
        If there is no such run, or it has not finished.
    ValueError
        If its files are damaged or do not belong together. The message says what is wrong.
    """
    if which not in ("last", "best"):
        raise ValueError(f"expected which to be 'last' or 'best', got {which!r}")
    config, net, history = finished_net(Path(folder), which)
    return LoadedRun(net, config.to_json(), history)


def new_run(args: Namespace, owned: ExitStack, connect: Connect) -> Run:
    """Begin a run with the options in ``args``; make its folder, and own it until ``owned`` closes.

    ``connect`` joins the other workers, if there are any: after what may fail on one machine.

    Raises
    ------
    ValueError
        If the folder already holds a run, another process trains in it, or the options contradict
        each other or the workers'.
    FileNotFoundError
        If the data set is not there.
    """
    given = _given(args)
    if args.out:
        check_no_run(args.out)  # before the data, which may take a download
    asked_for = given.pop("dataset", None)
    data = _load(asked_for, args.data_dir, RunConfig("", 0, **given))
    kvstore = connect()
    height, width = data.arrays["train_data"].shape[2:]
    config = RunConfig(
        data.name,
        data.crc32,
        height,
        width,
        asked_for,
        **given,
        n_workers=_n_workers(kvstore),
        **_whereabouts(args, data.place),
    )
    net = _seeded_net(config)
    _check_workers_agree(kvstore, config, net, None)
    folder, writes = args.out or config.default_folder(), _writes_files(kvstore)
    if writes:
        owned.enter_context(make_folder(folder))
        write_config(folder, config)
    return Run(folder, config, data.arrays, net, None, kvstore, writes)


def resumed_run(args: Namespace, owned: ExitStack, connect: Connect) -> Run:
    """Resume a run from its last checkpoint, or from the start if it has none yet.

    The parameters are those of ``new_run``.

    Raises
    ------
    ValueError
        If there is no run, another process trains in its folder, or the options, the data set or
        the workers do not fit it.
    FileNotFoundError
        If the data set is not there.
    """
    given = _given(args)
    folder = args.out or _find_folder(given, args.data_dir)
    config = read_config(folder)
    check_options(folder, config, given)
    data = _load(config.dataset, args.data_dir or config.data_dir, config)
    if data.crc32 != config.data_crc32:
        raise ValueError(
            f"the run in {folder} was trained on other images than those of {data.place}"
        )
    kvstore = connect()
    if config.n_workers != _n_workers(kvstore):
        raise ValueError(
            f"the run in {folder} has {config.n_workers} workers: expected as many to resume "
            f"it, got {_n_workers(kvstore)}"
        )
    config = replace(config, **given, **_whereabouts(args, data.place))
    writes = _writes_files(kvstore)
    if writes:
        owned.enter_context(own(folder))
    net, start = _seeded_net(config), None
    checkpoint = folder / CHECKPOINT
    if os.path.lexists(checkpoint):  # and if it is a link to nothing, that is an error
        start, kept = load_checkpoint(checkpoint, net)
        check_checkpoint(folder, config, kept, len(start.history.train))
    _check_workers_agree(kvstore, config, net, start)
    if writes:
        write_config(folder, config)
    return Run(folder, config, data.arrays, net, start, kvstore, writes)


def finished_run(folder: Path, data_dir: Path | None, which: str = "last") -> FinishedRun:
    """Read a finished run and its data set. Errors are those of ``resumed_run``."""
    config, net, history = finished_net(folder, which)
    data = _load(config.dataset, data_dir or config.data_dir, config)
    return FinishedRun(config, data.arrays, net, history)


def finished_net(folder: Path, which: str = "last") -> tuple[RunConfig, VAE, History]:
    """Read the net of a finished run, with the parameters of its last epoch or of its best."""
    config = read_config(folder)
    history, expected = read_history(folder, config)
    net = config.make_net()
    path = folder / config.file_name(which)
    if which == "best" and not path.exists():
        raise FileNotFoundError(
            f"{path} is not there: a run keeps the parameters of its best epoch with --patience"
        )
    net.load_parameters(path, ctx=default_context())
    if which == "last" and expected not in (None, parameters_checksum(net)):
        raise ValueError(
            f"{path} is not what the training ended with whose losses are in {folder / HISTORY}: "
            "if another one is running there, wait for its end"
        )
    return config, net, history


def parameters_checksum(net: VAE) -> int:
    """Return a checksum of the parameters of a net."""
    arrays = parameter_arrays(net)
    return checksum(*(arrays[name] for name in sorted(arrays)))


def _writes_files(kvstore: mx.kv.KVStore | None) -> bool:
    """Return whether this is the worker that writes the files of the run."""
    return kvstore is None or kvstore.rank == 0


def _n_workers(kvstore: mx.kv.KVStore | None) -> int:
    return kvstore.num_workers if kvstore else 1


def _seeded_net(config: RunConfig) -> VAE:
    """Build the net of a run, and seed everything that is drawn from here on."""
    seed(config.seed)
    return config.make_net()


# Options


def _given(args: Namespace) -> dict[str, Any]:
    """Return the options that were given, by name."""
    given = {name: value for name, value in vars(args).items() if name in OPTIONS}
    if given.get("arch") == "conv" and "n_layers" in given:
        raise ValueError("--n-layers is for --arch mlp: the layers of conv are given")
    return given


def _load(name: str | None, data_dir: str | Path | None, config: RunConfig) -> Dataset:
    """Load the data set of a run, whose pictures are read as its config says."""
    return load_data(name, data_dir, config.picture_size, config.invert)


def _whereabouts(args: Namespace, data_dir: Path | None) -> dict[str, Any]:
    """Return where and by what the run is trained, which may change when it is resumed."""
    contexts = args.ctx or [default_context()]
    return {
        "data_dir": None if data_dir is None else str(data_dir.resolve()),
        "context": ",".join(map(str, contexts)),
        "version": vae_gluon.__version__,
    }


def _find_folder(given: dict[str, Any], data_dir: Path | None) -> Path:
    """Return the default folder of the run that the options describe."""
    names = [given["dataset"]] if "dataset" in given else list(DATASETS)
    if data_dir:
        names.append(name_of(data_dir))
    folders = [
        RunConfig(**{**given, "dataset": name}, data_crc32=0).default_folder() for name in names
    ]
    found = [folder for folder in folders if (folder / CONFIG).exists()]
    if len(found) != 1:
        raise ValueError(
            f"expected one run to resume, found {len(found)}: looked for "
            f"{' and '.join(map(str, folders))}; name its folder with --out"
        )
    return found[0]


def _check_workers_agree(
    kvstore: mx.kv.KVStore | None, config: RunConfig, net: VAE, start: TrainingState | None
) -> None:
    """Raise a ValueError unless all workers have the same options, and begin at the same point."""
    if kvstore is None:
        return
    agreed = {**config.fixed(), "epochs": config.epochs, "version": config.version}
    if start:
        moments = (moment for name in sorted(start.moments) for moment in start.moments[name])
        numbers = map(np.array, start.history)
        agreed["start"] = checksum(*moments, *numbers), parameters_checksum(net), start.updates
    check_agreement(kvstore, agreed)

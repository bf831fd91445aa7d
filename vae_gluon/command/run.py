"""A run of the command: begun, resumed, or read when it has finished."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import mxnet as mx
import numpy as np

from vae_gluon import __version__
from vae_gluon.command.config import DATASETS, OPTIONS, RunConfig
from vae_gluon.command.dataset import checksum, load_data
from vae_gluon.command.run_files import (
    CHECKPOINT,
    CONFIG,
    check_checkpoint,
    check_no_run,
    check_options,
    make_folder,
    read_config,
    read_history,
    write_config,
)
from vae_gluon.distributed import check_agreement
from vae_gluon.model import VAE, default_context
from vae_gluon.training import History, TrainingState, load_checkpoint, seed


class Run(NamedTuple):
    """A run to train."""

    folder: Path
    config: RunConfig
    mnist: dict[str, np.ndarray]
    net: VAE
    start: TrainingState | None  # None if there is no checkpoint


class FinishedRun(NamedTuple):
    """A run that has finished."""

    config: RunConfig
    mnist: dict[str, np.ndarray]
    net: VAE
    history: History


def new_run(args: Namespace, kvstore: mx.kv.KVStore | None) -> Run:
    """Begin a run with the options in ``args``; make its folder.

    Raises
    ------
    ValueError
        If the folder already holds a run, or the options contradict each other or the workers'.
    FileNotFoundError
        If the data set is not there.
    """
    given = _given(args)
    first = is_first(kvstore)
    if args.out and first:
        check_no_run(args.out)  # before the data, which may take a download
    dataset, data_dir, mnist = load_data(given.pop("dataset", None), args.data_dir)
    config = RunConfig(
        dataset,
        checksum(mnist),
        getattr(args, "dataset", None),
        **given,
        n_workers=_n_workers(kvstore),
        **_whereabouts(args, data_dir),
    )
    _check_workers_agree(kvstore, config)
    net = _seeded_net(config)
    folder = args.out or config.default_folder()
    if first:
        make_folder(folder)
        write_config(folder, config)
    return Run(folder, config, mnist, net, None)


def resumed_run(args: Namespace, kvstore: mx.kv.KVStore | None) -> Run:
    """Resume a run from its last checkpoint, or from the start if it has none yet.

    Raises
    ------
    ValueError
        If there is no run, or the options, the data set or the workers do not fit it.
    FileNotFoundError
        If the data set is not there.
    """
    given = _given(args)
    folder = args.out or _find_folder(given)
    config = read_config(folder)
    check_options(folder, config, given)
    _, data_dir, mnist = load_data(config.dataset, args.data_dir or config.data_dir)
    if checksum(mnist) != config.data_crc32:
        raise ValueError(
            f"the run in {folder} was trained on other images than those of {data_dir}"
        )
    if config.n_workers != _n_workers(kvstore):
        raise ValueError(
            f"the run in {folder} has {config.n_workers} workers: expected as many to resume "
            f"it, got {_n_workers(kvstore)}"
        )
    config = replace(config, **given, **_whereabouts(args, data_dir))
    _check_workers_agree(kvstore, config)
    net, start = _seeded_net(config), None
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        start, kept = load_checkpoint(checkpoint, net)
        check_checkpoint(folder, config, kept, len(start.history.train))
    if is_first(kvstore):
        write_config(folder, config)
    return Run(folder, config, mnist, net, start)


def finished_run(folder: Path, data_dir: Path | None) -> FinishedRun:
    """Read a finished run and its data set. Errors are those of ``resumed_run``."""
    config, history = read_config(folder), read_history(folder)
    net = load_net(folder, config)
    *_, mnist = load_data(config.dataset, data_dir or config.data_dir)
    return FinishedRun(config, mnist, net, history)


def load_net(folder: Path, config: RunConfig) -> VAE:
    """Read the net of a finished run."""
    net = _seeded_net(config)
    net.load_parameters(folder / f"{config.net_name}.params", ctx=default_context())
    return net


def is_first(kvstore: mx.kv.KVStore | None) -> bool:
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


def _whereabouts(args: Namespace, data_dir: Path | None) -> dict[str, Any]:
    """Return where and by what the run is trained, which may change when it is resumed."""
    contexts = args.ctx or [default_context()]
    return {
        "data_dir": None if data_dir is None else str(data_dir.resolve()),
        "context": ",".join(map(str, contexts)),
        "version": __version__,
    }


def _find_folder(given: dict[str, Any]) -> Path:
    """Return the default folder of the run that the options describe."""
    names = [given["dataset"]] if "dataset" in given else DATASETS
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


def _check_workers_agree(kvstore: mx.kv.KVStore | None, config: RunConfig) -> None:
    if kvstore:
        check_agreement(kvstore, config.fixed())

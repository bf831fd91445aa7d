"""A run of the command: begun, resumed, or read when it has finished.

Options and a folder -> config, data set, net, and the state to resume from.
"""

from __future__ import annotations

import sys
import textwrap
import zlib
from argparse import Namespace
from pathlib import Path
from typing import Any, NamedTuple

import mxnet as mx
import numpy as np

from vae_gluon import __version__
from vae_gluon.command import run_folder
from vae_gluon.command.nets import make_net, net_name
from vae_gluon.command.options import DATASETS, FLAGS, MAY_CHANGE, OPTIONS
from vae_gluon.data import MNISTUnavailableError, load_mnist, locate_mnist, make_digits
from vae_gluon.distributed import check_agreement
from vae_gluon.model import VAE, default_context
from vae_gluon.training import TrainingState, load_checkpoint

RULE = "=" * 80


class Run(NamedTuple):
    """A run to train."""

    folder: Path
    config: dict[str, Any]
    mnist: dict[str, np.ndarray]
    net: VAE
    start: TrainingState | None  # None if the run begins


class FinishedRun(NamedTuple):
    """A run that has finished."""

    config: dict[str, Any]
    mnist: dict[str, np.ndarray]
    net: VAE
    history: dict[str, list[float]]


def begin(args: Namespace, kvstore: mx.kv.KVStore | None) -> Run:
    """Begin a run with the options in ``args``; make its folder.

    Raises
    ------
    ValueError
        If the folder already holds a run, or the options contradict each other or the workers'.
    FileNotFoundError
        If the data set is not there.
    """
    first = is_first(kvstore)
    if args.out and first:
        run_folder.check_no_run(args.out)  # before the data, which may take a download
    dataset, data_dir, mnist = _load_data(args.dataset, args.data_dir)
    config = {
        "dataset": dataset,
        "dataset_asked_for": args.dataset,
        "data_crc32": _crc32(mnist),
        **_options(args),
        "n_workers": _n_workers(kvstore),
        **_place(args, data_dir),
    }
    _check_agreement(kvstore, config)
    net = make_net(config)
    folder = args.out or _default_folder(config)
    if first:
        run_folder.begin(folder, config)
    return Run(folder, config, mnist, net, None)


def resume(args: Namespace, kvstore: mx.kv.KVStore | None) -> Run:
    """Resume a run from its last checkpoint, or from the start if it has none yet.

    Raises
    ------
    ValueError
        If there is no run, or the options, the data set or the workers do not fit it.
    FileNotFoundError
        If the data set is not there.
    """
    folder = args.out or _find(args)
    config = run_folder.read_config(folder)
    given = {**_given(args), **({"dataset": args.dataset} if args.dataset else {})}
    run_folder.check_options(folder, config, given)
    _, data_dir, mnist = _load_data(config["dataset"], args.data_dir or config["data_dir"])
    if _crc32(mnist) != config["data_crc32"]:
        raise ValueError(
            f"the run in {folder} was trained on other images than those of {data_dir}"
        )
    if config["n_workers"] != _n_workers(kvstore):
        raise ValueError(
            f"the run in {folder} has {config['n_workers']} workers: expected as many to resume "
            f"it, got {_n_workers(kvstore)}"
        )
    config = {**config, **given, **_place(args, data_dir)}
    _check_agreement(kvstore, config)
    net, start = make_net(config), None
    checkpoint = folder / run_folder.CHECKPOINT
    if checkpoint.exists():
        start, kept = load_checkpoint(checkpoint, net)
        run_folder.check_checkpoint(folder, config, kept, len(start.history.train))
    if is_first(kvstore):
        run_folder.write_config(folder, config)
    return Run(folder, config, mnist, net, start)


def load_finished(folder: Path, data_dir: Path | None) -> FinishedRun:
    """Read a finished run and its data set. Errors are those of ``resume``."""
    config, history = run_folder.read_config(folder), run_folder.read_history(folder)
    net = load_net(folder, config)
    *_, mnist = _load_data(config["dataset"], data_dir or config["data_dir"])
    return FinishedRun(config, mnist, net, history)


def load_net(folder: Path, config: dict[str, Any]) -> VAE:
    """Read the net of a finished run."""
    net = make_net(config)
    net.load_parameters(folder / f"{net_name(config)}.params", ctx=default_context())
    return net


def is_first(kvstore: mx.kv.KVStore | None) -> bool:
    """Return whether this is the worker that writes the files of the run."""
    return kvstore is None or kvstore.rank == 0


def _n_workers(kvstore):
    return kvstore.num_workers if kvstore else 1


def _check_agreement(kvstore, config):
    if kvstore:
        check_agreement(kvstore, {name: config[name] for name in config.keys() - MAY_CHANGE})


# From options to a config


def _options(args):
    """Return the options that describe the run, by their names in the config."""
    defaults = {name: option.default for name, option in OPTIONS.items()}
    flags = dict.fromkeys(FLAGS, False)
    options = {**defaults, "arch": "mlp", **flags, **_given(args)}
    if options["arch"] == "conv" and "n_layers" in vars(args):
        raise ValueError("--n-layers is for --arch mlp: the layers of conv are given")
    return options


def _given(args):
    """Return the options that were given."""
    names = (*OPTIONS, *FLAGS, "arch")
    return {name: value for name, value in vars(args).items() if name in names}


def _place(args, data_dir):
    """Return what describes the place of a run, which may change when it is resumed."""
    contexts = args.ctx or [default_context()]
    return {
        "data_dir": None if data_dir is None else str(data_dir.resolve()),
        "context": ",".join(map(str, contexts)),
        "version": __version__,
    }


def _default_folder(config):
    return Path("runs", "{dataset}_{net}_seed{seed}".format(net=net_name(config), **config))


def _find(args):
    """Return the default folder of the run that the options describe."""
    datasets = [args.dataset] if args.dataset else DATASETS
    folders = [_default_folder({**_options(args), "dataset": dataset}) for dataset in datasets]
    found = [folder for folder in folders if (folder / run_folder.CONFIG).exists()]
    if len(found) != 1:
        raise ValueError(
            f"expected one run to resume, found {len(found)}: looked for "
            f"{' and '.join(map(str, folders))}; name its folder with --out"
        )
    return found[0]


# The data set


def _load_data(dataset, data_dir):
    """Load a data set; return its name, folder and arrays.

    If ``dataset`` is None, that is MNIST, or the embedded digits if MNIST cannot be had.
    """
    if dataset == "digits":
        if data_dir is not None:
            raise ValueError("--data-dir is for the files of MNIST; digits are drawn, not read")
        return "digits", None, make_digits()
    try:
        folder = locate_mnist(data_dir)
        return "mnist", folder, load_mnist(folder)
    except MNISTUnavailableError as error:
        if dataset == "mnist":
            raise
        _say_that_digits_stand_in(error)
        return "digits", None, make_digits()


def _say_that_digits_stand_in(error):
    wrap = textwrap.TextWrapper(80, break_long_words=False, break_on_hyphens=False)
    print(
        f"{RULE}\nNOT MNIST: this run uses the embedded digits, which this package draws.\n"
        f"Its losses cannot be compared with those of MNIST.\n\n{wrap.fill(str(error))}.\n{RULE}",
        file=sys.stderr,
    )


def _crc32(mnist):
    """Return a checksum of all images."""
    return zlib.crc32(mnist["test_data"], zlib.crc32(mnist["train_data"]))

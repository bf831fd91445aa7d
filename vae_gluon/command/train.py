"""``vae-gluon train``: options -> ``vae_gluon.train`` with its callbacks -> a run's folder."""

from __future__ import annotations

import math
import os
import shlex
import signal
import zlib
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import mxnet as mx
import numpy as np

import vae_gluon
from vae_gluon._checks import printable
from vae_gluon._files import lock, remove_partials, write_json
from vae_gluon.data import DATASETS, Dataset, load_dataset, mnist_iterators, name_of
from vae_gluon.distributed import Watchdog, Workers, check_agreement, join, leave, shard
from vae_gluon.model import VAE, default_context, read_contexts, write_parameters
from vae_gluon.training import (
    BEST,
    LAST,
    OPTIONS,
    Callback,
    Checkpoint,
    EarlyStopping,
    History,
    RunConfig,
    Training,
    TrainingState,
    kl_warmup,
    picture_size,
    read_run,
    train,
    write_csv,
)


class Run(NamedTuple):
    """The run that the options describe."""

    folder: Path
    config: RunConfig
    data: Dataset
    net: VAE
    start: TrainingState | None  # None before the first epoch ends


def run_train(args: Namespace) -> None:
    """Train a net, or resume training; write the files of the run."""
    if args.kvstore and os.environ.get("DMLC_ROLE") != "worker":
        raise ValueError("--kvstore needs a scheduler, servers and workers: see vae-gluon cluster")
    run = _resumed_run(args) if args.resume else _new_run(args)
    with _workers(args, run) as (run, kvstore):
        if kvstore and kvstore.rank > 0:  # the first worker writes the files
            _train(run, kvstore, args.timeout, [])
            return
        with _owned(run.folder, args.resume):
            _announce(run, args.resume)
            _draw_samples(run)
            with _ended_early(run):
                history = _train(run, kvstore, args.timeout, _writers(run))
            _draw(run, history)


# Choosing the run


def _new_run(args: Namespace) -> Run:
    given = _given(args)
    name = given.pop("dataset", None)
    size = picture_size(given.get("size"))
    data = load_dataset(name, args.data_dir, size, given.get("invert", False))
    height, width = data.arrays["train_data"].shape[2:]
    config = RunConfig(data.name, data.crc32, height, width, **given, **_whereabouts(args, data))
    _check_options(config, given)
    return Run(args.out or config.default_folder, config, data, config.make_net(), None)


def _resumed_run(args: Namespace) -> Run:
    given = _given(args)
    folder = args.out or _find_folder(given, args.data_dir)
    config, net, start = read_run(folder)
    done = len(start.history.train) if start else 0
    fixed = config.fixed()
    if done and config.lr_schedule == "cosine":  # which falls until the last epoch
        fixed["epochs"] = config.epochs
    for name, value in given.items():
        if name in fixed and value != fixed[name]:
            raise ValueError(f"{_option(name)}: the run in {folder} has {fixed[name]}, got {value}")
    if given.get("epochs", done) < done:
        raise ValueError(f"--epochs: the run in {folder} has trained {done}, got {given['epochs']}")
    # The run's path, unless another is given.
    path = args.data_dir or config.data_dir
    data = load_dataset(config.dataset, path, picture_size(config.size), config.invert)
    if data.crc32 != config.data_crc32:
        raise ValueError(f"the run in {folder} was trained on other images than those of {path}")
    config = replace(config, **given, **_whereabouts(args, data))
    _check_options(config, given)
    return Run(folder, config, data, net, start)


def _given(args: Namespace) -> dict[str, Any]:
    """Return the options that were given, by name."""
    return {name: value for name, value in vars(args).items() if name in OPTIONS}


def _check_options(config: RunConfig, given: Mapping[str, Any]) -> None:
    """Raise a ValueError unless the options go together."""
    if config.arch == "conv" and "n_layers" in given:
        raise ValueError("--n-layers is not for --arch conv")
    if config.lr_schedule == "cosine":
        if config.lr_decay != 1:
            raise ValueError("--lr-decay is for --lr-schedule constant, not for cosine")
        if config.lr_warmup >= config.epochs:
            raise ValueError(
                f"--lr-warmup: expected fewer than {config.epochs} epochs, got {config.lr_warmup}"
            )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _whereabouts(args: Namespace, data: Dataset) -> dict[str, Any]:
    """Return the data's path, devices and version, which may change on resuming."""
    return {
        "data_dir": None if data.path is None else str(data.path.resolve()),
        "context": ",".join(map(str, args.ctx or [default_context()])),
        "version": vae_gluon.__version__,
    }


# The folder of a run


def _find_folder(given: Mapping[str, Any], data_dir: Path | None) -> Path:
    """Return the default folder of the run that the options describe."""
    names = [given["dataset"]] if "dataset" in given else [*DATASETS]
    if data_dir:
        names.append(name_of(data_dir))
    folders = [RunConfig(**{**given, "dataset": name}).default_folder for name in names]
    found = [folder for folder in folders if (folder / LAST).exists()]
    if len(found) != 1:
        places = " or ".join(map(str, folders))
        raise ValueError(f"expected one run, in {places}, got {len(found)}: name it with --out")
    return found[0]


@contextmanager
def _owned(folder: Path, resumed: bool) -> Iterator[None]:
    """Make the folder of a run, locked against other processes within the block."""
    folder.mkdir(parents=True, exist_ok=True)
    owned = lock(folder)
    if owned is None:
        raise ValueError(f"another process is training in {folder}")
    with owned:
        path = folder / LAST
        # A dangling link counts too: a disk may not be mounted.
        there = os.path.lexists(path) and not resumed
        if there and (not path.exists() or read_run(folder)[2]):
            raise ValueError(f"{folder} already holds a run: --resume it, or choose another --out")
        remove_partials(folder)
        yield


class RunFiles(Checkpoint):
    """Writes the files of a run: checkpoints to load it from, others for people and programs."""

    def __init__(self, folder: Path, config: RunConfig) -> None:
        best = folder / BEST if config.patience else None
        super().__init__(folder / LAST, config.checkpoint_every, best, asdict(config))
        self.folder = folder
        self.net_name = config.net_name

    def before_training(self, training: Training) -> None:
        """Save the config, so that the run can be resumed before its first epoch is complete."""
        write_json(self.folder / "config.json", self.config or {})
        if training.epoch == 0:
            super().write(self.path, {}, training.state)

    def write(self, path: Path, parameters: Mapping[str, np.ndarray], state: TrainingState) -> None:
        """Write the checkpoint last: if it is complete, the other files are too."""
        name = f"{self.net_name}_best" if path == self.best else self.net_name
        write_parameters(self.folder / f"{name}.params", parameters)
        if path == self.path:
            write_csv(self.folder / "history.csv", state.history)
            write_json(self.folder / "history.json", state.history._asdict())
        super().write(path, parameters, state)


def _writers(run: Run) -> list[Callback]:
    """Return the callbacks that write the files of a run."""
    callbacks: list[Callback] = [RunFiles(run.folder, run.config)]
    if run.config.film:
        from vae_gluon.live import Film  # here, because matplotlib loads slowly

        images, labels = run.data.arrays["test_data"], run.data.arrays.get("test_label")
        # First, so that the film has every epoch in the checkpoint.
        callbacks.insert(0, Film(run.folder / "film.gif", images, labels))
    return callbacks


# The other workers


@contextmanager
def _workers(args: Namespace, run: Run) -> Iterator[tuple[Run, mx.kv.KVStore | None]]:
    """Join the other workers of a distributed run, if any; add their number to the config.

    Within the block, this process exits if they have died.
    """
    # The store waits for the others again when garbage-collected. args keeps it alive after an
    # error, so that main can first report the error and exit.
    kvstore = args.connected = join(args.kvstore, args.timeout) if args.kvstore else None
    with closing(Watchdog(args.timeout)) if kvstore else nullcontext():
        n_workers = kvstore.num_workers if kvstore else 1
        if args.resume and run.config.n_workers != n_workers:
            raise ValueError(
                f"expected the run's {run.config.n_workers} workers, got {n_workers}: see "
                "vae-gluon cluster"
            )
        run = run._replace(config=replace(run.config, n_workers=n_workers))
        if kvstore:
            check_agreement(kvstore, _agreed(run))
        yield run, kvstore


def _agreed(run: Run) -> dict[str, Any]:
    """Return what all workers must have in common."""
    config = run.config
    agreed = {**config.fixed(), "epochs": config.epochs, "version": config.version}
    if run.start:
        agreed["checkpoint"] = zlib.crc32((run.folder / LAST).read_bytes())
    return agreed


# Training


def _train(
    run: Run, kvstore: mx.kv.KVStore | None, timeout: float, callbacks: list[Callback]
) -> History:
    config, dataset = run.config, run.data.arrays
    if kvstore:
        dataset = shard(dataset, kvstore.rank, kvstore.num_workers, config.batch_size)
        callbacks = [Workers(kvstore, timeout), *callbacks]
    if config.patience:
        callbacks = [*callbacks, EarlyStopping(config.patience)]
    steps = math.ceil(len(dataset["train_data"]) / config.batch_size)  # of an epoch
    warmup = config.kl_warmup * steps
    run.net.hybridize(static_alloc=True, static_shape=True)
    history = train(
        run.net,
        *mnist_iterators(dataset, config.batch_size, config.shuffle),
        config.epochs,
        _learning_rate(config, steps),
        kl_weight=kl_warmup(warmup, config.kl_weight) if warmup else config.kl_weight,
        binarize=config.binarize,
        progress=kvstore is None or kvstore.rank == 0,
        seed=(config.seed, kvstore.rank if kvstore else 0),
        start=run.start,
        ctx=read_contexts(config.context),
        callbacks=callbacks,
    )
    if kvstore:
        leave(kvstore)  # the others need not wait for the pictures
    return history


def _learning_rate(config: RunConfig, steps: int) -> float | mx.lr_scheduler.LRScheduler:
    """Return the learning rate of a run with so many steps per epoch."""
    if config.lr_schedule == "constant" and config.lr_decay == 1 and not config.lr_warmup:
        return config.lr
    settings = {"base_lr": config.lr, "warmup_steps": config.lr_warmup * steps}
    if config.lr_schedule == "cosine":
        return mx.lr_scheduler.CosineScheduler(config.epochs * steps, **settings)
    return mx.lr_scheduler.FactorScheduler(steps, config.lr_decay, stop_factor_lr=0, **settings)


@contextmanager
def _ended_early(run: Run) -> Iterator[None]:
    """Add to an error how to resume the run, or which checkpoint is left."""
    checkpoint = run.folder / LAST
    try:
        yield
    except KeyboardInterrupt as error:
        if checkpoint.exists():
            command = "cluster train" if run.config.n_workers > 1 else "train"
            out = shlex.quote(str(run.folder))
            hint = f"; resume with: vae-gluon {command} --resume --out={out}"
            error.args = (*(error.args or [signal.SIGINT]), hint)
        raise
    except FloatingPointError as error:
        raise FloatingPointError(f"{error}; {checkpoint} is from before") from error


# Messages and pictures


def _announce(run: Run, resumed: bool) -> None:
    config, arrays = run.config, run.data.arrays
    workers = f", by {config.n_workers} workers" if config.n_workers > 1 else ""
    text = (
        f"Training on {len(arrays['train_data'])} images of {config.dataset} ({config.height} x "
        f"{config.width}), validating on {len(arrays['test_data'])}, on {config.context}{workers}, "
        f"into {run.folder}"
    )
    print(printable(text))
    done = len(run.start.history.train) if run.start else 0
    if done == config.epochs:
        print(f"All of its {done} epochs are trained already")
    elif resumed:
        print(f"Resuming after {done} of {config.epochs} epochs")


def _draw_samples(run: Run) -> None:
    """Draw the picture that needs no net; errors are reported after training."""
    with suppress(Exception):
        # Here, so that errors in options need not wait for matplotlib.
        from vae_gluon.command.figures import draw_samples

        draw_samples(run.data.arrays, run.config.seed, run.folder)


def _draw(run: Run, history: History) -> None:
    """Draw the figures of a finished run."""
    try:
        from vae_gluon.command.figures import draw_figures

        draw_figures(run.net, run.data.arrays, history, run.config.seed, run.folder)
    except Exception as error:  # matplotlib's fonts, cache or settings, the disk
        command = f"vae-gluon figures {shlex.quote(str(run.folder))}"
        raise OSError(
            f"the run is complete, but its pictures are not ({error}): {command} draws them"
        ) from error
    print(f"Pictures, losses and parameters are in {run.folder}")

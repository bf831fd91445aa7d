"""``vae-gluon train``: a training and its files."""

from __future__ import annotations

import argparse
import math
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import mxnet as mx

from vae_gluon._files import replacing
from vae_gluon.command.config import DATASETS
from vae_gluon.command.errors import (
    CommandError,
    DivergedRunError,
    InterruptedRunError,
    PicturesError,
    bad_input,
)
from vae_gluon.command.finished import draw
from vae_gluon.command.run import Run, new_run, parameters_checksum, resumed_run
from vae_gluon.command.run_files import CHECKPOINT, as_word, write_history
from vae_gluon.data import mnist_iterators
from vae_gluon.distributed import Watch, join, leave, shard
from vae_gluon.model import check_parameters, read_contexts, writing_parameters
from vae_gluon.training import (
    History,
    KLWeight,
    TrainingState,
    checkpoint_content,
    epochs_without_gain,
    kl_warmup,
    train,
)


def run_train(args: argparse.Namespace) -> None:
    """Train a net, or resume its training; write all the files of the run."""
    _check_role(args.kvstore)
    with ExitStack() as owned, ExitStack() as watched:
        with bad_input():
            begin = resumed_run if args.resume else new_run
            run = begin(args, owned, partial(_connect, args, watched))
        run.net.hybridize(static_alloc=True, static_shape=True)
        if run.writes:
            _announce(run, args.resume)
            _draw_samples(run)
        checkpoints = _Checkpoints(run)
        with _ended_early(run, checkpoints):
            history = _train(run, checkpoints, args.timeout)
            if run.writes:
                checkpoints.write()  # if the run has stopped before its last epoch
                _save_parameters(run.net, run.folder / run.config.file_name("last"))
                write_history(run.folder, history, run.config, parameters_checksum(run.net))
            if run.kvstore:
                leave(run.kvstore)  # the others need not wait for the pictures
                watched.close()
            if run.writes:
                _draw(run, history)


def _check_role(kvstore: str | None) -> None:
    if kvstore and os.environ.get("DMLC_ROLE") != "worker":
        raise CommandError(
            f"--kvstore {kvstore} needs a scheduler, servers and workers, with their roles in "
            "MXNet's DMLC_* variables: vae-gluon cluster train ... starts them"
        )


def _connect(args: argparse.Namespace, watched: ExitStack) -> mx.kv.KVStore | None:
    """Join the other workers of a distributed training; return None if there are none.

    From here on this process ends if they have died, until ``watched`` is closed.
    """
    if args.kvstore is None:
        return None
    # The store waits for the others once more when it is collected. Kept in args it outlives an
    # error, so that main can report the error and end the process first.
    args.connected = join(args.kvstore, args.timeout)
    watched.enter_context(Watch(args.timeout))
    return args.connected


def _draw_samples(run: Run) -> None:
    """Draw the picture that is there before the training; what stops it is told after that."""
    with suppress(Exception):
        # Imported here, so that an error in the options need not wait for matplotlib.
        from vae_gluon.command.figures import draw_samples

        draw_samples(run.mnist, run.config.seed, run.folder)


def _draw(run: Run, history: History) -> None:
    """Draw the figures of a run whose other files are written."""
    try:
        draw(run.net, run.mnist, history, run.config.seed, run.folder)
        print(f"Pictures, losses and parameters are in {run.folder}")
    except Exception as error:  # matplotlib's fonts, cache or settings, the disk
        raise PicturesError(
            f"the run is complete, but its pictures could not be drawn ({error}): "
            f"vae-gluon figures {as_word(run.folder)} draws them"
        ) from error


def _announce(run: Run, resumed: bool) -> None:
    height, width = run.mnist["train_data"].shape[2:]
    size = "" if run.config.dataset in DATASETS else f" ({height} x {width})"
    workers = f", by {run.kvstore.num_workers} workers" if run.kvstore else ""
    print(
        f"Training on {len(run.mnist['train_data'])} images of {run.config.dataset}{size}, "
        f"validating on {len(run.mnist['test_data'])}, on {run.config.context}{workers}, "
        f"into {run.folder}"
    )
    done, epochs = len(run.start.history.train) if run.start else 0, run.config.epochs
    if done == epochs:
        print(f"All of its {epochs} epochs are trained already: a larger --epochs makes it longer")
    elif run.start:
        print(f"Resuming after {done} of {epochs} epochs")
    elif resumed:
        print("It has no checkpoint yet: beginning with the first epoch")


class _Checkpoints:
    """The state after the last epoch: in memory, and on the disk when it is due, or at the end."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.path = run.folder / CHECKPOINT
        self._content: bytes | None = None  # what is not on the disk yet

    def keep(self, state: TrainingState) -> None:
        """Keep a state; write it to the disk if its epoch is one of those to be written."""
        config, done = self.run.config, len(state.history.train)
        if config.patience and epochs_without_gain(state.history) == 0:
            _save_parameters(self.run.net, self.run.folder / config.file_name("best"))
        self._content = checkpoint_content(self.run.net, state, config.to_json())
        if done % config.checkpoint_every == 0 or done == config.epochs:
            self.write()

    def write(self) -> None:
        """Write the last state to the disk, unless it is there."""
        if self._content is not None:
            with replacing(self.path) as partial_path:
                partial_path.write_bytes(self._content)
            self._content = None


def _train(run: Run, checkpoints: _Checkpoints, timeout: float) -> History:
    """Train as the config says, writing checkpoints."""
    config, mnist, kvstore = run.config, run.mnist, run.kvstore
    if kvstore:
        mnist = shard(mnist, kvstore.rank, kvstore.num_workers, config.batch_size)
    steps = math.ceil(len(mnist["train_data"]) / config.batch_size)  # in an epoch
    kl_weight: KLWeight = config.kl_weight
    if config.kl_warmup:
        kl_weight = kl_warmup(config.kl_warmup * steps, config.kl_weight)
    lr = config.lr
    if config.lr_decay != 1:
        lr = mx.lr_scheduler.FactorScheduler(steps, config.lr_decay, base_lr=config.lr)
    return train(
        run.net,
        *mnist_iterators(mnist, config.batch_size, config.shuffle),
        config.epochs,
        lr,
        kl_weight=kl_weight,
        patience=config.patience,
        binarize=config.binarize,
        progress=run.writes,
        seed=config.seed,
        start=run.start,
        after_epoch=checkpoints.keep if run.writes else None,
        ctx=read_contexts(config.context),
        kvstore=kvstore,
        timeout=timeout,
    )


def _save_parameters(net: mx.gluon.Block, path: Path) -> None:
    with replacing(path) as partial_path, writing_parameters():
        net.save_parameters(str(partial_path))
        check_parameters(partial_path, net)


@contextmanager
def _ended_early(run: Run, checkpoints: _Checkpoints) -> Iterator[None]:
    """If a run is interrupted or diverges, keep its last epoch; say in the error how to resume."""
    try:
        yield
    except KeyboardInterrupt as error:
        if not run.writes:
            raise
        checkpoints.write()
        number = error.args[0] if error.args else signal.SIGINT
        cluster = "cluster " if run.config.n_workers > 1 else ""
        words = f"vae-gluon {cluster}train --resume --out {as_word(run.folder)}"
        raise InterruptedRunError(number, checkpoints.path.exists(), words) from None
    except FloatingPointError as error:
        checkpoints.write()
        if not checkpoints.path.exists():
            raise
        raise DivergedRunError(error, checkpoints.path) from error

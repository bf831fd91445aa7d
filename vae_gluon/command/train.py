"""``vae-gluon train``: a training and its files."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import mxnet as mx

from vae_gluon._files import replacing
from vae_gluon.command.errors import (
    CommandError,
    DivergedRunError,
    InterruptedRunError,
    PicturesError,
    bad_input,
)
from vae_gluon.command.finished import draw
from vae_gluon.command.run import Run, is_first, new_run, resumed_run
from vae_gluon.command.run_files import CHECKPOINT, HISTORY, as_word, write_json
from vae_gluon.data import mnist_iterators
from vae_gluon.distributed import shard
from vae_gluon.model import check_parameters, read_contexts, writing_parameters
from vae_gluon.training import History, TrainingState, save_checkpoint, train


def run_train(args: argparse.Namespace) -> None:
    """Train a net, or resume its training; write all the files of the run."""
    kvstore = _connect(args)
    with bad_input():
        run = (resumed_run if args.resume else new_run)(args, kvstore)
    run.net.hybridize(static_alloc=True, static_shape=True)
    first = is_first(kvstore)
    if first:
        _announce(run, kvstore, args.resume)
        _draw_samples(run)
    with _ended_early(run):
        history = _train(run, kvstore)
        if first:
            _save_parameters(run.net, run.folder / f"{run.config.net_name}.params")
            write_json(run.folder / HISTORY, history._asdict())
            _draw(run, history)


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
    except Exception as error:  # matplotlib's fonts, cache or settings, the disk
        raise PicturesError(
            f"the run is complete, but its pictures could not be drawn ({error}): "
            f"vae-gluon figures {as_word(run.folder)} draws them"
        ) from error


def _connect(args: argparse.Namespace) -> mx.kv.KVStore | None:
    """Join the other workers of a distributed training; return None if there are none."""
    if args.kvstore is None:
        return None
    if os.environ.get("DMLC_ROLE") != "worker":
        raise CommandError(
            f"--kvstore {args.kvstore} needs a scheduler, servers and workers, with their roles in "
            "MXNet's DMLC_* variables: vae-gluon cluster train ... starts them"
        )
    # The store waits for the other workers here, and once more when it is collected. Kept in
    # args it outlives an error, so that main can report the error and end the process first.
    args.connected = mx.kv.create(args.kvstore)
    return args.connected


def _announce(run: Run, kvstore: mx.kv.KVStore | None, resumed: bool) -> None:
    workers = f", by {kvstore.num_workers} workers" if kvstore else ""
    print(
        f"Training on {len(run.mnist['train_data'])} images of {run.config.dataset}, "
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


def _train(run: Run, kvstore: mx.kv.KVStore | None) -> History:
    """Train as the config says, writing checkpoints."""
    config, mnist, first = run.config, run.mnist, is_first(kvstore)
    if kvstore:
        mnist = shard(mnist, kvstore.rank, kvstore.num_workers, config.batch_size)

    def save(state: TrainingState) -> None:
        done = len(state.history.train)
        if first and (done % config.checkpoint_every == 0 or done == config.epochs):
            save_checkpoint(run.folder / CHECKPOINT, run.net, state, config.to_json())

    return train(
        run.net,
        *mnist_iterators(mnist, config.batch_size, config.shuffle),
        config.epochs,
        config.lr,
        binarize=config.binarize,
        progress=first,
        seed=config.seed,
        start=run.start,
        after_epoch=save,
        ctx=read_contexts(config.context),
        kvstore=kvstore,
    )


def _save_parameters(net: mx.gluon.Block, path: Path) -> None:
    with replacing(path) as partial, writing_parameters():
        net.save_parameters(str(partial))
        check_parameters(partial, net)


@contextmanager
def _ended_early(run: Run) -> Iterator[None]:
    """If a run is interrupted or diverges, say in the error what is kept and how to resume."""
    checkpoint = run.folder / CHECKPOINT
    try:
        yield
    except KeyboardInterrupt:
        cluster = "cluster " if run.config.n_workers > 1 else ""
        words = f"vae-gluon {cluster}train --resume --out {as_word(run.folder)}"
        raise InterruptedRunError(checkpoint.exists(), words) from None
    except FloatingPointError as error:
        if not checkpoint.exists():
            raise
        raise DivergedRunError(error, checkpoint) from error

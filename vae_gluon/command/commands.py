"""What the commands of ``vae-gluon`` do: train and resume, draw, evaluate, export."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mxnet as mx

from vae_gluon._files import replacing
from vae_gluon.command.run import Run, begin, is_first, load_finished, load_net, resume
from vae_gluon.command.run_files import (
    CHECKPOINT,
    EVALUATION,
    HISTORY,
    read_config,
    write_json,
)
from vae_gluon.data import draw_pixels, mnist_iterators
from vae_gluon.distributed import shard
from vae_gluon.inference import active_units, elbo, export_onnx, export_symbol, log_likelihood
from vae_gluon.model import check_parameters, read_contexts, writing_parameters
from vae_gluon.training import save_checkpoint, seed, train


class CommandError(Exception):
    """An error that the user can correct: one line of text and exit code 2."""


class InterruptedRunError(KeyboardInterrupt):
    """Ctrl-C has ended a training: is there a ``checkpoint``, and which words ``resume`` it."""

    def __init__(self, checkpoint: bool, resume: str) -> None:
        super().__init__()
        self.checkpoint = checkpoint
        self.resume = resume


class DivergedRunError(FloatingPointError):
    """A training has diverged, and this ``checkpoint`` is from before."""

    def __init__(self, error: FloatingPointError, checkpoint: Path) -> None:
        super().__init__(str(error))
        self.checkpoint = checkpoint


def run_train(args: argparse.Namespace) -> None:
    """Train a net, or resume its training; write all the files of the run."""
    kvstore = _connect(args)
    with _bad_input():
        run = (resume if args.resume else begin)(args, kvstore)
    run.net.hybridize(static_alloc=True, static_shape=True)
    first = is_first(kvstore)
    if first:
        _announce(run, kvstore)
        _draw_samples(run)
    with _ended_early(run):
        history = _train(run, kvstore)
        if first:
            _save_parameters(run.net, run.folder / f"{run.config.net_name}.params")
            write_json(run.folder / HISTORY, history._asdict())
            _draw(run.net, run.mnist, history, run.config.seed, run.folder)


def run_figures(args: argparse.Namespace) -> None:
    """Draw the figures of a finished run again."""
    with _bad_input():
        run = load_finished(args.folder, args.data_dir)
    _draw(run.net, run.mnist, run.history, run.config.seed, args.folder)


def run_evaluate(args: argparse.Namespace) -> None:
    """Measure the likelihood of a finished run on its validation images; print and write it."""
    with _bad_input():
        run = load_finished(args.folder, args.data_dir)
    images = run.mnist["test_data"][: args.images]
    seed(run.config.seed)
    pixels = "grey"
    if run.config.binarize:
        pixels, images = "binarized", draw_pixels(mx.nd.array(images)).asnumpy()
    result = {
        "dataset": run.config.dataset,
        "pixels": pixels,
        "images": len(images),
        **_measure(run.net, images, args.k),
    }
    write_json(args.folder / EVALUATION, result)
    print(f"{_table(result)}\n{args.folder / EVALUATION}")


def run_export(args: argparse.Namespace) -> None:
    """Export a part of the net of a finished run; print its inputs and outputs."""
    with _bad_input():
        net = load_net(args.folder, read_config(args.folder))
        out = args.out or args.folder
        out.mkdir(parents=True, exist_ok=True)
        if args.format == "onnx":
            exported = export_onnx(net, out / f"{args.part}.onnx", args.part)
        else:
            exported = export_symbol(net, out / args.part, args.part)
    shapes = (
        ", ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in arrays.items())
        for arrays in (exported.inputs, exported.outputs)
    )
    print(f"{' -> '.join(shapes)}: {', '.join(map(str, exported.files))}")


@contextmanager
def _bad_input() -> Iterator[None]:
    """Turn errors about bad input into a CommandError."""
    try:
        yield
    except (ValueError, FileNotFoundError, ImportError) as error:
        raise CommandError(error) from error


# Training


def _connect(args):
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


def _announce(run, kvstore):
    workers = f", by {kvstore.num_workers} workers" if kvstore else ""
    print(
        f"Training on {len(run.mnist['train_data'])} images of {run.config.dataset}, "
        f"validating on {len(run.mnist['test_data'])}, on {run.config.context}{workers}, "
        f"into {run.folder}"
    )
    if run.start:
        print(f"Resuming after {len(run.start.history.train)} of {run.config.epochs} epochs")


def _train(run, kvstore):
    """Train as the config says, writing checkpoints."""
    config, mnist, first = run.config, run.mnist, is_first(kvstore)
    if kvstore:
        mnist = shard(mnist, kvstore.rank, kvstore.num_workers, config.batch_size)

    def save(state):
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


def _save_parameters(net, path):
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
        words = f"vae-gluon {cluster}train --resume --out {shlex.quote(str(run.folder))}"
        raise InterruptedRunError(checkpoint.exists(), words) from None
    except FloatingPointError as error:
        if not checkpoint.exists():
            raise
        raise DivergedRunError(error, checkpoint) from error


# Evaluating


def _measure(net, images, k):
    """Measure the likelihood of images, (N, ...), and how many dimensions their codes use."""
    terms = elbo(net, images)
    bound = log_likelihood(net, images, k)
    active, variances = active_units(net, images)
    return {
        **terms._asdict(),
        "k": k,
        "log_likelihood_bound": float(bound.mean()),
        "standard_error": float(bound.std() / len(bound) ** 0.5),
        "active_units": active,
        "n_latent": net.n_latent,
        "variances_of_mu": variances.tolist(),
    }


def _table(result):
    return """\
{images} {pixels} validation images of {dataset}, nats per image
  reconstruction term   {reconstruction:9.2f}
  KL divergence         {kl:9.2f}
  ELBO                  {elbo:9.2f}
  log p(x) > L_k        {log_likelihood_bound:9.2f}   with k = {k}, +- {standard_error:.2f} over \
the images
  active latent units   {active_units:6d} of {n_latent}""".format(**result)


# Drawing. figures is imported here, so that an error in the options need not wait for matplotlib.


def _draw_samples(run):
    from vae_gluon.command.figures import draw_samples

    draw_samples(run.mnist, run.config.seed, run.folder)


def _draw(net, mnist, history, seed, folder):
    from vae_gluon.command.figures import draw_figures

    draw_figures(net, mnist, history, seed, folder)
    if net.n_latent != 2:
        instead = ": principal components instead" if net.n_latent > 2 else ""
        print(f"No pictures of a latent plane, n_latent is {net.n_latent}, not 2{instead}")
    print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")

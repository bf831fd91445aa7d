"""The training loop: plain functions that are handed the net and the batches."""

from __future__ import annotations

import math
import time
import warnings
from typing import NamedTuple

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon

from vae_gluon.checks import check_integer
from vae_gluon.data import batches, check_iterator
from vae_gluon.optimizer import Adam
from vae_gluon.runtime import context_of, default_context
from vae_gluon.threads import late

with warnings.catch_warnings():
    # In a notebook without ipywidgets tqdm warns, and then does what it should: it
    # draws its bar in text.
    warnings.filterwarnings("ignore", message="IProgress not found")
    from tqdm.auto import tqdm

UPDATES = 64  # parameters whose updates are handed to the engine as one job
AHEAD = 2000  # images that may be queued while others are computed
LARGE_BATCH = 1000  # images in a forward pass that takes no gradient


class History(NamedTuple):
    """What ``train`` measured, one number for each epoch.

    The losses are negative ELBOs in nats per image, averaged over the images, each
    counted once whatever the batch size.
    """

    train: list[float]  # mean over the training images, while the weights moved
    val: list[float]  # mean over the validation images, after the epoch
    seconds: list[float]  # wall time of the epoch, validation included


def train(
    net: gluon.HybridBlock,
    train_iter: mx.io.DataIter,
    val_iter: mx.io.DataIter,
    epochs: int = 50,
    learning_rate: float = 0.001,
    progress: bool = True,
) -> History:
    """Fit ``net`` with Adam to the images of ``train_iter``.

    A net that is not initialized yet gets Xavier weights on ``default_context()``; one
    that is goes on from the parameters it has, where they are, with Adam starting anew. For
    the same losses bit for bit (on the CPU), call ``seed`` before the iterators are made.

    Parameters
    ----------
    net : HybridBlock
        Its call gives the loss of each image: (N, n_output) -> (N,).
    train_iter, val_iter : DataIter
        Batches of images, (N, n_output), in [0, 1]; see ``mnist_iterators``.
    epochs : int, default 50
        Passes over ``train_iter``.
    learning_rate : float, default 0.001
        Of Adam.
    progress : bool, default True
        Draw a bar, write a line every tenth of the run and at its end, and the time.

    Returns
    -------
    History
        Losses and seconds of each epoch.

    Raises
    ------
    ValueError
        If ``epochs`` or ``learning_rate`` is not positive, or a pixel is not in [0, 1].
    FloatingPointError
        If a loss is not finite.
    """
    check_integer("epochs", epochs)
    if not 0 < learning_rate < float("inf"):
        raise ValueError(f"expected a finite learning_rate above 0, got {learning_rate!r}")
    check_iterator("train_iter", train_iter)
    check_iterator("val_iter", val_iter)
    _initialize_if_new(net)
    trainer = gluon.Trainer(net.collect_params(), Adam(learning_rate=learning_rate))

    history = History([], [], [])
    with tqdm(total=epochs, desc="epochs", unit="epoch", disable=not progress) as bar:
        if progress and late():
            bar.write(f"Note: {late()}")
        for epoch in range(epochs):
            start = time.perf_counter()
            history.train.append(train_epoch(net, trainer, train_iter))
            history.val.append(_validate(net, val_iter))
            history.seconds.append(time.perf_counter() - start)
            _check_finite(history)
            _report(bar, epoch, epochs, history)
        if progress:
            bar.write(f"Time elapsed: {sum(history.seconds):.2f}s")
    return history


def train_epoch(net: gluon.HybridBlock, trainer: gluon.Trainer, data_iter: mx.io.DataIter) -> float:
    """Take one optimizer step for each batch; return the mean loss in nats per image."""
    return _mean(_step(net, trainer, x) for x in batches(data_iter, context_of(net)))


def evaluate(net: gluon.HybridBlock, data_iter: mx.io.DataIter) -> float:
    """Return the mean negative ELBO in nats per image, with fresh noise and fixed weights.

    Parameters
    ----------
    net : HybridBlock
        Its call gives the loss of each image: (N, n_output) -> (N,).
    data_iter : DataIter
        Batches of images, (N, n_output), in [0, 1].

    Raises
    ------
    ValueError
        If ``net`` has no parameters yet, or a pixel is not in [0, 1].
    """
    check_iterator("data_iter", data_iter)
    return _validate(net, data_iter)


def _validate(net, data_iter):
    """Evaluate on pixels that have been looked at before."""
    return _mean(net(x) for x in _joined(batches(data_iter, context_of(net))))


def _joined(small):
    """Join batches into large ones: without gradients to take, the fewer calls the better."""
    held, images = [], 0
    for x in small:
        held.append(x)
        images += len(x)
        if images >= LARGE_BATCH:
            yield mx.nd.concat(*held, dim=0)
            held, images = [], 0
    if held:
        yield mx.nd.concat(*held, dim=0)


def _step(net, trainer, x):
    """Move the weights against the gradient of the batch's mean loss; return its losses."""
    with autograd.record():
        loss = net(x)
    loss.backward()
    with mx.engine.bulk(UPDATES):
        trainer.step(len(x))
    return loss.detach()  # without its graph, which would outlive the batch


def _initialize_if_new(net):
    try:
        context_of(net)
    except ValueError:
        net.initialize(mx.init.Xavier(), ctx=default_context())


def _mean(losses):
    """Average the losses of batches over all their images, in double precision."""
    computed, ahead = [], 0
    for loss in losses:
        if ahead >= AHEAD:
            # Wait for the batch before this one, so that the device need not wait for Python.
            # Batches are queued in bursts because Python is twice as fast when it is not
            # woken for each; not without bound because each holds memory until computed.
            computed[-1].wait_to_read()
            ahead = 0
        computed.append(loss)
        ahead += len(loss)
    if not computed:
        raise ValueError("expected batches of images, got none from the iterator")
    return float(np.concatenate([loss.asnumpy() for loss in computed]).mean(dtype=np.float64))


def _check_finite(history):
    """Stop a run that has diverged."""
    for name, losses in (("training", history.train), ("validation", history.val)):
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(
                f"the {name} loss of epoch {len(losses) - 1} is {losses[-1]}: the run has "
                "diverged, a smaller learning rate may help"
            )


def _report(bar, epoch, epochs, history):
    """Advance the bar; at the beginning of each tenth of the run, and at its end, leave a line."""
    train_loss, val_loss = history.train[-1], history.val[-1]
    bar.set_postfix(train=f"{train_loss:.2f}", val=f"{val_loss:.2f}", refresh=False)
    bar.update()
    begins_tenth = epoch == 0 or 10 * epoch // epochs > 10 * (epoch - 1) // epochs
    if not bar.disable and (begins_tenth or epoch == epochs - 1):
        bar.write(f"Epoch {epoch}, training loss {train_loss:.2f}, validation loss {val_loss:.2f}")

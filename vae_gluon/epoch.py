"""One pass over the batches: steps or validation, the loss of each image, their mean.

Losses come batch by batch as lists of one array or two: those of the images, (N,) nats, and their
KL divergences if the net tells them.
"""

from __future__ import annotations

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon
from mxnet.gluon.utils import split_and_load

from vae_gluon.data import batches, check_iterator, draw_pixels
from vae_gluon.runtime import contexts_of
from vae_gluon.workers import begin_together, total

UPDATES = 64  # parameters whose updates are handed to the engine as one job
AHEAD = 2000  # images that may be queued while others are computed
LARGE_BATCH = 1000  # images in a forward pass that takes no gradient


def evaluate(net: gluon.HybridBlock, data_iter: mx.io.DataIter, binarize: bool = False) -> float:
    """Return the mean negative ELBO in nats per image, with fresh noise and fixed weights.

    Parameters
    ----------
    net : HybridBlock
        Its call gives the loss of each image: (N, n_output) -> (N,).
    data_iter : DataIter
        Batches of images, (N, n_output), in [0, 1].
    binarize : bool, default False
        Of pixels drawn with the probability of their grey, as in ``train``.

    Raises
    ------
    ValueError
        If ``net`` has no parameters yet, or a pixel is not in [0, 1].
    """
    check_iterator("data_iter", data_iter)
    return mean_losses(_computed(validation_losses(net, data_iter, binarize)))[0]


def steps(net, trainer, data_iter, binarize=False, n_workers=1):
    """Take a step for each batch; give its losses."""
    contexts = contexts_of(net)
    for x in batches(data_iter, _source(contexts)):
        yield _step(net, trainer, draw_pixels(x) if binarize else x, contexts, n_workers)


def _step(net, trainer, x, contexts, n_workers):
    """Move the weights against the gradient of the batch's mean loss; return its losses."""
    with autograd.record():
        parts = _call(net, x, contexts)
        # A device for which there is no image: a gradient of zero.
        idle = [0 * net(x[:1].as_in_context(ctx)) for ctx in contexts[len(parts) :]]
    autograd.backward([loss for loss, *_ in parts] + idle)
    begin_together(trainer)
    with mx.engine.bulk(UPDATES):
        trainer.step(len(x) * n_workers)
    # Without their graph, which would outlive the batch.
    return [array.detach() for array in _join(parts)]


def validation_losses(net, data_iter, binarize=False):
    """Give the losses of large batches, with fixed weights."""
    contexts = contexts_of(net)
    for x in _joined(batches(data_iter, _source(contexts))):
        yield _join(_call(net, draw_pixels(x) if binarize else x, contexts))


def _source(contexts):
    """Return where batches come from: their device, or, to be divided, the CPU."""
    return contexts[0] if len(contexts) == 1 else mx.cpu()


def _call(net, x, contexts):
    """Call the net on each device with a part of a batch: the parts' losses, and their KL."""
    parts = []
    for part in split_and_load(x, contexts[: len(x)], even_split=False):
        loss, kl = net(part), getattr(net, "kl_loss", None)
        parts.append([loss] if kl is None else [loss, kl])
    return parts


def _join(parts):
    """Join the losses of a batch's parts, and their KL, on the first device."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0][0].context
    return [
        mx.nd.concat(*(array.as_in_context(first) for array in arrays), dim=0)
        for arrays in zip(*parts)
    ]


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


def _computed(losses):
    """Give the losses of each batch as numbers, some batches after the device got it."""
    queued: list[list[mx.nd.NDArray]] = []
    ahead = 0
    for batch in losses:
        if ahead >= AHEAD:
            # Wait for the batch before this one, so that the device need not wait for Python.
            # Batches are queued in bursts because Python is twice as fast when it is not
            # woken for each; not without bound because each holds memory until computed.
            queued[-1][0].wait_to_read()
            yield from map(_numbers, queued)
            queued, ahead = [], 0
        queued.append(batch)
        ahead += len(batch[0])
    yield from map(_numbers, queued)


def _numbers(arrays):
    return [array.asnumpy() for array in arrays]


def watched(losses, name, after_batch):
    """Compute losses, calling ``after_batch`` after each; stop at the first that is not finite."""

    def interruptible():
        for batch in losses:
            yield batch
            after_batch()

    for number, batch in enumerate(_computed(interruptible())):
        loss = batch[0]
        bad = loss[~np.isfinite(loss)]
        if len(bad):
            raise FloatingPointError(
                f"the {name} is {bad[0]} in batch {number} (of {len(loss)} images): the run "
                "has diverged, a smaller learning rate may help"
            )
        yield batch


def mean_losses(losses, kvstore=None):
    """Average the losses of batches, and their KL, over the images of all workers."""
    parts = [np.concatenate(part) for part in zip(*losses)]
    if not parts:
        raise ValueError("expected batches of images, got none from the iterator")
    sums = [part.sum(dtype=np.float64) for part in parts]
    *sums, images = total(kvstore, np.array([*sums, len(parts[0])]))
    return [float(number / images) for number in sums]

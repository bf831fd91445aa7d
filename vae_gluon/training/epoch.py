"""One epoch: a pass over the batches that trains or validates, and its mean loss.

Losses are generated batch by batch, as lists of one or two arrays: the losses of the images, (N,)
nats, and their KL divergences, (N,), if the net has a ``kl_loss``.
"""

from __future__ import annotations

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon
from mxnet.gluon.utils import split_and_load

from vae_gluon.data import batches, check_iterator, draw_pixels
from vae_gluon.distributed import begin_together, total
from vae_gluon.model import contexts_of

BULK_SIZE = 64  # parameters whose updates are given to the engine as one job
AHEAD = 2000  # images that may be queued while others are computed
LARGE_BATCH = 1000  # images in a forward pass without gradients


def evaluate(net: gluon.HybridBlock, data_iter: mx.io.DataIter, binarize: bool = False) -> float:
    """Return the mean negative ELBO in nats per image, with fresh noise and fixed weights.

    Parameters
    ----------
    net : HybridBlock
        Its call gives the loss of each image: (N, n_output) -> (N,).
    data_iter : DataIter
        Batches of images, (N, n_output), in [0, 1].
    binarize : bool, default False
        Evaluate on binary pixels, drawn as in ``train``.

    Raises
    ------
    ValueError
        If ``net`` is not initialized, there are no images, or a pixel is not in [0, 1].
    """
    check_iterator("data_iter", data_iter)
    return mean_losses(_fetched(validation_losses(net, data_iter, binarize)))[0]


def steps(net, trainer, data_iter, binarize=False, n_workers=1):
    """Take an optimizer step for each batch; yield its losses."""
    contexts = contexts_of(net)
    for x in batches(data_iter, _source(contexts)):
        yield _step(net, trainer, draw_pixels(x) if binarize else x, contexts, n_workers)


def _step(net, trainer, x, contexts, n_workers):
    """Take a step on the mean loss of a batch; return its losses."""
    with autograd.record():
        parts = _call_on_devices(net, x, contexts)
        # A device for which there is no image has a gradient of zero.
        idle = [0 * net(x[:1].as_in_context(ctx)) for ctx in contexts[len(parts) :]]
    autograd.backward([loss for loss, *_ in parts] + idle)
    begin_together(trainer)
    with mx.engine.bulk(BULK_SIZE):
        trainer.step(len(x) * n_workers)
    return _gather(parts)


def validation_losses(net, data_iter, binarize=False):
    """Yield the losses of large batches, with fixed weights."""
    contexts = contexts_of(net)
    for x in _large_batches(batches(data_iter, _source(contexts))):
        yield _gather(_call_on_devices(net, draw_pixels(x) if binarize else x, contexts))


def _source(contexts):
    """Return the context for batches: the device, or the CPU if there are several to split for."""
    return contexts[0] if len(contexts) == 1 else mx.cpu()


def _call_on_devices(net, x, contexts):
    """Call the net on each device with a part of a batch; return the losses of each part."""
    parts = []
    for part in split_and_load(x, contexts[: len(x)], even_split=False):
        loss, kl = net(part), getattr(net, "kl_loss", None)
        parts.append([loss] if kl is None else [loss, kl])
    return parts


def _gather(parts):
    """Join the losses of the parts of a batch, on the first device."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0][0].context
    return [
        mx.nd.concat(*(array.as_in_context(first) for array in arrays), dim=0)
        for arrays in zip(*parts)
    ]


def _large_batches(small):
    """Join batches into large ones, which are faster where no gradient is taken."""
    held, images = [], 0
    for x in small:
        held.append(x)
        images += len(x)
        if images >= LARGE_BATCH:
            yield mx.nd.concat(*held, dim=0)
            held, images = [], 0
    if held:
        yield mx.nd.concat(*held, dim=0)


def _fetched(losses):
    """Turn losses into NumPy arrays, some batches behind the device."""
    queued: list[list[mx.nd.NDArray]] = []
    ahead = 0
    for batch in losses:
        if ahead >= AHEAD:
            # Wait for the batch before this one, so that the device always has work queued.
            # Batches are queued in bursts, because Python is twice as fast if it is not woken
            # for each; their number is bounded, because each holds memory until computed.
            queued[-1][0].wait_to_read()
            yield from map(_numbers, queued)
            queued, ahead = [], 0
        queued.append(batch)
        ahead += len(batch[0])
    yield from map(_numbers, queued)


def _numbers(arrays):
    return [array.asnumpy() for array in arrays]


def watched(losses, name, after_batch):
    """Compute losses and call ``after_batch`` after each batch; raise if one is not finite."""

    def interruptible():
        for batch in losses:
            yield batch
            after_batch()

    for number, batch in enumerate(_fetched(interruptible())):
        loss = batch[0]
        bad = loss[~np.isfinite(loss)]
        if len(bad):
            raise FloatingPointError(
                f"the {name} is {bad[0]} in batch {number} (of {len(loss)} images): the run "
                "has diverged, a smaller learning rate may help"
            )
        yield batch


def mean_losses(losses, kvstore=None):
    """Average losses, and KL divergences, over the images of all batches and workers."""
    parts = [np.concatenate(part) for part in zip(*losses)]
    if not parts:
        raise ValueError("expected batches of images, got none from the iterator")
    sums = [part.sum(dtype=np.float64) for part in parts]
    *sums, images = total(kvstore, np.array([*sums, len(parts[0])]))
    return [float(number / images) for number in sums]

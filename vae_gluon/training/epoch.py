"""One epoch: a training pass and a validation pass over the batches."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon
from mxnet.gluon.utils import split_and_load

from vae_gluon._checks import check_finite
from vae_gluon.data import batches, check_iterator, sample_pixels
from vae_gluon.model import contexts_of
from vae_gluon.training.history import Loss
from vae_gluon.training.kl_weight import KLWeight, weigh_kl, weight_at

BULK_SIZE = 64  # parameter updates in one job of the engine
AHEAD = 2000  # images that may be queued for computation
LARGE_BATCH = 1000  # images in a forward pass without gradients


def train_epoch(
    net: gluon.HybridBlock,
    trainer: gluon.Trainer,
    data_iter: mx.io.DataIter,
    losses: LossQueue,
    binarize: bool = False,
    kl_weight: KLWeight = 1.0,
) -> Loss:
    """Take an optimizer step for each batch, on its mean loss; return the mean losses.

    The tutorial's inner loop. A batch is images, (N, n_output), and labels, (N, ...), if the net
    takes them, split among the devices.
    """
    contexts = contexts_of(net)
    for x, *labels in batches(data_iter, _source(contexts), _takes_labels(net)):
        if binarize:
            x = sample_pixels(x)
        with autograd.record():
            parts = _on_each_device(net, [x, *labels], contexts)
            objectives = weigh_kl(parts, weight_at(trainer.optimizer.num_update, kl_weight))
        autograd.backward(objectives)
        with mx.engine.bulk(BULK_SIZE):
            trainer.step(len(x))
        losses.add(parts[: len(x)])
    return losses.means()


def validate(
    net: gluon.HybridBlock, data_iter: mx.io.DataIter, losses: LossQueue, binarize: bool = False
) -> Loss:
    """Return the mean losses with fixed weights, computed in large batches, (N, n_output)."""
    contexts = contexts_of(net)
    for x, *labels in _large_batches(batches(data_iter, _source(contexts), _takes_labels(net))):
        batch = [sample_pixels(x) if binarize else x, *labels]
        losses.add(_on_each_device(net, batch, contexts[: len(x)]))
    return losses.means()


def evaluate(net: gluon.HybridBlock, data_iter: mx.io.DataIter, binarize: bool = False) -> float:
    """Return the mean negative ELBO in nats per image, with fresh noise and fixed weights.

    Parameters
    ----------
    net : HybridBlock
        As for ``train``.
    data_iter : DataIter
        Batches of images, (N, n_output), in [0, 1], and labels, if the net takes them.
    binarize : bool, default False
        Evaluate on binary pixels, drawn as in ``train``.

    Raises
    ------
    ValueError
        If ``net`` is not initialized, there are no images, or a pixel is not in [0, 1].
    """
    check_iterator("data_iter", data_iter)
    return validate(net, data_iter, LossQueue(), binarize).loss


class LossQueue:
    """The losses of an epoch, fetched from the device some batches late.

    If they have a ``name``, a non-finite loss raises a FloatingPointError with it. ``after_batch``
    is called after each batch; ``reduce`` adds an array of sums over images to those of other
    processes.
    """

    def __init__(
        self,
        name: str | None = None,
        after_batch: Callable[[], None] = lambda: None,
        reduce: Callable[[np.ndarray], np.ndarray] = lambda sums: sums,
    ) -> None:
        self.name = name
        self.after_batch = after_batch
        self.reduce = reduce
        self._queued: list[list[Loss]] = []  # of each device's part of a batch, NDArrays, (n,)
        self._ahead = 0  # images in the queue
        self._batches = 0  # that have been fetched
        self._fetched: list[Loss] = []  # of each part, NumPy's arrays, (n,)

    def add(self, parts: list[Loss]) -> None:
        """Add a batch: the losses, (n,), of each device's part."""
        if self._ahead >= AHEAD:
            # Wait for the batch before this one, so that the device always has work queued.
            # Batches are queued in bursts, because Python is twice as fast if it is not woken
            # for each; their number is bounded, because each holds memory until computed.
            for part in self._queued[-1]:
                part.loss.wait_to_read()
            self._fetch()
        self._queued.append(parts)
        self._ahead += sum(len(part.loss) for part in parts)
        self.after_batch()

    def means(self) -> Loss:
        """Return the mean loss, and KL divergence, over the images of all batches."""
        self._fetch()
        if not self._fetched:
            raise ValueError("expected batches of images, got none from the iterator")
        columns = [np.concatenate(c) for c in zip(*self._fetched) if c[0] is not None]  # (images,)
        sums = [column.sum(dtype=np.float64) for column in columns]
        *sums, images = self.reduce(np.array([*sums, len(columns[0])]))
        return Loss(*(float(number / images) for number in sums))

    def _fetch(self) -> None:
        """Copy the queued losses from the device."""
        for parts in self._queued:
            for part in parts:
                fetched = Loss(*(array.asnumpy() for array in part if array is not None))
                if self.name:
                    check_finite(f"the {self.name}, batch {self._batches}", fetched.loss, diverged)
                self._fetched.append(fetched)
            self._batches += 1
        self._queued, self._ahead = [], 0


def diverged(message: str) -> FloatingPointError:
    """Return the error that stops training at a non-finite value."""
    return FloatingPointError(f"{message}: the run has diverged, a smaller learning rate may help")


def _source(contexts: list[mx.Context]) -> mx.Context:
    """Return the context for batches: the device, or the CPU if there are several devices."""
    return contexts[0] if len(contexts) == 1 else mx.cpu()


def _takes_labels(net: mx.gluon.Block) -> bool:
    return getattr(net, "takes_labels", False)


def _on_each_device(
    net: mx.gluon.Block, batch: list[mx.nd.NDArray], contexts: list[mx.Context]
) -> list[Loss]:
    """Call the net on each device with its part of a batch, arrays (N, ...); return the losses.

    They are (n,) for the n images of the part. A device without images gets a loss, (1,), and so
    a gradient, of zero.
    """
    parts, n = [], len(batch[0])
    split = [split_and_load(array, contexts[:n], even_split=False) for array in batch]
    for part in zip(*split):
        loss = net(*part)
        parts.append(Loss(loss, getattr(net, "kl_loss", None)))
    idle = ([array[:1].as_in_context(ctx) for array in batch] for ctx in contexts[n:])
    return parts + [Loss(0 * net(*one)) for one in idle]


def _large_batches(small: Iterator[list[mx.nd.NDArray]]) -> Iterator[list[mx.nd.NDArray]]:
    """Join batches, (N, ...), into larger ones, which are faster without gradients."""
    for batch in small:
        n_others = math.ceil(LARGE_BATCH / len(batch[0])) - 1
        held = [batch, *itertools.islice(small, n_others)]
        yield [mx.nd.concat(*column, dim=0) for column in zip(*held)]

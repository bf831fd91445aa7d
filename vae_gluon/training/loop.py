"""The training loop: from a net and its batches to a history of losses."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from numbers import Real
from typing import Union

import mxnet as mx
from mxnet import gluon

from vae_gluon._checks import check_classic_arrays, check_finite, check_integer
from vae_gluon.data import ImageIter, check_iterator
from vae_gluon.model import contexts_of, default_context, named_parameters, numbers_of
from vae_gluon.training.callbacks import Callback, CollapseReport, Progress, Training, running
from vae_gluon.training.epoch import LossQueue, train_epoch, validate
from vae_gluon.training.history import History, TrainingState
from vae_gluon.training.interrupts import deferred_interrupt
from vae_gluon.training.kl_weight import KLWeight, weight_at
from vae_gluon.training.seeds import seed as seed_generators
from vae_gluon.training.seeds import seed_epoch
from vae_gluon.training.trainer import LearningRate, make_trainer

# A seed, or a seed and a stream: streams give runs with the same seed different noise.
Seed = Union[int, tuple[int, int]]


def train(
    net: gluon.HybridBlock,
    train_iter: mx.io.DataIter,
    val_iter: mx.io.DataIter,
    epochs: int = 50,
    learning_rate: LearningRate = 0.001,
    progress: bool = True,
    *,
    kl_weight: KLWeight = 1.0,
    optimizer: str | mx.optimizer.Optimizer | None = None,
    binarize: bool = False,
    seed: Seed | None = None,
    start: TrainingState | None = None,
    ctx: mx.Context | list[mx.Context] | None = None,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Train ``net`` on the images of ``train_iter``, by default with Adam.

    An uninitialized net gets Xavier weights; any other is trained further from its parameters, with
    a new Adam. Ctrl-C stops training after the current batch.

    Parameters
    ----------
    net : HybridBlock
        Returns the loss of each image when called: (N, n_output) -> (N,). If its attribute
        ``takes_labels`` is true, it is called with the labels too: ``net(x, y)``.
    train_iter, val_iter : DataIter or DataLoader
        Batches of images, (N, n_output), in [0, 1]; see ``mnist_iterators``. A Gluon
        ``DataLoader`` may add labels; its images are flattened.
    epochs : int, default 50
        Passes over ``train_iter``, including those of ``start``.
    learning_rate : float, LRScheduler or callable, default 0.001
        A number, one of MXNet's schedulers, or a function of the step, counted from 0.
    progress : bool, default True
        Show a bar, in a notebook or a terminal, and print a line for each tenth of the run and its
        end, then the time it took; also report when no latent unit is active.
    kl_weight : float or callable, default 1.0
        The weight of the KL divergence in the training objective (beta-VAE, Higgins et al. 2017),
        or a function of the step, such as ``kl_warmup(n)``. Reported losses are unweighted, so that
        runs can be compared.
    optimizer : str or Optimizer, optional
        As for ``gluon.Trainer``; an instance has its own learning rate, and ``learning_rate`` is
        ignored. By default an Adam bit-identical to MXNet's, the only one ``start`` can resume.
    binarize : bool, default False
        Train and validate on binary pixels, sampled anew for each batch with the grey value as
        the probability of a 1 (dynamic binarization, as in Burda et al., arXiv:1509.00519). The
        losses cannot be compared with those on grey pixels.
    seed : int or (int, int), optional
        Seeds the generators at the start and before each epoch, so that on the CPU repeated and
        resumed runs are bit-identical (iterators that shuffle must come from ``mnist_iterators``).
        A second number gives runs with the same initial weights different noise.
    start : TrainingState, optional
        Resume after its last epoch, with its Adam and history; ``load_checkpoint`` returns it.
        The iterators must be made as for the first epochs.
    ctx : Context or list of Context, optional
        Where to train; by default where the parameters are, for a new net ``default_context()``.
        Several devices share each batch.
    callbacks : sequence of Callback, default ()
        To run after batches and epochs: ``Checkpoint``, ``EarlyStopping``, ``CSVLogger``,
        ``LivePictures``, ``Film`` or your own.

    Returns
    -------
    History
        Losses and seconds of each epoch, including those of ``start``.

    Raises
    ------
    ValueError
        If ``epochs`` or ``learning_rate`` is not positive, ``kl_weight`` is negative or the net has
        no ``kl_loss`` to weigh, ``start`` has more epochs or is of another net, ``seed`` is out of
        range, an iterator gives no images, a pixel is not in [0, 1], or the net has a non-finite
        parameter, one that accumulates gradients, or none to train.
    FloatingPointError
        If a loss, a parameter or a moment of Adam is non-finite. The message says which and when.
    KeyboardInterrupt
        If Ctrl-C is pressed, after the current batch and ``after_training`` of all callbacks.

    Examples
    --------
    >>> from vae_gluon import VAE, make_digits, mnist_iterators
    >>> iterators = mnist_iterators(make_digits(200, 100))
    >>> history = train(VAE(), *iterators, epochs=2, progress=False)
    >>> len(history.val)
    2
    """
    iterators = (train_iter, val_iter)
    history = start.history.copy() if start else History.empty()
    done = len(history.train)
    _check(iterators, epochs, done, learning_rate)
    number, stream = seed if isinstance(seed, tuple) else (seed, 0)
    if number is not None:  # before the weights of a new net are drawn
        _seed_run(iterators, number, stream, done)
    _put_on_devices(net, ctx)
    _check_net(net, kl_weight)
    trainer = make_trainer(net, optimizer, learning_rate, start)
    training = Training(net, trainer, history, epochs, _share_of_epoch(train_iter))
    if progress:
        callbacks = [*callbacks, CollapseReport(), Progress()]

    with deferred_interrupt() as check_interrupt, running(training, callbacks):

        def after_batch() -> None:
            check_interrupt()
            for callback in callbacks:
                callback.after_batch(training)

        for epoch in range(done, epochs):
            if training.stop_reason:
                break
            if number is not None:
                seed_epoch(number, stream, epoch)
            started = time.perf_counter()
            losses = LossQueue(f"training loss of epoch {epoch}", after_batch, training.reduce)
            train_loss = train_epoch(net, training.trainer, train_iter, losses, binarize, kl_weight)
            training.snapshot()
            losses = LossQueue(f"validation loss of epoch {epoch}", after_batch, training.reduce)
            val_loss = validate(net, val_iter, losses, binarize)
            weight = weight_at(training.trainer.optimizer.num_update - 1, kl_weight)
            history.add(train_loss, val_loss, time.perf_counter() - started, weight)
            for callback in callbacks:
                callback.after_epoch(training)
    return history


# Checks and initialization


def _check(
    iterators: Sequence[mx.io.DataIter], epochs: int, done: int, learning_rate: LearningRate
) -> None:
    check_classic_arrays()
    for name, data_iter in zip(("train_iter", "val_iter"), iterators):
        check_iterator(name, data_iter)
    check_integer("epochs", epochs, least=max(1, done))
    is_rate = isinstance(learning_rate, Real) and 0 < float(learning_rate) < float("inf")
    if not is_rate and not callable(learning_rate):
        raise ValueError(
            "learning_rate: expected a finite number above 0, an LRScheduler or a function of the "
            f"step, got {learning_rate!r}"
        )


def _check_net(net: mx.gluon.Block, kl_weight: KLWeight) -> None:
    if weight_at(0, kl_weight) != 1 and not hasattr(net, "kl_loss"):
        raise ValueError(
            f"kl_weight: expected a net with kl_loss, to be weighed, got {type(net).__name__}"
        )
    parameters = named_parameters(net)
    for name, parameter in parameters.items():
        with suppress(RuntimeError):  # not initialized yet: its shape comes with the images
            check_finite(name, numbers_of(parameter))
    requests = {parameter.grad_req for parameter in parameters.values()}
    if "add" in requests or "write" not in requests:
        raise ValueError(f"expected parameters with grad_req='write', got {sorted(requests)}")


def _put_on_devices(net: mx.gluon.Block, ctx: mx.Context | list[mx.Context] | None) -> None:
    """Initialize a new net on ``ctx``; move any other there."""
    try:
        contexts = contexts_of(net)
    except ValueError:
        net.initialize(mx.init.Xavier(), ctx=ctx or default_context())
        return
    wanted = [ctx] if isinstance(ctx, mx.Context) else ctx
    if wanted and wanted != contexts:
        net.collect_params().reset_ctx(wanted)


def _share_of_epoch(train_iter: mx.io.DataIter) -> float:
    """Return the fraction of an epoch in a batch, 0 if unknown."""
    if isinstance(train_iter, mx.gluon.data.DataLoader):
        return 1 / max(1, len(train_iter))
    images = getattr(train_iter, "num_data", 0)
    return train_iter.batch_size / images if images else 0


def _seed_run(iterators: Sequence[mx.io.DataIter], number: int, stream: int, done: int) -> None:
    """Seed a run, and bring shuffling iterators to their order after ``done`` epochs."""
    check_integer("the stream of seed", stream, least=0)
    seed_generators(number)
    shuffling = [data_iter for data_iter in iterators if getattr(data_iter, "shuffle", False)]
    for data_iter in shuffling:
        if isinstance(data_iter, ImageIter):
            data_iter.restart()
    for epoch in range(done):
        seed_epoch(number, stream, epoch)
        for data_iter in shuffling:
            data_iter.reset()

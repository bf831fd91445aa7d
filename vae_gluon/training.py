"""The training loop: plain functions that are handed the net and the batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import mxnet as mx
from mxnet import gluon

from vae_gluon.checks import check_integer
from vae_gluon.data import check_iterator
from vae_gluon.epoch import mean_losses, steps, validation_losses, watched
from vae_gluon.interrupts import HeldInterrupt
from vae_gluon.optimizer import Adam
from vae_gluon.parameters import named_parameters
from vae_gluon.progress import tqdm
from vae_gluon.runtime import check_seed, contexts_of, default_context, seed_epoch
from vae_gluon.threads import late
from vae_gluon.workers import TIMEOUT, Watch


class History(NamedTuple):
    """What ``train`` measured, one number for each epoch.

    The losses are negative ELBOs in nats per image, averaged over the images, each
    counted once whatever the batch size. Less their KL divergence they are the reconstruction
    term. The last two are empty if the net has no ``kl_loss``.
    """

    train: list[float]  # mean over the training images, while the weights moved
    val: list[float]  # mean over the validation images, after the epoch
    seconds: list[float]  # wall time of the epoch, validation included
    train_kl: list[float]  # the KL divergence in train
    val_kl: list[float]  # the KL divergence in val


class TrainingState(NamedTuple):
    """What training goes on from, beside the parameters of the net."""

    history: History  # of the epochs so far
    updates: int  # the steps that Adam has taken
    moments: dict[str, tuple]  # Adam's two, by the name of the parameter in the net


def train(
    net: gluon.HybridBlock,
    train_iter: mx.io.DataIter,
    val_iter: mx.io.DataIter,
    epochs: int = 50,
    learning_rate: float = 0.001,
    progress: bool = True,
    *,
    binarize: bool = False,
    seed: int | None = None,
    start: TrainingState | None = None,
    after_epoch: Callable[[TrainingState], None] | None = None,
    ctx: mx.Context | list[mx.Context] | None = None,
    kvstore: mx.kv.KVStore | None = None,
    timeout: float = TIMEOUT,
) -> History:
    """Fit ``net`` with Adam to the images of ``train_iter``.

    A net that is not initialized yet gets Xavier weights; one that is goes on from the parameters
    it has, with Adam starting anew. For the same losses bit for bit (on the CPU), call
    ``vae_gluon.seed`` before the iterators are made. Ctrl-C ends the training after the batch at
    hand, with whole parameters.

    Parameters
    ----------
    net : HybridBlock
        Its call gives the loss of each image: (N, n_output) -> (N,).
    train_iter, val_iter : DataIter
        Batches of images, (N, n_output), in [0, 1]; see ``mnist_iterators``.
    epochs : int, default 50
        Passes over ``train_iter``, those of ``start`` included.
    learning_rate : float, default 0.001
        Of Adam.
    progress : bool, default True
        Draw a bar, write a line every tenth of the run and at its end, and the time.
    binarize : bool, default False
        Train and validate on pixels drawn anew for each batch, each 1 with the probability that
        its grey gives (dynamic binarization, as in Burda et al., arXiv:1509.00519). The losses
        cannot be compared with those of grey pixels.
    seed : int, optional
        Makes a run that can be resumed bit for bit: each epoch after the first begins with
        generators seeded from this number and its own. The first one goes on where the
        generators are.
    start : TrainingState, optional
        Go on after its last epoch, with its Adam and its history: what ``load_checkpoint``
        returned, the iterators made as they were made then.
    after_epoch : callable, optional
        Called with the TrainingState after each epoch: the place for ``save_checkpoint``. Its
        moments are those that the next epoch changes.
    ctx : Context or list of Context, optional
        Where to train: by default where the parameters are, or ``default_context()`` for a
        new net. On several devices each takes a part of each batch.
    kvstore : KVStore, optional
        Of type ``dist_sync``, as ``mx.kv.create`` makes it: train together with other processes,
        whose gradients are added up before each step. The iterators give this process's ``shard``,
        and each process calls ``train`` with the same arguments otherwise. A step is on the
        mean over all their batches; the losses returned are of all images.
    timeout : float, default 60
        With a ``kvstore``, the seconds without a batch after which this process ends, with a
        message and exit code 1, because the others have gone.

    Returns
    -------
    History
        Losses and seconds of each epoch, those of ``start`` included.

    Raises
    ------
    ValueError
        If ``epochs`` or ``learning_rate`` is not positive, ``epochs`` less than ``start`` has,
        ``start`` of another net, or a pixel not in [0, 1].
    FloatingPointError
        If a loss is not finite: the message names the epoch and the batch.
    """
    _check(train_iter, val_iter, epochs, learning_rate, seed)
    _place(net, ctx)
    trainer, history = _begin(net, learning_rate, start, kvstore)
    rank, n_workers = (kvstore.rank, kvstore.num_workers) if kvstore else (0, 1)
    done = len(history.train)
    if done > epochs:
        raise ValueError(f"expected epochs to be at least the {done} of start, got {epochs}")
    if seed is not None:
        _shuffle_again((train_iter, val_iter), seed, done, rank)

    bar = tqdm(total=epochs, initial=done, desc="epochs", unit="epoch", disable=not progress)
    with bar, HeldInterrupt() as held, Watch(timeout if kvstore else None) as watch:

        def after_batch():
            held.check()
            watch.beat()

        if progress and late():
            bar.write(f"Note: {late()}")
        for epoch in range(done, epochs):
            if seed is not None:
                seed_epoch(seed, epoch, rank)
            begin = time.perf_counter()
            losses = steps(net, trainer, train_iter, binarize, n_workers)
            losses = watched(losses, f"training loss of epoch {epoch}", after_batch)
            training = mean_losses(losses, kvstore)
            losses = validation_losses(net, val_iter, binarize)
            losses = watched(losses, f"validation loss of epoch {epoch}", after_batch)
            validation = mean_losses(losses, kvstore)
            _append(history, training, validation, time.perf_counter() - begin)
            if after_epoch is not None:
                after_epoch(_state(net, trainer, history))
            _report(bar, epoch, epochs, history)
            held.check()
        _report_time(bar, done, history)
    return history


# Where a run begins, and where it stands


def _check(train_iter, val_iter, epochs, learning_rate, seed):
    check_iterator("train_iter", train_iter)
    check_iterator("val_iter", val_iter)
    check_integer("epochs", epochs)
    if not 0 < learning_rate < float("inf"):
        raise ValueError(f"expected a finite learning_rate above 0, got {learning_rate!r}")
    if seed is not None:
        check_seed(seed)


def _place(net, ctx):
    """Initialize a net that is new, and bring it to the devices that are asked for."""
    try:
        contexts = contexts_of(net)
    except ValueError:
        net.initialize(mx.init.Xavier(), ctx=ctx or default_context())
        return
    wanted = [ctx] if isinstance(ctx, mx.Context) else ctx
    if wanted and wanted != contexts:
        net.collect_params().reset_ctx(wanted)


def _begin(net, learning_rate, start, kvstore):
    """Make the Trainer and the history of a run that begins, or goes on from ``start``."""
    parameters = list(net.collect_params().values())
    # Each process and each device updates its own weights, by the same gradient: the moments
    # are at hand for a checkpoint.
    where = {"kvstore": kvstore or "device", "update_on_kvstore": False}
    if start is None:
        return gluon.Trainer(parameters, Adam(learning_rate), **where), History([], [], [], [], [])
    names = _names(net)
    moments = {}
    for index, parameter in enumerate(parameters):
        if parameter.grad_req == "null":
            continue
        name = names[id(parameter)]
        shapes = [moment.shape for moment in start.moments.get(name, ())]
        if shapes != [parameter.shape] * 2:
            raise ValueError(
                f"expected start to have two moments of shape {parameter.shape} for {name}, "
                f"got {shapes or 'none'}"
            )
        moments[index] = start.moments[name]
    adam = Adam(learning_rate, begin_num_update=start.updates, moments=moments)
    return gluon.Trainer(parameters, adam, **where), History(*map(list, start.history))


def _names(net):
    """Return the names that the net's files have for its parameters, by their identities."""
    return {id(parameter): name for name, parameter in named_parameters(net).items()}


def _append(history, training, validation, seconds):
    """Add an epoch to the history."""
    for numbers, losses in ((training, history.train), (validation, history.val)):
        losses.append(numbers[0])
    history.seconds.append(seconds)
    for numbers, divergences in ((training, history.train_kl), (validation, history.val_kl)):
        divergences.extend(numbers[1:])


def _state(net, trainer, history):
    """Say where a run stands after an epoch."""
    adam = trainer.optimizer
    names = _names(net)
    moments = {names[id(adam.param_dict[index])]: pair for index, pair in adam.moments.items()}
    return TrainingState(History(*map(list, history)), adam.num_update, moments)


def _shuffle_again(iterators, number, epochs, rank):
    """Bring iterators that shuffle to the order they had after so many epochs."""
    for epoch in range(epochs):
        seed_epoch(number, epoch, rank)
        for data_iter in iterators:
            if getattr(data_iter, "shuffle", False):
                data_iter.reset()


def _report(bar, epoch, epochs, history):
    """Advance the bar; at the beginning of each tenth of the run, and at its end, leave a line."""
    train_loss, val_loss = history.train[-1], history.val[-1]
    bar.set_postfix(train=f"{train_loss:.2f}", val=f"{val_loss:.2f}", refresh=False)
    bar.update()
    begins_tenth = epoch == 0 or 10 * epoch // epochs > 10 * (epoch - 1) // epochs
    if not bar.disable and (begins_tenth or epoch == epochs - 1):
        bar.write(f"Epoch {epoch}, training loss {train_loss:.2f}, validation loss {val_loss:.2f}")


def _report_time(bar, done, history):
    """Write the time of all epochs."""
    if not bar.disable:
        before = f", {done} epochs before included" if done else ""
        bar.write(f"Time elapsed: {sum(history.seconds):.2f}s{before}")

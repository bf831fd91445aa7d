"""The training loop: from a net and its batches to a history of losses."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import mxnet as mx
from mxnet import gluon

from vae_gluon._checks import as_array, check_classic_arrays, check_integer, first_not_finite
from vae_gluon._progress import make_bar
from vae_gluon.data import check_iterator
from vae_gluon.distributed import TIMEOUT, Watch
from vae_gluon.model import (
    check_finite,
    contexts_of,
    default_context,
    named_parameters,
    parameter_arrays,
)
from vae_gluon.mxnet_today import late_import
from vae_gluon.training.adam import Adam
from vae_gluon.training.epoch import Losses, train_epoch, validate
from vae_gluon.training.history import History, TrainingState, epochs_without_gain
from vae_gluon.training.interrupts import HeldInterrupt
from vae_gluon.training.kl_weight import KLWeight, weight_at
from vae_gluon.training.report import (
    BAR,
    report_collapse,
    report_epoch,
    report_stop,
    report_time,
    share_of_an_epoch,
)
from vae_gluon.training.seeds import check_seed, seed_epoch


def train(
    net: gluon.HybridBlock,
    train_iter: mx.io.DataIter,
    val_iter: mx.io.DataIter,
    epochs: int = 50,
    learning_rate: float | mx.lr_scheduler.LRScheduler = 0.001,
    progress: bool = True,
    *,
    kl_weight: KLWeight = 1.0,
    optimizer: str | mx.optimizer.Optimizer | None = None,
    patience: int | None = None,
    binarize: bool = False,
    seed: int | None = None,
    start: TrainingState | None = None,
    after_epoch: Callable[[TrainingState], None] | None = None,
    ctx: mx.Context | list[mx.Context] | None = None,
    kvstore: mx.kv.KVStore | None = None,
    timeout: float = TIMEOUT,
) -> History:
    """Fit ``net`` with Adam to the images of ``train_iter``.

    A net that is not initialized gets Xavier weights; any other is trained further from the
    parameters it has, with a new Adam. To get the same losses again, bit for bit on the CPU, call
    ``vae_gluon.seed`` before making the iterators. Ctrl-C stops the training after the current
    batch.

    Parameters
    ----------
    net : HybridBlock
        Its call gives the loss of each image: (N, n_output) -> (N,).
    train_iter, val_iter : DataIter or DataLoader
        Batches of images, (N, n_output), in [0, 1]; see ``mnist_iterators``. Those of a Gluon
        ``DataLoader`` may be followed by labels, and are flattened.
    epochs : int, default 50
        Passes over ``train_iter``, those of ``start`` included.
    learning_rate : float or LRScheduler, default 0.001
        Of the optimizer; a scheduler of MXNet changes it from step to step.
    progress : bool, default True
        Show a bar, in a notebook or a terminal, and print a line for each tenth of the run, for its
        end, and the time it took.
    kl_weight : float or callable, default 1.0
        The weight of the KL divergence in what is trained (beta-VAE, Higgins et al. 2017), or a
        function that returns it for each step, such as ``kl_warmup``. All losses that are
        reported are without it, so that runs can be compared.
    optimizer : str or Optimizer, optional
        As ``gluon.Trainer`` takes it; an instance has a learning rate of its own. By default an
        Adam to the bits of MXNet's, and the only one that ``start`` can resume.
    patience : int, optional
        Stop when the validation loss has not fallen for so many epochs.
    binarize : bool, default False
        Train and validate on binary pixels, drawn anew for each batch: each is 1 with the
        probability that its grey gives (dynamic binarization, as in Burda et al.,
        arXiv:1509.00519). The losses cannot be compared with those of grey pixels.
    seed : int, optional
        Makes a run that can be resumed bit for bit: each epoch after the first seeds the
        generators from this number and its own. The first takes the generators as they are (of
        several workers, those of the first one).
    start : TrainingState, optional
        Resume after its last epoch, with its Adam and history: what ``load_checkpoint`` returns.
        The iterators must be made as they were for the first epochs.
    after_epoch : callable, optional
        Called with the TrainingState after each epoch, e.g. to call ``save_checkpoint``. The
        moments in it change in the next epoch: copy them to keep them.
    ctx : Context or list of Context, optional
        Where to train: by default where the parameters are, for a new net ``default_context()``.
        Of several devices each takes a part of every batch.
    kvstore : KVStore, optional
        ``mx.kv.create("dist_sync")``: train together with other processes, on the mean gradient
        of all their batches. The iterators give this process's ``distributed.shard`` of the images;
        all other arguments must be the same in every process. The losses are means over all
        images.
    timeout : float, default 60
        With a ``kvstore``, the seconds without a batch after which this process takes the others
        for dead, and exits with a message and code 1.

    Returns
    -------
    History
        Losses and seconds of each epoch, those of ``start`` included.

    Raises
    ------
    ValueError
        If ``epochs``, ``learning_rate`` or ``patience`` is not positive, ``kl_weight`` is
        negative or the net has no ``kl_loss`` to weigh, ``start`` has more epochs or is of another
        net, ``seed`` is out of range, an iterator gives no images, a pixel is not in [0, 1], or
        the net has a parameter that is not finite or accumulates gradients, or none to train.
    FloatingPointError
        If a loss, a parameter or a moment of Adam is not finite. The message names it and when.

    Examples
    --------
    >>> from vae_gluon import VAE, make_digits, mnist_iterators
    >>> iterators = mnist_iterators(make_digits(200, 100))
    >>> states = []
    >>> history = train(VAE(), *iterators, epochs=2, progress=False, after_epoch=states.append)
    >>> [len(state.history.val) for state in states]
    [1, 2]
    """
    _check(train_iter, val_iter, epochs, learning_rate, seed, patience)
    _put_on_devices(net, ctx)
    _check_net(net, kl_weight)
    trainer, history = _make_trainer(net, optimizer, learning_rate, start, kvstore)
    rank = kvstore.rank if kvstore else 0
    done = len(history.train)
    if done > epochs:
        raise ValueError(f"expected epochs to be at least the {done} of start, got {epochs}")
    if seed is not None:
        _shuffle_again((train_iter, val_iter), seed, done, rank)

    bar = make_bar(progress, total=epochs, initial=done, desc="epochs", bar_format=BAR)
    share = share_of_an_epoch(train_iter)
    with bar, HeldInterrupt() as held, Watch(timeout if kvstore else None):

        def after_batch() -> None:
            held.check()
            Watch.beat()
            # Below the next whole number, which the end of the epoch brings.
            bar.update(min(share, max(0, epoch + 0.99 - bar.n)))

        if progress and late_import():
            bar.write(f"Note: {late_import()}")
        for epoch in range(done, epochs):
            if patience and epochs_without_gain(history) >= patience:
                if progress:
                    report_stop(bar, history, patience)
                break
            if seed is not None:
                seed_epoch(seed, epoch, rank)
            begin = time.perf_counter()
            losses = Losses(f"training loss of epoch {epoch}", after_batch)
            training = train_epoch(net, trainer, train_iter, losses, binarize, kvstore, kl_weight)
            _check_still_finite(net, _moments(net, trainer), f"after the training of epoch {epoch}")
            losses = Losses(f"validation loss of epoch {epoch}", after_batch)
            validation = validate(net, val_iter, losses, binarize, kvstore)
            weight = weight_at(trainer.optimizer.num_update - 1, kl_weight)
            _append(history, training, validation, time.perf_counter() - begin, weight)
            if after_epoch is not None:
                after_epoch(_state(net, trainer, history))
            bar.update(epoch + 1 - bar.n)
            if progress:
                report_epoch(bar, epoch, epochs, history)
                report_collapse(bar, done, history)
        if progress:
            report_time(bar, done, history)
    return history


# Where a run begins, and where it stands


def _check(
    train_iter: mx.io.DataIter,
    val_iter: mx.io.DataIter,
    epochs: int,
    learning_rate: float | mx.lr_scheduler.LRScheduler,
    seed: int | None,
    patience: int | None,
) -> None:
    check_classic_arrays()
    check_iterator("train_iter", train_iter)
    check_iterator("val_iter", val_iter)
    check_integer("epochs", epochs)
    is_rate = isinstance(learning_rate, Real) and 0 < float(learning_rate) < float("inf")
    if not is_rate and not isinstance(learning_rate, mx.lr_scheduler.LRScheduler):
        raise ValueError(f"expected a finite learning_rate above 0, got {learning_rate!r}")
    if seed is not None:
        check_seed(seed)
    if patience is not None:
        check_integer("patience", patience)


def _check_net(net: mx.gluon.Block, kl_weight: KLWeight) -> None:
    check_finite(net)
    if weight_at(0, kl_weight) != 1 and not hasattr(net, "kl_loss"):
        raise ValueError(
            f"expected a net with kl_loss, to be weighed by {kl_weight}, got {type(net).__name__}"
        )
    requests = {name: parameter.grad_req for name, parameter in named_parameters(net).items()}
    adding = [name for name, request in requests.items() if request == "add"]
    if adding:
        raise ValueError(
            f"expected gradients that each step writes anew, got grad_req='add' for {adding[0]}"
        )
    if set(requests.values()) == {"null"}:
        raise ValueError("expected a parameter to train, got grad_req='null' for all of them")


def _put_on_devices(net: mx.gluon.Block, ctx: mx.Context | list[mx.Context] | None) -> None:
    """Initialize the net if it is new, and move it to the contexts asked for."""
    try:
        contexts = contexts_of(net)
    except ValueError:
        net.initialize(mx.init.Xavier(), ctx=ctx or default_context())
        return
    wanted = [ctx] if isinstance(ctx, mx.Context) else ctx
    if wanted and wanted != contexts:
        net.collect_params().reset_ctx(wanted)


def _make_trainer(
    net: mx.gluon.Block,
    optimizer: str | mx.optimizer.Optimizer | None,
    learning_rate: float | mx.lr_scheduler.LRScheduler,
    start: TrainingState | None,
    kvstore: mx.kv.KVStore | None,
) -> tuple[gluon.Trainer, History]:
    """Return the Trainer and the history of a run that begins, or resumes from ``start``."""
    parameters = list(net.collect_params().values())
    # Each process and device updates its own weights, all by the same gradient, so that the
    # moments are here for a checkpoint, and not in the store.
    where = {"kvstore": kvstore or "device", "update_on_kvstore": False}
    rate: dict[str, Any] = {"learning_rate": learning_rate}
    if isinstance(learning_rate, mx.lr_scheduler.LRScheduler):
        # Both, because Adam's own default would take the place of the schedule's first rate.
        rate = {"learning_rate": learning_rate.base_lr, "lr_scheduler": learning_rate}
    if optimizer is not None:
        if start is not None:
            raise ValueError(f"expected no optimizer with start, which is of Adam, got {optimizer}")
        settings = rate if isinstance(optimizer, str) else None
        trainer = gluon.Trainer(parameters, optimizer, settings, **where)
        return trainer, History([], [], [], [], [], [])
    if start is None:
        return gluon.Trainer(parameters, Adam(**rate), **where), History([], [], [], [], [], [])
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
    adam = Adam(**rate, begin_num_update=start.updates, moments=moments)
    history = History(*map(list, start.history))
    # An older state has no weights.
    history.kl_weight.extend([1.0] * (len(history.train) - len(history.kl_weight)))
    return gluon.Trainer(parameters, adam, **where), history


def _names(net: mx.gluon.Block) -> dict[int, str]:
    """Return the name of each parameter in the files of the net, by the parameter's id."""
    return {id(parameter): name for name, parameter in named_parameters(net).items()}


def _append(
    history: History,
    training: list[float],
    validation: list[float],
    seconds: float,
    kl_weight: float,
) -> None:
    """Add an epoch to the history."""
    history.train.append(training[0])
    history.val.append(validation[0])
    history.seconds.append(seconds)
    history.train_kl.extend(training[1:])  # nothing, if the net has no kl_loss
    history.val_kl.extend(validation[1:])
    history.kl_weight.append(kl_weight)


def _state(net: mx.gluon.Block, trainer: gluon.Trainer, history: History) -> TrainingState:
    """Return the state of a run after an epoch."""
    copied = History(*map(list, history))
    return TrainingState(copied, trainer.optimizer.num_update, _moments(net, trainer))


def _moments(
    net: mx.gluon.Block, trainer: gluon.Trainer
) -> dict[str, tuple[mx.nd.NDArray, mx.nd.NDArray]]:
    """Return Adam's two moments of each parameter, arrays of its shape, by its name."""
    adam, names = trainer.optimizer, _names(net)
    moments = adam.moments if isinstance(adam, Adam) else {}
    return {names[id(adam.param_dict[index])]: pair for index, pair in moments.items()}


def _check_still_finite(
    net: mx.gluon.Block, moments: Mapping[str, tuple[mx.nd.NDArray, mx.nd.NDArray]], when: str
) -> None:
    """Raise a FloatingPointError unless all parameters and moments are finite.

    The losses do not tell: MXNet's relu makes 0 of NaN, and weights whose second moment is
    infinite stand still.
    """
    for name, weights in parameter_arrays(net).items():
        arrays = [weights, *map(as_array, moments.get(name, ()))]
        for what, array in zip(("", "the first moment of ", "the second moment of "), arrays):
            if first_not_finite(array) is not None:
                raise FloatingPointError(
                    f"{what}{name} is not finite {when}: the run has diverged, a smaller learning "
                    "rate may help"
                )


def _shuffle_again(
    iterators: Sequence[mx.io.DataIter], number: int, epochs: int, rank: int
) -> None:
    """Bring iterators that shuffle to the order they are in after ``epochs`` epochs."""
    for epoch in range(epochs):
        seed_epoch(number, epoch, rank)
        for data_iter in iterators:
            if getattr(data_iter, "shuffle", False):
                data_iter.reset()

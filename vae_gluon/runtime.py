"""Where to compute, and from which seed."""

from __future__ import annotations

import mxnet as mx
import numpy as np

from vae_gluon.checks import check_integer

SEED_LIMIT = 2**31  # MXNet takes a seed as a signed 32-bit integer


def gpu_exists() -> bool:
    """Say whether MXNet can put an array on a GPU.

    A CPU build answers False without a warning, and so does a machine whose
    GPU is seen but cannot be used (a driver too old, a card too new).
    """
    try:
        if mx.context.num_gpus() == 0:
            return False
        mx.nd.zeros((1,), ctx=mx.gpu(0)).wait_to_read()
    except mx.base.MXNetError:
        return False
    return True


def default_context() -> mx.Context:
    """Return the first GPU if there is one, else the CPU."""
    return mx.gpu(0) if gpu_exists() else mx.cpu()


def context_of(net: mx.gluon.Block) -> mx.Context:
    """Return the context that holds the parameters of ``net``.

    Raises
    ------
    ValueError
        If ``net`` has not been initialized.
    """
    try:
        return next(iter(net.collect_params().values())).list_ctx()[0]
    except (RuntimeError, StopIteration) as error:
        raise ValueError(
            f"{type(net).__name__} has no parameters yet: call net.initialize() "
            "or net.load_parameters(...) first"
        ) from error


def seed(number: int) -> None:
    """Seed both generators that a run draws from.

    MXNet's draws the weights and the noise, NumPy's global one shuffles
    ``NDArrayIter``. Call it before the iterators and the net are made.

    Parameters
    ----------
    number : int
        From 0 to ``SEED_LIMIT - 1``, which is 2**31 - 1.

    Raises
    ------
    ValueError
        If ``number`` is not such an integer.
    """
    check_seed(number)
    mx.random.seed(int(number))
    np.random.seed(int(number))


def check_seed(number: int) -> None:
    """Raise a ValueError unless ``number`` is an integer from 0 to ``SEED_LIMIT - 1``."""
    check_integer("seed", number, least=0)
    if number >= SEED_LIMIT:
        raise ValueError(f"expected a seed below {SEED_LIMIT}, got {number}")


def seed_epoch(number: int, epoch: int) -> None:
    """Seed both generators for one epoch of the run whose seed is ``number``.

    MXNet's generator cannot be saved, so a run that is to be resumed seeds it anew for each
    epoch after the first. Epoch 0 goes on where ``seed(number)`` and the drawing of the weights
    have left the generators, as the tutorial's does, and is left alone.
    """
    if epoch > 0:
        # NumPy's way to make of two numbers one that is unlike its neighbours'.
        seed(int(np.random.SeedSequence([number, epoch]).generate_state(1)[0]) % SEED_LIMIT)

"""Where to compute, and from which seed."""

from __future__ import annotations

import re

import mxnet as mx
import numpy as np

from vae_gluon.checks import check_integer

SEED_LIMIT = 2**31  # MXNet takes a seed as a signed 32-bit integer


def gpu_exists() -> bool:
    """Return whether MXNet can put an array on a GPU.

    A CPU build answers False without a warning, and so does a machine whose GPU is seen but
    cannot be used (its driver is too old, or the card too new).
    """
    try:
        return mx.context.num_gpus() > 0 and _works(mx.gpu(0))
    except mx.base.MXNetError:
        return False


def _works(ctx):
    """Return whether MXNet can put an array on ``ctx``."""
    try:
        mx.nd.zeros((1,), ctx=ctx).wait_to_read()
    except mx.base.MXNetError:
        return False
    return True


def default_context() -> mx.Context:
    """Return the first GPU if there is one, else the CPU."""
    return mx.gpu(0) if gpu_exists() else mx.cpu()


def read_contexts(words: str) -> list[mx.Context]:
    """Read contexts as MXNet writes them, separated by commas: ``gpu(0),gpu(1)``.

    Raises
    ------
    ValueError
        If a context is misspelled, named twice, or not usable here.
    """
    contexts = []
    for word in words.split(","):
        match = re.fullmatch(r"\s*(cpu|gpu)(?:\((\d{1,3})\))?\s*", word, re.ASCII)
        if not match:
            raise ValueError(f"expected contexts like cpu or gpu(0),gpu(1), got {words!r}")
        ctx = mx.Context(match[1], int(match[2] or 0))
        if ctx in contexts:
            raise ValueError(f"expected each context once, got {words!r}")
        if not _works(ctx):
            raise ValueError(f"MXNet cannot compute on {ctx} here")
        contexts.append(ctx)
    return contexts


def context_of(net: mx.gluon.Block) -> mx.Context:
    """Return the context that holds the parameters of ``net``, the first if there are several.

    Raises
    ------
    ValueError
        If ``net`` has not been initialized.
    """
    return contexts_of(net)[0]


def contexts_of(net: mx.gluon.Block) -> list[mx.Context]:
    """Return all contexts that hold the parameters of ``net``; raise as ``context_of`` does."""
    try:
        return next(iter(net.collect_params().values())).list_ctx()
    except (RuntimeError, StopIteration) as error:
        raise ValueError(
            f"{type(net).__name__} has no parameters yet: call net.initialize() "
            "or net.load_parameters(...) first"
        ) from error


def seed(number: int) -> None:
    """Seed both generators that a run draws from.

    MXNet's generator draws the weights and the noise, NumPy's global one shuffles
    ``NDArrayIter``. Seed them before making the iterators and the net.

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


def seed_epoch(number: int, epoch: int, rank: int = 0) -> None:
    """Seed both generators for one epoch of the run whose seed is ``number``.

    The state of MXNet's generator cannot be saved, so a run that can be resumed seeds it anew
    for each epoch after the first. Epoch 0 continues where ``seed(number)`` and the drawing of
    the weights left off, as the tutorial's does. Of several workers only the first does so: the
    others, of ``rank`` above 0, need noise of their own.
    """
    if epoch > 0 or rank > 0:
        # NumPy's way to mix numbers into one seed, so that neighbouring epochs are unrelated.
        numbers = np.random.SeedSequence([number, epoch, *([rank] if rank else [])])
        seed(int(numbers.generate_state(1)[0]) % SEED_LIMIT)

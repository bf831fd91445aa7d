"""Where to compute: which devices there are, which hold a net, and in which type."""

from __future__ import annotations

import re

import mxnet as mx
import numpy as np


def gpu_exists() -> bool:
    """Return whether MXNet can put an array on a GPU.

    A CPU build answers False without a warning, and so does a machine whose GPU is seen but
    cannot be used (its driver is too old, or the card too new).
    """
    try:
        return mx.context.num_gpus() > 0 and _works(mx.gpu(0))
    except mx.base.MXNetError:
        return False


def _works(ctx: mx.Context) -> bool:
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


def dtype_of(net: mx.gluon.Block) -> np.dtype:
    """Return the type of the parameters of ``net``."""
    return np.dtype(next(iter(net.collect_params().values())).dtype)


def contexts_of(net: mx.gluon.Block) -> list[mx.Context]:
    """Return all contexts that hold the parameters of ``net``; raise as ``context_of`` does."""
    try:
        # All are asked: after load_parameters(allow_missing=True) some may have no numbers.
        first, *_ = [parameter.list_ctx() for parameter in net.collect_params().values()]
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"{type(net).__name__} has no parameters yet: call net.initialize() "
            "or net.load_parameters(...) first"
        ) from error
    return first

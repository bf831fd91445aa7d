"""The devices to compute on."""

from __future__ import annotations

import re

import mxnet as mx


def gpu_exists() -> bool:
    """Return whether MXNet can put an array on a GPU.

    A CPU build returns False without a warning, as does a machine whose GPU is visible but
    unusable (its driver is too old, or the card too new).
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
    """Read contexts, separated by commas, as MXNet writes them: ``gpu(0),gpu(1)``."""
    contexts = []
    for word in words.split(","):
        match = re.fullmatch(r"\s*(cpu|gpu)(?:\((\d{1,3})\))?\s*", word, re.ASCII)
        if not match:
            raise ValueError(f"expected contexts like cpu or gpu(0),gpu(1), got {words!r}")
        ctx = mx.Context(match[1], int(match[2] or 0))
        if not _works(ctx):
            raise ValueError(f"MXNet cannot compute on {ctx} here")
        if ctx not in contexts:
            contexts.append(ctx)
    return contexts

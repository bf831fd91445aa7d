"""Seeds of the generators that a training draws from."""

from __future__ import annotations

import mxnet as mx
import numpy as np

from vae_gluon._checks import LIMIT, check_integer


def seed(number: int) -> None:
    """Seed both generators that a run draws from.

    MXNet's generator draws the weights and the noise, NumPy's global one shuffles
    ``NDArrayIter``. Seed them before making the iterators and the net. MXNet has a generator for
    each thread: call this in the thread that trains.

    Parameters
    ----------
    number : int
        From 0 to 2**31 - 1.

    Raises
    ------
    ValueError
        If ``number`` is not such an integer.
    """
    check_seed(number)
    _set(int(number))


def check_seed(number: int) -> None:
    """Raise a ValueError unless ``number`` is an integer from 0 to 2**31 - 1."""
    check_integer("seed", number, least=0)


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
        _set(int(numbers.generate_state(1)[0]) % LIMIT)


def _set(number: int) -> None:
    mx.random.seed(number)
    np.random.seed(number)

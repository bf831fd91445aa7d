"""Seeds for the random generators used in training."""

from __future__ import annotations

import mxnet as mx
import numpy as np

from vae_gluon._checks import LIMIT, check_integer


def seed(number: int) -> None:
    """Seed both random generators of a run.

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
        If ``number`` is anything else.
    """
    check_integer("seed", number, least=0)
    _set(int(number))


def seed_epoch(number: int, stream: int, epoch: int) -> None:
    """Seed both generators for one epoch of the run with this seed ``number``.

    The state of MXNet's generator cannot be saved, so a resumable run seeds it for each epoch
    after the first. Epoch 0 of stream 0 continues after the weights are drawn, as in the tutorial;
    other streams draw other noise.
    """
    if epoch > 0 or stream > 0:
        # NumPy's way to mix numbers into one seed, so that neighbouring epochs are unrelated.
        numbers = np.random.SeedSequence([number, epoch, *([stream] if stream else [])])
        _set(int(numbers.generate_state(1)[0]) % LIMIT)


def _set(number: int) -> None:
    mx.random.seed(number)
    np.random.seed(number)

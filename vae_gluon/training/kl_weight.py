"""The weight of the KL term in the training objective: beta-VAE, KL warm-up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Union

import mxnet as mx

from vae_gluon._checks import check_integer
from vae_gluon.training.history import Loss

# A number, or a function from the step, counted from 0, to a number.
KLWeight = Union[float, Callable[[int], float]]


def kl_warmup(n: int, weight: float = 1.0) -> Callable[[int], float]:
    """Return a weight of the KL term that rises from near 0 to ``weight`` in ``n`` steps.

    Warming up (Bowman et al., arXiv:1511.06349; Sonderby et al., arXiv:1602.02282) lets the codes
    become useful before the KL term pulls them towards the prior.

    Parameters
    ----------
    n : int
        Steps; an epoch of MNIST has 600, of 100 images.
    weight : float, default 1.0
        The final weight.

    Returns
    -------
    callable
        The weight at each step, for ``train(..., kl_weight=...)``.

    Raises
    ------
    ValueError
        If ``n`` is not positive, or ``weight`` is negative.
    """
    check_integer("n", n)
    weight_at(0, weight)
    return partial(_rising, n, weight)  # unlike a closure, it can be pickled


def _rising(n: int, weight: float, step: int) -> float:
    return weight * min(1.0, (step + 1) / n)


def weight_at(step: int, kl_weight: KLWeight) -> float:
    """Return the weight at a step; raise a ValueError unless it is finite and at least 0."""
    weight = kl_weight(step) if callable(kl_weight) else kl_weight
    if not isinstance(weight, Real) or not 0 <= weight < float("inf"):
        raise ValueError(
            f"kl_weight: expected a number of at least 0, got {weight!r} at step {step}"
        )
    return float(weight)


def weigh_kl(parts: list[Loss], weight: float) -> list[mx.nd.NDArray]:
    """Return the training objective on each device: losses, (n,), with weighted KL terms.

    With a weight of 1 these are the losses. A device without images has no KL term.
    """
    if weight == 1:
        return [part.loss for part in parts]
    return [part.loss if part.kl is None else part.loss + (weight - 1) * part.kl for part in parts]

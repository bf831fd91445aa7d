"""The optimizer: Adam, kept at one speed from the first epoch to the last."""

from __future__ import annotations

import math
from collections.abc import Mapping

import mxnet as mx
import numpy as np

# Of the operator adam_update.
DEFAULTS = {
    "rescale_grad": 1,
    "wd": 0,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "clip_gradient": -1,
    "lazy_update": True,
}

# How often the moments are swept, in updates, and below what they become zero. A moment
# above its limit does not reach the denormal numbers, which begin at 1.2e-38, before the next
# sweep: 150 updates without a gradient leave 0.9 ** 150 = 1.4e-7 of the first moment and
# 0.999 ** 150 = 0.86 of the second.
SWEEP_EVERY = 150
FIRST_LIMIT = 1e-30
SECOND_LIMIT = 2e-38


class Adam(mx.optimizer.Adam):
    r"""Adam (Kingma & Ba, arXiv:1412.6980) that does not slow down as training goes on.

    Where a weight's gradient has become zero (a pixel that is always black, a unit that no
    longer fires), its moments decay towards zero and stay among the denormal numbers, on which
    a processor takes many times longer. This Adam sets them to zero before they arrive there.

    The weights are those of MXNet's Adam to the last bit: with the default ``epsilon`` of 1e-8
    a first moment below 1e-30 moves a weight by less than 1e-22 times the learning rate, and
    a second moment below 2e-38 changes the denominator by less than 2e-19.

    Give an instance to ``gluon.Trainer``:

    >>> from vae_gluon import VAE
    >>> net = VAE()
    >>> net.initialize()
    >>> trainer = mx.gluon.Trainer(net.collect_params(), Adam(learning_rate=0.001))

    Parameters
    ----------
    moments : mapping, optional
        From a parameter's number in the Trainer to its first and second moment: to go on from
        them instead of from zero. ``begin_num_update`` says how many updates made them.
    **settings
        Those of ``mx.optimizer.Adam``.

    Attributes
    ----------
    moments : dict
        From a parameter's number in the Trainer to its two moments, NDArrays that each update
        changes; empty before the first.
    """

    def __init__(
        self,
        *args: float,
        moments: Mapping[int, tuple[np.ndarray, np.ndarray]] | None = None,
        **settings: float,
    ) -> None:
        super().__init__(*args, **settings)
        self.moments: dict[int, tuple[mx.nd.NDArray, mx.nd.NDArray]] = {}
        self._begin = dict(moments or {})

    def create_state(self, index, weight):
        """Make the moments of a weight that is updated for the first time."""
        moments = super().create_state(index, weight)
        for moment, begin in zip(moments, self._begin.get(index, ())):
            moment[:] = begin
        self.moments.setdefault(index, moments)  # on several devices they are the same
        return moments

    def update(self, index, weight, grad, state):
        """Update ``weight`` as MXNet's Adam does; sweep the moments when it is time."""
        self._update_count(index)
        t = self._index_update_count[index]
        lr = self._get_lr(index) * math.sqrt(1 - self.beta2**t) / (1 - self.beta1**t)
        settings = {
            "rescale_grad": self.rescale_grad,
            "wd": self._get_wd(index),
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon": self.epsilon,
            "clip_gradient": self.clip_gradient or -1,
            "lazy_update": self.lazy_update,
        }
        # Each setting is passed as text and parsed: those at the operator's default are left
        # out, which takes a third off the time that Python needs for a call.
        settings = {name: value for name, value in settings.items() if value != DEFAULTS[name]}
        mean, variance = state
        mx.nd.adam_update(weight, grad, mean, variance, out=weight, lr=lr, **settings)
        if t % SWEEP_EVERY == 0:
            _sweep(mean, FIRST_LIMIT)
            _sweep(variance, SECOND_LIMIT)


def _sweep(moment, limit):
    if moment.stype == "default":  # a row_sparse one is as short as its gradients
        moment *= mx.nd.abs(moment) > limit

"""Adam that does not slow down during training."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

import mxnet as mx
import numpy as np

from vae_gluon.training.adam_loop import AdamLoop, make_loop

# Every SWEEP_EVERY updates, moments below these limits are set to zero. A moment above its limit
# does not decay to a denormal number, below 1.2e-38, before the next sweep: 150 updates without a
# gradient scale the first moment by 0.9 ** 150 = 1.4e-7, the second by 0.999 ** 150 = 0.86.
SWEEP_EVERY = 150
FIRST_LIMIT = 1e-30
SECOND_LIMIT = 2e-38

COMPILE_AFTER = 100  # updates; a shorter run would end before compilation does


class Adam(mx.optimizer.Adam):
    r"""Adam (Kingma & Ba, arXiv:1412.6980) that does not slow down during training.

    While a weight's gradient is zero (at a pixel that is always white, a unit that is always
    off), its moments decay to denormal numbers, which slow a processor down many times. This Adam
    sets them to zero first.

    The weights are bit-identical to those of MXNet's Adam: with the default ``epsilon`` of 1e-8
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
        Initial values, by default zeros: the first and second moment of each parameter, arrays of
        its shape, by its index in the Trainer, after ``begin_num_update`` updates.
    **settings
        As for ``mx.optimizer.Adam``.

    Attributes
    ----------
    moments : dict
        The two moments of each parameter, by its index in the Trainer: NDArrays of its shape,
        changed by each update. Empty before the first.
    """

    def __init__(
        self,
        *args: Any,
        moments: Mapping[int, tuple[np.ndarray, np.ndarray]] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.moments: dict[int, tuple[mx.nd.NDArray, mx.nd.NDArray]] = {}
        self._begin = dict(moments or {})
        self._loops: dict[int, AdamLoop | None] = {}

    def create_state(
        self, index: int, weight: mx.nd.NDArray
    ) -> tuple[mx.nd.NDArray, mx.nd.NDArray]:
        """Return the initial moments of a weight, arrays of its shape."""
        moments = super().create_state(index, weight)
        for moment, begin in zip(moments, self._begin.get(index, ())):
            moment[:] = begin
        self.moments.setdefault(index, moments)  # the same on every device
        return moments

    def update(
        self,
        index: int,
        weight: mx.nd.NDArray,
        grad: mx.nd.NDArray,
        state: tuple[mx.nd.NDArray, mx.nd.NDArray],
    ) -> None:
        """Update ``weight`` as MXNet's Adam does; sweep its moments every SWEEP_EVERY updates.

        The gradient and the moments have its shape.
        """
        self._update_count(index)
        t = self._index_update_count[index]
        settings = {
            "lr": self._get_lr(index) * math.sqrt(1 - self.beta2**t) / (1 - self.beta1**t),
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon": self.epsilon,
            "wd": self._get_wd(index),
            "rescale_grad": self.rescale_grad,
        }
        mean, variance = state
        loop = self._loop(index, (weight, grad, mean, variance))
        if loop:
            loop(**settings)
        else:
            settings["clip_gradient"] = self.clip_gradient or -1
            settings["lazy_update"] = self.lazy_update
            mx.nd.adam_update(weight, grad, mean, variance, out=weight, **settings)
        if t % SWEEP_EVERY == 0:
            _sweep(mean, FIRST_LIMIT)
            _sweep(variance, SECOND_LIMIT)

    def _loop(self, index: int, arrays: tuple[mx.nd.NDArray, ...]) -> AdamLoop | None:
        """Return the compiled update of a weight, its gradient and moments, or None."""
        if self._index_update_count[index] <= COMPILE_AFTER or self.clip_gradient:
            return None
        loop = self._loops.get(index)
        if loop is None or not all(map(operator.is_, arrays, loop.arrays)):
            loop = self._loops[index] = make_loop(arrays)
        return loop

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the compiled updates, valid only in this process."""
        return {**super().__getstate__(), "_loops": {}}


def _sweep(moment: mx.nd.NDArray, limit: float) -> None:
    """Set the elements of a moment, of any shape, up to ``limit`` in size to zero."""
    if moment.stype == "default":  # a row_sparse one has only its gradients' rows
        moment *= mx.nd.abs(moment) > limit

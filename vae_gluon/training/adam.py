"""Adam that does not slow down during training."""

from __future__ import annotations

import math
import operator
from typing import Any

import mxnet as mx

from vae_gluon.training.adam_loop import AdamLoop, make_loop

# Every SWEEP_EVERY updates, moments up to these limits are set to zero. A moment above its limit
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

    The arguments are those of ``mx.optimizer.Adam``.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._loops: dict[int, AdamLoop | None] = {}

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
        loop = self._loop(index, (weight, grad, *state))
        if loop is None:
            super().update(index, weight, grad, state)
        else:
            self._update_count(index)
            t = self._index_update_count[index]
            loop(
                lr=self._get_lr(index) * (math.sqrt(1 - self.beta2**t) / (1 - self.beta1**t)),
                beta1=self.beta1,
                beta2=self.beta2,
                epsilon=self.epsilon,
                wd=self._get_wd(index),
                rescale_grad=self.rescale_grad,
            )
        if self._index_update_count[index] % SWEEP_EVERY == 0:
            for moment, limit in zip(state, (FIRST_LIMIT, SECOND_LIMIT)):
                if moment.stype == "default":  # a row_sparse one has only its gradients' rows
                    moment *= mx.nd.abs(moment) > limit

    def _loop(self, index: int, arrays: tuple[mx.nd.NDArray, ...]) -> AdamLoop | None:
        """Return the compiled update of a weight, its gradient and moments, or None."""
        done = self._index_update_count.get(index, self.begin_num_update)
        if done < COMPILE_AFTER or self.clip_gradient:
            return None
        loop = self._loops.get(index)
        if loop is None or not all(map(operator.is_, arrays, loop.arrays)):
            loop = self._loops[index] = make_loop(arrays)
        return loop

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the compiled updates, valid only in this process."""
        return {**super().__getstate__(), "_loops": {}}

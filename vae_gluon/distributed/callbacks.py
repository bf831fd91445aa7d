"""The callback for training with several workers."""

from __future__ import annotations

import mxnet as mx
from mxnet import gluon

from vae_gluon.distributed.workers import TIMEOUT, Watchdog, share_weights, total
from vae_gluon.training import Callback, Training


class Workers(Callback):
    """Train together with other processes, on the mean gradient of all their batches.

    Each process calls ``train`` on its ``shard`` of the images, with ``seed=(number, rank)``; the
    other arguments are the same. The losses are means over all images.

    Parameters
    ----------
    kvstore : KVStore
        ``mx.kv.create("dist_sync")``.
    timeout : float, default 60
        After this many seconds without a batch, this process treats the others as dead, and exits
        with a message and code 1.
    """

    def __init__(self, kvstore: mx.kv.KVStore, timeout: float = TIMEOUT) -> None:
        self.kvstore = kvstore
        self.timeout = timeout

    def before_training(self, training: Training) -> None:
        """Share gradients and means with the others."""
        self.watchdog = Watchdog(self.timeout)
        training.trainer = _SharedTrainer(training.trainer, self.kvstore)
        training.reduce = lambda sums: total(self.kvstore, sums)

    def after_batch(self, training: Training) -> None:
        """Notify the watchdog."""
        Watchdog.beat()

    def after_training(self, training: Training, error: BaseException | None) -> None:
        """Stop the watchdog."""
        self.watchdog.close()


class _SharedTrainer(gluon.Trainer):
    """Takes steps on the mean gradient of all workers, whose batches have the same size."""

    def __init__(self, trainer: gluon.Trainer, kvstore: mx.kv.KVStore) -> None:
        # Each worker updates its own weights, so that it has the moments for a checkpoint.
        super().__init__(
            trainer._params, trainer.optimizer, kvstore=kvstore, update_on_kvstore=False
        )
        self._updaters = trainer._updaters  # with the moments of a resumed run
        self.n_workers = kvstore.num_workers

    def step(self, batch_size: int, ignore_stale_grad: bool = False) -> None:
        share_weights(self)
        super().step(batch_size * self.n_workers, ignore_stale_grad)

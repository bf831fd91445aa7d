"""A worker, one of several that train a net together with MXNet's parameter server."""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import mxnet as mx
import numpy as np
from mxnet import gluon
from mxnet.base import _LIB, check_call

from vae_gluon._checks import check_integer

# From MXNet's variables: the scheduler's address, and how many processes join.
CLUSTER = (
    "{DMLC_PS_ROOT_URI}:{DMLC_PS_ROOT_PORT} "
    "(workers: {DMLC_NUM_WORKER}, servers: {DMLC_NUM_SERVER})"
)
TIMEOUT = 60.0  # seconds without a batch or a heartbeat after which others count as dead
TO_JOIN = 10  # this many times TIMEOUT may pass until all have joined
GONE = "no batch for {timeout:g} seconds: another worker, a server or the scheduler has died"


def join(name: str, timeout: float = TIMEOUT) -> mx.kv.KVStore:
    """Return the store with this ``name``, once all workers and servers have joined.

    If some have not joined after ``TO_JOIN * timeout`` seconds, this process exits with a message.
    """
    where = CLUSTER.format_map(defaultdict(lambda: "?", os.environ))
    message = f"after {{timeout:g}} seconds not all have joined at {where}"
    with closing(Watchdog(TO_JOIN * timeout, message)):
        return mx.kv.create(name)


def leave(kvstore: mx.kv.KVStore) -> None:
    """Leave the others, once all are ready; the store cannot be used after that."""
    check_call(_LIB.MXKVStoreFree(kvstore.handle))
    kvstore.handle = None  # so that the store is not freed again when it is collected


def shard(
    dataset: Mapping[str, np.ndarray], rank: int, n_workers: int, batch_size: int = 100
) -> dict[str, np.ndarray]:
    """Return the part of the images that one worker trains on.

    Its i-th training batch is its part of the i-th batch of ``n_workers * batch_size`` images, so
    that all workers together take the steps of a single process with batches of that size. The
    parts have equal sizes, because the workers wait for each other at each step: up to
    ``n_workers - 1`` training images at the end are left out. Each test image is in one part.

    Parameters
    ----------
    dataset : mapping
        From ``load_mnist`` or ``make_digits``.
    rank, n_workers : int
        The number of this worker, from 0, and of all workers.
    batch_size : int, default 100
        Images in a batch of one worker.

    Raises
    ------
    ValueError
        If ``rank`` is not below ``n_workers``, or there are fewer images than workers.
    """
    check_integer("n_workers", n_workers)
    check_integer("batch_size", batch_size)
    check_integer("rank", rank, least=0)
    n = len(dataset["train_data"]) // n_workers * n_workers
    if rank >= n_workers or min(n, len(dataset["test_data"])) < n_workers:
        raise ValueError(
            f"expected a rank below {n_workers} workers and at least as many images, got rank "
            f"{rank}, {len(dataset['train_data'])} and {len(dataset['test_data'])} images"
        )
    whole = np.split(np.arange(n), range(n_workers * batch_size, n, n_workers * batch_size))
    rows = np.concatenate([np.split(batch, n_workers)[rank] for batch in whole])
    parts: dict[str, Any] = {"train": rows, "test": slice(rank, None, n_workers)}
    return {name: array[parts[name.split("_")[0]]] for name, array in dataset.items()}


def total(kvstore: mx.kv.KVStore, numbers: np.ndarray) -> np.ndarray:
    """Return the sum of all workers' ``numbers``, of any shape, added in single precision."""
    array = mx.nd.array(numbers)
    # A key can be used only once. All workers call this equally often, so their keys agree.
    key = next(_keys)
    kvstore.init(key, mx.nd.zeros_like(array))
    kvstore.pushpull(key, array, out=array)
    return array.asnumpy().astype(float)


_keys = itertools.count(10**6)  # above the keys of a Trainer, which numbers parameters from 0


def share_weights(trainer: gluon.Trainer) -> None:
    """Give the weights of worker 0 to all workers, and wait until they have arrived.

    A Trainer does this in its first step, but does not wait: a slow worker may then fetch the
    others' first gradients instead of its weights. After the first step this does nothing.
    """
    if not trainer._kv_initialized:
        trainer._init_kvstore()
    if trainer._params_to_init:
        trainer._init_params()
        mx.nd.waitall()


def check_agreement(kvstore: mx.kv.KVStore, config: Mapping[str, object]) -> None:
    """Raise a ValueError unless all workers have the same ``config``, a mapping for JSON."""
    number = zlib.crc32(json.dumps(config, sort_keys=True).encode())
    halves = np.array(divmod(number, 2**16))  # small enough to be added in single precision
    if (total(kvstore, halves) != halves * kvstore.num_workers).any():
        raise ValueError(f"worker {kvstore.rank} differs in options, images, checkpoint or version")


class Watchdog:
    """Ends this process, with a message, if nothing calls ``beat`` for ``timeout`` seconds.

    If a server, the scheduler or another worker has died, a worker waits forever inside MXNet,
    where no exception reaches it. A watchdog watches from its creation until ``close``; of several
    the shortest timeout counts.
    """

    _last_beat = 0.0

    def __init__(self, timeout: float, message: str = GONE) -> None:
        self.timeout = timeout
        self.message = message
        self._over = threading.Event()
        self.beat()
        threading.Thread(target=self._wait, daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._over.set()

    @staticmethod
    def beat() -> None:
        """Report progress, such as a computed batch, to all watchdogs."""
        Watchdog._last_beat = time.time()

    def _wait(self) -> None:
        before = time.time()
        while not self._over.wait(self.timeout / 10):
            if time.time() - before > self.timeout / 2:
                self.beat()  # this process was suspended, or the clock was set
            before = time.time()
            if before - Watchdog._last_beat > self.timeout:
                text = self.message.format(timeout=self.timeout)
                print(f"\nvae-gluon: error: {text}", file=sys.stderr, flush=True)
                os._exit(1)

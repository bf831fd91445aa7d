"""MXNet's servers and scheduler, which exit when another process of the cluster has died."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time

import mxnet as mx
from mxnet.base import _LIB, check_call

from vae_gluon import mxnet_today
from vae_gluon.distributed.workers import TIMEOUT

HEARTBEAT = 2  # seconds between the signs of life of each process
ALL = 7  # MXNet's number for the scheduler, all servers and all workers
JOINED_BY = 30.0  # seconds after which MXNet's network has long started and can be queried


def serve() -> None:
    """If ``DMLC_ROLE`` is a server's, serve until the workers have ended, then end this process.

    The package calls this where MXNet's import would start serving.
    """
    if os.environ.get("DMLC_ROLE"):
        os.environ.setdefault("PS_HEARTBEAT_INTERVAL", str(HEARTBEAT))  # which workers send too
    mxnet_today.serve(
        lambda kvstore: threading.Thread(target=_watch, args=(kvstore,), daemon=True).start()
    )


def _watch(kvstore: mx.kv.KVStore) -> None:
    """End this process when another one of the cluster has died."""
    time.sleep(JOINED_BY)
    dead = ctypes.c_int()
    while True:
        before = time.time()
        time.sleep(HEARTBEAT)
        if time.time() - before > 2 * HEARTBEAT:  # this process was suspended, as were the others
            time.sleep(TIMEOUT)
        check_call(
            _LIB.MXKVStoreGetNumDeadNode(kvstore.handle, ALL, ctypes.byref(dead), int(TIMEOUT))
        )
        if dead.value:
            text = f"no sign of life for {TIMEOUT:g} seconds from another process of the cluster"
            print(f"vae-gluon: error: {text}", file=sys.stderr, flush=True)
            os._exit(1)

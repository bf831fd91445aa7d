"""MXNet's servers and scheduler, which run no code that they receive.

MXNet's loop unpickles an optimizer from anyone who reaches its port, and so would run any code.
Here nothing is unpickled, so the workers have to update their weights themselves.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any

OPTIMIZER = 0  # MXNet's number for the command with an optimizer

_Controller = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


@_Controller
def _refuse(command: int, body: bytes, _: Any) -> None:
    if command == OPTIMIZER:
        print(
            "vae_gluon.mxnet_today: error: a worker sends its optimizer, as a pickle, which this "
            "server does not run: pass update_on_kvstore=False to gluon.Trainer",
            file=sys.stderr,
            flush=True,
        )
        os._exit(1)


def serve(begin: Callable[[Any], object] = lambda kvstore: None) -> None:
    """If ``DMLC_ROLE`` is a server's, serve until the workers have ended, then end this process.

    ``begin`` is called with the store of this process before it serves.
    """
    if os.environ.get("DMLC_ROLE") in ("server", "scheduler"):
        import mxnet
        from mxnet.base import _LIB, check_call

        kvstore = mxnet.kv.create("dist")
        begin(kvstore)
        check_call(_LIB.MXKVStoreRunServer(kvstore.handle, _refuse, None))
        sys.exit()

"""Names that MXNet 1.9.1 needs and that NumPy no longer has on Python 3.12.

numpy 1.24 removed its aliases of Python's own types, and ``import mxnet``, which reads one of them,
fails with an AttributeError. Up to Python 3.11 this package requires an older numpy. For
Python 3.12 there is none, so the aliases are put back. The package imports this module before
anything that imports mxnet.
"""

from __future__ import annotations

import sys

import numpy as np

# Those that mxnet uses: bool on import, int in mx.test_utils.
ALIASES = {"bool": bool, "int": int}


def put_back() -> None:
    """Put the aliases back into numpy, on Python 3.12 and newer."""
    if sys.version_info >= (3, 12):
        for name, type_ in ALIASES.items():
            if name not in vars(np):  # hasattr would make numpy warn
                setattr(np, name, type_)


put_back()

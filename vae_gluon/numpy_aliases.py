"""What MXNet 1.9.1 expects of numpy and a numpy for Python 3.12 no longer has.

numpy 1.24 removed its old names for Python's own types, and ``import mxnet`` reads one of them:
it fails with an AttributeError. Up to Python 3.11 an older numpy is installed with this package;
for Python 3.12 there is none, so the names are put back there, as they were. The package imports
this module before anything that imports mxnet.
"""

from __future__ import annotations

import sys

import numpy as np

# Those that mxnet uses: the first on import, the second in mx.test_utils.
ALIASES = {"bool": bool, "int": int}


def put_back() -> None:
    """Give numpy those names again that it has no more, on Python 3.12 and newer."""
    if sys.version_info >= (3, 12):
        for name, type_ in ALIASES.items():
            if name not in vars(np):  # asking numpy by getattr or hasattr makes it warn
                setattr(np, name, type_)


put_back()

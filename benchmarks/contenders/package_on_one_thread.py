"""The package, told to compute on one thread of the cores that it may use."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

from benchmarks.contenders.package import contend  # noqa: F401

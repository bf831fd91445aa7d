"""Import mxnet on current machines."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType
from typing import Any

from vae_gluon.mxnet_today.libraries import INSTALL, missing_libraries, no_wheel
from vae_gluon.mxnet_today.old_behaviour import restore_behaviour
from vae_gluon.mxnet_today.old_names import answer_mxnet, distutils, replaced
from vae_gluon.mxnet_today.threads import too_late, variables


class WithDocstrings(SourceFileLoader):
    """A finder and loader of mxnet with its docstrings, which it reads; python -OO removes them."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _: object = None) -> Any:
        """Find mxnet and its modules."""
        spec: ModuleSpec | None = None
        if name.partition(".")[0] == "mxnet" and (spec := PathFinder.find_spec(name, path)):
            spec.loader = WithDocstrings(name, str(spec.origin))
        return spec

    def get_code(self, name: str) -> CodeType:
        """Compile a module as python -O does."""
        path = self.get_filename(name)
        return compile(self.get_data(path), path, "exec", dont_inherit=True, optimize=1)


def load_mxnet() -> str | None:
    """Import mxnet on every core; return what to do if it was too late for that, else None.

    If it cannot be imported, the message of the ImportError says what to do.
    """
    # If a thread outside the engine copies a large array on several threads, the OpenMP runtime has
    # two teams, more threads than processors, and puts both to sleep between operators: a step
    # takes twice as long. A single thread copies as fast. This variable stays, because MXNet
    # only reads it at its first copy.
    os.environ.setdefault("MXNET_CPU_PARALLEL_SIZE", str(10**9))

    if "mxnet" in sys.modules:
        restore_behaviour(sys.modules["mxnet"])
        return too_late()
    if sys.flags.optimize > 1:
        sys.meta_path.insert(0, WithDocstrings)
    for name in [name for name in sys.modules if name.startswith("mxnet.")]:
        del sys.modules[name]  # left by an import that failed halfway

    answer_mxnet()
    # Without the role, because a server would start serving during the import: see server.py.
    environment = replaced(os.environ, {**variables(), "DMLC_ROLE": None})
    with environment, replaced(sys.modules, distutils()), warnings.catch_warnings():
        # mxnet uses names that numpy, scipy and distutils have since deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            import mxnet
        except ModuleNotFoundError as error:
            if error.name != "mxnet":
                raise
            raise ImportError(no_wheel() or INSTALL) from error
        except OSError as error:
            raise ImportError(missing_libraries() or str(error)) from error
    restore_behaviour(mxnet)
    return None


late_import = load_mxnet()  # None, or what the user can do about it

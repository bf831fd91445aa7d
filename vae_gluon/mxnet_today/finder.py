"""A finder that loads mxnet through ``vae_gluon.mxnet_today``, for any code that imports it.

``enable`` writes the code of this file into a line that Python runs at each start. So it imports
nothing until mxnet is imported. The code that runs it sets ``FOLDER``, the folder of
``vae_gluon.mxnet_today``.
"""

import os
import sys

PACKAGE = "vae_gluon.mxnet_today"


class MXNetToday:
    """A finder and loader for mxnet only."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        """Find mxnet, unless the package is already loading it."""
        if name != "mxnet" or PACKAGE in sys.modules or not os.path.isdir(FOLDER):  # noqa: F821
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name)
        if spec:
            spec.loader = cls
        return spec

    @staticmethod
    def create_module(spec):
        """Leave it to Python."""

    @staticmethod
    def exec_module(module):
        """Let the package import mxnet, without ``vae_gluon`` itself."""
        from importlib import util

        init = os.path.join(FOLDER, "__init__.py")  # noqa: F821
        spec = util.spec_from_file_location(PACKAGE, init)
        del sys.modules["mxnet"]  # the package imports another
        sys.modules[PACKAGE] = today = util.module_from_spec(spec)
        try:
            spec.loader.exec_module(today)
        except BaseException:
            del sys.modules[PACKAGE]
            raise
        today.serve()


if os.environ.get("MXNET_TODAY") != "0":
    names = [getattr(finder, "__name__", None) for finder in sys.meta_path]
    if MXNetToday.__name__ not in names:  # in a virtual environment Python runs the line twice
        sys.meta_path.insert(0, MXNetToday)

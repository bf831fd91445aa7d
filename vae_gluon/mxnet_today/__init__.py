"""What MXNet 1.9.1, the last there will be, needs on today's machines.

MXNet is Python over ``ctypes``, so that it runs on Pythons and with NumPys that are younger than
itself, once it finds what it looks for:

=================  ============================================================================
``load``           imports mxnet with all of this; the package does so before anything else
``old_names``      names that NumPy, SciPy and Python no longer have
``old_behaviour``  what MXNet does with NumPy's numbers and arrays
``onnx_names``     names that the package onnx no longer has
``threads``        how many cores MXNet computes on
``libraries``      libraries of the system: which are missing, and what installs them
``finder``         gives all this to whoever imports mxnet, without the rest of the package
``command``        enables the finder in an environment, or for a script
``server``         MXNet's servers, which run nothing that they receive
=================  ============================================================================
"""

import sys

from vae_gluon.mxnet_today.command import asked_for, main

# python -m vae_gluon.mxnet_today comes by here before the package, and mxnet, are imported. It
# needs neither, and works where mxnet cannot be imported.
if asked_for():
    sys.exit(main(sys.argv[1:]))

# isort: split
from vae_gluon.mxnet_today.load import late_import
from vae_gluon.mxnet_today.onnx_names import old_onnx
from vae_gluon.mxnet_today.server import serve
from vae_gluon.mxnet_today.threads import SETTINGS, one_cpu_per_core, usable_cores

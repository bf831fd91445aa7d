"""What MXNet 1.9.1, its last release, needs on current machines.

MXNet is Python over ``ctypes``, so it runs with newer versions of Python and NumPy once it finds
what it needs:

=================  ============================================================================
``load``           imports mxnet with all of this, before the rest of the package
``old_names``      names that NumPy, SciPy and Python no longer have
``old_behaviour``  how MXNet handles NumPy's numbers and arrays
``onnx_names``     names that the package onnx no longer has
``threads``        the number of cores that MXNet uses
``libraries``      system libraries: which are missing, and what installs them
``finder``         applies all this to any import of mxnet, without the rest of the package
``command``        enables the finder in an environment or for a script
``server``         MXNet's servers, which run no code that they receive
=================  ============================================================================
"""

import sys

from vae_gluon.mxnet_today.command import asked_for, main

# python -m vae_gluon.mxnet_today runs this before the package and mxnet are imported. It needs
# neither, and works where mxnet cannot be imported.
if asked_for():
    sys.exit(main(sys.argv[1:]))

# isort: split
from vae_gluon.mxnet_today.load import late_import
from vae_gluon.mxnet_today.server import serve
from vae_gluon.mxnet_today.threads import SETTINGS, one_cpu_per_core, usable_cores

"""Python runs this at startup if this folder is on its path, as for the runner's children."""

import os
import sys
from importlib import machinery, util

_here = os.path.dirname(os.path.abspath(__file__))
_folder = os.path.dirname(_here)
with open(os.path.join(_folder, "finder.py"), encoding="utf-8") as _file:
    exec(_file.read(), {"FOLDER": _folder})

# The sitecustomize that this one shadows.
sys.path[:] = [_path for _path in sys.path if os.path.abspath(_path) != _here]
_spec = machinery.PathFinder.find_spec("sitecustomize")
if _spec and _spec.loader:
    sys.modules["sitecustomize"] = _module = util.module_from_spec(_spec)
    _spec.loader.exec_module(_module)

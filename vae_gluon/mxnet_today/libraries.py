"""System libraries that MXNet 1.9.1 needs: which are missing, and what installs them.

``make`` runs this file before it installs anything, so it imports only the standard library::

    python vae_gluon/mxnet_today/libraries.py

prints what is missing, and on ARM makes the links that MXNet needs. Its wheel for aarch64 is linked
to Arm's libraries, which no package index has. It uses their cblas and LAPACKE, which OpenBLAS and
liblapacke have too. So links next to MXNet, where the loader looks first, point from Arm's names to
these.
"""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import sys
from pathlib import Path

INSTALL = (
    "MXNet is not installed, and is not installed along with vae_gluon, because its metadata "
    "would take NumPy back below 2. Install it by: python -m pip install --no-deps mxnet==1.9.1"
)

WHEELS = (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "x86_64"))

# The libraries needed on each kind of processor, and the commands that install them.
LIBRARIES = {
    "x86_64": "libgomp.so.1 libquadmath.so.0 libstdc++.so.6",
    "aarch64": "libgomp.so.1 libopenblas.so.0 liblapacke.so.3 libstdc++.so.6 libz.so.1",
}
COMMANDS = {
    "x86_64": "apt-get install libgomp1 libquadmath0 libstdc++6 or "
    "dnf install libgomp libquadmath libstdc++ or pacman -S gcc-libs",
    "aarch64": "apt-get install libgomp1 libopenblas0 liblapacke libstdc++6 zlib1g or "
    "dnf install libgomp openblas lapack libstdc++ zlib or pacman -S gcc-libs openblas lapacke",
}

# Arm's names, and the replacements. The last two only have to exist: libm is loaded anyway, and
# liblapacke is loaded by its link.
ARM_LINKS = {
    "libarmpl_lp64_mp.so": "libopenblas.so.0",
    "libamath.so": "libm.so.6",
    "libastring.so": "liblapacke.so.3",
}


def no_wheel() -> str:
    """Return a message if MXNet has no wheel for this machine; empty if it has one."""
    system, machine, libc = platform.system(), platform.machine(), platform.libc_ver()[0]
    if (system, machine) in WHEELS and (system != "Linux" or libc == "glibc"):
        return ""
    c_library = f" with {libc or 'another C library'}" if system == "Linux" else ""
    return (
        "MXNet 1.9.1 has wheels for Linux with glibc on x86_64 and aarch64, and for macOS on "
        f"x86_64; this is {system} on {machine}{c_library}"
    )


def missing_libraries() -> str:
    """Return a message on what this machine lacks to load MXNet; empty if nothing is missing."""
    machine = platform.machine()
    needed = LIBRARIES.get(machine, "") if platform.system() == "Linux" else ""
    missing = [name for name in needed.split() if not _loads(name)]
    if missing:
        return (
            f"MXNet 1.9.1 needs {' and '.join(missing)}, which this system does not have. "
            f"Install what is missing with {COMMANDS[machine]}"
        )
    folder = mxnet_folder() if machine == "aarch64" else None
    if folder and not all((folder / name).exists() for name in ARM_LINKS):
        return (
            "MXNet 1.9.1 needs links from the names of Arm's libraries to OpenBLAS. "
            f"Make them by: {sys.executable} {__file__}"
        )
    return ""


def mxnet_folder() -> Path | None:
    """Return where MXNet is installed, without importing it; None if it is not."""
    spec = importlib.util.find_spec("mxnet")
    return Path(spec.origin).parent if spec and spec.origin else None


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _path_of(name: str) -> str:
    """Return the file that the loader finds for the name of a library."""
    # glibc's handle points to a struct link_map (link.h), whose second field is the path.
    link_map = ctypes.cast(ctypes.CDLL(name)._handle, ctypes.POINTER(ctypes.c_char_p))
    return link_map[1].decode()


def main() -> str | None:
    """Make the links on ARM, if MXNet is installed; return what is missing."""
    machine = platform.machine()
    folder = mxnet_folder() if machine == "aarch64" else None
    if folder and all(map(_loads, LIBRARIES[machine].split())):
        for name, stands_in in ARM_LINKS.items():
            link = folder / name
            link.unlink(missing_ok=True)
            link.symlink_to(_path_of(stands_in))
    return no_wheel() or missing_libraries() or None


if __name__ == "__main__":
    sys.exit(main())

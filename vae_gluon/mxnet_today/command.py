"""Make ``import mxnet`` work in an environment, or for a single script.

    python -m vae_gluon.mxnet_today enable      enable this in the current environment
    python -m vae_gluon.mxnet_today disable     disable it
    python -m vae_gluon.mxnet_today status      show whether it is enabled
    python -m vae_gluon.mxnet_today SCRIPT ...  for this script and the processes that it starts;
                                                also -m MODULE, -c CODE and Python's options

``enable`` writes a line into the environment's site-packages that Python runs at each start, in
about a millisecond. It has no other effect on a process that does not import mxnet. The
environment variable MXNET_TODAY=0 turns it off.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

FOLDER = Path(__file__).parent
NAME = "vae_gluon_mxnet_today.pth"


def asked_for() -> bool:
    """Return whether Python imports the package only to run this command."""
    if sys.argv[:1] != ["-m"]:
        return False
    # All arguments: sys.argv lacks the module's name. Before Python 3.10 Linux provides them;
    # elsewhere __main__ runs the command, after the imports.
    known, words = Path("/proc/self/cmdline"), getattr(sys, "orig_argv", [])
    if not words and known.exists():
        words = known.read_text().split("\0")[:-1]
    return "vae_gluon.mxnet_today" in words[-len(sys.argv) :][:1]


def main(words: Sequence[str]) -> str | None:
    """Run the command with these arguments; return an error, if any."""
    if not words:
        return __doc__
    commands = {"enable": enable, "disable": disable, "status": status}
    if len(words) > 1 or words[0] not in commands:
        run(words)  # which replaces this process
    try:
        return commands[words[0]](Path(sysconfig.get_path("purelib"), NAME))
    except OSError as error:
        return f"cannot {words[0]} it: {error}"


def enable(line_file: Path) -> None:
    """Write the line."""
    code = (FOLDER / "finder.py").read_text(encoding="utf-8").partition('"""\n\n')[2]
    folder = str(FOLDER)
    line_file.write_text(f"import sys; exec({code!a}, {{'FOLDER': {folder!a}}})\n")
    print(f"import mxnet now works in {sys.prefix}, by {line_file}")


def disable(line_file: Path) -> None:
    """Remove the line."""
    line_file.unlink(missing_ok=True)
    print(f"import mxnet is unchanged in {sys.prefix}, except after import vae_gluon")


def status(line_file: Path) -> str | None:
    """Print whether there is a line, and whether it has an effect."""
    if not line_file.exists():
        return f"not enabled in {sys.prefix}"
    print(f"enabled in {sys.prefix}, by {line_file}")
    if ascii(str(FOLDER)) not in line_file.read_text():
        print(f"for another copy of vae_gluon than {FOLDER}: enable writes it anew")
    print("pip uninstall leaves that file, then without effect: disable removes it")
    return None


def run(words: Sequence[str]) -> NoReturn:
    """Replace this process by a Python that runs a script and, with its children, finds mxnet."""
    path = [str(FOLDER / "startup"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    # The options of this Python, which multiprocessing passes on in the same way.
    options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    os.execve(sys.executable, [sys.executable, *options, *words], environment)

"""Make ``import mxnet`` work by itself: in an environment, or for a single script.

    python -m vae_gluon.mxnet_today enable      in this environment, from now on
    python -m vae_gluon.mxnet_today disable     no longer
    python -m vae_gluon.mxnet_today status      whether it is
    python -m vae_gluon.mxnet_today SCRIPT ...  for this script and the processes that it starts;
                                                -m MODULE, -c CODE and Python's options go as well

``enable`` writes a line into the environment's site-packages that Python runs whenever it starts,
at a cost of about a millisecond. In a process that does not import mxnet it changes nothing else.
With MXNET_TODAY=0 in its environment a process does without.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent
NAME = "vae_gluon_mxnet_today.pth"


def asked_for() -> bool:
    """Return whether Python is about to run this command, and imports the package only for that."""
    if sys.argv[:1] != ["-m"]:
        return False
    # All words: sys.argv lacks the module's name. Before Python 3.10 Linux knows them; elsewhere
    # __main__ runs the command, after the imports.
    known, words = Path("/proc/self/cmdline"), getattr(sys, "orig_argv", [])
    if not words and known.exists():
        words = known.read_text().split("\0")[:-1]
    return "vae_gluon.mxnet_today" in words[-len(sys.argv) :][:1]


def main(words: Sequence[str]) -> str | None:
    """Do what the words say; return an error, if there is one."""
    if words[:1] in (["enable"], ["disable"], ["status"]) and len(words) == 1:
        line_file = Path(sysconfig.get_path("purelib"), NAME)
        try:
            return {"enable": enable, "disable": disable, "status": status}[words[0]](line_file)
        except OSError as error:
            return f"cannot {words[0]} it: {error}"
    if not words:
        return __doc__
    run(words)
    return None


def enable(line_file: Path) -> None:
    """Write the line."""
    code = (FOLDER / "finder.py").read_text(encoding="utf-8").partition('"""\n\n')[2]
    folder = str(FOLDER)
    line_file.write_text(f"import sys; exec({code!a}, {{'FOLDER': {folder!a}}})\n")
    print(f"import mxnet works by itself in {sys.prefix}, by {line_file}")


def disable(line_file: Path) -> None:
    """Remove the line."""
    line_file.unlink(missing_ok=True)
    print(f"import mxnet is as MXNet left it in {sys.prefix}, but after import vae_gluon")


def status(line_file: Path) -> str | None:
    """Say whether there is a line, and whether it does anything."""
    if not line_file.exists():
        return f"not enabled in {sys.prefix}"
    print(f"enabled in {sys.prefix}, by {line_file}")
    if ascii(str(FOLDER)) not in line_file.read_text():
        print(f"for another copy of vae_gluon than {FOLDER}: enable writes it anew")
    print("pip uninstall leaves that file, which then does nothing: disable removes it")
    return None


def run(words: Sequence[str]) -> None:
    """Become the Python that runs a script, which finds mxnet, and whose children do."""
    path = [str(FOLDER / "startup"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    # The options that this Python was started with, as multiprocessing hands them on.
    options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    os.execve(sys.executable, [sys.executable, *options, *words], environment)

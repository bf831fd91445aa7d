"""The process of one contender: ``python -m benchmarks.worker MODULE:FUNCTION TASK.pkl``.

It answers each line on its standard input with a line of JSON: first that it is ready, then
the seconds of each epoch, at last its losses and its peak memory.
"""

import importlib
import json
import pickle
import re
import sys
import time
from pathlib import Path


def main(contender, path):
    with open(path, "rb") as file:
        task = pickle.load(file)
    answers = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    begun = None

    def answer(what):
        print(json.dumps(what), file=answers, flush=True)

    def turn():
        nonlocal begun
        now = time.perf_counter()
        answer({"ready": True} if begun is None else {"seconds": now - begun})
        sys.stdin.readline()
        begun = time.perf_counter()

    module, _, function = contender.partition(":")
    contend = getattr(importlib.import_module(f"benchmarks.contenders.{module}"), function)
    losses = contend(task, turn)
    turn()
    library = next(name for name in ("torch", "jax", "mxnet") if name in sys.modules)
    version = f"{library} {sys.modules[library].__version__}"
    answer({"losses": losses, "peak": peak_memory(), "library": version})


def peak_memory():
    """Return the most memory that this process has had, in bytes.

    ``ru_maxrss`` would count that of the process which started it as well.
    """
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", status)[1])


if __name__ == "__main__":
    main(*sys.argv[1:])

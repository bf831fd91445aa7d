"""MXNet's scheduler, servers and workers, started and watched.

They find each other by the environment variables ``DMLC_*``. Those that are not set are set here,
for a single machine. If one process fails, the others are ended.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from vae_gluon.mxnet_today import SETTINGS, usable_cores

ROLES = ("scheduler", "server", "worker")
LOOPBACK = ("scheduler", "server", "worker", "worker")
POLL = 0.1  # seconds
GRACE = 5.0  # seconds between terminating processes and killing them


def run_cluster(roles: Sequence[str], command: Sequence[str]) -> int:
    """Run ``command`` in a process for each role, and wait; if one fails, end the others.

    The variables ``DMLC_PS_ROOT_URI`` and ``DMLC_PS_ROOT_PORT`` say where the scheduler is,
    ``DMLC_NUM_WORKER`` and ``DMLC_NUM_SERVER`` how many there are on all machines. By default all
    are here, as many as ``roles`` names. The workers share the cores.

    Returns
    -------
    int
        0 if all ended well, 1 if one failed, 130 after Ctrl-C.
    """
    environment = _environment(roles)
    processes = []
    try:
        for number, role in enumerate(roles):
            name = f"{role} {roles[:number].count(role)}"
            process = subprocess.Popen(command, env={**environment, "DMLC_ROLE": role})
            processes.append((name, process))
        return _wait(processes)
    except KeyboardInterrupt:
        # They are interrupted too, and finish their batch, unless they wait for one that does not.
        _await([process for _, process in processes])
        return 130
    finally:
        for _, process in processes:
            process.terminate()
        _await([process for _, process in processes])


def _environment(roles: Sequence[str]) -> dict[str, str]:
    cores = max(1, (usable_cores() or os.cpu_count() or 1) // max(1, roles.count("worker")))
    defaults = {
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": str(_free_port()),
        "DMLC_NUM_WORKER": str(roles.count("worker")),
        "DMLC_NUM_SERVER": str(roles.count("server")),
    }
    if not any(name in os.environ for name in SETTINGS):
        defaults["OMP_NUM_THREADS"] = str(cores)
    return {**defaults, **os.environ}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait(processes: list[tuple[str, subprocess.Popen[bytes]]]) -> int:
    """Wait until all have ended, or one has failed; return the exit code."""
    while True:
        codes = [(name, process.poll()) for name, process in processes]
        for name, code in codes:
            if code:
                how = f"exit code {code}" if code > 0 else signal.Signals(-code).name
                print(
                    f"vae-gluon cluster: error: {name} ended with {how}; ending the others",
                    file=sys.stderr,
                )
                return 1
        if all(code == 0 for _, code in codes):
            return 0
        time.sleep(POLL)


def _await(processes: list[subprocess.Popen[bytes]]) -> None:
    """Wait GRACE seconds for processes to end; kill those that have not."""
    until = time.monotonic() + GRACE
    for process in processes:
        try:
            process.wait(max(0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

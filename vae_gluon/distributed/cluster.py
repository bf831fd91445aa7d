"""Start and watch MXNet's scheduler, servers and workers.

They find each other by the environment variables ``DMLC_*``; unset variables are set here, for a
single machine. If one process fails, the others are terminated.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from vae_gluon.distributed.workers import CLUSTER
from vae_gluon.mxnet_today import SETTINGS, usable_cores

ROLES = ("scheduler", "server", "worker")
LOOPBACK = ("scheduler", "server", "worker", "worker")
LOCALHOST = "127.0.0.1"
POLL = 0.1  # seconds
GRACE = 5.0  # seconds between terminating processes and killing them
PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def run_cluster(roles: Sequence[str], command: Sequence[str]) -> int:
    """Run ``command`` in a process for each role, and wait; if one fails, terminate the others.

    The variables ``DMLC_PS_ROOT_URI`` and ``DMLC_PS_ROOT_PORT`` are the scheduler's address,
    ``DMLC_NUM_WORKER`` and ``DMLC_NUM_SERVER`` the numbers on all machines. By default all run
    here, as in ``roles``, reachable only from this machine. The workers share the cores. On Linux
    all end with this process, even if it is killed.

    Return 0 if all succeeded, 1 if one failed, 128 plus its number after a signal.
    """
    environment = _environment(roles)
    if "DMLC_PS_ROOT_URI" in os.environ:  # perhaps with other machines
        print(f"Waiting until all have joined at {CLUSTER.format(**environment)}", flush=True)
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for number, role in enumerate(roles):
            name = f"{role} {roles[:number].count(role)}"
            processes[name] = subprocess.Popen(
                command, env={**environment, "DMLC_ROLE": role}, preexec_fn=_ending_with_parent()
            )
        return _wait(processes)
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
        workers = [process for name, process in processes.items() if name.startswith("worker")]
        if number != signal.SIGINT:  # a terminal sends that to all of them
            for worker in workers:
                worker.send_signal(number)
        # They finish their batch, unless they wait for a worker that does not.
        _await(workers)
        return 128 + number
    finally:
        for process in processes.values():
            process.terminate()
        _await(processes.values())


def _environment(roles: Sequence[str]) -> dict[str, str]:
    scheduler = os.environ.get("DMLC_PS_ROOT_URI", LOCALHOST)
    port = os.environ.get("DMLC_PS_ROOT_PORT", "0")
    n_workers = roles.count("worker")
    defaults = {
        "DMLC_PS_ROOT_URI": scheduler,
        "DMLC_PS_ROOT_PORT": _port(scheduler, port) if "scheduler" in roles else port,
        "DMLC_NUM_WORKER": str(n_workers),
        "DMLC_NUM_SERVER": str(roles.count("server")),
    }
    if "DMLC_INTERFACE" not in os.environ:
        defaults["DMLC_NODE_HOST"] = _address(scheduler)
    if not any(name in os.environ for name in SETTINGS):
        cores = usable_cores() or os.cpu_count() or 1
        defaults["OMP_NUM_THREADS"] = str(max(1, cores // max(1, n_workers)))
    return {**defaults, **os.environ}


def _address(scheduler: str) -> str:
    """Return the address from which this machine reaches the scheduler.

    MXNet would take the address of any interface, and finds none if there is only loopback.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reaching:
        try:
            reaching.connect((scheduler, 9))  # for a datagram socket, sends nothing
        except OSError:
            return ""  # as if the variable were not set
        return reaching.getsockname()[0]


def _port(host: str, port: str) -> str:
    """Return the port on which the scheduler can listen: for 0 a free one."""
    with socket.socket() as scheduler:
        scheduler.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            scheduler.bind((host, int(port)))
        except (OSError, OverflowError, ValueError) as error:
            raise OSError(f"the scheduler cannot listen at {host}:{port}: {error}") from error
        return str(scheduler.getsockname()[1])


def _ending_with_parent() -> Callable[[], None] | None:
    """Return a function for the child, so that the kernel kills it when this process ends."""
    if sys.platform != "linux":
        return None
    parent, prctl = os.getpid(), ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent has already ended
            os._exit(1)

    return ask


def _wait(processes: Mapping[str, subprocess.Popen[bytes]]) -> int:
    """Wait until all have ended, or one has failed; return the exit code."""
    while True:
        for name, process in processes.items():
            code = process.poll()
            if code:
                how = f"exit code {code}" if code > 0 else signal.Signals(-code).name
                text = f"vae-gluon cluster: error: {name} ended with {how}; ending the others"
                print(text, file=sys.stderr)
                return 1
        if all(process.returncode == 0 for process in processes.values()):
            return 0
        time.sleep(POLL)


def _await(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """Wait GRACE seconds for processes to end; kill those that have not."""
    until = time.monotonic() + GRACE
    for process in processes:
        try:
            process.wait(max(0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

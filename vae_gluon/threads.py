"""On how many threads MXNet computes: every physical core that this process may use.

MXNet decides this while it loads. Left to itself it takes half the processors it sees,
which is right where each core shows up as two, and leaves half the machine idle where it
does not. So the package imports this module before anything that imports mxnet, and this
module loads mxnet with the number in ``MXNET_OMP_MAX_THREADS``, which concerns MXNet alone
and is taken back afterwards.

A number set by the user, in ``OMP_NUM_THREADS`` or ``MXNET_OMP_MAX_THREADS``, stands; and
where mxnet was imported first, nothing can be changed any more (``late`` says so).
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

SETTINGS = ("OMP_NUM_THREADS", "MXNET_OMP_MAX_THREADS")
CGROUPS = Path("/sys/fs/cgroup")


def usable_cores() -> int | None:
    """Count the physical cores that this process may use; None where the system does not tell.

    Counts two hardware threads of one core once, and no more than the affinity of the
    process and the CPU quota of its control group allow.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    cores = {_siblings(cpu) for cpu in os.sched_getaffinity(0)}
    return max(1, int(min(len(cores), _quota())))


def late() -> str | None:
    """Say what to do if mxnet was loaded too early to be given every core; else None."""
    return _late


def _siblings(cpu):
    """Return a name for the core of a processor, the same for all hardware threads of it."""
    listing = f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
    return _read(listing) or str(cpu)


def _quota():
    """Return the CPUs' worth of time that the control groups of this process allow."""
    quota = float("inf")
    for line in _read("/proc/self/cgroup").splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if hierarchy == "0":  # version 2
            mount, limit = CGROUPS, _limit_v2
        elif "cpu" in controllers.split(","):
            mount, limit = CGROUPS / controllers, _limit_v1
        else:
            continue
        # A limit on a group holds for those below it. Within a container the path may be
        # the host's, of which only the mount itself is seen.
        group = Path(path.lstrip("/"))
        for above in (group, *group.parents):
            quota = min(quota, limit(mount / above))
    return quota


def _limit_v2(group):
    return _ratio(*(_read(group / "cpu.max").split() or ("max", "1")))


def _limit_v1(group):
    return _ratio(_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us"))


def _ratio(quota, period):
    """Divide; "max" (version 2), "-1" (version 1) and nothing mean no limit."""
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else float("inf")


def _read(path):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _load_mxnet():
    """Load mxnet on every core; return what stood in the way, None if nothing did."""
    # Where a thread other than the engine's own copies a large array on several threads, the
    # OpenMP runtime holds two teams, more threads than processors, and lets both sleep
    # between any two operators: twice the time for a step. One thread copies as fast.
    # MXNet reads this when it first copies, which it may do at any time.
    os.environ.setdefault("MXNET_CPU_PARALLEL_SIZE", str(10**9))

    cores = None if any(name in os.environ for name in SETTINGS) else usable_cores()
    if "mxnet" in sys.modules:
        return _too_late(cores)
    for name in [name for name in sys.modules if name.startswith("mxnet.")]:
        del sys.modules[name]  # left by an import that failed; no two halves make a whole
    if cores is not None:
        os.environ["MXNET_OMP_MAX_THREADS"] = str(cores)
    try:
        with warnings.catch_warnings():
            # mxnet uses what numpy, scipy and distutils have deprecated since.
            warnings.simplefilter("ignore", DeprecationWarning)
            import mxnet  # noqa: F401
    finally:
        if cores is not None:
            del os.environ["MXNET_OMP_MAX_THREADS"]
    return None


def _too_late(cores):
    """Say what mxnet misses, which was imported by others before; None if it misses nothing."""
    default = cores and max(1, len(os.sched_getaffinity(0)) // 2)
    if cores is None or default >= cores:
        return None
    return (
        f"mxnet was imported before vae_gluon and computes on {default} of {cores} cores: "
        "import vae_gluon first to use them all"
    )


_late = _load_mxnet()

"""MXNet's threads: on all cores, and yielding to other programs.

MXNet sets its number of threads when it is loaded: by default half the processors, which leaves
half the machine idle unless each core has two hardware threads. Its threads wait for each other by
spinning without limit: on busy cores an epoch takes ten times as long or more. So mxnet is loaded
with a thread for each physical core that this process may use, but no more than MOST, and with
threads that go to sleep after SPINS. Environment variables set both, and are removed afterwards:
other libraries read them too. The user's values in SETTINGS or WAITING are respected.
"""

from __future__ import annotations

import os
from pathlib import Path

SETTINGS = ("OMP_NUM_THREADS", "MXNET_OMP_MAX_THREADS")
WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
SPINS = 3000  # about ten microseconds; see benchmarks/README.md
# Each small parallel region wakes all threads: with sixteen on as many cores, an epoch of the
# tutorial's net takes 1.7 times as long as with eight; see benchmarks/many_cores.md.
MOST = 8
CGROUPS = Path("/sys/fs/cgroup")


def usable_cores() -> int | None:
    """Return the number of physical cores this process may use, None if it is unknown.

    Hardware threads of the same core count once. The affinity of the process and the CPU quota of
    its control group are limits.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    return max(1, int(min(len(one_cpu_per_core()), _quota())))


def one_cpu_per_core() -> list[int]:
    """Return one processor of each physical core that the affinity of this process allows."""
    siblings = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    cpus = sorted(os.sched_getaffinity(0), reverse=True)
    # The last value of a key stays: the lowest number.
    cores = {_read(siblings.format(cpu)) or str(cpu): cpu for cpu in cpus}
    return sorted(cores.values())


def _quota() -> float:
    """Return the number of CPUs that this process's control groups, version 1 or 2, allow."""
    quota = float("inf")
    for line in _read("/proc/self/cgroup").splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if hierarchy == "0":
            mount, files = CGROUPS, ["cpu.max"]
        elif "cpu" in controllers.split(","):
            mount, files = CGROUPS / controllers, ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        # The limit of a group applies to all groups below it. In a container the path may be the
        # host's, so that only the limit of the mount itself is found.
        group = Path(path.lstrip("/"))
        for above in (group, *group.parents):
            # A time and a period; "max", -1 or no file means no limit.
            words = " ".join(_read(mount / above / file) for file in files).split()
            if len(words) == 2 and words[0].isdigit():
                quota = min(quota, int(words[0]) / int(words[1]))
    return quota


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def variables() -> dict[str, str]:
    """Return environment variables with which mxnet uses every core, with threads that sleep."""
    settings = {name: _first_number(name) for name in SETTINGS if name in os.environ}
    cores = _cores_to_set()
    if cores is not None:
        settings["MXNET_OMP_MAX_THREADS"] = str(cores)
    if not any(name in os.environ for name in WAITING):
        settings["GOMP_SPINCOUNT"] = str(SPINS)
    return settings


def _first_number(name: str) -> str:
    """Return the user's number of threads: for OpenMP's ``4,2``, which MXNet lacks, 4.

    Raise an ImportError if it is not a number: MXNet would abort the process.
    """
    first = os.environ[name].partition(",")[0].strip()
    if first and not (first.lstrip("+").isdecimal() and int(first) < 2**31):
        raise ImportError(f"expected {name} to be a number of threads, got {os.environ[name]!r}")
    return first


def too_late() -> str | None:
    """Return what to do if mxnet was imported before, None if it uses every core."""
    cores = _cores_to_set()
    if cores is None:
        return None
    default = max(1, len(os.sched_getaffinity(0)) // 2)
    if default >= cores:
        return None
    return (
        f"mxnet was imported before vae_gluon and computes on {default} of {cores} cores: "
        "import vae_gluon first to use them all"
    )


def _cores_to_set() -> int | None:
    cores = usable_cores()
    if cores is None or any(name in os.environ for name in SETTINGS):
        return None
    return min(cores, MOST)

"""MXNet computes on every core that the process may use, unless told otherwise."""

import os
import re
import subprocess
import sys

import pytest

from vae_gluon.mxnet_today import threads
from vae_gluon.mxnet_today.load import load_mxnet
from vae_gluon.mxnet_today.old_names import replaced

linux = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")


@pytest.fixture
def machine(monkeypatch):
    """A machine of four hardware threads, two to a core, described in files."""
    siblings = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    files = {siblings.format(cpu): f"{cpu % 2},{cpu % 2 + 2}" for cpu in range(4)}
    allowed = {0, 1, 2, 3}
    monkeypatch.setattr(threads, "_read", lambda path: files.get(str(path), ""))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0: allowed}[pid], raising=False)
    return files, allowed


def test_hardware_threads_of_one_core_that_the_process_may_use_count_once(machine):
    files, allowed = machine
    assert threads.usable_cores() == 2
    allowed.difference_update({1, 3})
    assert threads.usable_cores() == 1
    allowed.update({1, 3})
    files.clear()  # nothing tells which are siblings
    assert threads.usable_cores() == 4


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"/sys/fs/cgroup/cpu.max": "250000 100000"}, 2),
        ({"/sys/fs/cgroup/cpu.max": "50000 100000"}, 1),
        ({"/sys/fs/cgroup/cpu.max": "max 100000"}, 4),
        ({"/sys/fs/cgroup/a:/b/cpu.max": "200000 100000"}, 2),
        ({"/sys/fs/cgroup/a:/cpu.max": "200000 100000", "/sys/fs/cgroup/cpu.max": "max 100000"}, 2),
    ],
)
def test_quota_of_a_control_group_and_of_those_above_it_limits(machine, files, cores):
    machine[0].clear()
    machine[0].update(files)
    machine[0]["/proc/self/cgroup"] = "0::/a:/b"
    assert threads.usable_cores() == cores


@pytest.mark.parametrize(("quota", "cores"), [("200000", 2), ("-1", 4)])
@pytest.mark.parametrize("group", ["", "/docker/f00"])
def test_quota_of_version_1_limits(machine, quota, cores, group):
    machine[0].clear()
    machine[0]["/proc/self/cgroup"] = "5:memory:/x\n4:cpu,cpuacct:/docker/f00"
    machine[0][f"/sys/fs/cgroup/cpu,cpuacct{group}/cpu.cfs_quota_us"] = quota
    machine[0][f"/sys/fs/cgroup/cpu,cpuacct{group}/cpu.cfs_period_us"] = "100000"
    assert threads.usable_cores() == cores


def test_system_that_does_not_tell_is_left_to_mxnet(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert threads.usable_cores() is None
    assert load_mxnet() is None


# In a fresh process: how many threads it has after it has computed, of which all but OpenMP's are
# there in each case; the settings that are left behind; how many turns libgomp spins.
COUNT = """
import os, vae_gluon, mxnet as mx, numpy as np
x = mx.nd.array(np.ones((1000, 1000), np.float32))
mx.nd.FullyConnected(x, x, num_hidden=1000, no_bias=True).wait_to_read()
names = ("MXNET_OMP_MAX_THREADS", "GOMP_SPINCOUNT")
print(len(os.listdir("/proc/self/task")), *map(os.environ.get, names))
"""


def count(**environment):
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "MXNET_"))}
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        env=keep | {"OPENBLAS_NUM_THREADS": "1", "OMP_DISPLAY_ENV": "verbose"} | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    number, *settings = done.stdout.split()
    return int(number), settings, re.search("GOMP_SPINCOUNT = '(.*)'", done.stderr)[1]


@linux
def test_mxnet_computes_on_every_core_in_one_team_that_sleeps_unless_told_otherwise():
    every, settings, spins = count()
    assert (settings, spins) == (["None", "None"], str(threads.SPINS))
    single, settings, spins = count(OMP_NUM_THREADS="1", GOMP_SPINCOUNT="77")
    assert (settings, spins) == (["None", "77"], "77")
    # One team: a second one, of the thread that copies x, would be as many again.
    assert every - single == threads.usable_cores() - 1


@pytest.mark.slow
@linux
def test_mxnets_own_number_and_a_policy_of_waiting_stand():
    single, *_ = count(OMP_NUM_THREADS="1")
    told = count(MXNET_OMP_MAX_THREADS="1", OMP_WAIT_POLICY="PASSIVE")
    assert told == (single, ["1", "None"], "0")


def test_it_says_when_mxnet_was_imported_too_early(machine, monkeypatch):
    for name in threads.SETTINGS:
        monkeypatch.delenv(name, raising=False)
    assert load_mxnet() is None  # two cores of four processors: MXNet's own number
    machine[0].clear()
    assert load_mxnet() == (
        "mxnet was imported before vae_gluon and computes on 2 of 4 cores: "
        "import vae_gluon first to use them all"
    )
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert load_mxnet() is None


@pytest.mark.parametrize(("set_by_user", "seen"), [("4,2", "4"), (" 3 ", "3"), ("", ""), (" ", "")])
def test_the_first_number_of_openmps_list_is_mxnets(monkeypatch, set_by_user, seen):
    monkeypatch.setenv("OMP_NUM_THREADS", set_by_user)
    with replaced(os.environ, threads.variables()):
        assert os.environ["OMP_NUM_THREADS"] == seen
    assert os.environ["OMP_NUM_THREADS"] == set_by_user


@pytest.mark.parametrize("words", ["auto", "1.0", "-1", "99999999999"])
@pytest.mark.parametrize("name", threads.SETTINGS)
def test_a_number_of_threads_that_is_none_is_told(monkeypatch, name, words):
    monkeypatch.setenv(name, words)
    told = f"expected {name} to be a number of threads, got '{words}'"
    with pytest.raises(ImportError, match=told):
        threads.variables()

"""Scheduler, server and two workers on this machine: the same net, and an end when one has died."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vae_gluon import load_run
from vae_gluon.command import cli
from vae_gluon.distributed import cluster
from vae_gluon.distributed.cluster import run_cluster

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes as Linux does")

WORKER = """
import pathlib, sys, zlib
import vae_gluon  # first: on Python 3.12 mxnet cannot be imported without it
import mxnet as mx
from vae_gluon import VAE, make_digits, mnist_iterators, train
from vae_gluon.distributed import Workers, shard

def train_part(kvstore):
    vae_gluon.seed(1)
    mnist, net = make_digits(1000, 201), VAE(n_hidden=32)
    part = shard(mnist, kvstore.rank, 2, 50) if kvstore else mnist
    iterators = mnist_iterators(part, 50 if kvstore else 100)
    callbacks = [Workers(kvstore)] if kvstore else []
    seed = (1, kvstore.rank) if kvstore else 1
    history = train(net, *iterators, epochs=4, progress=False, seed=seed, callbacks=callbacks)
    crc = 0
    for name, parameter in sorted(net._collect_params_with_prefix().items()):
        crc = zlib.crc32(parameter.data().asnumpy(), crc)
    return [crc, history.train, history.val, history.train_kl, history.val_kl]

if __name__ == "__main__":
    kvstore = mx.kv.create("dist_sync")
    result = train_part(kvstore)
    pathlib.Path(sys.argv[1], f"worker{kvstore.rank}").write_text(str(result))
"""


@pytest.fixture(autouse=True)
def _one_thread_each(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_two_workers_end_with_one_net_and_the_losses_of_twice_the_batch(tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    words = [sys.executable, str(tmp_path / "worker.py"), str(tmp_path)]
    assert run_cluster(cluster.LOOPBACK, words) == 0
    first, second = (json.loads((tmp_path / f"worker{rank}").read_text()) for rank in (0, 1))
    assert first == second  # weights and losses bit for bit
    names = {"__name__": "worker"}
    exec(WORKER, names)
    single = names["train_part"](None)
    # Of the same steps, with other noise.
    for ours, theirs in zip(first[1:3], single[1:3]):
        assert ours == pytest.approx(theirs, rel=0.01)
    assert single[1][-1] < single[1][0] - 50


def children(pid):
    """Return the processes that a process has started, with their roles."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"\nPPid:\t{pid}\n" in (path / "status").read_text():
                role = re.search(rb"DMLC_ROLE=(\w+)", (path / "environ").read_bytes())
                found.setdefault(role and role[1].decode(), []).append(int(path.name))
        except OSError:
            pass  # it has just ended
    return found


def living(started):
    """Return which of the processes still run."""
    return [pid for pids in started.values() for pid in pids if Path(f"/proc/{pid}").exists()]


def listens_on_loopback(pid):
    """Return whether a process waits for connections, and from this machine alone."""
    sockets = {os.stat(path).st_ino for path in Path(f"/proc/{pid}/fd").iterdir() if path.exists()}
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[9]) in sockets}
    return listening == {"0100007F"}


def has_an_epoch(folder):
    try:
        return bool(load_run(folder).history.val)
    except (FileNotFoundError, ValueError):
        return False


@pytest.fixture
def job(tmp_path, digits_folder):
    """A command that trains by two workers, and a function that starts it, up to an epoch."""
    words = ["--data-dir", str(digits_folder), "--n-hidden", "16", "--out", str(tmp_path / "run")]
    command = [sys.executable, "-m", "vae_gluon", "cluster", "train", *words]

    jobs = []

    def start():
        words = [*command, "--epochs", "100000"]
        nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
        jobs.append(subprocess.Popen(words, stdout=nothing, stderr=pipe, text=True))
        while jobs[0].poll() is None and not has_an_epoch(tmp_path / "run"):
            time.sleep(0.05)
        return jobs[0], children(jobs[0].pid)

    yield command, start
    for process in jobs:
        with process:
            process.kill()  # where the test has failed, and all that it has started end with it


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_end_with_the_one_that_has_started_them(tmp_path, job, number):
    process, started = job[1]()
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    while living(started):  # each ends, or the test does not
        time.sleep(0.05)
    resume = f"resume with: vae-gluon cluster train --resume --out={tmp_path / 'run'}"
    assert (resume in errors) == (number != signal.SIGKILL)


def die(tmp_path, start):
    """Kill a worker after an epoch; see that all end, and return the history that is kept."""
    process, started = start()
    assert {role: len(pids) for role, pids in started.items()} == {
        "scheduler": 1,
        "server": 1,
        "worker": 2,
    }
    assert all(listens_on_loopback(pid) for pids in started.values() for pid in pids)
    os.kill(started["worker"][1], signal.SIGKILL)
    _, errors = process.communicate()  # the others would wait for ever
    assert process.returncode == 1
    assert re.search(r"error: worker [01] ended with SIGKILL; ending the others", errors)
    assert not living(started)
    return load_run(tmp_path / "run").history


def test_a_worker_that_dies_ends_the_job(tmp_path, job):
    assert die(tmp_path, job[1]).val


@pytest.mark.slow
def test_a_job_that_has_ended_can_be_resumed(tmp_path, job):
    command, start = job
    before = die(tmp_path, start)
    done = len(before.train)
    more = [*command, "--resume", "--epochs", str(done + 1)]
    resumed = subprocess.run(more, check=True, capture_output=True, text=True)
    assert resumed.stdout.count("Epoch ") == resumed.stdout.count("Training on") == 1  # by one
    history = load_run(tmp_path / "run").history
    assert len(history.train) == done + 1
    assert history.train[:done] == before.train
    assert history.train[done] < history.train[0]
    assert ", by 2 workers, into " in resumed.stdout


STUBBORN = """
import os, pathlib, signal, sys, time
here = pathlib.Path(sys.argv[1])
if os.environ["DMLC_ROLE"] == "worker":
    signal.signal(signal.SIGTERM, lambda *args: (here / "told").touch())
    (here / "ready").touch()
    while not sys.argv[2:] or not (here / "told").exists():
        time.sleep(0.01)
while not (here / "ready").exists():
    time.sleep(0.01)
sys.exit(3)
"""


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_process_that_fails_is_named_and_the_others_are_terminated_or_else_killed(
    tmp_path, monkeypatch, capfd, stubborn
):
    monkeypatch.setattr(cluster, "GRACE", 0.1 if stubborn else 1e6)
    words = [sys.executable, "-c", STUBBORN, str(tmp_path), *([] if stubborn else ["willing"])]
    assert run_cluster(["worker", "server"], words) == 1
    assert "server 0 ended with exit code 3; ending the others" in capfd.readouterr().err
    assert stubborn or (tmp_path / "told").exists()


@pytest.mark.parametrize(
    ("cores", "roles", "threads", "by_user"),
    [
        (8, ["server", "worker", "worker"], "4", {}),
        (8, ["server"], "8", {}),
        (8, ["worker"] * 9, "1", {}),
        (8, ["worker"], "3", {"OMP_NUM_THREADS": "3"}),
        (8, ["worker"], None, {"MXNET_OMP_MAX_THREADS": "2"}),
    ],
)
def test_processes_share_the_cores_and_variables_of_the_user_stand(
    monkeypatch, cores, roles, threads, by_user
):
    def popen(words, env, **options):
        seen.append(env)
        raise KeyboardInterrupt  # nothing is started

    seen = []
    monkeypatch.setattr(cluster.subprocess, "Popen", popen)
    monkeypatch.setattr(cluster, "usable_cores", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.delenv("MXNET_OMP_MAX_THREADS", raising=False)
    for name, value in {"DMLC_NUM_WORKER": "7", **by_user}.items():
        monkeypatch.setenv(name, value)
    assert run_cluster(roles, ["true"]) == 128 + signal.SIGINT
    (environment,) = seen
    assert environment.get("OMP_NUM_THREADS") == threads
    assert environment["DMLC_NUM_WORKER"] == "7"
    assert environment["DMLC_NUM_SERVER"] == str(roles.count("server"))
    assert environment["DMLC_NODE_HOST"] == "127.0.0.1"


def test_a_port_that_is_taken_is_told_before_anything_is_started(monkeypatch):
    monkeypatch.setattr(cluster.subprocess, "Popen", None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("DMLC_PS_ROOT_PORT", str(port))
        with pytest.raises(OSError, match=f"the scheduler cannot listen at 127.0.0.1:{port}: "):
            run_cluster(cluster.LOOPBACK, ["true"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--kvstore", "dist_sync"], r"needs a scheduler, servers and workers"),
        (["cluster"], "expected train and its options, got nothing"),
        (["cluster", "evaluate", "run"], "expected train and its options, got evaluate run"),
        (["cluster", "--roles", "boss", "train"], "expected some of scheduler, server, worker"),
        (["cluster", "train", "--epochs", "no"], "expected an integer of at least 1, got 'no'"),
        (["train", "--ctx", "tpu"], "expected contexts like"),
        (["train", "--ctx", "gpu(99)"], "MXNet cannot compute on gpu"),
    ],
)
def test_words_that_make_no_sense_are_named_in_the_error(words, message, monkeypatch, capsys):
    monkeypatch.delenv("DMLC_ROLE", raising=False)
    monkeypatch.setattr(cluster.subprocess, "Popen", None)  # nothing is started
    try:
        code = cli.main(words)
    except SystemExit as end:
        code = end.code
    assert code == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert error.count("\n") == 1


@pytest.mark.usefixtures("few_digits", "no_pictures")
def test_a_run_on_two_devices_is_a_run(tmp_path):
    words = ["train", "--dataset", "digits", "--n-hidden", "16", "--out", str(tmp_path)]
    assert cli.main([*words, "--epochs", "1", "--ctx", "cpu(0),cpu(1)"]) == 0
    assert load_run(tmp_path).config["context"] == "cpu(0),cpu(1)"
    assert cli.main([*words, "--epochs", "2", "--resume"]) == 0  # on what there is
    assert len(load_run(tmp_path).history.val) == 2

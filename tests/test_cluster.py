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
from vae_gluon.data import datasets
from vae_gluon.distributed import cluster
from vae_gluon.distributed.cluster import run_cluster

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes as Linux does")

WORKER = """
import sys, zlib
import vae_gluon  # first: on Python 3.12 mxnet cannot be imported without it
import mxnet as mx
from vae_gluon import VAE, make_digits, mnist_iterators, train
from vae_gluon.distributed import Workers, shard

kvstore = mx.kv.create("dist_sync") if sys.argv[1] == "two" else None
vae_gluon.seed(1)
mnist, net = make_digits(2000, 501), VAE(n_hidden=32)
part = shard(mnist, kvstore.rank, 2, 50) if kvstore else mnist
iterators = mnist_iterators(part, 50 if kvstore else 100)
callbacks = [Workers(kvstore)] if kvstore else []
seed = (1, kvstore.rank) if kvstore else 1
history = train(net, *iterators, epochs=5, progress=False, seed=seed, callbacks=callbacks)
crc = 0
for name, parameter in sorted(net._collect_params_with_prefix().items()):
    crc = zlib.crc32(parameter.data().asnumpy(), crc)
rank = kvstore.rank if kvstore else 0
with open(f"{sys.argv[2]}/{sys.argv[1]}{rank}", "w") as file:
    print([crc, history.train, history.val, history.train_kl, history.val_kl], file=file)
"""


@pytest.fixture(autouse=True)
def _one_thread_each(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_two_workers_end_with_one_net_and_the_losses_of_twice_the_batch(tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    words = [sys.executable, str(tmp_path / "worker.py")]
    assert run_cluster(cluster.LOOPBACK, [*words, "two", str(tmp_path)]) == 0
    subprocess.run([*words, "one", str(tmp_path)], check=True)
    first, second, single = (
        json.loads((tmp_path / name).read_text()) for name in ("two0", "two1", "one0")
    )
    assert first == second  # weights and losses bit for bit
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


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_all_end_with_the_one_that_has_started_them(tmp_path, digits_folder, number):
    out = tmp_path / "run"
    words = ["--data-dir", str(digits_folder), "--n-hidden", "16", "--out", str(out)]
    command = [sys.executable, "-m", "vae_gluon", "cluster", "train", *words, "--epochs", "2000"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as job:
        wait_for(lambda: has_an_epoch(out))
        started = children(job.pid)
        assert all(listens_on_loopback(pid) for pids in started.values() for pid in pids)
        job.send_signal(number)
        _, errors = job.communicate(timeout=60)
    assert job.returncode == (-number if number == signal.SIGKILL else 128 + number)
    wait_for(lambda: not living(started))
    resume = f"resume with: vae-gluon cluster train --resume --out={out}"
    assert (resume in errors.decode()) == (number != signal.SIGKILL)


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


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_worker_that_dies_ends_the_job_which_can_be_resumed(tmp_path, digits_folder):
    out = tmp_path / "run"
    words = ["--data-dir", str(digits_folder), "--n-hidden", "16", "--out", str(out)]
    command = [sys.executable, "-m", "vae_gluon", "cluster", "train", *words]
    with subprocess.Popen(
        [*command, "--epochs", "2000"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as job:
        wait_for(lambda: has_an_epoch(out))
        started = children(job.pid)
        assert {role: len(pids) for role, pids in started.items()} == {
            "scheduler": 1,
            "server": 1,
            "worker": 2,
        }
        os.kill(started["worker"][1], signal.SIGKILL)
        try:
            _, errors = job.communicate(timeout=60)  # the others would wait for ever
        finally:
            job.send_signal(signal.SIGINT)  # which ends all of them, where that death has not
    assert job.returncode == 1
    assert re.search(r"error: worker [01] ended with SIGKILL; ending the others", errors)
    assert not living(started)

    before = load_run(out).history
    done = len(before.train)
    more = [*command, "--resume", "--epochs", str(done + 1)]
    resumed = subprocess.run(more, check=True, capture_output=True, text=True)
    assert resumed.stdout.count("Epoch ") == resumed.stdout.count("Training on") == 1  # by one
    history = load_run(out).history
    assert len(history.train) == done + 1
    assert history.train[:done] == before.train
    assert history.train[done] < history.train[0]
    assert ", by 2 workers, into " in resumed.stdout


ONE_FAILS = """
import os, sys
from vae_gluon.command import cli
try:
    os.mkdir("mark")
    folder = "nowhere"
except FileExistsError:
    folder = sys.argv[1]
sys.exit(cli.main(["train", "--kvstore", "dist_sync", "--data-dir", folder, "--out", "run"]))
"""


def test_an_error_of_one_worker_is_printed_and_ends_the_job(tmp_path, digits_folder):
    (tmp_path / "worker.py").write_text(ONE_FAILS)
    code = "import sys; from vae_gluon.distributed.cluster import LOOPBACK, run_cluster;"
    code += "sys.exit(run_cluster(LOOPBACK, [sys.executable, *sys.argv[1:]]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "worker.py", str(digits_folder)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,  # the worker would wait for the other one, for ever
    )
    assert done.returncode == 1
    assert "vae-gluon train: error: nowhere: expected pictures" in done.stderr
    assert re.search(r"error: worker [01] ended with exit code 2", done.stderr)


def test_a_process_that_fails_is_named(tmp_path, capfd):
    code = (
        "import os, sys, time; time.sleep(9 * (os.environ['DMLC_ROLE'] == 'worker')); sys.exit(1)"
    )
    assert run_cluster(["worker", "server"], [sys.executable, "-c", code]) == 1
    assert "server 0 ended with exit code 1; ending the others" in capfd.readouterr().err


STUBBORN = """
import os, pathlib, signal, sys, time
here = pathlib.Path(sys.argv[1])
def note(number, frame):
    (here / "told").touch()
if os.environ["DMLC_ROLE"] == "worker":
    signal.signal(signal.SIGTERM, note)
    (here / "ready").touch()
    time.sleep(5)
    (here / "left").touch()
while not (here / "ready").exists():
    time.sleep(0.01)
sys.exit(3)
"""


def test_the_others_are_terminated_and_then_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "GRACE", 0.5)
    words = [sys.executable, "-c", STUBBORN, str(tmp_path)]
    assert run_cluster(["worker", "server"], words) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"ready", "told"}


def test_roles_are_read():
    parse = cli.build_parser().parse_args
    assert parse(["cluster", "--roles", "server,worker", "train"]).roles == ["server", "worker"]
    assert parse(["cluster", "train"]).roles == cluster.LOOPBACK


def test_variables_of_the_user_stand(monkeypatch):
    monkeypatch.setenv("DMLC_NUM_WORKER", "7")
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.delenv("MXNET_OMP_MAX_THREADS", raising=False)
    monkeypatch.setattr(cluster, "usable_cores", lambda: 8)
    environment = cluster._environment(["server", "worker", "worker"])
    assert environment["DMLC_NUM_WORKER"] == "7"
    assert environment["DMLC_NUM_SERVER"] == "1"
    assert environment["OMP_NUM_THREADS"] == "4"
    assert environment["DMLC_NODE_HOST"] == "127.0.0.1"
    assert cluster._environment(["server"])["OMP_NUM_THREADS"] == "8"
    assert cluster._environment(["worker"] * 9)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cluster._environment(["worker"])["OMP_NUM_THREADS"] == "3"
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv("MXNET_OMP_MAX_THREADS", "2")
    assert "OMP_NUM_THREADS" not in cluster._environment(["worker"])


def test_a_port_that_is_taken_is_told_before_anything_is_started(monkeypatch):
    monkeypatch.setattr(cluster.subprocess, "Popen", None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("DMLC_PS_ROOT_PORT", str(port))
        with pytest.raises(OSError, match=f"the scheduler cannot listen at 127.0.0.1:{port}: "):
            run_cluster(cluster.LOOPBACK, ["true"])


def test_workers_that_never_come_are_waited_for_so_long():
    code = "import time; from vae_gluon.distributed import workers\n"
    code += "workers.mx.kv.create = lambda name: time.sleep(60)\n"  # as MXNet waits
    code += "workers.join('dist_sync', timeout=0.05)"
    variables = {"DMLC_NUM_WORKER": "2", "DMLC_NUM_SERVER": "1", "DMLC_PS_ROOT_PORT": "9091"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables, "DMLC_PS_ROOT_URI": "10.0.0.1"},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 1
    message = "after 0.5 seconds not all have joined at 10.0.0.1:9091 (workers: 2, servers: 1)"
    assert message in done.stderr


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


def test_a_run_on_two_devices_is_a_run(tmp_path, digits, monkeypatch):
    monkeypatch.setattr(datasets, "make_digits", lambda: digits)
    words = ["train", "--dataset", "digits", "--n-hidden", "16", "--out", str(tmp_path)]
    assert cli.main([*words, "--epochs", "1", "--ctx", "cpu(0),cpu(1)"]) == 0
    assert load_run(tmp_path).config["context"] == "cpu(0),cpu(1)"
    assert cli.main([*words, "--epochs", "2", "--resume"]) == 0  # on what there is
    assert len(load_run(tmp_path).history.val) == 2

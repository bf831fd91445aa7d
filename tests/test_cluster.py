"""Scheduler, server and two workers on this machine: the same net, and an end when one has died."""

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
from vae_gluon.mxnet_today import SETTINGS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes as Linux does")

# ``vae-gluon train``, which notes its weights and losses after each epoch, and may be told to die.
WORKER = """
import os, signal, sys, zlib
from pathlib import Path
from vae_gluon.command import cli, train

def note(self, training):
    rank, history = self.kvstore.rank, training.history
    if (str(rank), str(len(history.train))) == (os.environ.get("DYING"), "2"):
        os.kill(os.getpid(), signal.SIGKILL)
    crc = 0
    for _, array in sorted(training.parameters.items()):
        crc = zlib.crc32(array, crc)
    losses = history.train, history.val, history.train_kl, history.val_kl
    with Path(f"worker{rank}").open("a") as notes:
        print(crc, *losses, file=notes)

train.Workers.after_epoch = note
train._draw = train._draw_samples = lambda *args: 0
sys.exit(cli.main(["train", "--kvstore", "dist_sync", *sys.argv[1:]]))
"""


@pytest.fixture
def words(tmp_path, digits_folder, monkeypatch):
    """A small net, few images, one thread for each process, and a folder to work in."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    return ["--data-dir", str(digits_folder), "--n-hidden", "32", "--out"]


def run_workers(words):
    return run_cluster(cluster.LOOPBACK, [sys.executable, "-c", WORKER, *words])


@pytest.mark.usefixtures("no_pictures")
def test_two_workers_end_with_one_net_and_the_losses_of_twice_the_batch(words):
    words += ["run", "--epochs", "4", "--batch-size"]
    assert run_workers([*words, "50"]) == 0
    assert Path("worker0").read_text() == Path("worker1").read_text()  # bit for bit
    words[words.index("run")] = "single"
    assert cli.main(["train", *words, "100", "--ctx", "cpu(0),cpu(1)"]) == 0
    assert load_run("single").config["context"] == "cpu(0),cpu(1)"
    two, single = (load_run(folder).history for folder in ("run", "single"))
    # Of the same steps, with other noise.
    assert two.train == pytest.approx(single.train, rel=0.05)
    assert two.val == pytest.approx(single.val, rel=0.05)
    assert single.train[-1] < single.train[0] - 50


def test_a_worker_that_dies_ends_the_job_and_an_epoch_is_kept(words, monkeypatch, capfd):
    monkeypatch.setattr(cluster, "GRACE", 0.1)  # the others would wait for it for ever
    monkeypatch.setenv("DYING", "1")
    assert run_workers([*words, "run", "--epochs", "100000"]) == 1
    error = capfd.readouterr().err
    assert re.search(r"error: worker [01] ended with SIGKILL; ending the others", error)
    assert load_run("run").history.val


def children(pid):
    """Return the processes that a process has started, with their roles."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"\nPPid:\t{pid}\n" in (path / "status").read_text():
                role = re.search(rb"DMLC_ROLE=(\w+)", (path / "environ").read_bytes())
                found[int(path.name)] = role and role[1].decode()
        except OSError:
            pass  # it has just ended
    return found


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


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_end_with_the_one_that_started_them_and_the_run_can_be_resumed(words, number):
    command = [sys.executable, "-m", "vae_gluon", "cluster", "train", *words, "run"]
    with subprocess.Popen(
        [*command, "--epochs", "100000"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as job:
        try:
            while job.poll() is None and not has_an_epoch("run"):
                time.sleep(0.05)
            started = children(job.pid)
            assert sorted(started.values()) == sorted(cluster.LOOPBACK)
            assert all(map(listens_on_loopback, started))
            job.send_signal(number)
            errors = job.stderr.read().decode()  # to the end, which comes with that of all
        finally:
            job.kill()
    assert job.returncode == (-number if number == signal.SIGKILL else 128 + number)
    resume = "resume with: vae-gluon cluster train --resume --out=run"
    assert (resume in errors) == (number != signal.SIGKILL)
    before = load_run("run").history.train
    more = [*command, "--resume", "--epochs", str(len(before) + 1)]
    resumed = subprocess.run(more, check=True, capture_output=True, text=True).stdout
    assert resumed.count("Epoch ") == resumed.count("Training on") == 1  # by one
    assert ", by 2 workers, into " in resumed
    after = load_run("run").history.train
    assert after[:-1] == before
    assert after[-1] < after[0]


ENDING = """
import os, pathlib, signal, sys, time
if os.environ["DMLC_ROLE"] == "worker":
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(pathlib.Path("told").touch()))
    pathlib.Path("ready").touch()
    while True:
        time.sleep(1)
while not pathlib.Path("ready").exists():
    time.sleep(0.01)
sys.exit(3)
"""


def test_a_process_that_fails_is_named_and_the_others_are_terminated(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(cluster, "GRACE", 1e6)
    monkeypatch.chdir(tmp_path)
    assert run_cluster(["worker", "server"], [sys.executable, "-c", ENDING]) == 1
    assert "server 0 ended with exit code 3; ending the others" in capfd.readouterr().err
    assert Path("told").exists()


@pytest.mark.parametrize(
    ("roles", "threads", "by_user"),
    [
        ("server,worker,worker", "4", {}),
        ("server", "8", {}),
        (",".join(["worker"] * 9), "1", {}),
        ("worker", "3", {"OMP_NUM_THREADS": "3"}),
        ("worker", None, {"MXNET_OMP_MAX_THREADS": "2"}),
    ],
)
def test_processes_share_the_cores_and_variables_of_the_user_stand(
    monkeypatch, roles, threads, by_user
):
    def popen(words, env, **options):
        seen.append((words, env))
        raise KeyboardInterrupt  # nothing is started

    seen = []
    monkeypatch.setattr(cluster.subprocess, "Popen", popen)
    monkeypatch.setattr(cluster, "usable_cores", lambda: 8)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in {"DMLC_NUM_WORKER": "7", **by_user}.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["cluster", "--roles", roles, "train", "--lr", "1"]) == 128 + signal.SIGINT
    ((words, environment),) = seen
    command = [sys.executable, "-m", "vae_gluon", "train", "--kvstore", "dist_sync", "--lr", "1"]
    assert words == command
    assert environment.get("OMP_NUM_THREADS") == threads
    assert environment["DMLC_NUM_WORKER"] == "7"
    assert environment["DMLC_NUM_SERVER"] == str(roles.count("server"))
    assert environment["DMLC_NODE_HOST"] == "127.0.0.1"  # other machines reach none of them


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
        (["cluster", "evaluate", "run"], "expected train and its options, got evaluate run"),
        (["cluster", "--roles", "boss", "train"], "expected some of scheduler, server, worker"),
        (["cluster", "train", "--ctx", "tpu"], "expected contexts like"),
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

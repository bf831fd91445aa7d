"""A run survives: it is resumed from whatever is left of it, and nothing of another run is lost."""

import csv
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import mxnet as mx
import numpy as np
import pytest
from idx_files import idx_files, write
from run_files import contents, run, snapshot

from vae_gluon import VAE, load_run
from vae_gluon._files import lock
from vae_gluon.command import cli
from vae_gluon.command import train as train_command
from vae_gluon.model import contexts_of
from vae_gluon.training import History

QUICK = ["--epochs", "2", "--n-hidden", "16", "--n-layers", "1"]


def train(folder, *words):
    return run("train", "--out", folder, *words)


pytestmark = pytest.mark.usefixtures("few_digits", "no_pictures")


@pytest.fixture
def copy(tmp_path, finished):
    """A copy of a run of two epochs that nothing has interrupted."""
    return shutil.copytree(finished, tmp_path / "copy")


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """A run that was stopped in its second epoch."""
    folder = tmp_path / "stopped"
    stop_after(monkeypatch, epochs=1, folder=folder)
    return folder


def stop_after(monkeypatch, epochs, folder, words=("--dataset", "digits", *QUICK)):
    """Train, and stop by Ctrl-C after so many epochs."""

    class Stopping(train_command.RunFiles):
        def after_epoch(self, training):
            if training.epoch:
                super().after_epoch(training)
            if training.epoch == epochs:
                raise KeyboardInterrupt

        def before_training(self, training):
            super().before_training(training)
            self.after_epoch(training)

    with monkeypatch.context() as patch:
        patch.setattr(train_command, "RunFiles", Stopping)
        assert train(folder, *words) == 130


# Going on


@pytest.mark.parametrize("epochs", [0, 1, 2])
def test_a_run_goes_on_to_the_same_end_wherever_it_was_stopped(
    tmp_path, monkeypatch, finished, epochs, capsys
):
    stop_after(monkeypatch, epochs, tmp_path / "run")
    assert train(tmp_path / "run", "--resume") == 0
    messages = {2: "All of its 2 epochs are trained already"}
    assert messages.get(epochs, f"Resuming after {epochs} of 2 epochs") in capsys.readouterr().out
    assert contents(tmp_path / "run") == contents(finished)


@pytest.mark.parametrize(
    "flags",
    [
        ["--shuffle", "--film", "--checkpoint-every", "9", "--lr-warmup", "1", "--lr-decay", "0.5"],
        ["--arch", "conv", "--binarize", "--lr-warmup", "1", "--lr-schedule", "cosine"],
    ],
)
def test_runs_of_other_kinds_go_on_to_the_same_end(tmp_path, monkeypatch, flags):
    words = ("--dataset", "digits", *flags, "--epochs", "2", "--n-hidden", "16")
    stop_after(monkeypatch, 1, tmp_path / "stopped", words)
    assert train(tmp_path / "stopped", "--resume") == 0
    assert train(tmp_path / "whole", *words) == 0
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def test_a_run_needs_its_checkpoint_alone_and_what_is_for_people_is_never_read(stopped, finished):
    for path in stopped.iterdir():
        if path.name not in ("checkpoint.npz", ".lock"):
            path.write_text("nothing")
    (stopped / f".vae-gluon-{'a' * 16}.npz").write_bytes(b"half")  # of a process that was killed
    assert load_run(stopped).history.val == load_run(finished).history.val[:1]
    words = ["--dataset", "digits", "--lr", "1e-3", "--seed", "1", *QUICK]  # as they were
    assert train(stopped, "--resume", *words) == 0
    assert contents(stopped) == contents(finished)


def test_the_files_for_people_hold_what_the_checkpoint_holds(finished):
    net, config, history = load_run(finished)
    assert json.loads((finished / "config.json").read_text()) == config
    assert json.loads((finished / "history.json").read_text()) == history._asdict()
    with open(finished / "history.csv", newline="") as file:
        assert [float(row["val"]) for row in csv.DictReader(file)] == history.val
    other = VAE(n_hidden=16, n_latent=2, n_layers=1)
    other.load_parameters(finished / "vae_gluon_2d1l16h.params")
    for one, two in zip(net.collect_params().values(), other.collect_params().values()):
        np.testing.assert_array_equal(one.data().asnumpy(), two.data().asnumpy())


def test_a_finished_run_goes_on_to_more_epochs(copy, tmp_path):
    assert train(copy, "--resume", "--epochs", "3") == 0
    assert train(tmp_path / "three", "--dataset", "digits", *QUICK, "--epochs", "3") == 0
    assert contents(copy) == contents(tmp_path / "three")


def test_a_cosine_that_has_begun_keeps_its_epochs(tmp_path, monkeypatch, capsys):
    words = ("--dataset", "digits", "--lr-schedule", "cosine", "--n-hidden", "16", "--epochs", "2")
    stop_after(monkeypatch, 0, tmp_path, words)
    stop_after(monkeypatch, 1, tmp_path, ("--resume", "--epochs", "3"))  # none was trained before
    capsys.readouterr()
    message = "--epochs: the run in .* has 3, got 4"
    refuse(tmp_path, ["--epochs", "4"], message, capsys)
    assert train(tmp_path, "--resume", "--epochs", "3") == 0


def test_the_default_folder_is_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    net = ["--n-hidden", "16", "--n-layers", "1"]
    assert run("train", "--dataset", "digits", "--epochs", "1", *net) == 0
    assert run("train", "--resume", "--epochs", "2", *net) == 0
    assert "Resuming after 1 of 2 epochs" in capsys.readouterr().out
    assert run("train", "--resume") == 2
    err = capsys.readouterr().err
    assert "expected one run, in runs/mnist_vae_gluon_2d2l400h" in err
    assert "got 0: name it with --out" in err


def test_data_that_moved_can_be_named(tmp_path, digits_folder, digits, capsys):
    out = tmp_path / "run"
    assert train(out, "--data-dir", digits_folder, *QUICK) == 0
    moved = digits_folder.rename(tmp_path / "moved")
    other = write(tmp_path / "other", idx_files({**digits, "train_data": 1 - digits["train_data"]}))
    before = snapshot(out)
    capsys.readouterr()
    refuse(out, [], f"{digits_folder}: expected pictures", capsys)
    refuse(out, ["--data-dir", other], "was trained on other images than those of", capsys)
    assert snapshot(out) == before
    assert train(out, "--resume", "--epochs", "3", "--data-dir", moved) == 0


# Being stopped


def test_a_signal_ends_a_run_which_says_how_to_go_on(tmp_path, digits_folder):
    # Without space for output, Chinese, a home, and with a notebook's backend for pictures.
    out = tmp_path / "我的 run"
    words = ["--data-dir", digits_folder, "--out", out, "--n-hidden", "8", "--epochs", "100000"]
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    environment |= {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    environment |= {"PYTHONIOENCODING": "ascii", "TQDM_DISABLE": "1"}
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "vae_gluon", "train", *words],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    while not (out / "history.csv").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM, err
    name = str(out).encode("ascii", "backslashreplace").decode()
    assert err.splitlines()[-1] == (
        f"vae-gluon train: interrupted; resume with: vae-gluon train --resume --out='{name}'"
    )
    assert "Traceback" not in err
    assert load_run(out).history.val
    assert (out / "data_samples.png").exists()


def test_a_run_that_diverges_keeps_the_checkpoint_before(tmp_path, capsys):
    assert train(tmp_path, "--dataset", "digits", "--lr", "1e4", *QUICK) == 1
    message = r"loss of epoch (\d), batch \d: .* the run has diverged.*; (.*) is from before\n$"
    epoch, checkpoint = re.search(message, capsys.readouterr().err).groups()
    assert len(np.load(checkpoint)["history/train"]) == int(epoch)


def test_a_full_disk_ends_a_run_and_leaves_what_was_there(stopped, capsys):
    before = snapshot(stopped)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        assert train(stopped, "--resume") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    path = stopped / "vae_gluon_2d1l16h.params"
    err = capsys.readouterr().err
    assert err.endswith(f"train: error: [Errno 27] File too large: '{path}'\n")
    assert snapshot(stopped) == before


# Contradictions and damage: told in one line, and nothing changed


def test_a_folder_in_which_another_process_trains_is_refused(stopped, capsys):
    before = snapshot(stopped)
    with lock(stopped):
        for words in (["--resume"], ["--dataset", "digits", *QUICK]):
            assert train(stopped, *words) == 2
    for line in capsys.readouterr().err.splitlines():
        assert line.endswith(f"error: another process is training in {stopped}")
    assert snapshot(stopped) == before


def test_a_checkpoint_on_a_disk_that_is_not_mounted_is_missed(copy, capsys):
    (copy / "checkpoint.npz").unlink()
    (copy / "checkpoint.npz").symlink_to("/nowhere/checkpoint.npz")
    assert train(copy, "--resume") == 2
    assert "copy holds no run with checkpoint.npz" in capsys.readouterr().err
    assert train(copy, "--dataset", "digits", *QUICK) == 2
    assert "already holds a run" in capsys.readouterr().err


def refuse(folder, words, message, capsys):
    assert train(folder, "--resume", *words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("vae-gluon train: error: ")
    assert re.search(message, err)


def with_config(folder, **changes):
    """Change the config of a run in its checkpoint."""
    arrays = dict(np.load(folder / "checkpoint.npz"))
    config = {**json.loads(arrays["config"].tobytes()), **changes}
    arrays["config"] = np.frombuffer(json.dumps(config).encode(), "u1")
    np.savez(folder / "checkpoint.npz", **arrays)


@pytest.mark.parametrize(
    ("config", "words", "message"),
    [
        ({}, ["--lr", "0.01"], r"--lr: the run in .* has 0.001, got 0.01"),
        ({}, ["--shuffle"], "--shuffle: .* has False, got True"),
        ({}, ["--dataset", "mnist"], "--dataset: .* has digits, got mnist"),
        ({}, ["--epochs", "1"], "--epochs: the run in .* has trained 2, got 1"),
        ({"n_layers": 10**9}, [], "n_layers: expected an integer of at least 0 and at most 1000, "),
        ({"n_hidden": 10**9}, [], r"expected \(1000000000, 784\) float32"),
        ({"binarize": 1}, [], "binarize: expected true or false, got 1"),
        ({"arch": "rnn"}, [], "arch: expected mlp or conv, got 'rnn'"),
        ({"wings": 2}, [], "expected the config of a run, got {"),
        ({"n_hidden": 17}, [], r"encoder.0.weight: expected \(17, 784\) float32, got \(16, 784\)"),
        ({"n_workers": 2}, [], "expected the run's 2 workers, got 1"),
    ],
)
def test_what_contradicts_a_run_or_its_config_is_named(copy, config, words, message, capsys):
    with_config(copy, **config)
    before = snapshot(copy)
    refuse(copy, words, message, capsys)
    assert snapshot(copy) == before


def test_runs_are_drawn_by_what_tells_them_apart(copy, monkeypatch):
    drawn = []
    monkeypatch.setattr("vae_gluon.command.figures.draw_curves", lambda *args: drawn.append(args))

    def groups(*configs):
        folders = [copy.with_name(f"run{i}") for i in range(len(configs))]
        for folder, config in zip(folders, configs):
            shutil.copytree(copy, folder, dirs_exist_ok=True)
            with_config(folder, **config)
        assert run("figures", *folders) == 0
        runs, parent, plane = drawn.pop()
        assert parent == copy.parent
        return {name: len(histories) for name, histories in runs.items()}, plane

    seeds = [{"seed": 1}, {"seed": 2}]
    assert groups(*seeds) == ({"vae_gluon_2d1l16h": 2}, False)
    other = {"kl_weight": 4.0}
    assert groups(*seeds, other) == ({"kl_weight 1": 2, "kl_weight 4": 1}, True)
    others = {"dataset": "mnist", "data_crc32": 5, "epochs": 9}
    assert groups({}, others)[0] == {"dataset digits, epochs 2": 1, "dataset mnist, epochs 9": 1}
    names = [str(copy.with_name(f"run{i}")) for i in range(3)]
    assert groups({}, {}, other) == (dict.fromkeys(names, 1), True)


def test_a_run_is_opened_in_python(finished, tmp_path):
    net, config, history = load_run(finished)
    assert isinstance(net, VAE)
    assert contexts_of(net) == [mx.cpu()]
    assert (config["n_hidden"], config["dataset"], len(history.val)) == (16, "digits", 2)
    with pytest.raises(FileNotFoundError, match="nowhere holds no run"):
        load_run(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"best.npz: a run keeps its best epoch with"):
        load_run(finished, "best")
    with pytest.raises(ValueError, match="expected which to be 'last' or 'best', got 'first'"):
        load_run(finished, "first")


def test_a_run_that_is_not_finished_is_opened_and_that_is_said(stopped, monkeypatch, capsys):
    assert len(load_run(stopped).history.val) == 1
    capsys.readouterr()
    assert run("evaluate", stopped, "--k", "1", "--images", "5") == 0
    assert capsys.readouterr().out.startswith(f"{stopped}: after 1 of 2 epochs\n")
    begun = stopped.with_name("begun")
    stop_after(monkeypatch, 0, begun)
    message = "expected a run with an epoch, got one whose first is not over"
    with pytest.raises(ValueError, match=message):
        load_run(begun)
    assert run("figures", begun) == 2
    assert message in capsys.readouterr().err


def test_a_run_whose_first_epoch_was_not_over_may_begin_anew(tmp_path, monkeypatch, finished):
    stop_after(monkeypatch, 0, tmp_path / "run", ["--dataset", "digits", "--epochs", "9"])
    assert train(tmp_path / "run", "--dataset", "digits", *QUICK) == 0
    assert contents(tmp_path / "run") == contents(finished)


# Workers


def test_each_worker_trains_on_its_part_and_the_first_writes_the_files(
    tmp_path, monkeypatch, capsys
):
    calls, agreed = [], []

    def train_nothing(*args, **options):
        calls.append(SimpleNamespace(args=args, **options))
        for callback in options["callbacks"]:
            if isinstance(callback, train_command.RunFiles):
                state = train_command.TrainingState(History.empty(), 0, {})
                callback.before_training(SimpleNamespace(epoch=0, state=state))
        raise KeyboardInterrupt

    def join_as(rank, *words):
        store = SimpleNamespace(num_workers=2, rank=rank)  # stands for MXNet's
        monkeypatch.setattr(train_command, "join", lambda name, timeout: store)
        train(tmp_path / f"{rank}", "--kvstore", "dist_sync", *words)
        assert calls[-1].callbacks[0].kvstore is store

    monkeypatch.setenv("DMLC_ROLE", "worker")
    monkeypatch.setattr(train_command, "check_agreement", lambda _, same: agreed.append(same))
    monkeypatch.setattr(train_command, "train", train_nothing)
    monkeypatch.setattr(cli.os, "_exit", lambda code: None)
    for rank in (0, 1):
        join_as(rank, "--dataset", "digits", *QUICK, "--ctx", "cpu(0),cpu(1)")
        _, train_iter, test_iter, *_ = calls[rank].args
        assert (train_iter.num_data, test_iter.num_data) == (300, 100)
        assert calls[rank].seed == (1, rank)
        assert calls[rank].ctx == [mx.cpu(0), mx.cpu(1)]
        assert calls[rank].progress == (rank == 0)
        hint = f"resume with: vae-gluon cluster train --resume --out={tmp_path / '0'}\n"
        assert (hint in capsys.readouterr().err) == (rank == 0)
    assert agreed[0] == agreed[1]
    assert agreed[0].keys() >= {"lr", "n_hidden", "data_crc32", "n_workers", "epochs"}
    assert (tmp_path / "0/checkpoint.npz").exists()
    assert not (tmp_path / "1").exists()
    join_as(0, "--resume", "--epochs", "9")
    assert agreed[2] == {**agreed[0], "epochs": 9}

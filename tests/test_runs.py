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
from run_files import contents, snapshot

from vae_gluon import VAE, load_run
from vae_gluon._files import lock
from vae_gluon.command import cli
from vae_gluon.command import train as train_command
from vae_gluon.model import contexts_of
from vae_gluon.training import History

QUICK = ["--epochs", "3", "--n-hidden", "16", "--n-layers", "1"]
FILES = {".lock", "config.json", "checkpoint.npz", "history.json", "history.csv"}
FILES |= {"vae_gluon_2d1l16h.params"}


def train(folder, *words):
    """Return the exit code of a training into ``folder``."""
    words = ["train", "--out", folder, *words]
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as stop:  # argparse's way
        return stop.code


pytestmark = pytest.mark.usefixtures("few_digits", "no_pictures")


@pytest.fixture(scope="session")
def done(tmp_path_factory, digits):
    """The folder of a run of three epochs that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "done"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vae_gluon.data.datasets.make_digits", lambda: digits)
        for name in ("draw_samples", "draw_figures"):
            patch.setattr(f"vae_gluon.command.figures.{name}", lambda *args: None)
        assert train(folder, "--dataset", "digits", *QUICK) == 0
    return folder


@pytest.fixture
def copy(tmp_path, done):
    """A copy of it."""
    return shutil.copytree(done, tmp_path / "copy")


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """A run that was stopped in its second epoch."""
    folder = tmp_path / "stopped"
    stop_after(monkeypatch, epochs=1, folder=folder)
    return folder


def stop_after(monkeypatch, epochs, folder, words=("--dataset", "digits", *QUICK), error=None):
    """Train, and stop by Ctrl-C or an error after so many epochs."""

    class Stopping(train_command.RunFiles):
        def after_epoch(self, training):
            super().after_epoch(training)
            if training.epoch == epochs:
                raise error or KeyboardInterrupt

        def before_training(self, training):
            super().before_training(training)
            if training.epoch == epochs:
                raise error or KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train_command, "RunFiles", Stopping)
        assert train(folder, *words) == (1 if error else 130)


# Going on


@pytest.mark.parametrize("epochs", [0, 1, 2, 3])
def test_a_run_goes_on_to_the_same_end_wherever_it_was_stopped(
    tmp_path, monkeypatch, done, epochs, capsys
):
    stop_after(monkeypatch, epochs, tmp_path / "run")
    assert train(tmp_path / "run", "--resume") == 0
    messages = {3: "All of its 3 epochs are trained already"}
    assert messages.get(epochs, f"Resuming after {epochs} of 3 epochs") in capsys.readouterr().out
    assert contents(tmp_path / "run") == contents(done)


@pytest.mark.parametrize(
    "flags",
    [
        ["--shuffle", "--film", "--lr-warmup", "1", "--lr-decay", "0.5"],
        ["--binarize", "--lr-warmup", "1", "--lr-schedule", "cosine"],
        ["--arch", "conv"],
    ],
)
def test_runs_of_other_kinds_go_on_to_the_same_end(tmp_path, monkeypatch, flags):
    words = ("--dataset", "digits", *flags, "--epochs", "2", "--n-hidden", "16")
    stop_after(monkeypatch, 1, tmp_path / "stopped", words)
    assert train(tmp_path / "stopped", "--resume") == 0
    assert train(tmp_path / "whole", *words) == 0
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def test_a_run_needs_its_checkpoint_alone_and_what_is_for_people_is_never_read(stopped, done):
    for path in stopped.iterdir():
        if path.name not in ("checkpoint.npz", ".lock"):
            path.write_text("nothing")
    (stopped / f".vae-gluon-{'a' * 16}.npz").write_bytes(b"half")  # of a process that was killed
    assert load_run(stopped).history.val == load_run(done).history.val[:1]
    words = ["--dataset", "digits", "--lr", "1e-3", "--seed", "1", *QUICK]  # as they were
    assert train(stopped, "--resume", *words) == 0
    assert contents(stopped) == contents(done)


def test_the_files_for_people_hold_what_the_checkpoint_holds(copy):
    net, config, history = load_run(copy)
    assert {path.name for path in copy.iterdir()} == FILES
    assert json.loads((copy / "config.json").read_text()) == config
    assert json.loads((copy / "history.json").read_text()) == history._asdict()
    with open(copy / "history.csv", newline="") as file:
        assert [float(row["val"]) for row in csv.DictReader(file)] == history.val
    other = VAE(n_hidden=16, n_latent=2, n_layers=1)
    other.load_parameters(copy / "vae_gluon_2d1l16h.params")
    for one, two in zip(net.collect_params().values(), other.collect_params().values()):
        np.testing.assert_array_equal(one.data().asnumpy(), two.data().asnumpy())


def test_a_finished_run_goes_on_to_more_epochs(copy, tmp_path):
    assert train(copy, "--resume", "--epochs", "5") == 0
    assert train(tmp_path / "five", "--dataset", "digits", *QUICK, "--epochs", "5") == 0
    assert contents(copy) == contents(tmp_path / "five")


def test_a_cosine_that_has_begun_keeps_its_epochs(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"
    words = ("--dataset", "digits", "--lr-schedule", "cosine", "--n-hidden", "16", "--epochs")
    stop_after(monkeypatch, 0, folder, (*words, "2"))
    stop_after(monkeypatch, 1, folder, ("--resume", "--epochs", "3"))  # none was trained before
    for epochs in ("2", "4"):
        message = f"--epochs: the learning rate .* falls until epoch 3, got {epochs}: .* with --out"
        capsys.readouterr()
        refuse(folder, ["--epochs", epochs], message, capsys)
    assert train(folder, "--resume", "--epochs", "3") == 0
    assert train(tmp_path / "whole", *words, "3") == 0
    assert contents(folder) == contents(tmp_path / "whole")


def test_a_run_that_is_stopped_between_two_checkpoints_keeps_its_last_epoch(
    tmp_path, monkeypatch, capsys, done
):
    words = ("--dataset", "digits", *QUICK, "--checkpoint-every", "50")
    stop_after(monkeypatch, 2, tmp_path / "run", words)
    capsys.readouterr()
    assert train(tmp_path / "run", "--resume", "--checkpoint-every", "1") == 0
    assert "Resuming after 2 of 3 epochs" in capsys.readouterr().out
    history = contents(tmp_path / "run")["history"]
    assert history["val"] == contents(done)["history"]["val"]


def test_the_default_folder_is_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    net = ["--n-hidden", "16", "--n-layers", "1"]
    assert cli.main(["train", "--dataset", "digits", "--epochs", "1", *net]) == 0
    assert cli.main(["train", "--resume", "--epochs", "2", *net]) == 0
    assert "Resuming after 1 of 2 epochs" in capsys.readouterr().out
    assert cli.main(["train", "--resume"]) == 2
    err = capsys.readouterr().err
    assert "expected one run to resume, found 0: looked for runs/mnist_vae_gluon_2d2l400h" in err


def test_data_that_moved_can_be_named(tmp_path, digits_folder, digits, capsys):
    out = tmp_path / "run"
    assert train(out, "--data-dir", digits_folder, *QUICK) == 0
    moved = digits_folder.rename(tmp_path / "moved")
    for part in ("train_data", "test_data"):
        write(tmp_path / part, idx_files({**digits, part: 1 - digits[part]}))
    before = snapshot(out)
    assert train(out, "--resume") == 2
    assert f"{digits_folder}: expected pictures" in capsys.readouterr().err
    for part in ("train_data", "test_data"):
        assert train(out, "--resume", "--data-dir", tmp_path / part) == 2
        assert "was trained on other images than those of" in capsys.readouterr().err
    assert snapshot(out) == before
    assert train(out, "--resume", "--epochs", "4", "--data-dir", moved) == 0


# Being stopped


def test_a_signal_ends_a_run_which_says_how_to_go_on(tmp_path, digits_folder):
    """SIGTERM, from end to end; test_interrupts.py has the others.

    The run's output goes nowhere, its terminal has no Chinese, it has no home, and the backend for
    pictures is a notebook's, which does no harm.
    """
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


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_run_that_diverges_keeps_the_checkpoint_before(tmp_path, capsys, monkeypatch, epochs):
    folder = tmp_path / "run"
    stop_after(monkeypatch, epochs, folder, error=FloatingPointError("the loss is nan"))
    message = f"vae-gluon train: error: the loss is nan; {folder / 'checkpoint.npz'} is from before"
    assert capsys.readouterr().err.splitlines()[-1] == message
    assert len(np.load(folder / "checkpoint.npz")["history/train"]) == epochs


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
        assert f"another process is training in {stopped}: wait until it has ended, or" in line
    assert snapshot(stopped) == before


def test_a_checkpoint_on_a_disk_that_is_not_mounted_is_missed(copy, capsys):
    (copy / "checkpoint.npz").unlink()
    (copy / "checkpoint.npz").symlink_to("/nowhere/checkpoint.npz")
    assert train(copy, "--resume") == 2
    assert "copy holds no run with checkpoint.npz" in capsys.readouterr().err
    assert train(copy, "--dataset", "digits", *QUICK) == 2
    assert "already holds a run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lr", "0.01"], r"--lr: the run in .* has 0.001, got 0.01: leave it out"),
        (["--n-hidden", "17"], "--n-hidden: .* has 16, got 17"),
        (["--shuffle"], "--shuffle: .* has False, got True"),
        (["--arch", "conv"], "--arch: .* has mlp, got conv"),
        (["--dataset", "mnist"], "--dataset: .* has digits, got mnist"),
        (["--epochs", "2"], "--epochs: the run in .* has trained 3, got 2"),
        (["--data-dir", "x"], "x: expected pictures .* got no such folder"),
    ],
)
def test_an_option_that_contradicts_the_run_is_named(copy, done, words, message, capsys):
    refuse(copy, words, message, capsys)
    assert snapshot(copy) == snapshot(done)


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
    ("name", "value", "message"),
    [
        ("n_layers", 10**9, "n_layers: expected an integer of at least 0 and at most 1000, got 10"),
        ("n_hidden", 10**9, r"expected \(1000000000, 784\) float32"),
        ("lr", float("nan"), "lr: expected a number above 0, got nan"),
        ("binarize", 1, "binarize: expected true or false, got 1"),
        ("arch", "rnn", "arch: expected mlp or conv, got 'rnn'"),
        ("n_hidden", None, "n_hidden: expected an integer of at least 1, got None"),
        ("wings", 2, "expected the config of a run, got {"),
        ("data_crc32", 5, "was trained on other images"),
        ("n_hidden", 17, r"encoder.0.weight: expected \(17, 784\) float32, got \(16, 784\)"),
        ("n_workers", 2, "has 2 workers: expected as many to resume it, got 1"),
    ],
)
def test_a_config_that_was_tampered_with_is_named_in_the_error(copy, name, value, message, capsys):
    with_config(copy, **{name: value})
    before = snapshot(copy)
    refuse(copy, [], message, capsys)
    assert snapshot(copy) == before


def test_runs_are_drawn_by_what_tells_them_apart(copy, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("vae_gluon.command.figures.draw_curves", lambda *args: drawn.append(args))

    def groups(*configs):
        folders = [tmp_path / f"run{i}" for i in range(len(configs))]
        for folder, config in zip(folders, configs):
            shutil.copytree(copy, folder)
            with_config(folder, **config)
        assert cli.main(["figures", *map(str, folders)]) == 0
        for folder in folders:
            shutil.rmtree(folder)
        runs, parent, plane = drawn.pop()
        assert parent == tmp_path
        return {name: len(histories) for name, histories in runs.items()}, plane

    seeds = [{"seed": 1}, {"seed": 2}]
    assert groups(*seeds) == ({"vae_gluon_2d1l16h": 2}, False)
    other = {"kl_weight": 4.0}
    assert groups(*seeds, other) == ({"kl_weight 1": 2, "kl_weight 4": 1}, True)
    others = {"dataset": "mnist", "data_crc32": 5, "epochs": 9}
    assert groups({}, others)[0] == {"dataset digits, epochs 3": 1, "dataset mnist, epochs 9": 1}
    same = [{}, {}, other]
    assert groups(*same) == ({str(tmp_path / f"run{i}"): 1 for i in range(3)}, True)


def test_a_run_is_opened_in_python(done, tmp_path):
    net, config, history = load_run(done)
    assert isinstance(net, VAE)
    assert contexts_of(net) == [mx.cpu()]
    assert (config["n_hidden"], config["dataset"], len(history.val)) == (16, "digits", 3)
    with pytest.raises(FileNotFoundError, match="nowhere holds no run"):
        load_run(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"best.npz: a run keeps its best epoch with"):
        load_run(done, "best")
    with pytest.raises(ValueError, match="expected which to be 'last' or 'best', got 'first'"):
        load_run(done, "first")
    with pytest.raises(ValueError, match=r"expected \(7, 784\) float32, got \(16, 784\)"):
        VAE(n_hidden=7).load_parameters(done / "vae_gluon_2d1l16h.params")


def test_a_run_that_is_not_finished_is_opened_and_that_is_said(stopped, monkeypatch, capsys):
    assert len(load_run(stopped).history.val) == 1
    capsys.readouterr()
    assert cli.main(["evaluate", str(stopped), "--k", "1", "--images", "5"]) == 0
    assert capsys.readouterr().out.startswith(f"{stopped}: after 1 of 3 epochs\n")
    begun = stopped.with_name("begun")
    stop_after(monkeypatch, 0, begun)
    message = "expected a run with an epoch, got one whose first is not over"
    with pytest.raises(ValueError, match=message):
        load_run(begun)
    assert cli.main(["figures", str(begun)]) == 2
    assert message in capsys.readouterr().err


def test_a_run_whose_first_epoch_was_not_over_may_begin_anew(tmp_path, monkeypatch, done):
    stop_after(monkeypatch, 0, tmp_path / "run", ["--dataset", "digits", "--epochs", "9"])
    assert train(tmp_path / "run", "--dataset", "digits", *QUICK) == 0
    assert contents(tmp_path / "run") == contents(done)


# Workers


class Store(SimpleNamespace):
    """Stands for MXNet's store, of one of two workers."""

    num_workers = 2


@pytest.fixture
def two_workers(monkeypatch):
    """Join as the worker of a rank; return what ``train`` is called with."""
    calls = []

    def run(folder, rank, *words):
        store, agreed = Store(rank=rank), []
        monkeypatch.setenv("DMLC_ROLE", "worker")
        monkeypatch.setattr(train_command, "join", lambda name, timeout: store)
        monkeypatch.setattr(train_command, "leave", lambda store: None)
        monkeypatch.setattr(train_command, "check_agreement", lambda _, same: agreed.append(same))
        monkeypatch.setattr(cli.os, "_exit", lambda code: None)

        def train_once(*args, **options):
            calls.append(SimpleNamespace(args=args, **options, agreed=agreed[0], store=store))
            for callback in options["callbacks"]:
                if isinstance(callback, train_command.RunFiles):
                    callback.before_training(
                        SimpleNamespace(epoch=0, state=train_command.TrainingState(EMPTY, 0, {}))
                    )
            return EMPTY

        monkeypatch.setattr(train_command, "train", train_once)
        assert train(folder, "--kvstore", "dist_sync", *words) == 0
        return calls[-1]

    return run


EMPTY = History.empty()


def test_each_worker_trains_on_its_part_and_the_first_writes_the_files(tmp_path, two_workers):
    words = ["--dataset", "digits", *QUICK, "--ctx", "cpu(0),cpu(1)"]
    calls = [two_workers(tmp_path / f"{rank}", rank, *words) for rank in (0, 1)]
    for rank, call in enumerate(calls):
        _, train_iter, test_iter, *_ = call.args
        assert (train_iter.num_data, test_iter.num_data) == (300, 100)
        assert call.seed == (1, rank)
        assert call.ctx == [mx.cpu(0), mx.cpu(1)]
        assert call.callbacks[0].kvstore is call.store
        assert call.progress == (rank == 0)
    assert calls[0].agreed == calls[1].agreed
    assert calls[0].agreed.keys() >= {"lr", "n_hidden", "data_crc32", "n_workers", "epochs"}
    assert (tmp_path / "0/checkpoint.npz").exists()
    assert not (tmp_path / "1").exists()
    resumed = [two_workers(tmp_path / "0", rank, "--resume", "--epochs", "9") for rank in (0, 1)]
    assert resumed[0].agreed == resumed[1].agreed == {**calls[0].agreed, "epochs": 9}


def test_the_words_that_resume_are_those_that_began(tmp_path):
    config = train_command.RunConfig("digits", n_workers=2)
    (tmp_path / "checkpoint.npz").touch()
    run = train_command.Run(tmp_path, config, None, None, None)
    with pytest.raises(KeyboardInterrupt) as error, train_command._ended_early(run, True):
        raise KeyboardInterrupt
    words = f"; resume with: vae-gluon cluster train --resume --out={tmp_path}"
    assert error.value.args == (signal.SIGINT, words)

"""A run survives: it is resumed from whatever is left of it, and nothing of another run is lost."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from types import SimpleNamespace

import mxnet as mx
import numpy as np
import pytest
from idx_files import idx_files, write
from run_files import contents, snapshot

from vae_gluon import VAE, load_run
from vae_gluon._files import lock
from vae_gluon.command import cli, dataset, run
from vae_gluon.command import train as train_command
from vae_gluon.command.config import RunConfig
from vae_gluon.model.devices import contexts_of

QUICK = ["--epochs", "3", "--n-hidden", "16", "--n-layers", "1"]


def train(folder, *words):
    """Return the exit code of a training into ``folder``."""
    words = ["train", "--out", folder, *words]
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as stop:  # argparse's way
        return stop.code


@pytest.fixture(autouse=True)
def _quick(monkeypatch, digits):
    make_quick(monkeypatch, digits)


def make_quick(patch, digits):
    """Train on few digits, and write the losses in the place of the pictures, which take long."""

    def draw(net, mnist, history, seed, folder):
        (folder / "elbo.png").write_text(f"{history.train} {history.val}")

    patch.setattr(dataset, "make_digits", lambda: digits)
    patch.setattr(train_command, "draw", draw)


@pytest.fixture(scope="session")
def done(tmp_path_factory, digits):
    """The folder of a run of three epochs that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "done"
    with pytest.MonkeyPatch.context() as patch:
        make_quick(patch, digits)
        assert train(folder, "--dataset", "digits", *QUICK) == 0
    return folder


@pytest.fixture
def copy(tmp_path, done):
    """A copy of it."""
    return shutil.copytree(done, tmp_path / "copy")


@pytest.fixture
def owned():
    """What a training owns, until the end of the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """A run that was stopped in its second epoch."""
    folder = tmp_path / "stopped"
    stop_after(monkeypatch, epochs=1, folder=folder)
    return folder


def stop_after(monkeypatch, epochs, folder, words=("--dataset", "digits", *QUICK)):
    keep = train_command._Checkpoints.keep

    def keep_and_stop(self, state):
        keep(self, state)
        if len(state.history.train) == epochs:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train_command._Checkpoints, "keep", keep_and_stop)
        assert train(folder, *words) == 130


# Going on


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_run_goes_on_to_the_same_end_wherever_it_was_stopped(
    tmp_path, monkeypatch, done, epochs, capsys
):
    stop_after(monkeypatch, epochs, tmp_path / "run")
    assert train(tmp_path / "run", "--resume") == 0
    told = {3: "All of its 3 epochs are trained already"}
    assert told.get(epochs, f"Resuming after {epochs} of 3 epochs") in capsys.readouterr().out
    assert contents(tmp_path / "run") == contents(done)


def test_a_shuffled_run_goes_on_to_the_same_end_as_well(tmp_path, monkeypatch, done):
    words = ("--dataset", "digits", "--shuffle", *QUICK)
    stop_after(monkeypatch, 2, tmp_path / "stopped", words)
    assert train(tmp_path / "stopped", "--resume") == 0
    assert train(tmp_path / "whole", *words) == 0
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")
    assert contents(tmp_path / "whole")["history"] != contents(done)["history"]


@pytest.mark.parametrize("flags", [["--binarize"], ["--arch", "conv"]])
def test_runs_of_other_kinds_go_on_to_the_same_end(tmp_path, monkeypatch, flags):
    words = ("--dataset", "digits", *flags, "--epochs", "2", "--n-hidden", "16")
    stop_after(monkeypatch, 1, tmp_path / "stopped", words)
    assert train(tmp_path / "stopped", "--resume") == 0
    assert train(tmp_path / "whole", *words) == 0
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    "missing",
    [
        ["checkpoint.npz", "history.json", "vae_gluon_2d1l16h.params", "elbo.png"],
        ["history.json", "vae_gluon_2d1l16h.params", "elbo.png"],
        ["history.json", "elbo.png"],
        ["elbo.png"],
        [],
    ],
)
def test_whatever_was_not_written_yet_is_written(copy, done, missing):
    for name in missing:
        (copy / name).unlink()
    partial = copy / ".vae-gluon-a1b2c3.partial"
    partial.mkdir()
    (partial / "checkpoint.npz").write_bytes(b"half")
    assert train(copy, "--resume") == 0
    assert contents(copy) == contents(done)


def test_a_finished_run_goes_on_to_more_epochs(copy, tmp_path):
    assert train(copy, "--resume", "--epochs", "5") == 0
    assert train(tmp_path / "five", "--dataset", "digits", *QUICK, "--epochs", "5") == 0
    assert contents(copy) == contents(tmp_path / "five")


def test_checkpoints_are_written_as_often_as_asked_for_and_at_the_end(tmp_path, monkeypatch):
    saved = []

    def replacing(path):
        saved.append(path.name)
        return original(path)

    original = train_command.replacing
    monkeypatch.setattr(train_command, "replacing", replacing)
    words = ["--dataset", "digits", *QUICK, "--epochs", "5", "--checkpoint-every", "2"]
    assert train(tmp_path / "run", *words) == 0
    assert saved == ["checkpoint.npz"] * 3 + ["vae_gluon_2d1l16h.params"]


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
    assert f"in {digits_folder}, found no such folder" in capsys.readouterr().err
    for part in ("train_data", "test_data"):
        assert train(out, "--resume", "--data-dir", tmp_path / part) == 2
        assert "was trained on other images than those of" in capsys.readouterr().err
    assert snapshot(out) == before
    assert train(out, "--resume", "--epochs", "4", "--data-dir", moved) == 0


# Being stopped


def start(folder, *words, **options):
    """Start a training in a process of its own."""
    command = [sys.executable, "-m", "vae_gluon", "train", "--dataset", "digits", "--out", folder]
    pipe = subprocess.PIPE
    return subprocess.Popen([*command, *words], stdout=pipe, stderr=pipe, text=True, **options)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_which_says_how_to_go_on(tmp_path, number):
    process = start(tmp_path / "my run", "--n-hidden", "8", "--epochs", "10000")
    while not (tmp_path / "my run/checkpoint.npz").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert err.splitlines()[-1] == (
        "vae-gluon train: interrupted; go on from its checkpoint with: "
        f"vae-gluon train --resume --out '{tmp_path / 'my run'}'"
    )
    assert "Traceback" not in err
    assert {path.name for path in (tmp_path / "my run").iterdir()} == {
        ".lock",
        "config.json",
        "checkpoint.npz",
        "data_samples.png",
    }


def test_ctrl_c_before_the_first_checkpoint_says_so(tmp_path, monkeypatch, capsys):
    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command, "train", stop)
    assert train(tmp_path / "run", "--dataset", "digits", *QUICK) == 130
    assert capsys.readouterr().err == (
        "vae-gluon train: interrupted before its first checkpoint; start again with: "
        f"vae-gluon train --resume --out {tmp_path / 'run'}\n"
    )


def test_a_run_that_diverges_keeps_the_checkpoint_before(tmp_path, digits, capsys, monkeypatch):
    def diverge(*args, after_epoch, **options):
        def after(state):
            after_epoch(state)
            raise FloatingPointError("the training loss of epoch 1 is nan in batch 2")

        return original(*args, after_epoch=after, **options)

    original = train_command.train
    monkeypatch.setattr(train_command, "train", diverge)
    assert train(tmp_path / "run", "--dataset", "digits", *QUICK) == 1
    checkpoint = tmp_path / "run/checkpoint.npz"
    assert capsys.readouterr().err.splitlines()[-1] == (
        "vae-gluon train: error: the training loss of epoch 1 is nan in batch 2; "
        f"{checkpoint} is from before"
    )
    assert len(np.load(checkpoint)["history/train"]) == 1


def test_a_full_disk_ends_a_run_and_leaves_what_was_there(stopped):
    before = snapshot(stopped)
    code = (
        "import resource, sys; from vae_gluon.command import cli, dataset\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from vae_gluon import make_digits; few = make_digits(600, 200, seed=3)\n"
        "dataset.make_digits = lambda: few\n"
        "sys.exit(cli.main(['train', '--resume', '--out', sys.argv[1]]))"
    )
    done = subprocess.run([sys.executable, "-c", code, stopped], capture_output=True, text=True)
    assert done.returncode == 1
    path = stopped / "checkpoint.npz"
    assert done.stderr.endswith(f"train: error: [Errno 27] File too large: '{path}'\n")
    assert "Traceback" not in done.stderr
    assert snapshot(stopped) == before


def test_parameters_that_mxnet_does_not_write_whole_are_named_in_the_error(
    tmp_path, monkeypatch, capsys
):
    """MXNet takes no notice of a disk that is full."""

    def save_half(net, name):
        save(net, name)
        os.truncate(name, 1000)

    save = VAE.save_parameters
    monkeypatch.setattr(VAE, "save_parameters", save_half)
    out = tmp_path / "run"
    assert train(out, "--dataset", "digits", *QUICK) == 1
    assert "could not be written whole" in capsys.readouterr().err
    assert {path.name for path in out.iterdir()} == {
        ".lock",
        "config.json",
        "checkpoint.npz",
        "data_samples.png",
    }


# Contradictions and damage: told in one line, and nothing changed


def test_a_folder_in_which_another_process_trains_is_refused(stopped, capsys):
    before = snapshot(stopped)
    with lock(stopped):
        for words in (["--resume"], ["--dataset", "digits", *QUICK]):
            assert train(stopped, *words) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert f"error: another process is training in {stopped}: wait until it has ended, or" in first
    assert "already holds a run" in second  # which is asked before the data are read
    assert snapshot(stopped) == before


def test_a_run_that_another_process_begins_meanwhile_is_refused(tmp_path, capsys):
    with lock(tmp_path):
        assert train(tmp_path, "--dataset", "digits", *QUICK) == 2
    assert "another process is training in" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {".lock"}


@pytest.mark.parametrize("command", ["figures", "evaluate", "export"])
def test_parameters_of_another_training_are_refused(copy, tmp_path, capsys, command):
    words = ["--dataset", "digits", *QUICK, "--seed", "2"]
    assert train(tmp_path / "other", *words) == 0
    name = "vae_gluon_2d1l16h.params"
    (copy / name).write_bytes((tmp_path / "other" / name).read_bytes())
    assert cli.main([command, str(copy)]) == 2
    assert "params is not what the training ended with whose losses" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["figures", "evaluate", "export"])
def test_a_history_of_another_run_is_refused(copy, tmp_path, capsys, command):
    words = ["--dataset", "digits", *QUICK, "--lr", "0.01"]
    assert train(tmp_path / "other", *words) == 0
    for name in ("history.json", "vae_gluon_2d1l16h.params"):
        (copy / name).write_bytes((tmp_path / "other" / name).read_bytes())
    assert cli.main([command, str(copy)]) == 2
    assert "lr is 0.01 in one and 0.001 in the other" in capsys.readouterr().err


def test_a_history_of_an_earlier_version_is_read(copy, capsys):
    history = json.loads((copy / "history.json").read_text())
    for name in ("config", "parameters_crc32"):
        del history[name]
    (copy / "history.json").write_text(json.dumps(history))
    assert cli.main(["export", str(copy), "--format", "symbol"]) == 0


def test_a_checkpoint_on_a_disk_that_is_not_mounted_is_missed(copy, capsys):
    (copy / "checkpoint.npz").unlink()
    (copy / "checkpoint.npz").symlink_to("/nowhere/checkpoint.npz")
    assert train(copy, "--resume") == 2
    assert "No such file or directory" in capsys.readouterr().err
    (copy / "history.json").unlink()
    assert train(copy, "--dataset", "digits", *QUICK) == 2
    assert "already holds a run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lr", "0.01"], r"--lr 0.01 contradicts the run in .*, which has --lr 0.001"),
        (["--seed", "2"], "--seed 2 contradicts"),
        (["--batch-size", "50"], "--batch-size 50 contradicts .* --batch-size 100"),
        (["--n-hidden", "17"], "--n-hidden 17 contradicts"),
        (["--n-latent", "3"], "--n-latent 3 contradicts"),
        (["--n-layers", "2"], "--n-layers 2 contradicts"),
        (["--shuffle"], "error: --shuffle contradicts the run in .*, which has no --shuffle"),
        (["--binarize"], "error: --binarize contradicts the run in .*, which has no --binarize"),
        (["--arch", "conv"], "--arch conv contradicts .* --arch mlp"),
        (["--dataset", "mnist"], "--dataset mnist contradicts .* --dataset digits"),
        (["--epochs", "2"], "--epochs 2 contradicts the run in .*, which has trained for 3 epochs"),
        (["--data-dir", "x"], "--data-dir is for files of images"),
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


def test_options_that_repeat_the_runs_are_taken(copy, done):
    words = ["--dataset", "digits", "--lr", "1e-3", "--seed", "1", *QUICK]
    assert train(copy, "--resume", *words) == 0
    assert contents(copy) == contents(done)


def test_there_must_be_a_run(tmp_path, capsys):
    refuse(tmp_path / "nowhere", [], "nowhere holds no run: no config.json in it", capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", b"{", "config.json is not JSON"),
        ("config.json", b"\xff\xfe", "config.json is not JSON"),
        ("config.json", b"[" * 100_000, "config.json is not JSON"),
        ("config.json", b"[]", "config.json does not describe a run: it holds a list"),
        ("config.json", b"{}", "expected dataset to be a name, found nothing"),
        ("checkpoint.npz", b"", "checkpoint.npz is not a whole checkpoint"),
        ("checkpoint.npz", b"PK\3\4" * 99, "checkpoint.npz is not a whole checkpoint"),
    ],
)
def test_damaged_files_raise_with_the_reason(copy, name, content, message, capsys):
    (copy / name).write_bytes(content)
    before = snapshot(copy)
    refuse(copy, [], message, capsys)
    assert snapshot(copy) == before


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("n_layers", 10**9, "n_layers to be an integer of at least 0 and below 1000, found 10{9}"),
        ("n_hidden", 10**9, "expected layers of fewer than 2147483647 weights"),
        ("n_hidden", "16", "n_hidden to be an integer of at least 1, found '16'"),
        ("n_hidden", 16.0, "n_hidden to be an integer of at least 1, found 16.0"),
        ("batch_size", True, "batch_size to be an integer of at least 1, found True"),
        ("lr", 0, "lr to be a number above 0, found 0"),
        ("lr", float("nan"), "lr to be a number above 0, found nan"),
        ("lr", 10**400, "lr to be a number above 0, found 1000"),
        ("seed", 2**31, "seed to be an integer of at least 0 and below 2147483648"),
        ("binarize", 1, "binarize to be true or false, found 1"),
        ("arch", "rnn", "arch to be mlp or conv, found 'rnn'"),
        ("dataset", "", "dataset to be a name, found ''"),
        ("dataset", ["digits"], "dataset to be a name, found"),
        ("data_dir", 5, "data_dir to be a path or null, found 5"),
        ("data_crc32", None, "data_crc32 to be an integer, found None"),
        ("data_crc32", 5, "was trained on other images"),
        ("lr", 0.01, "checkpoint.npz is of another run than .*config.json: lr is 0.001 in one"),
        ("n_hidden", 17, r"encoder.0.weight: expected \(17, 784\) float32, found \(16, 784\)"),
    ],
)
def test_a_config_that_was_tampered_with_is_named_in_the_error(copy, name, value, message, capsys):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, name: value}))
    before = snapshot(copy)
    refuse(copy, [], message, capsys)
    assert snapshot(copy) == before


@pytest.mark.parametrize("name", ["history.json", "checkpoint.npz"])
def test_a_folder_with_another_run_is_left_alone(copy, name, capsys):
    for path in copy.iterdir():
        if path.name != name:
            path.unlink()
    before = snapshot(copy)
    assert train(copy, "--dataset", "digits", *QUICK) == 2
    assert "already holds a run: resume it with --resume" in capsys.readouterr().err
    assert snapshot(copy) == before


def test_a_net_too_large_for_mxnet_leaves_no_folder(tmp_path, capsys):
    assert train(tmp_path / "run", "--dataset", "digits", "--n-hidden", "3000000") == 2
    assert "got one of 784 x 3000000" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_figures_of_an_unfinished_run_say_how_to_finish_it(stopped, capsys):
    assert cli.main(["figures", str(stopped)]) == 2
    err = capsys.readouterr().err
    assert "no finished run (unless it is still being trained, finish it with vae-gluon" in err
    assert f"--resume --out {stopped}): no history.json" in err


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("val", [1.0, 1.0, float("nan")], "expected val to be a list of finite numbers"),
        ("val", [1.0, 1.0], "expected as many numbers of each kind, found {'train': 3, 'val': 2"),
        ("val_kl", [1.0], "expected as many numbers of each kind"),
        ("train", [], "expected train to be a list of finite numbers"),
        ("val", [True, 1.0, 1.0], "expected val to be a list of finite numbers"),
        ("seconds", [1.0, 1.0, 10**400], "expected seconds to be a list of finite numbers"),
        ("train_kl", "abc", "expected train_kl to be a list of finite numbers"),
    ],
)
def test_a_history_that_is_none_is_named_in_the_error(copy, name, value, message, capsys):
    history = json.loads((copy / "history.json").read_text())
    (copy / "history.json").write_text(json.dumps({**history, name: value}))
    assert cli.main(["figures", str(copy)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("rank", [0, 1])
def test_the_first_of_several_workers_writes_the_config_and_no_other(
    copy, monkeypatch, rank, owned
):
    compared = []
    monkeypatch.setattr(run, "check_agreement", lambda _, config: compared.append(set(config)))
    worker = SimpleNamespace(rank=rank, num_workers=2)
    words = ["train", "--dataset", "digits", *QUICK]
    begun = copy.parent / "begun"
    run.new_run(cli.build_parser().parse_args([*words, "--out", str(begun)]), owned, lambda: worker)
    assert (begun / "config.json").exists() == (rank == 0)
    assert compared[0] >= {"lr", "n_hidden", "data_crc32"}

    config = json.loads((copy / "config.json").read_text()) | {"n_workers": 2}
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "checkpoint.npz").unlink()
    words = ["train", "--resume", "--out", str(copy), "--epochs", "9"]
    resumed = run.resumed_run(cli.build_parser().parse_args(words), owned, lambda: worker)
    assert resumed.config.epochs == 9
    assert compared[1] == compared[0]
    assert (json.loads((copy / "config.json").read_text()) == config) == (rank == 1)


@pytest.mark.parametrize("rank", [0, 1])
def test_the_first_of_several_workers_writes_the_checkpoints_and_no_other(
    copy, monkeypatch, rank, owned
):
    given = []
    monkeypatch.setattr(
        train_command, "train", lambda *args, after_epoch, **rest: given.append(after_epoch)
    )
    resumed = as_worker(copy, rank, monkeypatch, owned)
    checkpoints = train_command._Checkpoints(resumed)
    train_command._train(resumed, checkpoints, 60)
    assert given == [checkpoints.keep if rank == 0 else None]


def test_another_worker_finds_the_config_of_the_first_in_a_folder_they_share(
    copy, monkeypatch, owned
):
    monkeypatch.setattr(run, "check_agreement", lambda *args: None)
    for name in ("checkpoint.npz", "history.json"):
        (copy / name).unlink()
    words = ["train", "--dataset", "digits", *QUICK, "--out", str(copy)]
    args = cli.build_parser().parse_args(words)
    worker = SimpleNamespace(rank=1, num_workers=2)
    assert run.new_run(args, owned, lambda: worker).folder == copy


def as_worker(folder, rank, monkeypatch, owned, *words):
    """Resume a run as one of two workers."""
    monkeypatch.setattr(run, "check_agreement", lambda *args: None)
    config = json.loads((folder / "config.json").read_text()) | {"n_workers": 2}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "checkpoint.npz").unlink()
    args = cli.build_parser().parse_args(["train", "--resume", "--out", str(folder), *words])
    return run.resumed_run(args, owned, lambda: SimpleNamespace(rank=rank, num_workers=2))


def test_a_worker_trains_through_its_store_on_its_devices_with_its_half_of_the_images(
    copy, monkeypatch, owned
):
    given = []

    def train(net, train_iter, test_iter, *args, kvstore, ctx, **rest):
        given.append((kvstore, ctx, train_iter.num_data, test_iter.num_data))

    monkeypatch.setattr(train_command, "train", train)
    resumed = as_worker(copy, 1, monkeypatch, owned, "--ctx", "cpu(0),cpu(1)")
    train_command._train(resumed, train_command._Checkpoints(resumed), 60)
    assert given == [(resumed.kvstore, [mx.cpu(0), mx.cpu(1)], 300, 100)]


def test_a_finished_net_is_read_onto_the_default_context(done, monkeypatch):
    monkeypatch.setattr(run, "default_context", lambda: mx.cpu(1))
    _, net, _ = run.finished_net(done)
    assert contexts_of(net) == [mx.cpu(1)]


@pytest.mark.parametrize(("n_workers", "command"), [(1, "train"), (2, "cluster train")])
def test_the_words_that_resume_are_those_that_began(tmp_path, n_workers, command):
    config = RunConfig("digits", 1, n_workers=n_workers)
    begun = SimpleNamespace(folder=tmp_path, config=config, writes=True)
    checkpoints = train_command._Checkpoints(begun)
    with pytest.raises(KeyboardInterrupt) as error, train_command._ended_early(begun, checkpoints):
        raise KeyboardInterrupt
    assert not error.value.checkpoint
    assert error.value.resume == f"vae-gluon {command} --resume --out {tmp_path}"


def test_a_run_that_diverges_before_its_first_checkpoint_names_none(tmp_path):
    begun = SimpleNamespace(folder=tmp_path)
    checkpoints = train_command._Checkpoints(begun)
    with (
        pytest.raises(FloatingPointError, match=r"^diverged$"),
        train_command._ended_early(begun, checkpoints),
    ):
        raise FloatingPointError("diverged")


def test_a_run_is_opened_in_python(done, tmp_path):
    net, config, history = load_run(done)
    assert isinstance(net, VAE)
    assert (config["n_hidden"], config["dataset"], len(history.val)) == (16, "digits", 3)
    with pytest.raises(FileNotFoundError, match="nowhere holds no run"):
        load_run(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="expected which to be 'last' or 'best', got 'first'"):
        load_run(done, "first")
    with pytest.raises(ValueError, match=r"does not fit.*its sizes, such as n_layers, are in "):
        VAE(n_hidden=7).load_parameters(done / "vae_gluon_2d1l16h.params")

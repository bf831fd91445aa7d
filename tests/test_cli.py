"""The command, run as a user runs it."""

import json
import re
import shutil
import subprocess
import sys

import mxnet as mx
import numpy as np
import pytest
from idx_files import idx_files, write

import vae_gluon
from vae_gluon import VAE
from vae_gluon.command import cli, figures
from vae_gluon.command import train as train_command
from vae_gluon.data import datasets
from vae_gluon.training import epoch

QUICK = ["--epochs", "2", "--n-hidden", "16", "--n-layers", "1"]


@pytest.fixture(autouse=True)
def _few_digits(monkeypatch, digits):
    monkeypatch.setattr(datasets, "make_digits", lambda: digits)


@pytest.fixture
def _no_pictures(monkeypatch):
    """Leave out the pictures at the end of a training, which take longer than the training."""
    monkeypatch.setattr(figures, "draw_figures", lambda *args: None)


no_pictures = pytest.mark.usefixtures("_no_pictures")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, digits):
    """The folder of a run on a few digits, with all its pictures."""
    folder = tmp_path_factory.mktemp("cli") / "finished"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "make_digits", lambda: digits)
        assert run("train", "--dataset", "digits", "--out", folder, *QUICK) == 0
    return folder


@pytest.fixture
def copy(tmp_path, finished):
    """A copy of it."""
    return shutil.copytree(finished, tmp_path / "copy")


def run(*words):
    """Return the exit code, as the shell would see it."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as stop:  # argparse's way
        return stop.code


def read(path):
    return json.loads(path.read_text())


def test_train_writes_the_whole_run(tmp_path, digits_folder, capsys):
    out = tmp_path / "run"
    assert run("train", "--data-dir", digits_folder, "--out", out, *QUICK) == 0
    assert {path.name for path in out.iterdir()} == {
        ".lock",
        "vae_gluon_2d1l16h.params",
        "checkpoint.npz",
        "config.json",
        "history.json",
        "history.csv",
        "data_samples.png",
        "elbo.png",
        "latent_interpolations.png",
        "overview.png",
        "reconstructions.png",
        "2d_latent_space_for_test_samples.png",
        "generated_samples_with_2D_latent_space.png",
        "2d_latent_space_scan_for_generation.png",
    }
    history = read(out / "history.json")
    assert {key: len(numbers) for key, numbers in history.items()} == {
        "train": 2,
        "val": 2,
        "seconds": 2,
        "kl_weight": 2,
        "train_kl": 2,
        "val_kl": 2,
    }
    printed = capsys.readouterr().out
    assert "600 images of own_mnist (28 x 28)" in printed
    assert printed.endswith(f"Pictures, losses and parameters are in {out}\n")


@no_pictures
def test_config_records_the_run(tmp_path, digits_folder):
    run("train", "--data-dir", digits_folder, "--out", tmp_path / "run", "--seed", "7", *QUICK)
    config = read(tmp_path / "run/config.json")
    assert config["dataset"] == "own_mnist"
    assert config["data_dir"] == str(digits_folder)
    expected = {"epochs": 2, "batch_size": 100, "n_latent": 2, "n_hidden": 16, "n_layers": 1}
    expected |= {"lr": 0.001, "seed": 7, "version": vae_gluon.__version__}
    assert {key: config[key] for key in expected} == expected


def test_every_word_reaches_the_training(tmp_path, monkeypatch):
    seen = {}

    def train(net, train_iter, test_iter, epochs, learning_rate, seed, **options):
        seen.update(epochs=epochs, lr=learning_rate, seed=seed, batch_size=train_iter.batch_size)
        seen.update(n_images=(train_iter.num_data, test_iter.num_data))
        seen.update(layers=[layer.weight.shape for layer in net.encoder])
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command, "train", train)
    words = "--epochs 3 --lr 0.5 --batch-size 7 --n-hidden 11 --n-latent 4 --n-layers 2 --seed 5"
    run("train", "--dataset", "digits", "--out", tmp_path / "run", *words.split())
    assert seen == {
        "epochs": 3,
        "lr": 0.5,
        "seed": (5, 0),
        "batch_size": 7,
        "n_images": (600, 200),
        "layers": [(11, 784), (11, 11), (8, 11)],
    }


def rates(words, tmp_path, monkeypatch):
    """The learning rates of the steps, of which an epoch has ten."""
    asked = []

    def train(net, train_iter, test_iter, epochs, learning_rate, **options):
        asked.extend(learning_rate(step) for step in range(1, 10 * epochs + 1))
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command, "train", train)
    run("train", "--dataset", "digits", "--out", tmp_path / "run", "--batch-size", "60", *words)
    return np.array(asked)


def test_the_learning_rate_rises_and_falls_as_it_is_asked_to(tmp_path, monkeypatch):
    steps, words = np.arange(1, 41), ["--epochs", "4", "--lr", "0.5", "--lr-warmup", "1"]
    rise = np.minimum(1, steps / 10) / 2
    fall = np.cos(np.pi / 2 * (steps - 10).clip(0) / 30) ** 2
    cosine = rates([*words, "--lr-schedule", "cosine"], tmp_path, monkeypatch)
    np.testing.assert_allclose(cosine, rise * fall, atol=1e-12)
    constant = rates(words, tmp_path, monkeypatch)
    np.testing.assert_allclose(constant, rise)
    decay = rates(["--lr", "1e-9", "--lr-decay", "0.5", "--epochs", "3"], tmp_path, monkeypatch)
    np.testing.assert_allclose(decay, 1e-9 * np.repeat([1, 0.5, 0.25], 10), rtol=1e-12)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lr-decay", "0.9"], "--lr-decay is for --lr-schedule constant, not for cosine"),
        (["--lr-warmup", "2"], "--lr-warmup: expected fewer epochs than the 2 of the run, got 2"),
    ],
)
def test_a_cosine_rises_before_it_falls_and_falls_once(tmp_path, words, message, capsys):
    out = tmp_path / "run"
    words = ["--dataset", "digits", "--lr-schedule", "cosine", *QUICK, *words]
    assert run("train", "--out", out, *words) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_defaults_are_the_tutorials(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(train_command, "_train", lambda config, *args: seen.append(config) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("train", "--dataset", "digits", "--out", tmp_path / "run")
    config = seen[0].to_dict()
    expected = {"epochs": 50, "batch_size": 100, "n_latent": 2, "n_hidden": 400, "n_layers": 2}
    expected |= {"lr": 0.001, "seed": 1, "checkpoint_every": 1}
    assert {key: config[key] for key in expected} == expected


def test_trained_parameters_load(finished, digits):
    net = VAE(n_hidden=16, n_latent=2, n_layers=1)
    net.load_parameters(str(finished / "vae_gluon_2d1l16h.params"))
    loss = vae_gluon.evaluate(net, vae_gluon.mnist_iterators(digits)[1])
    # The same images and weights, other noise.
    assert loss == pytest.approx(read(finished / "history.json")["val"][-1], rel=0.02)


@no_pictures
def test_same_seed_gives_the_same_history_and_another_another(tmp_path):
    losses = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("train", "--dataset", "digits", "--out", tmp_path / name, "--seed", seed, *QUICK)
        history = read(tmp_path / name / "history.json")
        losses.append((history["train"], history["val"]))
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


@no_pictures
def test_without_mnist_the_digits_stand_in_and_that_is_said(tmp_path, capsys):
    assert run("train", "--out", tmp_path / "run", *QUICK) == 0
    err = capsys.readouterr().err
    assert "NOT MNIST" in err
    assert "could not be downloaded" in " ".join(err.split())  # it is wrapped
    assert "t10k-labels-idx1-ubyte" in err
    config = read(tmp_path / "run/config.json")
    assert config["dataset"] == "digits"


@no_pictures
def test_digits_asked_for_are_used_without_a_word(tmp_path, digits_folder, monkeypatch, capsys):
    monkeypatch.setenv("VAE_GLUON_DATA", str(digits_folder))
    assert run("train", "--dataset", "digits", "--out", tmp_path / "run", *QUICK) == 0
    assert "NOT MNIST" not in capsys.readouterr().err
    config = read(tmp_path / "run/config.json")
    assert config["dataset"] == "digits"
    assert config["context"] == str(vae_gluon.default_context())


def test_mnist_asked_for_is_not_replaced(tmp_path, capsys):
    assert run("train", "--dataset", "mnist", "--out", tmp_path / "run", *QUICK) == 2
    assert "could not be downloaded" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@no_pictures
def test_a_default_folder_is_named_after_data_and_net(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("train", "--dataset", "digits", *QUICK)
    assert (tmp_path / "runs/digits_vae_gluon_2d1l16h_seed1/history.json").is_file()


def test_without_a_latent_plane_its_pictures_are_left_out_with_a_note(tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", "--dataset", "digits", "--out", out, "--n-latent", "3", *QUICK) == 0
    assert "n_latent is 3, not 2: principal components instead" in capsys.readouterr().out
    assert (out / "generated_samples_with_3D_latent_space.png").is_file()
    assert not list(out.glob("2d_*"))


def test_figures_are_drawn_again_from_the_run(copy):
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    for path in copy.glob("*.png"):
        path.unlink()
    assert run("figures", copy) == 0
    after = {path.name: path.read_bytes() for path in copy.iterdir()}
    assert set(after) == set(before)
    for name in before:
        assert after[name] == before[name], name


def test_figures_of_several_runs_are_their_curves(copy, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree(copy, other)
    before = sorted(copy.iterdir())
    assert run("figures", copy, other) == 0
    assert capsys.readouterr().out == f"{copy.parent / 'curves.png'}\n"
    assert (copy.parent / "curves.png").is_file()
    assert sorted(copy.iterdir()) == before
    (other / "checkpoint.npz").unlink()
    assert run("figures", copy, other) == 2
    assert f"{other} holds no run" in capsys.readouterr().err


def test_figures_are_of_the_data_that_the_run_has_read(
    tmp_path, digits, digits_folder, monkeypatch, capsys
):
    monkeypatch.setenv("VAE_GLUON_DATA", str(digits_folder))
    run("train", "--out", tmp_path / "run", *QUICK)
    assert read(tmp_path / "run/config.json")["data_dir"] == str(digits_folder)
    before = (tmp_path / "run/data_samples.png").read_bytes()
    others = dict(digits, train_data=1 - digits["train_data"])
    write(tmp_path / "others", idx_files(others))
    monkeypatch.setenv("VAE_GLUON_DATA", str(tmp_path / "others"))
    assert run("figures", tmp_path / "run") == 0
    assert (tmp_path / "run/data_samples.png").read_bytes() == before


def test_figures_take_the_folder_that_the_data_went_to(tmp_path, digits_folder, capsys):
    out = tmp_path / "run"
    run("train", "--data-dir", digits_folder, "--out", out, *QUICK)
    moved = digits_folder.rename(tmp_path / "moved")
    assert run("figures", out) == 2
    assert f"{digits_folder}: expected pictures" in capsys.readouterr().err
    assert run("figures", out, "--data-dir", moved) == 0
    assert "other images" not in capsys.readouterr().out


def test_what_is_measured_on_other_images_is_named_after_them(copy, digits, tmp_path, capsys):
    write(tmp_path / "others", idx_files({**digits, "test_data": 1 - digits["test_data"]}))
    words = ["evaluate", copy, "--k", "1", "--images", "9", "--data-dir", tmp_path / "others"]
    assert run(*words) == 0
    printed = capsys.readouterr().out
    assert f"On other images than the run's: others, of {tmp_path / 'others'}" in printed
    assert "9 grey validation images of others" in printed
    written = read(copy / "evaluation.json")
    assert (written["dataset"], written["which"], written["epochs"]) == ("others", "last", 2)


def test_a_name_with_control_characters_reaches_the_terminal_in_one_line(tmp_path, capsys):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/\x1b]0;mine\x07\nall is well.png").write_bytes(b"no picture")
    assert run("train", "--data-dir", tmp_path / "d", "--out", tmp_path / "run") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\\x1b]0;mine\\x07\\nall is well.png" in err


def test_evaluate_prints_and_writes_how_good_a_run_is(copy, capsys):
    assert run("evaluate", copy, "--k", "20", "--images", "50") == 0
    printed = capsys.readouterr().out
    written = read(copy / "evaluation.json")
    assert {key: written[key] for key in ("dataset", "pixels", "images", "k", "n_latent")} == {
        "dataset": "digits",
        "pixels": "grey",
        "images": 50,
        "k": 20,
        "n_latent": 2,
    }
    assert written["elbo"] == pytest.approx(-written["reconstruction"] - written["kl"])
    assert written["elbo"] < written["log_likelihood_bound"] < 0
    assert len(written["variances_of_mu"]) == 2
    assert "50 grey validation images of digits, nats per image" in printed
    for key in ("reconstruction", "kl", "elbo", "log_likelihood_bound", "standard_error"):
        assert f"{written[key]:.2f}" in printed
    assert f"active latent units   {written['active_units']:6d} of 2" in printed
    before = (copy / "evaluation.json").read_bytes()
    assert run("evaluate", copy, "--k", "20", "--images", "50") == 0
    assert (copy / "evaluation.json").read_bytes() == before


def test_evaluate_takes_all_images_unless_a_number_is_given(copy):
    assert run("evaluate", copy, "--k", "1") == 0
    assert read(copy / "evaluation.json")["images"] == 200


@no_pictures
def test_binarized_runs_are_trained_and_evaluated_on_binary_pixels(tmp_path, monkeypatch, capsys):
    seen = []

    def drawn(x):
        seen.append(x.shape)
        return draw(x)

    draw = epoch.sample_pixels
    monkeypatch.setattr(epoch, "sample_pixels", drawn)
    grey, binary = tmp_path / "grey", tmp_path / "binary"
    run("train", "--dataset", "digits", "--out", grey, *QUICK)
    assert not seen
    run("train", "--dataset", "digits", "--binarize", "--out", binary, *QUICK)
    assert seen == ([(100, 784)] * 6 + [(200, 784)]) * 2
    assert read(binary / "config.json")["binarize"] is True
    assert read(grey / "history.json")["train"] != read(binary / "history.json")["train"]
    assert run("evaluate", binary, "--k", "5") == 0
    assert read(binary / "evaluation.json")["pixels"] == "binarized"
    assert "200 binarized validation images" in capsys.readouterr().out


def test_a_convolutional_run_goes_through_every_command(tmp_path):
    out = tmp_path / "run"
    words = ["--dataset", "digits", "--arch", "conv", "--n-hidden", "16", "--n-latent", "3"]
    assert run("train", "--out", out, "--epochs", "1", *words) == 0
    assert (out / "vae_gluon_3dconv16h.params").is_file()
    assert run("train", "--resume", "--out", out, "--epochs", "2") == 0
    assert run("figures", out) == 0
    assert run("evaluate", out, "--k", "2", "--images", "10") == 0


# Wrong words: one line, exit code 2, nothing written


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["train", "--epochs", "0"], "--epochs: expected an integer of at least 1, got '0'"),
        (["train", "--epochs", "many"], "--epochs: expected an integer of at least 1, got 'many'"),
        (["train", "--batch-size", "-1"], "--batch-size: expected an integer of at least 1"),
        (["train", "--n-latent", "0"], "--n-latent: expected an integer of at least 1, got '0'"),
        (["train", "--n-layers", "-1"], "--n-layers: expected an integer of at least 0"),
        (["train", "--lr", "0"], "--lr: expected a number above 0, got '0'"),
        (["train", "--lr", "nan"], "--lr: expected a number above 0, got 'nan'"),
        (
            ["train", "--seed", "2147483648"],
            "--seed: expected an integer of at least 0, got",
        ),
        (["train", "--dataset", "cats"], "invalid choice: 'cats'"),
        (["train", "--dataset", "digits", "--data-dir", "x"], "x: expected pictures"),
        (["train", "--data-dir", "nowhere"], "nowhere: expected pictures .* got no such folder"),
        (["train", "--wings"], "unrecognized arguments: --wings"),
        (
            ["train", "--epoch", "3"],
            r"unrecognized arguments: --epoch 3; did you mean --epochs\? \(vae-gluon train --help",
        ),
        (["train", "--arch", "rnn"], "invalid choice: 'rnn'"),
        (["train", "--kvstore", "local"], "invalid choice: 'local'"),
        (["export", "nowhere", "--part", "mu"], "invalid choice: 'mu'"),
        (["export", "nowhere", "--format", "pth"], "invalid choice: 'pth'"),
        (["train", "--dataset", "digits", "--arch", "conv", "--n-layers", "1"], "for --arch mlp"),
        (["evaluate", "nowhere", "--k", "0"], "least 1 and at most 1000000, got '0'"),
        (["evaluate", "nowhere"], "nowhere holds no run with checkpoint.npz"),
        (["figures"], "required: RUN"),
        (["figures", "nowhere"], "nowhere holds no run with checkpoint.npz"),
    ],
)
def test_wrong_words_get_one_line(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert run(*words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("vae-gluon")
    assert re.search(message, err)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_the_folder_is_named_in_the_error(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file/run"):
        assert run("train", "--dataset", "digits", "--out", out, *QUICK) == 1
        assert str(tmp_path / "file") in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_run_that_diverges_says_so(tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", "--dataset", "digits", "--out", out, "--lr", "1e4", *QUICK) == 1
    message = r"the training loss of epoch \d, batch \d: .* got (nan|inf): the run has diverged"
    assert re.search(message, capsys.readouterr().err)


def test_what_the_system_refuses_is_in_the_error(tmp_path, monkeypatch, capsys):
    def refuse(*args):
        raise PermissionError(13, "Permission denied", "run/config.json")

    monkeypatch.setattr(train_command, "write_json", refuse)
    assert run("train", "--dataset", "digits", "--out", tmp_path / "run", *QUICK) == 1
    assert capsys.readouterr().err.endswith("Permission denied: 'run/config.json'\n")


def test_what_mxnet_refuses_is_one_line(tmp_path, monkeypatch, capsys):
    def refuse(*args, **options):
        raise mx.base.MXNetError("Traceback:\n  File x.cc\nMXNetError: out of memory\n")

    monkeypatch.setattr(train_command, "train", refuse)
    assert run("train", "--dataset", "digits", "--out", tmp_path / "run", *QUICK) == 1
    err = capsys.readouterr().err
    assert err == "vae-gluon train: error: MXNetError: out of memory\n"


def test_every_command_and_every_option_is_explained():
    commands = next(action for action in cli.build_parser()._actions if action.choices)
    for name, command in commands.choices.items():
        assert command.description, name
        for action in command._actions:
            assert action.help, f"{name} {action.dest}"


@pytest.mark.parametrize(
    "words", [[], ["train"], ["figures"], ["evaluate"], ["export"], ["cluster"]]
)
def test_help_fits_a_terminal(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(*words, "--help") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("usage: vae-gluon")
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("command", [[sys.executable, "-m", "vae_gluon"], ["vae-gluon"]])
def test_both_ways_to_call_it(command):
    if command == ["vae-gluon"]:
        command = [str(cli.Path(sys.executable).parent / "vae-gluon")]
    done = subprocess.run([*command, "figures", "nowhere"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("vae-gluon figures: error: nowhere holds no run")


def test_version_is_that_of_the_package(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"vae-gluon {vae_gluon.__version__}\n"

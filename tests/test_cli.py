"""The command, run as a user runs it."""

import json
import re
import shutil
from importlib.metadata import distribution

import matplotlib
import matplotlib.image
import mxnet as mx
import numpy as np
import pytest
from idx_files import idx_files, write

import vae_gluon
from vae_gluon import VAE
from vae_gluon.command import cli
from vae_gluon.command import train as train_command
from vae_gluon.training import epoch

QUICK = ["--epochs", "2", "--n-hidden", "16", "--n-layers", "1"]

pytestmark = pytest.mark.usefixtures("few_digits")
no_pictures = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def copy(tmp_path, finished):
    """A copy of a finished run."""
    return shutil.copytree(finished, tmp_path / "copy")


def run(*words):
    """Return the exit code, as the shell would see it."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as stop:  # argparse's way
        return stop.code


def read(path):
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, digits):
    """The folder of a run with its pictures."""
    folder = tmp_path_factory.mktemp("cli") / "drawn"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vae_gluon.data.datasets.make_digits", lambda: digits)
        assert run("train", "--dataset", "digits", "--out", folder, *QUICK) == 0
    return folder


def test_train_writes_the_whole_run(drawn, digits):
    assert {path.name for path in drawn.iterdir()} == {
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
    history = read(drawn / "history.json")
    names = {"train", "val", "seconds", "kl_weight", "train_kl", "val_kl"}
    assert {name: len(numbers) for name, numbers in history.items()} == dict.fromkeys(names, 2)
    net = VAE(n_hidden=16, n_latent=2, n_layers=1)
    net.load_parameters(str(drawn / "vae_gluon_2d1l16h.params"))
    loss = vae_gluon.evaluate(net, vae_gluon.mnist_iterators(digits)[1])
    # The same images and weights, other noise.
    assert loss == pytest.approx(history["val"][-1], rel=0.02)


@no_pictures
def test_the_config_records_the_run(tmp_path, digits_folder, capsys):
    out = tmp_path / "run"
    run("train", "--data-dir", digits_folder, "--out", out, "--seed", "7", *QUICK)
    expected = {"dataset": "own_mnist", "data_dir": str(digits_folder), "seed": 7, "lr": 0.001}
    expected |= {"epochs": 2, "batch_size": 100, "n_latent": 2, "n_hidden": 16, "n_layers": 1}
    expected |= {"version": vae_gluon.__version__, "context": str(vae_gluon.default_context())}
    config = read(out / "config.json")
    assert {name: config[name] for name in expected} == expected
    printed = capsys.readouterr().out
    assert "600 images of own_mnist (28 x 28)" in printed
    assert printed.endswith(f"Pictures, losses and parameters are in {out}\n")


@no_pictures
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


# What is done with a run


def test_figures_are_drawn_again_the_same_whatever_the_style(drawn, tmp_path):
    copy = shutil.copytree(drawn, tmp_path / "copy")
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    for path in copy.glob("*.png"):
        path.unlink()
    settings = {"text.usetex": True, "savefig.bbox": "tight", "savefig.transparent": True}
    with matplotlib.style.context(["dark_background", settings]):
        assert run("figures", copy) == 0
        assert matplotlib.rcParams["text.usetex"]  # the person's own again
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    for path in copy.glob("*.png"):
        pixels = matplotlib.image.imread(path)
        assert pixels.shape[0] > 150
        assert pixels.shape[1] > 600
        assert len(np.unique(pixels)) > 10  # something is drawn
        assert (pixels[0, 0] == 1).all()  # on white


def test_figures_of_several_runs_are_their_curves(copy, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree(copy, other)
    before = sorted(copy.iterdir())
    assert run("figures", copy, other) == 0
    assert capsys.readouterr().out == f"{copy.parent / 'curves.png'}\n"
    assert matplotlib.image.imread(copy.parent / "curves.png").shape[:2] == (840, 1200)
    assert sorted(copy.iterdir()) == before
    (other / "checkpoint.npz").unlink()
    assert run("figures", copy, other) == 2
    assert f"{other} holds no run" in capsys.readouterr().err


@no_pictures
def test_figures_are_of_the_data_of_the_run_wherever_they_have_gone(
    tmp_path, digits, digits_folder, monkeypatch, capsys
):
    drawn = []
    out = tmp_path / "run"
    monkeypatch.setenv("VAE_GLUON_DATA", str(digits_folder))
    run("train", "--out", out, *QUICK)
    others = write(tmp_path / "others", idx_files({**digits, "train_data": digits["test_data"]}))
    monkeypatch.setenv("VAE_GLUON_DATA", str(others))
    monkeypatch.setattr(
        "vae_gluon.command.figures.draw_figures", lambda net, data, *args: drawn.append(data)
    )
    assert run("figures", out) == 0
    moved = digits_folder.rename(tmp_path / "moved")
    assert run("figures", out) == 2
    assert f"{digits_folder}: expected pictures" in capsys.readouterr().err
    assert run("figures", out, "--data-dir", moved) == 0
    assert "other images" not in capsys.readouterr().out
    write(digits_folder, idx_files({**digits, "test_data": 1 - digits["test_data"]}))
    assert run("figures", out) == 2
    assert "trained on other images than those now in" in capsys.readouterr().err
    for data in drawn:
        np.testing.assert_allclose(data["train_data"], digits["train_data"], atol=1e-6)


def test_evaluate_prints_and_writes_how_good_a_run_is(copy, capsys):
    assert run("evaluate", copy, "--k", "20", "--images", "50") == 0
    printed = capsys.readouterr().out
    written = read(copy / "evaluation.json")
    expected = {"dataset": "digits", "pixels": "grey", "images": 50, "k": 20, "n_latent": 2}
    expected |= {"which": "last", "epochs": 2}
    assert {name: written[name] for name in expected} == expected
    assert written["elbo"] == pytest.approx(-written["reconstruction"] - written["kl"])
    assert written["elbo"] < written["log_likelihood_bound"] < 0
    assert len(written["variances_of_mu"]) == 2
    assert "50 grey validation images of digits, nats per image" in printed
    for name in ("reconstruction", "kl", "elbo", "log_likelihood_bound", "standard_error"):
        assert f"{written[name]:.2f}" in printed
    assert f"active latent units   {written['active_units']:6d} of 2" in printed
    before = (copy / "evaluation.json").read_bytes()
    assert run("evaluate", copy, "--k", "20", "--images", "50") == 0
    assert (copy / "evaluation.json").read_bytes() == before


def test_what_is_measured_on_other_images_is_named_after_them(copy, digits, tmp_path, capsys):
    write(tmp_path / "others", idx_files({**digits, "test_data": 1 - digits["test_data"]}))
    assert run("evaluate", copy, "--k", "1", "--data-dir", tmp_path / "others") == 0
    printed = capsys.readouterr().out
    assert f"On other images than the run's: others, of {tmp_path / 'others'}" in printed
    assert "200 grey validation images of others" in printed
    assert read(copy / "evaluation.json")["dataset"] == "others"


@no_pictures
def test_binarized_runs_are_trained_and_evaluated_on_binary_pixels(tmp_path, monkeypatch, capsys):
    seen = []

    def drawn(x):
        seen.append(x.shape)
        return draw(x)

    draw = epoch.sample_pixels
    monkeypatch.setattr(epoch, "sample_pixels", drawn)
    out = tmp_path / "binary"
    run("train", "--dataset", "digits", "--binarize", "--out", out, *QUICK)
    assert seen == ([(100, 784)] * 6 + [(200, 784)]) * 2
    assert read(out / "config.json")["binarize"] is True
    assert run("evaluate", out, "--k", "5") == 0
    assert read(out / "evaluation.json")["pixels"] == "binarized"
    assert "200 binarized validation images" in capsys.readouterr().out


@no_pictures
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
        (["train", "--epochs", "many"], "--epochs: expected an integer of at least 1, got 'many'"),
        (["train", "--batch-size", "-1"], "--batch-size: expected an integer of at least 1"),
        (["train", "--n-layers", "-1"], "--n-layers: expected an integer of at least 0"),
        (["train", "--lr", "nan"], "--lr: expected a number above 0, got 'nan'"),
        (["train", "--seed", "2147483648"], "--seed: expected an integer of at least 0, got"),
        (["train", "--dataset", "cats"], "invalid choice: 'cats'"),
        (["train", "--dataset", "mnist"], "could not be downloaded"),
        (["train", "--data-dir", "nowhere"], "nowhere: expected pictures .* got no such folder"),
        (
            ["train", "--epoch", "3"],
            r"unrecognized arguments: --epoch 3; did you mean --epochs\? \(vae-gluon train --help",
        ),
        (["export", "nowhere", "--part", "mu"], "invalid choice: 'mu'"),
        (["train", "--dataset", "digits", "--arch", "conv", "--n-layers", "1"], "not for --arch conv"),
        (["train", "--resume", "--out", "x"], "x holds no run with checkpoint.npz"),
        (["evaluate", "nowhere", "--k", "0"], "least 1 and at most 1000000, got '0'"),
        (["evaluate", "nowhere"], "nowhere holds no run with checkpoint.npz"),
        (["figures"], "required: RUN"),
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


def test_a_name_with_control_characters_reaches_the_terminal_in_one_line(tmp_path, capsys):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/\x1b]0;mine\x07\nall is well.png").write_bytes(b"no picture")
    assert run("train", "--data-dir", tmp_path / "d", "--out", tmp_path / "run") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\\x1b]0;mine\\x07\\nall is well.png" in err


@no_pictures
def test_a_file_in_the_place_of_the_folder_is_named_in_the_error(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file/run"):
        assert run("train", "--dataset", "digits", "--out", out, *QUICK) == 1
        assert str(tmp_path / "file") in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


@no_pictures
def test_a_run_that_diverges_says_so(tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", "--dataset", "digits", "--out", out, "--lr", "1e4", *QUICK) == 1
    message = r"the training loss of epoch \d, batch \d: .* got (nan|inf): the run has diverged"
    assert re.search(message, capsys.readouterr().err)


@no_pictures
@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(13, "Permission denied", "run/x"), "Permission denied: 'run/x'\n"),
        (
            mx.base.MXNetError("Traceback:\n  File x.cc\nMXNetError: out of memory\n"),
            "vae-gluon train: error: MXNetError: out of memory\n",
        ),
    ],
    ids=["system", "MXNet"],
)
def test_what_the_system_and_mxnet_refuse_is_in_the_error(
    tmp_path, monkeypatch, capsys, error, line
):
    def refuse(*args, **options):
        raise error

    monkeypatch.setattr(train_command, "train", refuse)
    assert run("train", "--dataset", "digits", "--out", tmp_path / "run", *QUICK) == 1
    err = capsys.readouterr().err
    assert err.endswith(line)
    assert err.count("\n") == 1


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


def test_the_command_is_installed():
    (command,) = distribution("vae_gluon").entry_points
    assert (command.name, command.load()) == ("vae-gluon", cli.main)


def test_version_is_that_of_the_package(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"vae-gluon {vae_gluon.__version__}\n"

"""The command, run as a user runs it."""

import json
import re
import shutil
from importlib.metadata import distribution
from unittest.mock import MagicMock

import matplotlib
import matplotlib.image
import mxnet as mx
import numpy as np
import pytest
from idx_files import idx_files, write
from run_files import run, snapshot

import vae_gluon
from vae_gluon.command import cli
from vae_gluon.command import train as train_command

QUICK = ["--epochs", "2", "--n-hidden", "16", "--n-layers", "1"]

pytestmark = pytest.mark.usefixtures("few_digits")
no_pictures = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def copy(tmp_path, finished):
    """A copy of a finished run."""
    return shutil.copytree(finished, tmp_path / "copy")


def read(path):
    return json.loads(path.read_text())


def test_train_writes_the_whole_run_and_figures_draws_it_the_same_in_any_style(tmp_path):
    assert run("train", "--dataset", "digits", "--out", tmp_path, *QUICK) == 0
    before = snapshot(tmp_path)
    pictures = {
        "data_samples.png",
        "elbo.png",
        "latent_interpolations.png",
        "overview.png",
        "reconstructions.png",
        "2d_latent_space_for_test_samples.png",
        "generated_samples_with_2D_latent_space.png",
        "2d_latent_space_scan_for_generation.png",
    }
    others = {".lock", "checkpoint.npz", "config.json", "history.json", "history.csv"}
    assert before.keys() == pictures | others | {"vae_gluon_2d1l16h.params"}
    for name in pictures:
        pixels = matplotlib.image.imread(tmp_path / name)
        assert len(np.unique(pixels)) > 10  # something is drawn
        assert (pixels[0, 0] == 1).all()  # on white
        (tmp_path / name).unlink()
    settings = {"text.usetex": True, "savefig.bbox": "tight", "savefig.transparent": True}
    with matplotlib.style.context(["dark_background", settings]):
        assert run("figures", tmp_path) == 0
        assert matplotlib.rcParams["text.usetex"]  # the person's own again
    assert snapshot(tmp_path) == before


@no_pictures
def test_the_config_records_the_run(tmp_path, digits_folder, capsys):
    out = tmp_path / "run"
    run("train", "--data-dir", digits_folder, "--out", out, *QUICK)
    expected = {"dataset": "own_mnist", "data_dir": str(digits_folder), "seed": 1, "n_hidden": 16}
    expected |= {"version": vae_gluon.__version__, "context": str(vae_gluon.default_context())}
    assert read(out / "config.json").items() >= expected.items()
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
        seen.update(binarize=options["binarize"], kl_weight=options["kl_weight"])
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command, "train", train)
    words = "--epochs 3 --lr 0.5 --batch-size 7 --n-hidden 11 --n-latent 4 --n-layers 2 --seed 5"
    words += " --binarize --kl-weight 4"
    run("train", "--dataset", "digits", "--out", tmp_path / "run", *words.split())
    assert seen == {
        "epochs": 3,
        "lr": 0.5,
        "seed": (5, 0),
        "batch_size": 7,
        "n_images": (600, 200),
        "layers": [(11, 784), (11, 11), (8, 11)],
        "binarize": True,
        "kl_weight": 4,
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


# What is done with a run


def test_figures_of_several_runs_are_their_curves(copy, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree(copy, other)
    before = sorted(copy.iterdir())
    assert run("figures", copy, other) == 0
    assert capsys.readouterr().out == f"{copy.parent / 'curves.png'}\n"
    assert matplotlib.image.imread(copy.parent / "curves.png").shape[:2] == (840, 1200)
    assert sorted(copy.iterdir()) == before


@no_pictures
def test_figures_are_of_the_data_of_the_run(tmp_path, digits, digits_folder, monkeypatch, capsys):
    drawn = []
    draw_figures = "vae_gluon.command.figures.draw_figures"
    monkeypatch.setattr(draw_figures, lambda net, data, *args: drawn.append(data))
    monkeypatch.setenv("VAE_GLUON_DATA", str(digits_folder))
    assert run("train", "--out", tmp_path / "run", *QUICK) == 0
    others = idx_files({**digits, "test_data": 1 - digits["test_data"]})
    monkeypatch.setenv("VAE_GLUON_DATA", str(write(tmp_path / "others", others)))
    assert run("figures", tmp_path / "run") == 0
    for name in digits:
        np.testing.assert_array_equal(drawn[1][name], drawn[0][name])
    write(digits_folder, others)
    assert run("figures", tmp_path / "run") == 2
    assert "trained on other images than those now in" in capsys.readouterr().err


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
def test_binarized_runs_are_evaluated_on_binary_pixels(tmp_path, capsys):
    assert run("train", "--dataset", "digits", "--binarize", "--out", tmp_path, *QUICK) == 0
    assert run("evaluate", tmp_path, "--k", "5") == 0
    assert read(tmp_path / "evaluation.json")["pixels"] == "binarized"
    assert "200 binarized validation images" in capsys.readouterr().out


# Wrong words: one line, exit code 2, nothing written


COSINE = ["train", "--dataset", "digits", "--lr-schedule", "cosine"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["train", "--epochs", "many"], "--epochs: expected an integer of at least 1, got 'many'"),
        (["train", "--dataset", "cats"], "invalid choice: 'cats'"),
        (["train", "--data-dir", "nowhere"], "nowhere: expected pictures .* got no such folder"),
        (
            ["train", "--epoch", "3"],
            r"unrecognized arguments: --epoch 3; did you mean --epochs\? \(vae-gluon train --help",
        ),
        (["train", "--dataset", "digits", "--arch", "conv", "--n-layers", "1"], "not for --arch"),
        ([*COSINE, "--lr-decay", "0.9"], "--lr-decay is for --lr-schedule constant, not for cosi"),
        (
            [*COSINE, "--lr-warmup", "50"],
            "--lr-warmup: expected fewer than 50 epochs, got 50",
        ),
        (["evaluate", "nowhere", "--k", "0"], "least 1 and at most 1000000, got '0'"),
        (["evaluate", "nowhere"], "nowhere holds no run with checkpoint.npz"),
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
def test_the_last_line_of_an_error_of_mxnet_is_the_message(tmp_path, monkeypatch, capsys):
    error = mx.base.MXNetError("Traceback:\n  File x.cc\nMXNetError: out of memory\n")
    monkeypatch.setattr(train_command, "train", MagicMock(side_effect=error))
    assert run("train", "--dataset", "digits", "--out", tmp_path / "run", *QUICK) == 1
    assert capsys.readouterr().err == "vae-gluon train: error: MXNetError: out of memory\n"


def test_every_command_and_option_is_explained_within_the_width_of_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    commands = next(action for action in cli.build_parser()._actions if action.choices)
    for name, command in commands.choices.items():
        assert command.description, name
        assert max(map(len, command.format_help().splitlines())) <= 80
        for action in command._actions:
            assert action.help, f"{name} {action.dest}"


def test_the_command_is_installed():
    (command,) = distribution("vae_gluon").entry_points
    assert (command.name, command.load()) == ("vae-gluon", cli.main)

"""What a training does besides taking steps."""

import csv
import io
import re
import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
from after_epoch import AfterEpoch

import vae_gluon
from vae_gluon import (
    VAE,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    History,
    load_checkpoint,
    mnist_iterators,
    train,
)
from vae_gluon._progress import tqdm
from vae_gluon.training import callbacks
from vae_gluon.training.history import Loss


def fit(digits, epochs=2, net=None, learning_rate=0.001, progress=False, **options):
    """Train a small net from the same seed, six batches an epoch; return it and its history."""
    net = net or VAE(n_hidden=16)
    iterators = mnist_iterators(digits)
    return net, train(net, *iterators, epochs, learning_rate, progress, seed=1, **options)


def test_callbacks_run_in_their_order_at_each_point(digits):
    callbacks = MagicMock()
    fit(digits, 2, callbacks=[callbacks.a, callbacks.b])
    epoch = [*7 * ["after_batch"], "after_epoch"]
    points = ["before_training", *epoch, *epoch, "after_training"]
    calls = [f"{name}.{point}" for point in points for name in "ab"]
    assert [name for name, _, _ in callbacks.mock_calls] == calls
    assert callbacks.a.after_training.call_args[0][1] is None


@pytest.mark.parametrize("point", ["before_training", "after_batch", "after_epoch"])
def test_an_error_in_a_callback_ends_the_training_and_leaves_a_whole_checkpoint(
    digits, tmp_path, point
):
    def fail(training):
        if training.epoch == (0 if point == "before_training" else 2):
            raise error

    error = KeyError("mine")
    kept = Checkpoint(tmp_path / "c.npz", every=10)
    failing, last = MagicMock(**{f"{point}.side_effect": fail}), MagicMock()
    with pytest.raises(KeyError, match="mine"):
        fit(digits, 3, callbacks=[kept, failing, last])
    if point == "before_training":
        assert not last.mock_calls  # it has not begun
        assert not (tmp_path / "c.npz").exists()
    else:
        assert last.after_training.call_args[0][1] is error
        state, _ = load_checkpoint(tmp_path / "c.npz", VAE(n_hidden=16))
        assert len(state.history.train) == 2


# Checkpoint


def test_the_last_epoch_is_kept_as_often_as_asked_for_and_at_the_end(digits, tmp_path):
    path, kept = tmp_path / "c.npz", []

    def look(training):
        kept.append(len(np.load(path)["history/val"]) if path.exists() else 0)

    _, history = fit(digits, 5, callbacks=[Checkpoint(path, every=2), AfterEpoch(look)])
    assert kept == [0, 2, 2, 4, 4]
    state, config = load_checkpoint(path, VAE(n_hidden=16))
    assert (state.history, state.updates, config) == (history, 30, {})


@pytest.fixture
def stuck(digits):
    """Data whose validation loss soon falls no more."""
    few = {name: array[:200] for name, array in digits.items()}
    return {**few, "test_data": few["test_data"][:3], "test_label": few["test_label"][:3]}


def test_the_best_epoch_is_kept_without_moments(stuck, tmp_path):
    path = tmp_path / "best.npz"
    keep = Checkpoint(tmp_path / "c.npz", best=path, config={"mine": 1})
    _, history = fit(stuck, 30, learning_rate=0.05, callbacks=[keep])
    state, config = load_checkpoint(path, VAE(n_hidden=16))
    best = int(np.argmin(history.val))
    assert best < 29
    assert state.history.val == history.val[: best + 1]
    assert (state.moments, config) == ({}, {"mine": 1})


# EarlyStopping


def test_a_training_stops_whose_validation_loss_falls_no_more_also_when_resumed(
    stuck, capsys, tmp_path
):
    options = {"learning_rate": 0.02, "progress": True}
    _, whole = fit(stuck, 60, **options, callbacks=[EarlyStopping(3)])
    best = int(np.argmin(whole.val))
    assert len(whole.val) == best + 1 + 3 < 60
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("Time elapsed:")
    assert lines[-2].startswith("Stopping: ")
    assert f"not fallen below {whole.val[best]:.2f}, of epoch {best}, in the last 3" in lines[-2]
    fit(stuck, best + 2, **options, callbacks=[Checkpoint(tmp_path / "c.npz")])
    net = VAE(n_hidden=16)
    state, _ = load_checkpoint(tmp_path / "c.npz", net)
    _, resumed = fit(stuck, 60, net, **options, start=state, callbacks=[EarlyStopping(3)])
    assert resumed.val == whole.val
    with pytest.raises(ValueError, match="expected patience to be an integer of at least 1, got 0"):
        EarlyStopping(0)


# CSVLogger


def test_a_csv_file_has_a_row_for_each_epoch(digits, tmp_path):
    rows = []

    def read(training):
        with open(tmp_path / "log.csv", newline="") as file:
            rows.append(list(csv.DictReader(file)))

    log = [CSVLogger(tmp_path / "log.csv"), AfterEpoch(read)]
    _, history = fit(digits, 3, callbacks=log)
    assert [len(read) for read in rows] == [1, 2, 3]
    assert [int(row["epoch"]) for row in rows[-1]] == [0, 1, 2]
    for name, numbers in history._asdict().items():
        assert [float(row[name]) for row in rows[-1]] == numbers


# Progress


def test_progress_is_a_bar_with_lines_and_the_time(digits, terminal):
    _, history = fit(digits, 4, progress=True)
    out, err = terminal.readouterr()
    assert out.strip().splitlines() == [
        *(
            f"Epoch {n}, training loss {train:.2f}, validation loss {val:.2f}"
            for n, (train, val) in enumerate(zip(history.train, history.val))
        ),
        f"Time elapsed: {sum(history.seconds):.2f}s",
    ]
    assert "4.0/4" in err
    assert f"train={history.train[-1]:.2f}, val={history.val[-1]:.2f}" in err


@pytest.mark.parametrize("stream", [None, io.StringIO(), SimpleNamespace(write=len, flush=int)])
def test_streams_of_other_kinds_end_no_training(digits, monkeypatch, stream):
    """A service has none, and a logger's may not know whether it is a terminal."""
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    fit(digits, 1, progress=True)


def test_a_log_has_the_lines_alone_and_the_time_of_earlier_epochs_is_included(digits, capsys):
    states = []
    keep = AfterEpoch(lambda training: states.append(training.state))
    net, history = fit(digits, 1, callbacks=[keep])
    state = states[0]._replace(history=history._replace(seconds=[1000.0]))
    fit(digits, 2, net, progress=True, start=state)
    out, err = capsys.readouterr()
    assert re.search(r"^Epoch 1, .*\nTime elapsed: \d{4,}\.\d\ds, earlier epochs included\n$", out)
    assert err == ""


def test_the_bar_moves_within_an_epoch(digits, monkeypatch):
    seen = []

    class Bar(tqdm):
        def update(self, n=1):
            super().update(n)
            seen.append(self.n)

    monkeypatch.setattr(callbacks, "make_bar", Bar)
    fit(digits, 2, progress=True)
    one = [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 0.99, 0.99, 1]
    assert seen == pytest.approx([*one, *(1 + n for n in one)])


@pytest.mark.parametrize("epochs", [1, 10, 19, 101])
def test_a_run_of_any_length_leaves_ten_lines_and_its_last(net, epochs, capsys):
    training = callbacks.Training(net, None, History.empty(), epochs)
    progress = callbacks.Progress()
    progress.before_training(training)
    for _ in range(epochs):
        training.history.add(Loss(100.0), Loss(100.0), 1.0, 1.0)
        progress.after_epoch(training)
    lines = capsys.readouterr().out.splitlines()
    assert min(epochs, 10) <= len(lines) <= 11
    assert lines[0].startswith("Epoch 0,")
    assert lines[-1].startswith(f"Epoch {epochs - 1},")


def test_a_collapse_is_reported_once(digits, terminal):
    net, _ = fit(digits, 8, learning_rate=0.01, progress=True, kl_weight=1000)
    said = [line for line in terminal.readouterr().out.splitlines() if "no latent unit" in line]
    assert len(said) == 1
    assert "is active, the KL divergence is 0.00" in said[0]
    mu, _ = vae_gluon.encode(net, digits["test_data"])
    assert mu.var(axis=0).max() < 0.01  # as Burda et al. count

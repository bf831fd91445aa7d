"""What all tests share: seeds, small data, and a machine with nothing on it."""

import os
import signal
from pathlib import Path

import idx_files
import matplotlib
import mxnet as mx
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import vae_gluon
from vae_gluon.command import cli
from vae_gluon.data.download import FILES

matplotlib.use("Agg")

# A shell ignores Ctrl-C for what it starts in the background, and so would the tests of it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples each time, on machines of any speed, and nothing left behind.
settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("same")


def _find_mnist():
    """Return the folder of real MNIST on this machine, None if it has none."""
    for folder in (os.environ.get("VAE_GLUON_DATA"), Path(mx.base.data_dir(), "datasets/mnist")):
        if folder and (Path(folder) / f"{FILES['train_data'][0]}.gz").is_file():
            return Path(folder).resolve()
    return None


MNIST = _find_mnist()


@pytest.fixture(autouse=True)
def _seeds():
    vae_gluon.seed(1)


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch, tmp_path_factory):
    """Hide the MNIST of this machine, and let no test reach for the network."""
    monkeypatch.delenv("VAE_GLUON_DATA", raising=False)
    monkeypatch.setenv("MXNET_HOME", str(tmp_path_factory.mktemp("mxnet_home")))
    monkeypatch.setenv("MXNET_GLUON_REPO", "http://127.0.0.1:9")  # the port that discards


@pytest.fixture
def terminal(capsys, monkeypatch):
    """What is printed, where a bar can be drawn."""
    monkeypatch.setattr("vae_gluon._progress.IN_NOTEBOOK", True)
    return capsys


@pytest.fixture(scope="session")
def strict():
    """Words for Python that make warnings errors."""
    # matplotlib up to 3.9, the last for Python 3.9, calls pyparsing by its old names.
    old = ["-W", "ignore::DeprecationWarning"] if matplotlib.__version_info__ < (3, 10) else []
    return ["-W", "error", *old]


@pytest.fixture(scope="session")
def digits():
    """600 + 200 embedded digits, as ``load_mnist`` would return them."""
    return vae_gluon.make_digits(600, 200, seed=3)


@pytest.fixture
def few_digits(monkeypatch, digits):
    """Let the commands draw the few digits of ``digits``."""
    monkeypatch.setattr("vae_gluon.data.datasets.make_digits", lambda: digits)


@pytest.fixture
def no_pictures(monkeypatch):
    """Leave out the pictures of a run, which take longer than a short training."""
    monkeypatch.setattr("vae_gluon.command.figures.draw_samples", lambda *args: None)
    monkeypatch.setattr("vae_gluon.command.figures.draw_figures", lambda *args: None)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, digits):
    """The folder of a run of two epochs on a few digits, without pictures. Copy it."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    words = "train --dataset digits --epochs 2 --n-hidden 16 --n-layers 1 --out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vae_gluon.data.datasets.make_digits", lambda: digits)
        for name in ("draw_samples", "draw_figures"):
            patch.setattr(f"vae_gluon.command.figures.{name}", lambda *args: None)
        assert cli.main([*words.split(), str(folder)]) == 0
    return folder


@pytest.fixture
def contents():
    """Four small files as ``load_mnist`` reads them, by name."""
    return idx_files.small_files()


@pytest.fixture
def digits_folder(tmp_path, digits):
    """A folder with the digits in MNIST's files."""
    return idx_files.write(tmp_path / "mnist", idx_files.idx_files(digits))


@pytest.fixture
def mnist_folder():
    """The folder of real MNIST."""
    if MNIST is None:  # it is 11 MB of others' files, which the project does not carry
        pytest.skip("needs MNIST in VAE_GLUON_DATA or in MXNet's cache")
    return MNIST


@pytest.fixture
def net():
    """An initialized net, small and quick."""
    net = vae_gluon.VAE(n_hidden=32, n_latent=2, n_layers=1)
    net.initialize(mx.init.Xavier())
    return net


@pytest.fixture
def images():
    """A batch of 12 images in [0, 1], with exact zeros and ones among their pixels."""
    return mx.nd.array(np.clip(np.random.uniform(-0.5, 1.5, (12, 784)), 0, 1))

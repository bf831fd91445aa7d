"""Pictures of a training while it runs: a film, and the cell of a notebook."""

import shutil
import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

import mxnet as mx
import numpy as np
import pytest
from after_epoch import AfterEpoch
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image, ImageSequence

from vae_gluon import VAE, Film, LivePictures, encode, mnist_iterators, train
from vae_gluon.live import pictures


def fit(digits, epochs, *callbacks, net=None, start=None):
    """Train a small net with callbacks, from one seed."""
    iterators = mnist_iterators(digits)
    options = {"progress": False, "seed": 1, "start": start, "callbacks": callbacks}
    train(net or VAE(n_hidden=16), *iterators, epochs, **options)


def make_film(path, digits):
    return Film(path, digits["test_data"], digits["test_label"])


def frames_of(path):
    """Return the frames of a film, (N, height, width, 3), and their epochs."""
    with Image.open(path) as film:
        epochs = [int(word) for word in film.info["comment"].split()]
        return np.stack([frame.convert("RGB") for frame in ImageSequence.Iterator(film)]), epochs


@pytest.fixture(scope="module")
def whole(tmp_path_factory, digits):
    """A film of three epochs, and the state after each."""
    states = []
    path = tmp_path_factory.mktemp("live") / "film.gif"
    keep = AfterEpoch(lambda training: states.append(training.state))
    fit(digits, 3, make_film(path, digits), keep)
    return path, states


def test_a_film_has_a_frame_for_each_epoch_with_the_same_limits_and_colours(whole):
    frames, epochs = frames_of(whole[0])
    assert epochs == [1, 2, 3]
    assert frames.shape == (3, 400, 800, 3)
    assert all((frames[0] != frame).any() for frame in frames[1:])
    # Below the axes are the ticks and labels of both.
    np.testing.assert_array_equal(frames[:2, 370:], frames[1:, 370:])
    assert (frames[0, 370:] < 100).any()
    colours = np.array([colour for _, colour in Image.fromarray(frames[0]).getcolors()])
    for colour in 255 * colormaps["tab10"](range(10))[:, :3]:
        assert abs(colours - colour).max(axis=1).min() <= 4
    assert frames[0, 0, 0].tolist() == [255, 255, 255]


def test_a_training_that_resumes_goes_on_with_its_film(digits, whole, tmp_path):
    path, states = whole
    film = shutil.copy(path, tmp_path / "film.gif")
    # The checkpoint is from before the last frames.
    fit(digits, 2, make_film(film, digits), start=states[0])
    frames, epochs = frames_of(film)
    assert epochs == [1, 2]
    before = frames_of(path)[0]
    np.testing.assert_array_equal(frames[0], before[0])
    assert (frames[1] != before[1]).any()  # of another net
    fit(digits, 1, make_film(film, digits))  # another training begins another film
    assert frames_of(film)[1] == [1]
    (tmp_path / "film.gif").write_bytes(b"damaged")
    fit(digits, 2, make_film(film, digits), start=states[0])
    assert frames_of(film)[1] == [2]


def test_means_beyond_the_limits_are_drawn_at_the_edge(digits):
    net = VAE(n_hidden=16)
    net.initialize(mx.init.Normal(1.0))  # far from the prior
    left, right = Figure().subplots(1, 2)
    make_film("film.gif", digits).draw_plane(net, left, right)
    points = left.collections[0].get_offsets()
    mu, _ = encode(net, digits["test_data"])
    assert abs(mu).max() > 4
    np.testing.assert_allclose(np.sort(points, axis=0), np.sort(np.clip(mu, -4, 4), axis=0))
    assert left.get_xlim() == left.get_ylim() == (-4, 4)


@pytest.mark.parametrize("n_latent", [1, 3])
def test_a_film_is_of_two_latent_dimensions_and_of_some_of_many_epochs(
    digits, tmp_path, monkeypatch, n_latent
):
    monkeypatch.setattr(pictures, "N_FRAMES", 2)
    film = Film(tmp_path / "film.gif", digits["test_data"][:, 0])
    fit(digits, 4, film, net=VAE(n_hidden=16, n_latent=n_latent))
    assert frames_of(tmp_path / "film.gif")[1] == [2, 4]


def test_a_notebook_shows_one_picture_for_each_training(digits, monkeypatch):
    ipython = MagicMock()
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    live = LivePictures(digits["test_data"], digits["test_label"])
    fit(digits, 2, live)
    fit(digits, 1, live)
    display = ipython.display.display
    assert display.call_count == 2
    update = display.return_value.update
    assert update.call_count == 1
    assert display.call_args[0][0].size == update.call_args[0][0].size == (1200, 400)


@pytest.mark.parametrize("ipython", [None, SimpleNamespace(get_ipython=lambda: None)])
def test_outside_a_notebook_nothing_is_drawn(digits, monkeypatch, capsys, ipython):
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setattr(LivePictures, "render", lambda *args: 1 / 0)
    fit(digits, 1, LivePictures(digits["test_data"]))
    assert capsys.readouterr().out == ""

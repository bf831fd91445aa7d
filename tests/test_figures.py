"""The PNG files of a run: by the tutorial's names, the same each time."""

import matplotlib.image
import mxnet as mx
import numpy as np
import pytest

from vae_gluon import VAE
from vae_gluon.figures import draw_figures

HISTORY = {"train": [180.0, 160.0], "val": [170.0, 165.0]}
ALWAYS = {"data_samples.png", "elbo.png", "reconstructions.png"}
OF_THE_PLANE = {"2d_latent_space_for_test_samples.png", "2d_latent_space_scan_for_generation.png"}


def draw(net, digits, folder, seed=1):
    folder.mkdir()
    paths = draw_figures(net, digits, HISTORY, seed, folder)
    assert {path.name for path in paths} == {path.name for path in folder.iterdir()}
    return {path.name: matplotlib.image.imread(path) for path in paths}


def test_all_are_drawn_under_the_tutorials_names(net, digits, tmp_path):
    figures = draw(net, digits, tmp_path / "run")
    assert set(figures) == ALWAYS | OF_THE_PLANE | {"generated_samples_with_2D_latent_space.png"}
    for pixels in figures.values():
        assert pixels.shape[0] > 150
        assert pixels.shape[1] > 600
        assert len(np.unique(pixels)) > 10  # something is drawn


def test_drawing_again_changes_nothing(net, digits, tmp_path):
    first, again = (draw(net, digits, tmp_path / name) for name in ("first", "again"))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])


def test_another_seed_shows_other_images(net, digits, tmp_path):
    first, other = (draw(net, digits, tmp_path / str(seed), seed) for seed in (1, 2))
    assert not np.array_equal(first["data_samples.png"], other["data_samples.png"])
    assert np.array_equal(first["elbo.png"], other["elbo.png"])


@pytest.mark.parametrize("n_latent", [1, 5])
def test_without_a_latent_plane_its_pictures_are_left_out(digits, tmp_path, n_latent):
    net = VAE(n_hidden=8, n_latent=n_latent)
    net.initialize(mx.init.Xavier())
    figures = draw(net, digits, tmp_path / "run")
    assert set(figures) == ALWAYS | {f"generated_samples_with_{n_latent}D_latent_space.png"}


def test_fewer_images_than_a_row_are_enough(net, digits, tmp_path):
    few = {key: value[:3] for key, value in digits.items()}
    assert len(draw(net, few, tmp_path / "run")) == 6

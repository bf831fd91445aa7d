"""The PNG files of a run: by the tutorial's names, the same each time."""

import matplotlib.image
import mxnet as mx
import numpy as np
import pytest
from PIL import Image

from vae_gluon import VAE, History, ndtri_grid
from vae_gluon.command import figures
from vae_gluon.command.figures import draw_figures
from vae_gluon.command.overview import write_overview

HISTORY = History([180.0, 160.0], [170.0, 165.0], [1.0, 1.0], [3.0, 4.0], [4.0, 5.0])
ALWAYS = {
    "data_samples.png",
    "elbo.png",
    "latent_interpolations.png",
    "overview.png",
    "reconstructions.png",
}
OF_THE_PLANE = {"2d_latent_space_for_test_samples.png", "2d_latent_space_scan_for_generation.png"}


def draw(net, digits, folder, seed=1):
    folder.mkdir()
    paths = draw_figures(net, digits, HISTORY, seed, folder)
    assert {path.name for path in paths} == {path.name for path in folder.iterdir()}
    return {path.name: matplotlib.image.imread(path) for path in paths}


@pytest.fixture(scope="module")
def small():
    mx.random.seed(1)
    net = VAE(n_hidden=32)
    net.initialize(mx.init.Xavier())
    return net


@pytest.fixture(scope="module")
def drawn(small, digits, tmp_path_factory):
    """The pictures of that net, by their names."""
    return draw(small, digits, tmp_path_factory.mktemp("drawn") / "run")


def test_all_are_drawn_under_the_tutorials_names(drawn):
    assert set(drawn) == ALWAYS | OF_THE_PLANE | {"generated_samples_with_2D_latent_space.png"}
    for pixels in drawn.values():
        assert pixels.shape[0] > 150
        assert pixels.shape[1] > 600
        assert len(np.unique(pixels)) > 10  # something is drawn


def test_drawing_again_changes_nothing(drawn, small, digits, tmp_path):
    again = draw(small, digits, tmp_path / "again")
    for name in drawn:
        np.testing.assert_array_equal(drawn[name], again[name])


def test_another_seed_shows_other_images(drawn, small, digits, tmp_path):
    other = draw(small, digits, tmp_path / "other", seed=2)
    assert not np.array_equal(drawn["data_samples.png"], other["data_samples.png"])
    assert np.array_equal(drawn["elbo.png"], other["elbo.png"])


@pytest.mark.parametrize("n_latent", [1, 3])
def test_without_a_latent_plane_its_pictures_are_left_out(digits, tmp_path, n_latent):
    net = VAE(n_hidden=8, n_latent=n_latent)
    net.initialize(mx.init.Xavier())
    drawn = draw(net, digits, tmp_path / "run")
    names = ALWAYS | {f"generated_samples_with_{n_latent}D_latent_space.png"}
    components = {"principal_components_for_test_samples.png"}
    assert set(drawn) == (names | components if n_latent > 2 else names)


@pytest.mark.parametrize("n_latent", [2, 3])
def test_no_axes_stays_empty(digits, n_latent):
    net = VAE(n_hidden=8, n_latent=n_latent)
    net.initialize(mx.init.Xavier())
    for name, figure in figures._figures(net, digits, HISTORY, np.random.default_rng(1)):
        for ax in figure.axes:
            assert ax.has_data(), name


def test_fewer_images_than_a_row_are_enough(net, digits, tmp_path):
    few = {key: value[:3] for key, value in digits.items()}
    assert len(draw(net, few, tmp_path / "run")) == 8


def grey(size, level):
    return Image.new("RGB", size, (level, level, level))


def test_overview_has_every_picture_once_in_rows_of_its_width(tmp_path):
    sizes = {
        "elbo": (1000, 400),
        "generated_samples_with_3D_latent_space": (500, 500),
        "data_samples": (1400, 200),
        "latent_interpolations": (800, 400),
        "principal_components_for_test_samples": (680, 560),
        "reconstructions": (1400, 300),
    }
    for level, (name, size) in enumerate(sizes.items(), 1):
        grey(size, 30 * level).save(tmp_path / f"{name}.png")
    path = write_overview(sorted(tmp_path.iterdir()), tmp_path)
    sheet = np.asarray(Image.open(path))[..., 0]
    levels, areas = np.unique(sheet, return_counts=True)
    assert levels.tolist() == [30, 60, 90, 120, 150, 180, 255]
    for level, area, (width, height) in zip(levels, areas, sizes.values()):
        rows, columns = np.nonzero(sheet == level)
        box = rows.max() + 1 - rows.min(), columns.max() + 1 - columns.min()
        assert area == box[0] * box[1]  # not covered by another
        assert box[1] / box[0] == pytest.approx(width / height, rel=0.01)
    beside = [columns.max() for level in levels for columns in [np.nonzero(sheet == level)[1]]]
    assert sheet.shape[1] == 2000
    assert sum(right >= 1997 for right in beside[:-1]) == 4  # a row each


def test_curves_of_runs_have_a_name_each(tmp_path):
    path = figures.draw_curves({"one": HISTORY, "another": HISTORY}, tmp_path)
    assert path == tmp_path / "curves.png"
    assert matplotlib.image.imread(path).shape[:2] == (840, 1200)


# What each picture is given


@pytest.fixture
def given(net, digits, tmp_path, monkeypatch):
    """The arrays that each function of ``plotting`` was called with, by its name."""
    calls = {}
    for name in figures.plotting.__all__:
        monkeypatch.setattr(
            figures.plotting, name, lambda *args, name=name: calls.update({name: args[:-1]})
        )
    monkeypatch.setattr(figures, "_write", lambda name, figure, folder: folder / name)
    monkeypatch.setattr(figures, "write_overview", lambda paths, folder: folder)
    draw_figures(net, digits, HISTORY, 1, tmp_path)
    return calls


def are_among(images, data):
    known = {np.float32(image).tobytes() for image in data}
    return all(np.float32(image).tobytes() in known for image in images)


def test_interpolations_are_drawn(given):
    (steps,) = given["plot_interpolations"]
    assert steps.shape == (5, 10, 28, 28)


def test_samples_are_of_the_training_images(given, digits):
    (images,) = given["plot_samples"]
    assert len(images) == 10
    assert are_among(images, digits["train_data"])


def test_curve_is_the_history(given):
    assert given["plot_elbo"] == (HISTORY.train, HISTORY.val)
    assert given["plot_elbo_terms"] == (HISTORY.val, HISTORY.val_kl)


def test_reconstructions_are_the_nets_of_test_images(given, net, digits):
    originals, images = given["plot_reconstructions"]
    assert len(originals) == 10
    assert are_among(originals, digits["test_data"])
    mx.random.seed(1)
    net(mx.nd.array(originals.reshape(10, 784)))
    np.testing.assert_array_equal(images, net.output.asnumpy())


def test_canvas_is_a_hundred_codes_of_the_prior(given, net):
    (images,) = given["plot_grid"]
    # The generator has chosen the two rows of images by then.
    rng = np.random.default_rng(1)
    rng.choice(600, 10, replace=False)
    rng.choice(200, 10, replace=False)
    z = mx.nd.array(rng.standard_normal((100, 2)))
    np.testing.assert_array_equal(images, net.decode(z).asnumpy().reshape(100, 28, 28))


def test_scatters_are_the_means_of_all_test_images(given, net, digits):
    for name in ("plot_latent", "plot_latent_cdf"):
        mu, labels = given[name]
        expected = net.encode(mx.nd.array(digits["test_data"].reshape(200, 784)))[0]
        np.testing.assert_allclose(mu, expected.asnumpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(labels, digits["test_label"])


def test_scan_is_twenty_by_twenty(given, net):
    images, z = given["plot_scan"]
    np.testing.assert_array_equal(z, ndtri_grid(20))
    expected = net.decode(mx.nd.array(z)).asnumpy().reshape(400, 28, 28)
    np.testing.assert_allclose(images, expected, rtol=1e-5)


def test_interpolations_are_between_test_images_of_different_digits(net, digits):
    labels = np.where(np.arange(200) < 3, 1, 0)  # by chance, all pairs would be alike
    mnist = dict(digits, test_label=labels)
    steps = figures._interpolations(net, mnist, np.random.default_rng(1))
    assert steps.shape == (5, 10, 28, 28)
    steps = steps.reshape(5, 10, 784)
    ends = figures.latent.decode(net, figures.latent.encode(net, digits["test_data"])[0])
    for first, *_, last in steps:
        distances = [abs(ends - end).max(axis=1) for end in (first, last)]
        assert max(map(min, distances)) < 1e-5
        one, other = (labels[distance.argmin()] for distance in distances)
        assert one != other

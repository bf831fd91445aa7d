"""The PNG files of a run: by the tutorial's names, the same each time, in any style."""

import matplotlib.image
import matplotlib.style
import mxnet as mx
import numpy as np
import pytest
from matplotlib.figure import Figure

from vae_gluon import VAE, History, ndtri_grid
from vae_gluon.command import figures
from vae_gluon.command.figures import draw_figures
from vae_gluon.command.overview import Picture, overview

HISTORY = History([180.0, 160.0], [170.0, 165.0], [1.0, 1.0], [3.0, 4.0], [4.0, 5.0], [1.0, 1.0])
ALWAYS = {"data_samples", "elbo", "latent_interpolations", "overview", "reconstructions"}
OF_THE_PLANE = {"2d_latent_space_for_test_samples", "2d_latent_space_scan_for_generation"}


def make_net(n_latent):
    net = VAE(n_hidden=8, n_latent=n_latent)
    net.initialize(mx.init.Xavier())
    return net


def draw(net, dataset, folder, seed=1):
    """The pixels of the pictures, by their names."""
    folder.mkdir()
    paths = draw_figures(net, dataset, HISTORY, seed, folder)
    assert {path.name for path in paths} == {path.name for path in folder.iterdir()}
    return {path.stem: matplotlib.image.imread(path) for path in paths}


def test_all_are_drawn_under_the_tutorials_names_in_the_standard_style(digits, tmp_path):
    names = np.array(["$1$", "US$$", "_a", "", "caf\udce9"])
    dataset = {**digits, "test_label": names[digits["test_label"] // 2]}
    settings = {"text.usetex": True, "savefig.bbox": "tight", "savefig.transparent": True}
    with matplotlib.style.context(["dark_background", settings]):
        drawn = draw(make_net(2), dataset, tmp_path / "run")
        assert matplotlib.rcParams["text.usetex"]  # the person's own again
    assert set(drawn) == ALWAYS | OF_THE_PLANE | {"generated_samples_with_2D_latent_space"}
    for pixels in drawn.values():
        assert pixels.shape[0] > 150
        assert pixels.shape[1] > 600
        assert len(np.unique(pixels)) > 10  # something is drawn
        assert (pixels[0, 0] == 1).all()  # on white
    assert drawn["elbo"].shape[:2] == (576, 1440)


@pytest.mark.parametrize("n_latent", [1, 3])
def test_without_a_latent_plane_its_pictures_are_left_out(digits, tmp_path, n_latent):
    few = {key: value[:3] for key, value in digits.items()}  # fewer than a row, without a complaint
    drawn = draw(make_net(n_latent), few, tmp_path / "run")
    names = ALWAYS | {f"generated_samples_with_{n_latent}D_latent_space"}
    components = {"principal_components_for_test_samples"}
    assert set(drawn) == (names | components if n_latent > 2 else names)


def test_overview_has_every_picture_once_in_rows_of_its_width():
    sizes = [(14, 2), (14, 3), (10, 4), (6.8, 5.6), (5, 5), (8, 4)]
    parts = {}
    pictures = [
        Picture(f"picture {i}", *size, lambda figure, i=i: parts.update({i: figure}))
        for i, size in enumerate(sizes)
    ]
    sheet = overview(pictures)
    figure = Figure(figsize=(sheet.width, sheet.height))
    sheet.draw(figure)
    boxes = [parts[i].bbox for i in range(len(sizes))]
    for box, (width, height) in zip(boxes, sizes):
        assert box.width / box.height == pytest.approx(width / height)
    rows = sorted({round(box.y0) for box in boxes}, reverse=True)
    assert [rows.index(round(box.y0)) for box in boxes] == [0, 1, 2, 2, 3, 3]
    rights = [boxes[i].x1 for i in (0, 1, 3)]  # the last row is as high as it is, and not as wide
    assert rights == pytest.approx([figure.bbox.width] * 3)
    assert boxes[5].x1 < figure.bbox.width
    for i, box in enumerate(boxes):
        assert not any(box.padded(-1).overlaps(other) for other in boxes[i + 1 :])


def test_titles_on_the_overview_are_of_one_size(digits):
    rng = np.random.default_rng(1)
    pictures = list(figures._pictures(make_net(2), digits, HISTORY, rng))
    figure = Figure()
    overview(pictures).draw(figure)
    titles = [ax.title for part in figure.subfigs for sub in part.subfigs for ax in sub.axes]
    titles = [title for title in titles if title.get_text()]
    assert len(titles) == 8
    assert len({title.get_fontsize() for title in titles}) == 1


def test_curves_of_runs_have_a_name_each(tmp_path):
    path = figures.draw_curves({"one": [HISTORY], "another": [HISTORY]}, tmp_path, plane=False)
    assert path == tmp_path / "curves.png"
    assert matplotlib.image.imread(path).shape[:2] == (840, 1200)


def test_runs_of_a_group_are_one_line_as_long_as_the_shortest(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(figures, "_write", lambda picture, folder: picture.draw(Figure()))
    for name in ("plot_elbo", "plot_rate_distortion"):
        call = lambda *args, label: calls.append((label, *args[:2]))  # noqa: E731
        monkeypatch.setattr(figures.plotting, name, call)
    short = History([185.0], [175.0], [1.0], [3.5], [4.5], [1.0])
    figures.draw_curves({"one": [HISTORY, short], "other": [HISTORY]}, tmp_path, plane=True)
    assert calls == [
        ("one", [[180.0], [185.0]], [[170.0], [175.0]]),
        ("other", [[180.0, 160.0]], [[170.0, 165.0]]),
        ("one", [5.0, 4.5], [160.0, 170.5]),
        ("other", [5.0], [160.0]),
    ]


# What each picture is given


@pytest.fixture
def draw_arrays(net, digits, tmp_path, monkeypatch):
    """Draw nothing; return the arrays that each function of ``plotting`` was called with."""
    monkeypatch.setattr(figures, "_write", lambda picture, folder: picture.draw(Figure()))

    def arrays(seed):
        calls = {}
        for name in figures.plotting.__all__:
            call = lambda *args, ax, name=name: calls.update({name: args}) or ax  # noqa: E731
            monkeypatch.setattr(figures.plotting, name, call)
        draw_figures(net, digits, HISTORY, seed, tmp_path)
        return calls

    return arrays


@pytest.fixture
def given(draw_arrays):
    return draw_arrays(1)


def test_the_same_is_drawn_again_and_with_another_seed_something_else(given, draw_arrays):
    again, other = draw_arrays(1), draw_arrays(2)
    np.testing.assert_equal(again, given)
    for name in ("plot_samples", "plot_reconstructions", "plot_grid", "plot_interpolations"):
        assert not np.array_equal(other[name][0], given[name][0])


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
    images = digits["test_data"]
    steps = figures._interpolations(net, images, labels, np.random.default_rng(1))
    assert steps.shape == (5, 10, 28, 28)
    steps = steps.reshape(5, 10, 784)
    ends = figures.latent.decode(net, figures.latent.encode(net, images)[0])
    for first, *_, last in steps:
        distances = [abs(ends - end).max(axis=1) for end in (first, last)]
        assert max(map(min, distances)) < 1e-5
        one, other = (labels[distance.argmin()] for distance in distances)
        assert one != other

"""The PNG files of a run: what each picture is given, and the overview of them all."""

from unittest.mock import MagicMock

import matplotlib.image
import mxnet as mx
import numpy as np
import pytest
from matplotlib.figure import Figure

from vae_gluon import VAE, History, decode, encode, ndtri_grid
from vae_gluon.command import figures
from vae_gluon.command.figures import draw_figures
from vae_gluon.command.overview import Picture, overview

HISTORY = History([180.0, 160.0], [170.0, 165.0], [1.0, 1.0], [3.0, 4.0], [4.0, 5.0], [1.0, 1.0])


def test_without_a_latent_plane_its_pictures_are_left_out(digits, tmp_path, capsys):
    few = {key: value[:3] for key, value in digits.items()}  # fewer than a row, without a complaint
    few["test_label"] = np.array(["$1$", "_a", "caf\udce9"])
    net = VAE(n_hidden=8, n_latent=3)
    net.initialize(mx.init.Xavier())
    paths = draw_figures(net, few, HISTORY, 1, tmp_path)
    assert {path.name for path in paths} == {path.name for path in tmp_path.iterdir()}
    assert {path.stem for path in paths} == {
        "data_samples",
        "elbo",
        "generated_samples_with_3D_latent_space",
        "latent_interpolations",
        "overview",
        "principal_components_for_test_samples",
        "reconstructions",
    }
    assert "No pictures of a latent plane: n_latent is 3, not 2" in capsys.readouterr().out
    assert matplotlib.image.imread(tmp_path / "elbo.png").shape[:2] == (576, 1440)


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
    width = figure.bbox.width  # but for the last row
    assert [boxes[i].x1 for i in (0, 1, 3)] == pytest.approx([width] * 3)
    for i, box in enumerate(boxes):
        assert not any(box.padded(-1).overlaps(other) for other in boxes[i + 1 :])


def test_runs_of_a_group_are_one_line_as_long_as_the_shortest(tmp_path, monkeypatch):
    plotting = MagicMock()
    monkeypatch.setattr(figures, "plotting", plotting)
    short = History([185.0], [175.0], [1.0], [3.5], [4.5], [1.0])
    figures.draw_curves({"one": [HISTORY, short], "other": [HISTORY]}, tmp_path, plane=True)
    assert [(call[2]["label"], *call[1][:2]) for call in plotting.mock_calls] == [
        ("one", [[180.0], [185.0]], [[170.0], [175.0]]),
        ("other", [[180.0, 160.0]], [[170.0, 165.0]]),
        ("one", [5.0, 4.5], [160.0, 170.5]),
        ("other", [5.0], [160.0]),
    ]


# What each picture is given


@pytest.fixture
def draw_arrays(net, digits, tmp_path, monkeypatch):
    """Write nothing; return what each function of ``plotting`` is called with."""
    monkeypatch.setattr(Figure, "savefig", lambda *args, **options: None)

    def arrays(seed, dataset=digits):
        plotting = MagicMock(wraps=figures.plotting)
        with monkeypatch.context() as patch:
            patch.setattr(figures, "plotting", plotting)
            draw_figures(net, dataset, HISTORY, seed, tmp_path)
        return {name: args for name, args, _ in plotting.mock_calls}

    return arrays


def test_each_picture_shows_what_its_name_says(draw_arrays, net, digits):
    given = draw_arrays(1)
    images = digits["test_data"].reshape(200, 784)

    def are_among(shown, data):
        return {image.tobytes() for image in shown} <= {image.tobytes() for image in data}

    (samples,) = given["plot_samples"]
    assert len(samples) == 10
    assert are_among(samples, digits["train_data"])
    assert given["plot_elbo"] == (HISTORY.train, HISTORY.val)
    assert given["plot_elbo_terms"] == (HISTORY.val, HISTORY.val_kl)

    originals, reconstructions = given["plot_reconstructions"]
    assert len(originals) == 10
    assert are_among(originals, digits["test_data"])
    mx.random.seed(1)
    net(mx.nd.array(originals.reshape(10, 784)))
    np.testing.assert_array_equal(reconstructions, net.output.asnumpy())

    for name in ("plot_latent", "plot_latent_cdf"):
        mu, labels = given[name]
        np.testing.assert_allclose(mu, encode(net, images)[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(labels, digits["test_label"])

    (canvas,) = given["plot_grid"]  # a hundred codes of the prior
    rng = np.random.default_rng(1)
    rng.choice(600, 10, replace=False)  # the two rows of images have been chosen by then
    rng.choice(200, 10, replace=False)
    np.testing.assert_array_equal(canvas.reshape(100, 784), decode(net, rng.normal(size=(100, 2))))

    scan, z = given["plot_scan"]
    np.testing.assert_array_equal(z, ndtri_grid(20))
    np.testing.assert_allclose(scan.reshape(400, 784), decode(net, z), rtol=1e-5)
    assert given["plot_interpolations"][0].shape == (5, 10, 28, 28)

    other = draw_arrays(2)
    for name in ("plot_samples", "plot_reconstructions", "plot_grid", "plot_interpolations"):
        assert not np.array_equal(other[name][0], given[name][0])


def test_interpolations_are_between_test_images_of_different_digits(draw_arrays, net, digits):
    images = digits["test_data"]
    labels = np.where(np.arange(200) < 3, 1, 0)  # by chance, all pairs would be alike
    (steps,) = draw_arrays(1, {**digits, "test_label": labels})["plot_interpolations"]
    ends = decode(net, encode(net, images)[0])
    for first, *_, last in steps.reshape(5, 10, 784):
        distances = [abs(ends - end).max(axis=1) for end in (first, last)]
        assert max(map(min, distances)) < 1e-5
        one, other = (labels[distance.argmin()] for distance in distances)
        assert one != other

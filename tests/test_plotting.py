"""Pictures: each digit lands where it should, on the axes that were given."""

from functools import partial

import matplotlib.pyplot as plt
import mxnet as mx
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from scipy import stats

from vae_gluon import ndtri_grid, plotting

LABELS = np.arange(50) % 10


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def mu():
    return np.random.standard_normal((50, 2))


def numbered(n):
    """Images of 4x4 pixels that are all of one grey each, 0, 1 / n, 2 / n, ..."""
    return np.repeat(np.arange(n) / n, 16).reshape(n, 16)


@pytest.fixture
def images():
    """Images no part of which is like another."""
    return np.random.default_rng(0).uniform(size=(9, 1, 5, 5))


def canvas(ax):
    return np.asarray(ax.images[0].get_array())


def assert_tiled(pixels, images, n_columns, gap):
    """See that a canvas is of these images, upright and in reading order, and white between."""
    step = 5 + gap
    assert pixels.shape == (len(images) // n_columns * step - gap, n_columns * step - gap)
    for i, image in enumerate(images):
        top, left = i // n_columns * step, i % n_columns * step
        np.testing.assert_array_equal(pixels[top : top + 5, left : left + 5], image[0])
    assert pixels.sum() == pytest.approx(images.sum())


# Tiles


@pytest.mark.parametrize("gap", [0, 2])
@pytest.mark.parametrize("shape", [(6, 25), (6, 5, 5), (6, 1, 5, 5)])
def test_tiles_are_upright_in_reading_order_with_white_between(images, shape, gap):
    tiled = plotting.tile(images[:6].reshape(shape), n_columns=3, gap=gap)
    assert_tiled(tiled, images[:6], 3, gap)


@pytest.mark.parametrize(
    ("shape", "n_columns", "message"),
    [
        ((4, 10), 2, r"or square ones, \(N, side \* side\), got \(4, 10\)"),
        ((0, 9), 1, r"or square ones, \(N, side \* side\), got \(0, 9\)"),
        ((5, 9), 2, "expected images to fill rows of 2, got 5 of them"),
        ((4, 9), 0, "expected images to fill rows of 0, got 4 of them"),
    ],
)
def test_images_that_cannot_be_tiled_are_refused(shape, n_columns, message):
    with pytest.raises(ValueError, match=message):
        plotting.tile(np.zeros(shape), n_columns)


# Rows and grids


def test_samples_are_one_row_in_their_order(images):
    assert_tiled(canvas(plotting.plot_samples(images)), images, 9, gap=4)


def test_grid_is_in_reading_order(images):
    assert_tiled(canvas(plotting.plot_grid(images)), images, 3, gap=0)


def test_interpolations_are_one_row_for_each_pair(images):
    steps = images[:6].reshape(2, 3, 25)
    assert_tiled(canvas(plotting.plot_interpolations(steps)), images[:6], 3, gap=2)
    with pytest.raises(ValueError, match=r"\(N, n, n_output\) or .*, got \(6, 25\)"):
        plotting.plot_interpolations(steps.reshape(6, 25))


def test_images_need_not_be_square():
    high = np.random.default_rng(0).random((4, 6, 4)).astype(np.float32)
    whole = np.block([[high[0], high[1]], [high[2], high[3]]])
    np.testing.assert_array_equal(plotting.tile(high, 2), whole)
    np.testing.assert_array_equal(canvas(plotting.plot_grid(high[:, None])), whole)
    steps = plotting.plot_interpolations(high.reshape(2, 2, 6, 4))
    np.testing.assert_array_equal(canvas(steps), plotting.tile(high, 2, gap=2))
    np.testing.assert_array_equal(
        canvas(plotting.plot_reconstructions(high[:2], high[2:].reshape(2, 24))),
        plotting.tile(high, 2, gap=4),
    )
    z = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]])
    ax = plotting.plot_scan(high, z)
    np.testing.assert_array_equal(canvas(ax), plotting.tile(high[[2, 3, 0, 1]], 2))
    assert ax.get_aspect() == 6 / 4  # a pixel is square


def test_originals_are_over_their_reconstructions(images):
    ax = plotting.plot_reconstructions(images[:4], images[4:8].reshape(4, 25))
    assert_tiled(canvas(ax), images[:8], 4, gap=4)
    assert all(text.get_transform() == ax.transAxes for text in ax.texts)
    heights = {text.get_text(): text.get_position()[1] for text in ax.texts}
    assert 1 > heights["original"] > 0.5 > heights["reconstruction"] > 0


IMAGES = {
    "samples": plotting.plot_samples,
    "grid": plotting.plot_grid,
    "interpolations": lambda images: plotting.plot_interpolations(images.reshape(3, 3, 25)),
    "reconstructions": lambda images: plotting.plot_reconstructions(images, images),
    "scan": lambda images: plotting.plot_scan(images, ndtri_grid(3)),
}


@pytest.mark.parametrize("name", IMAGES)
def test_ink_is_drawn_black_and_paper_white_with_the_first_row_on_top(name, images):
    ax = IMAGES[name]((images > 0.7).astype(float))
    (image,) = ax.images
    assert image.get_cmap().name == "Greys"
    greys = image.to_rgba(image.get_array())[..., :3]
    assert {0.0, 1.0} == set(np.unique(greys))
    np.testing.assert_array_equal(greys[..., 0], 1 - image.get_array())
    assert IMAGES[name](0.25 * images).images[0].get_clim() == (0, 1)  # whatever the darkest pixel
    assert image.origin == "upper"
    assert image.get_interpolation() in ("nearest", "antialiased", "auto")  # and not smoothed
    assert ax.axison == (name == "scan")  # which has ticks, where the others have not even a frame


def test_reconstructions_without_originals_are_refused():
    with pytest.raises(ValueError, match=r"as many reconstructions as originals.* got 2 and 3"):
        plotting.plot_reconstructions(np.zeros((3, 784)), np.zeros((2, 784)))


def test_grid_of_no_square_number_is_refused():
    with pytest.raises(ValueError, match="expected a square number of images, got 8"):
        plotting.plot_grid(numbered(8))


# The scan


def test_scan_has_the_first_axis_to_the_right_and_the_second_upwards(images):
    z = ndtri_grid(3)
    pixels = canvas(plotting.plot_scan(images, z))
    assert pixels.shape == (15, 15)
    for image, (right, up) in zip(images, np.searchsorted(np.unique(z), z)):
        top, left = 5 * (2 - up), 5 * right
        np.testing.assert_array_equal(pixels[top : top + 5, left : left + 5], image[0])


def test_scan_ticks_are_the_codes_beside_them():
    n, z = 20, ndtri_grid(20)
    ax = plotting.plot_scan(numbered(n * n), z)
    for axis in (ax.xaxis, ax.yaxis):
        places, texts = axis.get_ticklocs(), [label.get_text() for label in axis.get_ticklabels()]
        assert (len(places), places[0], places[-1]) == (8, 0, n - 1)
        assert texts[0] == "\N{MINUS SIGN}3.00"
        numbers = [float(text.replace("\N{MINUS SIGN}", "-")) for text in texts]
        assert numbers == pytest.approx(z[places.astype(int), 0], abs=5e-3)
    assert ax.get_xlim() == ax.get_ylim() == (-0.5, n - 0.5)
    assert tuple(ax.images[0].get_extent()) == (-0.5, n - 0.5) * 2  # image i is centred at i
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$z_1$", "$z_2$")


@pytest.mark.parametrize(
    ("n_images", "shape", "message"),
    [
        (9, (9, 3), r"\(n \* n, 2\), got \(9, 3\).*two dimensions"),
        (8, (8, 2), "square number of codes, got 8"),
        (4, (9, 2), "9 images, one for each code, got 4"),
    ],
)
def test_codes_that_are_no_plane_are_refused(n_images, shape, message):
    with pytest.raises(ValueError, match=message):
        plotting.plot_scan(np.zeros((n_images, 16)), np.zeros(shape))


# The scatter


def scatter(ax):
    return ax.collections[0]


def as_set(points):
    return {tuple(point) for point in np.round(points, 9)}


plot_components = partial(plotting.plot_components, shares=[0.5, 0.25])


@pytest.mark.parametrize(
    ("plot", "place"),
    [
        (plotting.plot_latent, np.asarray),
        (plotting.plot_latent_cdf, stats.norm.cdf),
        (plot_components, np.asarray),
    ],
    ids=["plane", "cdf", "components"],
)
def test_every_mean_is_drawn_in_its_place_and_the_colour_of_its_digit(mu, plot, place):
    ax = plot(mu, LABELS)
    assert ax.get_aspect() == 1  # the plane is not stretched
    points, colours = scatter(ax).get_offsets().data, scatter(ax).get_facecolors()
    legend = ax.get_legend()
    assert legend.get_title().get_text() == "digit"
    key = {
        text.get_text(): to_rgb(handle.get_facecolor()[0])
        for text, handle in zip(legend.get_texts(), legend.legend_handles)
    }
    assert list(key) == [str(digit) for digit in range(10)]
    assert len(set(key.values())) == 10
    digits = {tuple(np.round(point, 9)): str(n) for point, n in zip(place(mu), LABELS)}
    assert set(digits) == as_set(points)
    for point, colour in zip(points, colours):
        assert to_rgb(colour) == key[digits[tuple(np.round(point, 9))]]


def test_a_digit_has_its_colour_whichever_others_there_are(mu):
    colours = plt.get_cmap("tab10")
    ax = plotting.plot_latent(mu[:2], [7, 3])
    for text, handle in zip(ax.get_legend().get_texts(), ax.get_legend().legend_handles):
        assert to_rgb(handle.get_facecolor()[0]) == to_rgb(colours(int(text.get_text())))
    drawn = {to_rgb(colour) for colour in scatter(ax).get_facecolors()}
    assert drawn == {to_rgb(colours(3)), to_rgb(colours(7))}


def test_digits_are_drawn_mixed_so_that_none_covers_the_others(mu):
    colours = scatter(plotting.plot_latent(mu, np.sort(LABELS))).get_facecolors()
    changes = (colours[1:] != colours[:-1]).any(axis=1).sum()
    assert changes > 30  # of 49; in the order of the digits there are nine


@pytest.mark.parametrize("plot", [plotting.plot_latent, plotting.plot_latent_cdf])
def test_means_that_are_no_plane_are_refused(plot):
    with pytest.raises(ValueError, match=r"two dimensions, \(N, 2\), got \(50, 3\)"):
        plot(np.zeros((50, 3)), LABELS)
    with pytest.raises(
        ValueError, match=r"50 labels, one for each point, got labels of shape \(49,\)"
    ):
        plot(np.zeros((50, 2)), LABELS[:49])
    with pytest.raises(ValueError, match=r"one-hot rows, with a single 1, got other numbers"):
        plot(np.zeros((50, 2)), np.ones((50, 3)))


def legend(ax):
    """The names in the legend, and their colours."""
    handles = ax.get_legend().legend_handles
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    return names, [to_rgb(handle.get_facecolor()[0]) for handle in handles]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array(["cat", "dog"])[LABELS % 2], ["cat", "dog"]),
        (np.array(["cat", None], object)[LABELS % 2], ["None", "cat"]),
        (np.eye(3)[LABELS % 3], ["0", "1", "2"]),
        (LABELS.astype(float), [str(digit) for digit in range(10)]),
        (LABELS / 2, [str(digit / 2) for digit in range(10)]),
        (100 + LABELS, [str(100 + digit) for digit in range(10)]),
        (LABELS % 2 == 0, ["False", "True"]),
    ],
)
def test_labels_may_be_anything_that_names_a_class(mu, labels, names):
    found, colours = legend(plotting.plot_latent(mu, labels))
    assert found == names
    assert len(set(colours)) == len(names)


def test_of_many_classes_the_largest_have_colours_and_the_others_are_grey():
    labels = np.repeat(np.arange(26), [1, *range(2, 26), 1])  # the first and the last are small
    ax = plotting.plot_latent(np.random.default_rng(0).normal(size=(len(labels), 2)), labels)
    names, colours = legend(ax)
    assert names == [*map(str, range(5, 25)), "6 others"]
    assert len(set(colours)) == 21
    grey = (np.round(scatter(ax).get_facecolors()[:, :3], 2) == 0.75).all(axis=1).sum()
    assert grey == (labels < 5).sum() + 1


def test_without_labels_there_is_no_legend(mu):
    ax = plotting.plot_latent(mu)
    assert ax.get_legend() is None
    assert len(scatter(ax).get_offsets()) == len(mu)


@pytest.mark.parametrize(
    ("plot", "title", "x", "y"),
    [
        (plotting.plot_latent, r"$\mu$ of the images", r"$\mu_1$", r"$\mu_2$"),
        (
            plotting.plot_latent_cdf,
            r"norm.cdf($\mu$)",
            r"norm.cdf($\mu_1$)",
            r"norm.cdf($\mu_2$)",
        ),
        (
            plot_components,
            r"principal components of $\mu$",
            "first, 50% of the variance",
            "second, 25% of the variance",
        ),
    ],
    ids=["plane", "cdf", "components"],
)
def test_scatters_say_what_they_show(mu, plot, title, x, y):
    ax = plot(mu, LABELS)
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == (title, x, y)


# The curve


def test_elbo_is_minus_the_loss_from_epoch_one():
    ax = plotting.plot_elbo([180.0, 160.0, 150.0], [170.0, 165.0, 155.0])
    train, val = ax.lines
    np.testing.assert_array_equal(train.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(train.get_ydata(), [-180, -160, -150])
    np.testing.assert_array_equal(val.get_ydata(), [-170, -165, -155])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "validation"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "ELBO (nats per image)")


def test_elbo_of_one_epoch_can_be_seen():
    ax = plotting.plot_elbo([180.0], [170.0])
    assert ax.lines[0].get_marker() == "."
    low, high = ax.get_xlim()
    assert [tick for tick in ax.get_xticks() if low <= tick <= high] == [1]


def test_elbo_terms_have_an_axis_each():
    ax = plotting.plot_elbo_terms([180.0, 160.0], [4.0, 6.5])
    left, right = ax.figure.axes
    assert left is ax
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [176, 153.5])
    np.testing.assert_array_equal(right.lines[0].get_ydata(), [4, 6.5])
    assert left.get_ylabel() == "reconstruction, 153.50 at the end"
    assert right.get_ylabel() == "KL divergence, 6.50 at the end"
    for axes in (left, right):
        low, high = axes.get_ylim()
        lines = np.ptp(axes.lines[0].get_ydata())
        assert lines > 0.8 * (high - low)  # neither is a flat line


def test_elbo_terms_of_one_epoch_are_both_seen():
    left, right = plotting.plot_elbo_terms([180.0], [4.0]).figure.axes
    assert left.lines[0].get_marker() == right.lines[0].get_marker() == "."
    assert left.lines[0].get_markersize() > right.lines[0].get_markersize()


def test_elbo_terms_need_a_divergence_for_each_loss():
    told = r"a loss and a KL divergence for each epoch, got \(2,\) and \(1,\)"
    with pytest.raises(ValueError, match=told):
        plotting.plot_elbo_terms([1.0, 2.0], [1.0])


@pytest.mark.parametrize("plot", [plotting.plot_elbo, plotting.plot_elbo_terms])
@pytest.mark.parametrize("losses", [[], [[1.0, 2.0]], 1.0])
def test_curves_need_losses_of_epochs(plot, losses):
    with pytest.raises(ValueError, match="expected losses, one for each epoch, got an array"):
        plot(losses, losses)


# All of them


@pytest.fixture
def pictures(mu):
    """Each function of the room with fitting arrays, called with an ``ax``."""
    return {
        "plot_samples": lambda ax: plotting.plot_samples(numbered(4), ax),
        "plot_grid": lambda ax: plotting.plot_grid(numbered(9), ax),
        "plot_reconstructions": lambda ax: plotting.plot_reconstructions(
            numbered(4), numbered(4), ax
        ),
        "plot_scan": lambda ax: plotting.plot_scan(numbered(9), ndtri_grid(3), ax),
        "plot_latent": lambda ax: plotting.plot_latent(mu, LABELS, ax),
        "plot_latent_cdf": lambda ax: plotting.plot_latent_cdf(mu, LABELS, ax),
        "plot_components": lambda ax: plotting.plot_components(mu, LABELS, [0.5, 0.25], ax),
        "plot_interpolations": lambda ax: plotting.plot_interpolations(
            numbered(6).reshape(2, 3, -1), ax
        ),
        "plot_elbo": lambda ax: plotting.plot_elbo([2.0, 1.0], [2.0, 1.5], ax),
        "plot_elbo_terms": lambda ax: plotting.plot_elbo_terms([2.0, 1.0], [0.5, 0.25], ax),
    }


def test_each_is_tried_here(pictures):
    assert set(pictures) == {name for name in plotting.__all__ if name.startswith("plot_")}


def test_each_draws_on_the_axes_it_is_given_and_returns_them(pictures):
    _, axes = plt.subplots(1, len(pictures))
    for ax, plot in zip(axes, pictures.values()):
        assert plot(ax) is ax
        assert ax.has_data()
    assert len(plt.get_fignums()) == 1


def test_each_draws_on_a_new_figure_if_given_none(pictures):
    figures = {plot(None).figure.number for plot in pictures.values()}
    assert len(figures) == len(pictures)


def test_none_changes_the_arrays_it_is_given(mu):
    images, z = numbered(9), ndtri_grid(3)
    kept = [array.copy() for array in (mu, images, z)]
    plotting.plot_latent(mu, LABELS)
    plotting.plot_scan(images, z)
    plotting.plot_grid(images)
    for array, copy in zip((mu, images, z), kept):
        np.testing.assert_array_equal(array, copy)


# Arrays of MXNet's


@pytest.mark.parametrize(
    ("plot", "arrays"),
    [
        (plotting.plot_samples, [numbered(4)]),
        (plotting.plot_grid, [numbered(4)]),
        (plotting.plot_reconstructions, [numbered(4), numbered(4)]),
        (plotting.plot_scan, [numbered(9), ndtri_grid(3)]),
        (plotting.plot_interpolations, [numbered(9).reshape(3, 3, 16)]),
    ],
)
def test_arrays_of_mxnet_give_the_same_picture(plot, arrays):
    ours = canvas(plot(*(array.astype("float32") for array in arrays)))
    theirs = canvas(plot(*(mx.nd.array(array) for array in arrays)))
    np.testing.assert_array_equal(theirs, ours)


def test_means_and_labels_of_mxnet_are_scattered_the_same(mu):
    for plot in (plotting.plot_latent, plotting.plot_latent_cdf, plot_components):
        ours, theirs = plot(mu, LABELS), plot(mx.nd.array(mu), mx.nd.array(LABELS))
        points = [ax.collections[0].get_offsets() for ax in (ours, theirs)]
        np.testing.assert_allclose(points[1], points[0], rtol=1e-6, atol=1e-7)


def test_curves_of_several_runs_are_told_apart():
    ax = plotting.plot_elbo([3.0, 2.0], [3.5, 2.5], label="beta 1")
    plotting.plot_elbo([4.0, 3.0], [4.5, 3.5], ax, label="beta 4")
    names = ["beta 1, -2.50 at the end", "beta 4, -3.50 at the end"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    np.testing.assert_array_equal([line.get_ydata()[-1] for line in ax.lines], [-2, -2.5, -3, -3.5])
    colours = [line.get_color() for line in ax.lines]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert [line.get_linestyle() for line in ax.lines] == ["--", "-", "--", "-"]


def test_a_run_whose_name_begins_with_a_line_is_in_the_legend():
    ax = plotting.plot_elbo([3.0], [2.5], label="_old")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [" _old, -2.50 at the end"]

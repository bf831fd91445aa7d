"""Pictures: each digit lands where it should, on the axes that were given, in any style."""

import io

import matplotlib
import matplotlib.pyplot as plt
import mxnet as mx
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from scipy import sparse, stats

from vae_gluon import ndtri_grid, plotting
from vae_gluon.plotting.latent import classes_of, colours_of

LABELS = np.arange(50) % 10
MU = np.random.default_rng(0).standard_normal((50, 2))
IMAGES = np.random.default_rng(0).uniform(size=(9, 1, 5, 5))  # no part is like another
FLAT, STEPS = IMAGES.reshape(9, 25), IMAGES.reshape(3, 3, 25)
HIGH = np.random.default_rng(1).uniform(size=(9, 1, 6, 4))

# Arrays for each function.
OF_IMAGES = {
    "plot_samples": [IMAGES],
    "plot_grid": [IMAGES],
    "plot_interpolations": [STEPS],
    "plot_traversals": [STEPS],
    "plot_reconstructions": [IMAGES, FLAT],
    "plot_scan": [IMAGES, ndtri_grid(3)],
}
OF_POINTS = {
    "plot_latent": [MU, LABELS],
    "plot_latent_cdf": [MU, LABELS],
    "plot_components": [MU, LABELS, [0.5, 0.25]],
}
OF_EPOCHS = {"plot_elbo": [[2, 1], [2, 1.5]], "plot_elbo_terms": [[2, 1], [0.5, 0.25]]}
OF_RUNS = {"plot_rate_distortion": [[1, 2], [2, 1]]}
ALL = {**OF_IMAGES, **OF_POINTS, **OF_EPOCHS, **OF_RUNS}


def plot(name, ax=None, of=np.asarray):
    return getattr(plotting, name)(*map(of, ALL[name]), ax=ax)


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def canvas(ax):
    return np.asarray(ax.images[0].get_array())


def assert_tiled(pixels, images, n_columns, gap):
    """See that a canvas is of these images, upright and in reading order, and white between."""
    height, width = images.shape[2] + gap, images.shape[3] + gap
    assert pixels.shape == (len(images) // n_columns * height - gap, n_columns * width - gap)
    for i, image in enumerate(images):
        top, left = i // n_columns * height, i % n_columns * width
        tile = pixels[top : top + height - gap, left : left + width - gap]
        np.testing.assert_array_equal(tile, image[0])
    assert pixels.sum() == pytest.approx(images.sum())


def legend(ax):
    """The names in the legend, and their colours."""
    handles = ax.get_legend().legend_handles
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    return names, [to_rgb(handle.get_facecolor()[0]) for handle in handles]


# Images


@pytest.mark.parametrize("gap", [0, 2])
@pytest.mark.parametrize("shape", [(6, 25), (6, 5, 5), (6, 1, 5, 5)])
def test_tiles_are_upright_in_reading_order_with_white_between(shape, gap):
    tiled = plotting.tile(IMAGES[:6].reshape(shape), n_columns=3, gap=gap)
    assert_tiled(tiled, IMAGES[:6], 3, gap)


def test_images_are_in_rows_in_their_order_and_need_not_be_square():
    assert_tiled(canvas(plotting.plot_samples(HIGH)), HIGH, 9, gap=4)
    assert_tiled(canvas(plotting.plot_grid(HIGH)), HIGH, 3, gap=0)
    steps = HIGH[:6].reshape(2, 3, 6, 4)
    assert_tiled(canvas(plotting.plot_interpolations(steps)), HIGH[:6], 3, gap=2)
    ax = plotting.plot_reconstructions(HIGH[:4].reshape(4, 24), HIGH[4:8])
    assert_tiled(canvas(ax), HIGH[:8], 4, gap=4)
    assert all(text.get_transform() == ax.transAxes for text in ax.texts)
    heights = {text.get_text(): text.get_position()[1] for text in ax.texts}
    assert 1 > heights["original"] > 0.5 > heights["reconstruction"] > 0


def test_traversals_have_a_row_for_each_dimension_and_ticks_for_their_codes():
    ax = plotting.plot_traversals(IMAGES[:6].reshape(2, 3, 5, 5), limit=2.0)
    assert_tiled(canvas(ax), IMAGES[:6], 3, gap=2)
    ax.figure.draw_without_rendering()
    ticks = {label.get_text(): place for label, place in zip(ax.get_xticklabels(), ax.get_xticks())}
    assert ticks.keys() == {"\N{MINUS SIGN}2.00", "0.00", "2.00"}
    rows = {label.get_text(): place for label, place in zip(ax.get_yticklabels(), ax.get_yticks())}
    # The middle of the last image, but for half a gap.
    np.testing.assert_allclose((ticks["2.00"], rows["$z_{2}$"]), (2 * 7 + 2, 7 + 2), atol=1)


def test_scan_has_the_first_axis_to_the_right_and_the_second_upwards():
    z = ndtri_grid(3)
    ax = plotting.plot_scan(HIGH, z)
    assert ax.get_aspect() == 6 / 4  # a pixel is square
    from_above = sorted(range(9), key=lambda i: (-z[i, 1], z[i, 0]))
    assert_tiled(canvas(ax), HIGH[from_above], 3, gap=0)


def test_scan_ticks_are_the_codes_beside_them():
    n, z = 21, ndtri_grid(21)
    ax = plotting.plot_scan(np.zeros((n * n, 4)), z)
    for axis in (ax.xaxis, ax.yaxis):
        ticks, texts = axis.get_ticklocs(), [label.get_text() for label in axis.get_ticklabels()]
        assert (len(ticks), ticks[0], ticks[-1]) == (6, 0, n - 1)
        assert texts[0] == "\N{MINUS SIGN}3.00"
        numbers = [float(text.replace("\N{MINUS SIGN}", "-")) for text in texts]
        assert numbers == pytest.approx(z[ticks.astype(int), 0], abs=5e-3)
    assert ax.get_xlim() == ax.get_ylim() == (-0.5, n - 0.5)
    assert tuple(ax.images[0].get_extent()) == (-0.5, n - 0.5) * 2  # image i is centred at i
    ax = plotting.plot_scan(np.zeros((1, 4)), np.array([[-1e-17, -0.0]]))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.00"]


# Scatters


@pytest.mark.parametrize("name", OF_POINTS)
def test_every_mean_has_its_point_and_the_colour_of_its_label(name):
    ax = plot(name)
    assert ax.get_aspect() == 1  # the plane is not stretched
    names, colours = legend(ax)
    assert names == [str(digit) for digit in range(10)]
    assert len(set(colours)) == 10
    where = stats.norm.cdf(MU) if name == "plot_latent_cdf" else MU
    labels = {tuple(np.round(point, 9)): label for point, label in zip(where, LABELS)}
    points = ax.collections[0].get_offsets().data
    assert len(points) == len(MU)
    for point, colour in zip(points, ax.collections[0].get_facecolors()):
        assert to_rgb(colour) == colours[labels[tuple(np.round(point, 9))]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == {
        "plot_latent": (r"$\mu_1$", r"$\mu_2$"),
        "plot_latent_cdf": (r"norm.cdf($\mu_1$)", r"norm.cdf($\mu_2$)"),
        "plot_components": ("first, 50% of the variance", "second, 25% of the variance"),
    }[name]


@pytest.mark.parametrize("offset", [0, 8, -50])
def test_the_cdf_is_shown_on_the_whole_unit_square(offset):
    with np.errstate(all="raise"):
        ax = plotting.plot_latent_cdf(MU + offset)
        ax.figure.draw_without_rendering()
    assert ax.get_xlim() == ax.get_ylim() == (0, 1)
    box = ax.get_window_extent()
    assert box.width == pytest.approx(box.height)


def test_points_are_mixed_and_larger_where_they_are_few():
    ax = plotting.plot_latent(MU, np.sort(LABELS))
    colours = ax.collections[0].get_facecolors()
    changes = (colours[1:] != colours[:-1]).any(axis=1).sum()
    assert changes > 30  # of 49; in the order of the digits there are nine
    many = plotting.plot_latent(np.tile(MU, (200, 1)))
    assert many.get_legend() is None  # without labels
    assert ax.collections[0].get_sizes()[0] > 4 * many.collections[0].get_sizes()[0]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array(["cat", None], object)[LABELS % 2], ["None", "cat"]),
        (np.array([b"cat", b"caf\xe9"])[LABELS % 2], ["caf\\xe9", "cat"]),
        (np.eye(3)[LABELS % 3], ["0", "1", "2"]),
        (LABELS[:, None].astype(float), [str(digit) for digit in range(10)]),
        (np.where(LABELS > 0, 1, np.nan), ["1.0", "nan"]),
        (LABELS % 2 == 0, ["False", "True"]),
    ],
)
def test_labels_may_be_anything_that_names_a_class(labels, names):
    classes, sizes = np.unique(classes_of(labels), return_counts=True)
    assert classes.astype(str).tolist() == names
    assert len(set(map(tuple, colours_of(classes, sizes)))) == len(names)


def test_a_digit_has_its_colour_whichever_others_there_are():
    colours = colours_of(np.array([3, 7]), np.array([1, 1]))
    np.testing.assert_array_equal(colours, colours_of(np.arange(10), np.ones(10))[[3, 7]])


NAMES = ["", "$5-$10", "Ba$$in", "_under", "caf\udce9", "two\nlines", "50%_#", "x" * 99, "\x1b"]
SHOWN = [*NAMES[:4], r"caf\udce9", r"two\nlines", "50%_#", "xxxxxxxxx...xxxxxxxxxxxx", r"\x1b"]


def assert_no_formula(texts):
    assert not any(text.get_usetex() or text.get_parse_math() for text in texts)


def test_names_of_classes_are_in_the_legend_as_they_are():
    ax = plotting.plot_latent(MU, np.array(NAMES)[np.arange(50) % len(NAMES)])
    names, colours = legend(ax)
    assert sorted(names) == sorted(SHOWN)
    assert len(set(colours)) == len(names)
    assert_no_formula(ax.get_legend().get_texts())
    ax.figure.savefig(io.BytesIO())


def test_of_many_classes_the_largest_have_colours_and_the_others_are_grey():
    labels = np.repeat(np.arange(26), [1, *range(2, 26), 1])  # the first and the last are small
    ax = plotting.plot_latent(np.random.default_rng(0).normal(size=(len(labels), 2)), labels)
    names, colours = legend(ax)
    assert names == [*map(str, range(7, 25)), "8 others"]
    assert len(set(colours)) == 19
    greys = [colour for colour in colours if max(colour) == min(colour)]
    assert greys == [colours[-1]]
    grey = (np.round(ax.collections[0].get_facecolors()[:, :3], 2) == 0.75).all(axis=1).sum()
    assert grey == (labels < 7).sum() + 1


# Curves


def test_elbo_is_minus_the_loss_from_epoch_one():
    ax = plotting.plot_elbo([180.0, 160.0, 150.0], [170.0, 165.0, 155.0])
    train, val = ax.lines
    np.testing.assert_array_equal(train.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(train.get_ydata(), [-180, -160, -150])
    np.testing.assert_array_equal(val.get_ydata(), [-170, -165, -155])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "validation"]


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


def test_no_two_lines_of_a_run_have_a_colour_and_one_epoch_can_be_seen():
    with matplotlib.rc_context({"axes.prop_cycle": matplotlib.cycler(color=["k"])}):
        left = plotting.plot_elbo([2], [1.5])
        terms = plotting.plot_elbo_terms([2], [0.5])
    lines = [line for ax in (left, *terms.figure.axes) for line in ax.lines]
    assert len({to_rgb(line.get_color()) for line in lines}) == 4
    assert {line.get_marker() for line in lines} == {"."}
    low, high = left.get_xlim()
    assert [tick for tick in left.get_xticks() if low <= tick <= high] == [1]


def test_curves_of_several_runs_are_told_apart_and_seeds_are_a_mean_in_a_band():
    val = [[5.0, 1.0], [7.0, 3.0], [9.0, 8.0]]
    ax = plotting.plot_elbo([[6.0, 4.0]] * 3, val, label="_beta $1$")
    plotting.plot_elbo([4.0, 3.0], [4.5, 3.5], ax, label="beta 4")
    texts = ax.get_legend().get_texts()
    assert [text.get_text() for text in texts] == [
        "_beta $1$, -4.00 \N{PLUS-MINUS SIGN} 3.61 at the end, n = 3",
        "beta 4, -3.50 at the end",
    ]
    assert_no_formula(texts)
    lines = [line.get_ydata().tolist() for line in ax.lines]
    assert lines == [[-6, -4], [-7, -4], [-4, -3], [-4.5, -3.5]]
    colours = [line.get_color() for line in ax.lines]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert [line.get_linestyle() for line in ax.lines] == ["--", "-", "--", "-"]
    band = ax.collections[0]
    heights = band.get_paths()[0].vertices
    at_the_end = heights[heights[:, 0] == 2, 1]
    sd = np.std([1, 3, 8], ddof=1)
    assert (at_the_end.min(), at_the_end.max()) == pytest.approx((-4 - sd, -4 + sd))
    assert to_rgb(band.get_facecolor()[0]) == to_rgb(colours[0])


def test_rate_and_distortion_are_a_point_with_the_colour_of_its_curve():
    _, (curves, plane) = plt.subplots(1, 2)
    for label, kl in (("beta $1$", [6.0, 7.0, 8.0]), ("beta 4", 4.0)):
        plotting.plot_elbo([3.0, 2.0], [3.5, 2.5], curves, label=label)
        plotting.plot_rate_distortion(kl, 100 + np.array(kl), plane, label=label)
    points = [line for line in plane.lines if line.get_marker() == "o"]
    assert [line.get_xydata().tolist() for line in points] == [[[7, 107]], [[4, 104]]]
    colours = [line.get_color() for line in points]
    assert colours == [line.get_color() for line in curves.lines[::2]]
    across, up = (bar.get_segments() for bar in plane.collections[:2])
    np.testing.assert_allclose(across, [[[6, 107], [8, 107]]])
    np.testing.assert_allclose(up, [[[7, 106], [7, 108]]])
    assert_no_formula(plane.get_legend().get_texts())


# All of them


def test_each_draws_on_the_axes_it_is_given_or_on_a_new_figure():
    assert set(ALL) == {name for name in plotting.__all__ if name.startswith("plot_")}
    _, axes = plt.subplots(1, len(ALL))
    for ax, name in zip(axes, ALL):
        assert plot(name, ax) is ax
        assert ax.has_data()
    assert len(plt.get_fignums()) == 1
    assert len({plot(name).figure.number for name in ALL}) == len(ALL)


@pytest.mark.parametrize("name", ALL)
def test_arrays_of_other_libraries_give_the_same_picture(name):
    def sparse_if_flat(array):
        return sparse.csr_matrix(array) if np.ndim(array) == 2 else array

    def shown(ax):
        if name in OF_IMAGES:
            return canvas(ax)
        if name in OF_POINTS:
            return ax.collections[0].get_offsets().data
        return ax.lines[0 if name in OF_RUNS else -1].get_ydata()  # others are of its error bars

    expected = shown(plot(name))
    for of in (mx.nd.array, sparse_if_flat):
        np.testing.assert_allclose(shown(plot(name, of=of)), expected, rtol=1e-6, atol=1e-7)


SETTINGS = {
    "image.origin": "lower",
    "image.aspect": "auto",
    "image.cmap": "jet",
    "image.interpolation": "bicubic",
    "axes.grid": True,
    "axes.autolimit_mode": "round_numbers",
    "xtick.minor.visible": True,
    "lines.linestyle": "None",
    "lines.marker": "x",
    "scatter.marker": "x",
    "text.usetex": True,
    "text.parse_math": False,
}


def test_a_persons_settings_change_no_meaning():
    with matplotlib.rc_context(SETTINGS):
        for name in OF_IMAGES:
            ax = plot(name)
            (image,) = ax.images
            ink = (image.origin, image.get_cmap().name, image.get_clim())
            assert ink == ("upper", "Greys", (0, 1))  # ink is black, whatever the darkest pixel
            assert image.get_interpolation() == "antialiased"
            assert ax.get_aspect() == 1
            assert ax.axison == (name in ("plot_scan", "plot_traversals"))
            lines = [*ax.get_xgridlines(), *ax.get_ygridlines()]
            assert not ax.axison or not any(line.get_visible() for line in lines)
            assert not ax.axison or not len(ax.xaxis.get_minorticklocs())
        circle = matplotlib.path.Path.unit_circle().vertices
        for name in OF_POINTS:
            ax = plot(name)
            assert len(ax.collections[0].get_paths()[0].vertices) == len(circle)
            assert ax.title.get_parse_math()
            assert ax.xaxis.label.get_parse_math()
            texts = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_legend().get_texts()]
            assert not any(text.get_usetex() for text in texts)
        for name in OF_EPOCHS:
            for ax in plot(name).figure.axes:
                assert {line.get_linestyle() for line in ax.lines} == {"-"}
                assert {line.get_marker() for line in ax.lines} == {""}
                visible = [line.get_visible() for line in ax.get_ygridlines()]
                assert any(visible) == (ax is ax.figure.axes[0])


def test_scatters_may_share_their_axes():
    figure, axes = plt.subplots(1, 3, sharex=True, sharey=True)
    for name, ax in zip(OF_POINTS, axes):
        plot(name, ax)
    figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("draw", "arrays", "message"),
    [
        (plotting.tile, (np.zeros((4, 10)), 2), r"\(N, side \* side\), got \(4, 10\)"),
        (plotting.tile, (np.zeros((5, 9)), 2), "expected rows of 2, got 5 of them"),
        (plotting.plot_samples, (np.full((1, 4), 1.01),), r"pixels in \[0, 1\], got"),
        (plotting.plot_grid, (np.zeros((8, 9)),), "a square number of them, got 8"),
        (plotting.plot_interpolations, (np.zeros((6, 25)),), r"\(N, n, n_output\), got"),
        (plotting.plot_reconstructions, (np.zeros((2, 9)), np.zeros((2, 4))), r"\(2, 4\) and \("),
        (plotting.plot_scan, (np.zeros((9, 4)), np.zeros((9, 3))), r"\(9, 2\), got \(9, 3\)"),
        (plotting.plot_latent_cdf, (np.zeros(3),), r"mu: .* \(N, 2\), got \(3,\)"),
        (plotting.plot_latent, (MU, LABELS[:49]), r"labels: .* \(50,\), got \(49,\)"),
        (plotting.plot_components, (MU, None, [1]), r"shares: .* \(2,\), got \(1,\)"),
        (plotting.plot_elbo, ([], []), r"train: .* \(n, epochs\), got \(1, 0\)"),
        (plotting.plot_elbo_terms, ([1, 2], [1]), r"kl: .* \(2,\), got \(1,\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(draw, arrays, message):
    with pytest.raises(ValueError, match=message):
        draw(*arrays)
    assert plt.get_fignums() == []  # nothing is left open

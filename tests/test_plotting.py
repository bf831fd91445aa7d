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

# Each function with arrays that fit, or, as the second argument, those arrays as others have them.
OF_IMAGES = {
    "plot_samples": lambda ax, of: plotting.plot_samples(of(IMAGES), ax),
    "plot_grid": lambda ax, of: plotting.plot_grid(of(IMAGES), ax),
    "plot_interpolations": lambda ax, of: plotting.plot_interpolations(
        of(IMAGES.reshape(3, 3, 25)), ax
    ),
    "plot_traversals": lambda ax, of: plotting.plot_traversals(of(IMAGES.reshape(3, 3, 25)), ax=ax),
    "plot_reconstructions": lambda ax, of: plotting.plot_reconstructions(
        of(IMAGES), of(IMAGES.reshape(9, 25)), ax
    ),
    "plot_scan": lambda ax, of: plotting.plot_scan(of(IMAGES), of(ndtri_grid(3)), ax),
}
OF_POINTS = {
    "plot_latent": lambda ax, of: plotting.plot_latent(of(MU), of(LABELS), ax),
    "plot_latent_cdf": lambda ax, of: plotting.plot_latent_cdf(of(MU), of(LABELS), ax),
    "plot_components": lambda ax, of: plotting.plot_components(
        of(MU), of(LABELS), of(np.array([0.5, 0.25])), ax
    ),
}
OF_EPOCHS = {
    "plot_elbo": lambda ax, of: plotting.plot_elbo([2, 1], of([2, 1.5]), ax),
    "plot_elbo_terms": lambda ax, of: plotting.plot_elbo_terms([2, 1], of([0.5, 0.25]), ax),
}
OF_RUNS = {
    "plot_rate_distortion": lambda ax, of: plotting.plot_rate_distortion(
        of([1.0, 2.0]), of([2.0, 1.0]), ax
    ),
}
ALL = {**OF_IMAGES, **OF_POINTS, **OF_EPOCHS, **OF_RUNS}


def plot(name, ax=None, of=np.asarray):
    return ALL[name](ax, of)


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


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


def legend(ax):
    """The names in the legend, and their colours."""
    handles = ax.get_legend().legend_handles
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    return names, [to_rgb(handle.get_facecolor()[0]) for handle in handles]


def scatter(ax):
    return ax.collections[0]


# Images


@pytest.mark.parametrize("gap", [0, 2])
@pytest.mark.parametrize("shape", [(6, 25), (6, 5, 5), (6, 1, 5, 5)])
def test_tiles_are_upright_in_reading_order_with_white_between(shape, gap):
    tiled = plotting.tile(IMAGES[:6].reshape(shape), n_columns=3, gap=gap)
    assert_tiled(tiled, IMAGES[:6], 3, gap)


def test_images_are_in_rows_in_their_order():
    assert_tiled(canvas(plotting.plot_samples(IMAGES)), IMAGES, 9, gap=4)
    assert_tiled(canvas(plotting.plot_grid(IMAGES)), IMAGES, 3, gap=0)
    steps = IMAGES[:6].reshape(2, 3, 25)
    assert_tiled(canvas(plotting.plot_interpolations(steps)), IMAGES[:6], 3, gap=2)
    ax = plotting.plot_reconstructions(IMAGES[:4], IMAGES[4:8].reshape(4, 25))
    assert_tiled(canvas(ax), IMAGES[:8], 4, gap=4)
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


def test_images_need_not_be_square():
    high = np.random.default_rng(0).random((4, 6, 4)).astype(np.float32)
    whole = np.block([[high[0], high[1]], [high[2], high[3]]])
    np.testing.assert_array_equal(plotting.tile(high, 2), whole)
    np.testing.assert_array_equal(canvas(plotting.plot_grid(high[:, None])), whole)
    steps = plotting.plot_interpolations(high.reshape(2, 2, 6, 4))
    np.testing.assert_array_equal(canvas(steps), plotting.tile(high, 2, gap=2))
    rows = plotting.plot_reconstructions(high[:2], high[2:].reshape(2, 24))
    np.testing.assert_array_equal(canvas(rows), plotting.tile(high, 2, gap=4))
    ax = plotting.plot_scan(high, np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]]))
    np.testing.assert_array_equal(canvas(ax), plotting.tile(high[[2, 3, 0, 1]], 2))
    assert ax.get_aspect() == 6 / 4  # a pixel is square


def test_scan_has_the_first_axis_to_the_right_and_the_second_upwards():
    z = ndtri_grid(3)
    pixels = canvas(plotting.plot_scan(IMAGES, z))
    assert pixels.shape == (15, 15)
    for image, (right, up) in zip(IMAGES, np.searchsorted(np.unique(z), z)):
        top, left = 5 * (2 - up), 5 * right
        np.testing.assert_array_equal(pixels[top : top + 5, left : left + 5], image[0])


@pytest.mark.parametrize("minus", ["\N{MINUS SIGN}", "-"])
def test_scan_ticks_are_the_codes_beside_them(minus):
    n, z = 21, ndtri_grid(21)
    with matplotlib.rc_context({"axes.unicode_minus": minus != "-"}):  # a font may not have it
        ax = plotting.plot_scan(np.zeros((n * n, 4)), z)
    for axis in (ax.xaxis, ax.yaxis):
        ticks, texts = axis.get_ticklocs(), [label.get_text() for label in axis.get_ticklabels()]
        assert (len(ticks), ticks[0], ticks[-1]) == (6, 0, n - 1)
        assert texts[0] == f"{minus}3.00"
        numbers = [float(text.replace(minus, "-")) for text in texts]
        assert numbers == pytest.approx(z[ticks.astype(int), 0], abs=5e-3)
    assert ax.get_xlim() == ax.get_ylim() == (-0.5, n - 0.5)
    assert tuple(ax.images[0].get_extent()) == (-0.5, n - 0.5) * 2  # image i is centred at i
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$z_1$", "$z_2$")
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
    points = scatter(ax).get_offsets().data
    assert len(points) == len(MU)
    for point, colour in zip(points, scatter(ax).get_facecolors()):
        assert to_rgb(colour) == colours[labels[tuple(np.round(point, 9))]]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == {
        "plot_latent": (r"$\mu$ of the images", r"$\mu_1$", r"$\mu_2$"),
        "plot_latent_cdf": (r"norm.cdf($\mu$)", r"norm.cdf($\mu_1$)", r"norm.cdf($\mu_2$)"),
        "plot_components": (
            r"principal components of $\mu$",
            "first, 50% of the variance",
            "second, 25% of the variance",
        ),
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
    colours = scatter(ax).get_facecolors()
    changes = (colours[1:] != colours[:-1]).any(axis=1).sum()
    assert changes > 30  # of 49; in the order of the digits there are nine
    many = plotting.plot_latent(np.tile(MU, (200, 1)))
    assert many.get_legend() is None  # without labels
    assert scatter(ax).get_sizes()[0] > 4 * scatter(many).get_sizes()[0]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array(["cat", None], object)[LABELS % 2], ["None", "cat"]),
        (np.array([b"cat", b"caf\xe9"])[LABELS % 2], ["caf\\xe9", "cat"]),
        (np.eye(3)[LABELS % 3], ["0", "1", "2"]),
        (LABELS[:, None].astype(float), [str(digit) for digit in range(10)]),
        (LABELS / 2, [str(digit / 2) for digit in range(10)]),
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
    grey = (np.round(scatter(ax).get_facecolors()[:, :3], 2) == 0.75).all(axis=1).sum()
    assert grey == (labels < 7).sum() + 1


# Curves


def test_elbo_is_minus_the_loss_from_epoch_one():
    ax = plotting.plot_elbo([180.0, 160.0, 150.0], [170.0, 165.0, 155.0])
    train, val = ax.lines
    np.testing.assert_array_equal(train.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(train.get_ydata(), [-180, -160, -150])
    np.testing.assert_array_equal(val.get_ydata(), [-170, -165, -155])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "validation"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epochs trained", "ELBO (nats per image)")


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


def test_both_panels_have_titles_and_no_two_lines_a_colour_and_one_epoch_can_be_seen():
    _, axes = plt.subplots(1, 2)
    with matplotlib.rc_context({"axes.prop_cycle": matplotlib.cycler(color=["k"])}):
        plotting.plot_elbo([2], [1.5], axes[0])
        plotting.plot_elbo_terms([2], [0.5], axes[1])
    assert all(ax.get_title() for ax in axes)
    lines = [line for ax in axes[0].figure.axes for line in ax.lines]
    assert len({to_rgb(line.get_color()) for line in lines}) == 4
    assert {line.get_marker() for line in lines} == {"."}
    low, high = axes[0].get_xlim()
    assert [tick for tick in axes[0].get_xticks() if low <= tick <= high] == [1]


def test_curves_of_several_runs_are_told_apart():
    ax = plotting.plot_elbo([3.0, 2.0], [3.5, 2.5], label="_beta $1$")
    plotting.plot_elbo([4.0, 3.0], [4.5, 3.5], ax, label="beta 4")
    texts = ax.get_legend().get_texts()
    names = ["_beta $1$, -2.50 at the end", "beta 4, -3.50 at the end"]
    assert [text.get_text() for text in texts] == names
    assert_no_formula(texts)
    np.testing.assert_array_equal([line.get_ydata()[-1] for line in ax.lines], [-2, -2.5, -3, -3.5])
    colours = [line.get_color() for line in ax.lines]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert [line.get_linestyle() for line in ax.lines] == ["--", "-", "--", "-"]


def test_runs_with_other_seeds_are_their_mean_in_a_band_of_one_standard_deviation():
    val = [[5.0, 1.0], [7.0, 3.0], [9.0, 8.0]]
    ax = plotting.plot_elbo([[6.0, 4.0]] * 3, val, label="beta 4")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "beta 4, -4.00 \N{PLUS-MINUS SIGN} 3.61 at the end, n = 3"
    ]
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [-7, -4])
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices
    at_the_end = heights[heights[:, 0] == 2, 1]
    sd = np.std([1, 3, 8], ddof=1)
    assert (at_the_end.min(), at_the_end.max()) == pytest.approx((-4 - sd, -4 + sd))
    assert to_rgb(band.get_facecolor()[0]) == to_rgb(ax.lines[1].get_color())


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
    kept = [array.copy() for array in (MU, IMAGES, LABELS)]
    for ax, name in zip(axes, ALL):
        assert plot(name, ax) is ax
        assert ax.has_data()
    assert len(plt.get_fignums()) == 1
    assert len({plot(name).figure.number for name in ALL}) == len(ALL)
    for array, copy in zip((MU, IMAGES, LABELS), kept):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("name", ALL)
def test_arrays_of_other_libraries_give_the_same_picture(name):
    def sparse_if_flat(array):
        array = np.reshape(array, (len(array), -1)) if np.ndim(array) == 4 else np.asarray(array)
        return sparse.csr_matrix(array) if array.ndim == 2 else array

    def shown(ax):
        if name in OF_IMAGES:
            return canvas(ax)
        if name in OF_POINTS:
            return scatter(ax).get_offsets().data
        return ax.lines[0 if name in OF_RUNS else -1].get_ydata()  # others are of its error bars

    expected = shown(plot(name))
    for of in (mx.nd.array, sparse_if_flat):
        np.testing.assert_allclose(shown(plot(name, of=of)), expected, rtol=1e-6, atol=1e-7)


SETTINGS = [
    {
        "image.origin": "lower",
        "image.aspect": "auto",
        "image.cmap": "jet",
        "image.interpolation": "bicubic",
        "axes.grid": True,
        "xtick.minor.visible": True,
    },
    {"axes.autolimit_mode": "round_numbers", "text.usetex": True, "text.parse_math": False},
    {"lines.linestyle": "None", "lines.marker": "x", "scatter.marker": "x"},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_persons_settings_change_no_meaning(settings):
    with matplotlib.rc_context(settings):
        for name in OF_IMAGES:
            ax = plot(name)
            (image,) = ax.images
            assert (image.origin, image.get_cmap().name, image.get_clim()) == (
                "upper",
                "Greys",  # ink is black, whatever the darkest pixel
                (0, 1),
            )
            assert image.get_interpolation() == "antialiased"
            assert ax.get_aspect() == 1
            assert ax.axison == (name in ("plot_scan", "plot_traversals"))
            lines = [*ax.get_xgridlines(), *ax.get_ygridlines()]
            assert not ax.axison or not any(line.get_visible() for line in lines)
            assert not ax.axison or not len(ax.xaxis.get_minorticklocs())
        _, axes = plt.subplots(1, 3, sharex=True, sharey=True)  # which can share their limits
        for name, ax in zip(OF_POINTS, axes):
            plot(name, ax)
            circle = matplotlib.path.Path.unit_circle().vertices
            assert len(scatter(ax).get_paths()[0].vertices) == len(circle)
            assert ax.title.get_parse_math()
            assert ax.xaxis.label.get_parse_math()
            texts = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_legend().get_texts()]
            assert not any(text.get_usetex() for text in texts)
        if not matplotlib.rcParams["text.usetex"]:
            ax.figure.draw_without_rendering()
        for name in OF_EPOCHS:
            for ax in plot(name).figure.axes:
                assert {line.get_linestyle() for line in ax.lines} == {"-"}
                assert {line.get_marker() for line in ax.lines} == {""}
                visible = [line.get_visible() for line in ax.get_ygridlines()]
                assert any(visible) == (ax is ax.figure.axes[0])


@pytest.mark.parametrize(
    ("draw", "arrays", "message"),
    [
        (plotting.tile, (np.zeros((4, 10)), 2), r"\(N, side \* side\), got \(4, 10\)"),
        (plotting.tile, (np.zeros((0, 9)), 1), "expected images, got none"),
        (plotting.tile, (np.zeros((5, 9)), 2), "expected rows of 2, got 5 of them"),
        (plotting.tile, (np.zeros((5, 9)), 0), "expected rows of 0, got 5 of them"),
        (plotting.plot_samples, (np.full((1, 4), 1.01),), r"pixels in \[0, 1\], got"),
        (plotting.plot_grid, (np.zeros((8, 9)),), "a square number of them, got 8"),
        (plotting.plot_interpolations, (np.zeros((6, 25)),), r"\(N, n, n_output\), got"),
        (plotting.plot_reconstructions, (np.zeros((2, 9)), np.zeros((2, 4))), r"\(2, 4\) and \("),
        (plotting.plot_scan, (np.zeros((9, 4)), np.zeros((9, 3))), r"\(9, 2\), got \(9, 3\)"),
        (plotting.plot_scan, (np.zeros((8, 4)), np.zeros((8, 2))), "square number .* got 8"),
        (plotting.plot_latent_cdf, (np.zeros(3),), r"mu: .* \(N, 2\), got \(3,\)"),
        (plotting.plot_latent, (MU, LABELS[:49]), r"labels: .* \(50,\), got \(49,\)"),
        (plotting.plot_latent, (MU, [("a", 1)] * 50), r"labels: .* got \(50, 2\)"),
        (plotting.plot_components, (MU, None, [1]), r"shares: .* \(2,\), got \(1,\)"),
        (plotting.plot_elbo, ([], []), r"train: .* \(n, epochs\), got \(1, 0\)"),
        (plotting.plot_elbo_terms, ([1, 2], [1]), r"kl: .* \(2,\), got \(1,\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(draw, arrays, message):
    with pytest.raises(ValueError, match=message):
        draw(*arrays)
    assert plt.get_fignums() == []  # nothing is left open

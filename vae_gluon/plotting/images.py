"""Images side by side: rows, grids, originals over reconstructions, the decoded latent plane."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import Formatter

from vae_gluon._checks import as_array, as_matrices, check_pixels, check_shape
from vae_gluon.plotting.axes import axes_or_new, set_texts

N_TICKS = 6


def tile(images: np.ndarray, n_columns: int, gap: int = 0) -> np.ndarray:
    """Arrange images on one canvas in reading order: left to right, then downwards.

    Parameters
    ----------
    images : array
        In [0, 1], (N, height, width) or (N, 1, height, width); flat, (N, side * side), if
        square. N is a multiple of ``n_columns``.
    n_columns : int
        Images in a row.
    gap : int, default 0
        White pixels between neighbouring images.

    Returns
    -------
    array
        (n_rows * (height + gap) - gap, n_columns * (width + gap) - gap).

    Raises
    ------
    ValueError
        If flat images are not square, they do not fill the rows, or a pixel is not in [0, 1].
    """
    images = as_images(images)
    if n_columns < 1 or len(images) % n_columns:
        raise ValueError(f"images: expected rows of {n_columns}, got {len(images)} of them")
    return _arrange(images, n_columns, gap)


def plot_samples(images: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw images, (N, ...), in one row."""
    images = as_images(images)
    return _show(_arrange(images, len(images), gap=4), axes_or_new(ax, 10, 1.2))


def plot_grid(images: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw n * n images, (n * n, ...), as a square canvas in reading order."""
    images = as_images(images)
    return _show(_arrange(images, _side_of(images)), axes_or_new(ax, 6, 6))


def plot_interpolations(steps: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw the decoded steps between pairs of images, a row for each pair.

    Steps are (N, n, n_output), if square, or (N, n, height, width).
    """
    steps = as_array(steps)
    image = ("height", "width") if steps.ndim > 3 else ("n_output",)
    check_shape("steps", steps, "N", "n", *image)
    images = as_images(steps.reshape(-1, *steps.shape[2:]))
    return _show(_arrange(images, steps.shape[1], gap=2), axes_or_new(ax, 8, 4))


def plot_traversals(steps: np.ndarray, limit: float = 3.0, ax: Axes | None = None) -> Axes:
    """Draw sweeps of ``traversals``, a row for each latent dimension; the ticks give z.

    Parameters
    ----------
    steps : array
        (n_latent, n, n_output), if the images are square, or (n_latent, n, height, width).
    limit : float, default 3.0
        The sweeps go from -limit to limit.
    """
    ax = plot_interpolations(steps, ax)
    n_latent, n = as_array(steps).shape[:2]
    left, right, bottom, top = ax.images[0].get_extent()
    ticks, labels = _ticks(np.linspace(-limit, limit, n))
    ax.set_xticks(left + (ticks + 0.5) / n * (right - left), labels)
    places = top + (np.arange(n_latent) + 0.5) / n_latent * (bottom - top)
    names = [f"$z_{{{row + 1}}}$" for row in range(n_latent)]
    ax.set_yticks(places, names, parse_math=True, usetex=False)
    ax.set_axis_on()
    ax.set_frame_on(False)
    ax.tick_params(length=0)
    return ax


def plot_reconstructions(
    originals: np.ndarray, reconstructions: np.ndarray, ax: Axes | None = None
) -> Axes:
    """Draw originals, (N, ...), in one row and their reconstructions, (N, ...), below.

    One of them may be flat, for any height and width.
    """
    originals, reconstructions = as_array(originals), as_array(reconstructions)
    shape = max(originals.shape, reconstructions.shape, key=len)
    if not len(originals) == len(reconstructions) or originals.size != reconstructions.size:
        raise ValueError(
            "expected as many reconstructions as originals, of equal size, got arrays of shape "
            f"{reconstructions.shape} and {originals.shape}"
        )
    pairs = as_images(np.concatenate([originals.reshape(shape), reconstructions.reshape(shape)]))
    ax = _show(_arrange(pairs, len(originals), gap=4), axes_or_new(ax, 10, 2.1))
    for height, name in ((0.75, "original"), (0.25, "reconstruction")):
        ax.text(-0.005, height, name, transform=ax.transAxes, rotation=90, ha="right", va="center")
    return ax


def plot_scan(images: np.ndarray, z: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw decoded images where their codes lie: z_1 to the right, z_2 upwards.

    The ticks give z at the middle of some of the images.

    Parameters
    ----------
    images : array
        The decoded codes, (n * n, side * side), if square, or (n * n, height, width).
    z : array
        The codes, (n * n, 2), in the order of ``ndtri_grid``.
    """
    images, z = as_images(images), as_array(z)
    check_shape("z", z, len(images), 2)
    n = _side_of(images)
    height, width = images.shape[1:]
    upwards = images.reshape(n, n, height, width)[::-1]  # the last row comes on top
    canvas = _arrange(upwards.reshape(images.shape), n)
    # Each image is one unit wide and high, and image i is centred at i.
    extent = (-0.5, n - 0.5, -0.5, n - 0.5)
    ax = _show(canvas, axes_or_new(ax, 8, 8), aspect=height / width, extent=extent)
    ax.set_axis_on()
    ax.set_xticks(*_ticks(z[:n, 0]))
    ax.set_yticks(*_ticks(z[::n, 1]))
    return set_texts(ax, "$z_1$", "$z_2$")


def as_images(images: np.ndarray) -> np.ndarray:
    """Check images, of any shape that ``tile`` takes; return an array, (N, height, width)."""
    images = as_array(images)
    check_pixels("images", images)
    return as_matrices("images", images)


def _side_of(images: np.ndarray) -> int:
    """Return n for n * n images, (n * n, height, width)."""
    n = math.isqrt(len(images))
    if n * n != len(images):
        raise ValueError(f"images: expected a square number of them, got {len(images)}")
    return n


def _arrange(images: np.ndarray, n_columns: int, gap: int = 0) -> np.ndarray:
    """Arrange images, (N, height, width), as ``tile`` does."""
    n, height, width = images.shape
    padded = np.zeros((n, height + gap, width + gap), images.dtype)
    padded[:, :height, :width] = images
    rows = padded.reshape(-1, n_columns, height + gap, width + gap)
    canvas = rows.transpose(0, 2, 1, 3).reshape(len(rows) * (height + gap), -1)
    return canvas[: canvas.shape[0] - gap, : canvas.shape[1] - gap]


def _show(canvas: np.ndarray, ax: Axes, aspect: float = 1, **options: Any) -> Axes:
    """Draw a canvas, (height, width) in [0, 1], upright, with 1 as black, without a frame."""
    options.update(cmap="Greys", vmin=0, vmax=1, interpolation="antialiased")
    ax.imshow(canvas, origin="upper", aspect=aspect, **options)
    ax.grid(False)
    ax.minorticks_off()  # there is nothing between two images
    ax.set_axis_off()
    return ax


def _ticks(codes: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Choose some codes of an axis, (n,), for its ticks; return their indices and their texts."""
    chosen = np.unique(np.linspace(0, len(codes) - 1, N_TICKS).round().astype(int))
    numbers = codes[chosen].round(2) + 0.0  # no -0.00
    return chosen, [Formatter.fix_minus(f"{number:.2f}") for number in numbers]

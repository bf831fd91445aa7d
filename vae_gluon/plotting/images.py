"""Images side by side: rows, grids, originals over their reconstructions."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes

from vae_gluon._checks import as_array, check_pixels
from vae_gluon.plotting.axes import axes_or_new


def tile(images: np.ndarray, n_columns: int, gap: int = 0) -> np.ndarray:
    """Arrange images on one canvas in reading order: left to right, then downwards.

    Parameters
    ----------
    images : array
        In [0, 1], (N, height, width) or (N, 1, height, width); flat, (N, side * side), if they
        are square. N is a multiple of ``n_columns``.
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
    images = as_array(images)
    n = len(images)
    height, width = image_shape(images)
    if n == 0 or n * height * width != images.size:
        raise ValueError(
            "expected images, (N, height, width), or square ones, (N, side * side), got "
            f"{images.shape}"
        )
    if n_columns < 1 or n % n_columns:
        raise ValueError(f"expected images to fill rows of {n_columns}, got {n} of them")
    check_pixels("images", images)
    padded = np.zeros((n, height + gap, width + gap), images.dtype)
    padded[:, :height, :width] = images.reshape(n, height, width)
    rows = padded.reshape(-1, n_columns, height + gap, width + gap)
    canvas = rows.transpose(0, 2, 1, 3).reshape(len(rows) * (height + gap), -1)
    return canvas[: canvas.shape[0] - gap, : canvas.shape[1] - gap]


def image_shape(images: np.ndarray) -> tuple[int, ...]:
    """Return the height and width of images, (N, ..., height, width), or flat and then square."""
    return images.shape[-2:] if images.ndim > 2 else (math.isqrt(images[:1].size),) * 2


def plot_samples(images: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw images, (N, ...), in one row."""
    return _show(tile(images, len(images), gap=4), ax, 10, 1.2)


def plot_grid(images: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw n * n images, (n * n, ...), as a square canvas in reading order.

    Raises
    ------
    ValueError
        If their number is not a square.
    """
    n = math.isqrt(len(images))
    if n * n != len(images):
        raise ValueError(f"expected a square number of images, got {len(images)}")
    return _show(tile(images, n), ax, 6, 6)


def plot_interpolations(steps: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw the decoded steps between pairs of images, a row for each pair.

    They are (N, n, n_output), if they are square, or (N, n, height, width).
    """
    steps = as_array(steps)
    if steps.ndim not in (3, 4):
        raise ValueError(
            f"expected steps of shape (N, n, n_output) or (N, n, height, width), got {steps.shape}"
        )
    return _show(tile(steps.reshape(-1, *steps.shape[2:]), steps.shape[1], gap=2), ax, 8, 4)


def plot_reconstructions(
    originals: np.ndarray, reconstructions: np.ndarray, ax: Axes | None = None
) -> Axes:
    """Draw originals, (N, ...), in one row and their reconstructions, (N, ...), below.

    Raises
    ------
    ValueError
        If there are none, or not as many originals as reconstructions.
    """
    n = len(originals)
    if n == 0 or len(reconstructions) != n:
        raise ValueError(
            f"expected as many reconstructions as originals, and one at least, got "
            f"{len(reconstructions)} and {n}"
        )
    originals, reconstructions = as_array(originals), as_array(reconstructions)
    # One of them may be flat; the other then has the shape.
    shape = max(originals.shape, reconstructions.shape, key=len)
    originals, reconstructions = (
        images.reshape(n, *shape[1:]) for images in (originals, reconstructions)
    )
    ax = _show(tile(np.concatenate([originals, reconstructions]), n, gap=4), ax, 10, 2.1)
    for fraction, name in ((0.75, "original"), (0.25, "reconstruction")):
        ax.text(
            -0.005, fraction, name, transform=ax.transAxes, rotation=90, ha="right", va="center"
        )
    return ax


def _show(canvas: np.ndarray, ax: Axes | None, width: float, height: float) -> Axes:
    """Draw a canvas, (height, width) in [0, 1], with 1 as black, without a frame.

    A new figure, of this size in inches, is made for images that have been checked.
    """
    ax = axes_or_new(ax, width, height)
    ax.imshow(canvas, cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    return ax

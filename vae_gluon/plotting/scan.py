"""The grid scan: decoded images all over the latent plane."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes

from vae_gluon._checks import as_array
from vae_gluon.plotting.axes import axes_or_new
from vae_gluon.plotting.images import tile

N_TICKS = 8


def plot_scan(images: np.ndarray, z: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw decoded images where their codes lie: z_1 to the right, z_2 upwards.

    Parameters
    ----------
    images : array
        The decoded codes, (n * n, side * side) if they are square, or (n * n, height, width).
    z : array
        The codes, (n * n, 2), in the order of ``ndtri_grid``.
    ax : Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    Axes
        The ticks give z at the middle of some of the images.

    Raises
    ------
    ValueError
        If the codes are not n x n points in two dimensions, or not as many as the images.
    """
    images, z = as_array(images), as_array(z)
    n = _check_grid(z)
    if len(images) != len(z):
        raise ValueError(f"expected {len(z)} images, one for each code, got {len(images)}")
    upwards = images.reshape(n, n, *images.shape[1:])[::-1]  # the last row comes on top
    canvas = tile(upwards.reshape(images.shape), n)
    ax = axes_or_new(ax, 8, 8)
    # Each image is one unit wide and high, and image i is centred at i.
    extent = (-0.5, n - 0.5, -0.5, n - 0.5)
    height, width = canvas.shape
    ax.imshow(canvas, cmap="Greys", vmin=0, vmax=1, extent=extent, aspect=height / width)
    ticks = np.unique(np.linspace(0, n - 1, N_TICKS).round().astype(int))
    ax.set_xticks(ticks, _labels(z[ticks, 0]))
    ax.set_yticks(ticks, _labels(z[ticks * n, 1]))
    ax.set_xlabel("$z_1$")
    ax.set_ylabel("$z_2$")
    return ax


def _check_grid(z: np.ndarray) -> int:
    """Return the number of points along each side of a grid of codes, (n * n, 2)."""
    if z.ndim != 2 or z.shape[1] != 2:
        raise ValueError(
            f"expected codes of shape (n * n, 2), got {z.shape}: "
            "this picture is for a latent space of two dimensions"
        )
    n = math.isqrt(len(z))
    if n * n != len(z):
        raise ValueError(f"expected a square number of codes, got {len(z)}")
    return n


def _labels(values: np.ndarray) -> list[str]:
    """Write numbers, (n,), with the minus sign that matplotlib has on its other axes."""
    return [f"{value:.2f}".replace("-", "\N{MINUS SIGN}") for value in values]

"""Scatter plots of the latent means."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from scipy.special import ndtr

from vae_gluon._checks import as_array, check_numbers, quoted
from vae_gluon.plotting.axes import axes_or_new

MARKER_AREA = 8
N_CLASSES = 10  # the colours of matplotlib's tab10


def plot_latent(mu: np.ndarray, labels: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw the latent means of images, coloured by digit.

    Parameters
    ----------
    mu : array
        (N, 2).
    labels : array
        Digits from 0 to 9, (N,).
    ax : Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    Axes
        With a legend of the digits.

    Raises
    ------
    ValueError
        If the latent space is not of two dimensions, or the labels are not one digit for each
        mean.
    """
    mu, labels = _check_plane(mu, labels)
    ax = _scatter(mu, labels, ax)
    ax.set_title(r"$\mu$ of the images")
    ax.set_xlabel(r"$\mu_1$")
    ax.set_ylabel(r"$\mu_2$")
    ax.axis("equal")
    return ax


def plot_latent_cdf(mu: np.ndarray, labels: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw the normal cdf of the latent means, on the unit square.

    The cdf makes the prior uniform: where points crowd, the encoder puts more images than the
    prior would. Parameters, result and errors are those of ``plot_latent``.
    """
    mu, labels = _check_plane(mu, labels)
    ax = _scatter(ndtr(mu), labels, ax)
    ax.set_title(r"norm.cdf($\mu$)")
    ax.set_xlabel(r"norm.cdf($\mu_1$)")
    ax.set_ylabel(r"norm.cdf($\mu_2$)")
    ax.set_aspect("equal")
    return ax


def plot_components(
    components: np.ndarray, labels: np.ndarray, shares: np.ndarray, ax: Axes | None = None
) -> Axes:
    """Draw the first two principal components of the latent means, coloured by digit.

    Parameters
    ----------
    components : array
        (N, 2), as ``principal_components`` gives them.
    labels : array
        Digits from 0 to 9, (N,).
    shares : array
        Their shares of the variance, (2,), for the axis labels.
    ax : Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    Axes
        With a legend of the digits.

    Raises
    ------
    ValueError
        If there are not two components, or the labels are not one digit for each point.
    """
    components, labels = _check_plane(components, labels, "two principal components")
    ax = _scatter(components, labels, ax)
    ax.set_title(r"principal components of $\mu$")
    ax.set_xlabel(f"first, {shares[0]:.0%} of the variance")
    ax.set_ylabel(f"second, {shares[1]:.0%} of the variance")
    ax.axis("equal")
    return ax


def _check_plane(
    points: np.ndarray, labels: np.ndarray, what: str = "latent means of a space of two dimensions"
) -> tuple[np.ndarray, np.ndarray]:
    """Check points, (N, 2), and labels, (N,); return them as arrays, the labels as integers."""
    points, labels = as_array(points), as_array(labels)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"expected {what}, (N, 2), got {points.shape}")
    check_numbers(what, points)
    if labels.shape != points.shape[:1]:
        raise ValueError(
            f"expected {len(points)} labels, one for each point, got labels of shape {labels.shape}"
        )
    others = {label for label in labels.tolist() if label not in range(N_CLASSES)}
    if others:
        found = ", ".join(sorted(map(quoted, others))[:3])
        raise ValueError(f"expected labels from 0 to {N_CLASSES - 1}, got {found}")
    return points, labels.astype(int)


def _scatter(points: np.ndarray, labels: np.ndarray, ax: Axes | None) -> Axes:
    """Draw points, (N, 2), in the colours of their labels, (N,)."""
    ax = axes_or_new(ax, 6.4, 5.6)
    colours = colormaps["tab10"]
    # In a random order, so that no digit covers the others.
    order = np.random.default_rng(0).permutation(len(points))
    x, y = points[order].T
    ax.scatter(x, y, c=colours(labels[order]), s=MARKER_AREA, alpha=0.6, linewidths=0)
    for digit in np.unique(labels):
        ax.scatter([], [], color=colours(digit), label=str(digit))
    ax.legend(title="digit", loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return ax

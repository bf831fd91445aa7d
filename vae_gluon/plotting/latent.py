"""Scatter plots of the latent means."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from scipy.special import ndtr

from vae_gluon._checks import as_array, check_numbers
from vae_gluon.plotting.axes import axes_or_new

MARKER_AREA = 8
N_COLOURS = 20  # as many as can be told apart; the smaller classes beyond share one
GREY = (0.75, 0.75, 0.75, 1.0)


def plot_latent(mu: np.ndarray, labels: np.ndarray | None = None, ax: Axes | None = None) -> Axes:
    """Draw the latent means of images, coloured by label.

    Parameters
    ----------
    mu : array
        (N, 2).
    labels : array, optional
        Numbers or names, (N,), or one-hot rows, (N, classes). Of more than twenty classes the
        largest have colours, and the others are grey.
    ax : Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    Axes
        With a legend of the labels.

    Raises
    ------
    ValueError
        If the latent space is not of two dimensions, or there is not one label for each mean.
    """
    mu, labels = _check_plane(mu, labels)
    ax = _scatter(mu, labels, ax)
    ax.set_title(r"$\mu$ of the images")
    ax.set_xlabel(r"$\mu_1$")
    ax.set_ylabel(r"$\mu_2$")
    ax.axis("equal")
    return ax


def plot_latent_cdf(
    mu: np.ndarray, labels: np.ndarray | None = None, ax: Axes | None = None
) -> Axes:
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
    components: np.ndarray, labels: np.ndarray | None, shares: np.ndarray, ax: Axes | None = None
) -> Axes:
    """Draw the first two principal components of the latent means, coloured by label.

    Parameters
    ----------
    components : array
        (N, 2), as ``principal_components`` gives them.
    labels : array or None
        As in ``plot_latent``.
    shares : array
        Their shares of the variance, (2,), for the axis labels.
    ax : Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    Axes
        With a legend of the labels.

    Raises
    ------
    ValueError
        If there are not two components, or there is not one label for each point.
    """
    components, labels = _check_plane(components, labels, "two principal components")
    ax = _scatter(components, labels, ax)
    ax.set_title(r"principal components of $\mu$")
    ax.set_xlabel(f"first, {shares[0]:.0%} of the variance")
    ax.set_ylabel(f"second, {shares[1]:.0%} of the variance")
    ax.axis("equal")
    return ax


def _check_plane(
    points: np.ndarray,
    labels: np.ndarray | None,
    what: str = "latent means of a space of two dimensions",
) -> tuple[np.ndarray, np.ndarray | None]:
    """Check points, (N, 2), and labels; return them as arrays, the labels as classes, (N,)."""
    points = as_array(points)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"expected {what}, (N, 2), got {points.shape}")
    check_numbers(what, points)
    if labels is None:
        return points, None
    labels = classes_of(labels)
    if labels.shape != points.shape[:1]:
        raise ValueError(
            f"expected {len(points)} labels, one for each point, got labels of shape {labels.shape}"
        )
    return points, labels


def classes_of(labels: np.ndarray) -> np.ndarray:
    """Return labels, (N,) or one-hot, (N, classes), as an array of what names a class, (N,)."""
    labels = as_array(labels)
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "biuf":
        if not ((labels == 0) | (labels == 1)).all() or (labels.sum(axis=1) != 1).any():
            raise ValueError("expected labels in one-hot rows, with a single 1, got other numbers")
        labels = labels.argmax(axis=1)
    if labels.dtype.kind == "f" and (labels == labels.astype(int)).all():
        labels = labels.astype(int)  # as NDArrayIter gives them
    return labels.astype(str) if labels.dtype.kind == "O" else labels


def _scatter(points: np.ndarray, labels: np.ndarray | None, ax: Axes | None) -> Axes:
    """Draw points, (N, 2), in the colours of their labels, (N,)."""
    ax = axes_or_new(ax, 6.4, 5.6)
    # In a random order, so that no class covers the others.
    order = np.random.default_rng(0).permutation(len(points))
    x, y = points[order].T
    if labels is None:
        ax.scatter(x, y, s=MARKER_AREA, alpha=0.6, linewidths=0)
        return ax
    classes, numbers, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    colours = colours_of(classes, sizes)
    ax.scatter(x, y, c=colours[numbers[order]], s=MARKER_AREA, alpha=0.6, linewidths=0)
    grey = (colours == GREY).all(axis=1)
    for name, colour in zip(classes[~grey], colours[~grey]):
        ax.scatter([], [], color=colour, label=str(name))
    if grey.any():
        ax.scatter([], [], color=GREY, label=f"{grey.sum()} others")
    title = "digit" if _are_digits(classes) else "label"
    ax.legend(title=title, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return ax


def colours_of(classes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the colours of classes, (n, 4), whose numbers of points are ``sizes``, (n,)."""
    if _are_digits(classes):  # each has a colour of its own, whichever there are
        return colormaps["tab10"](classes.astype(int))
    colours = np.tile(GREY, (len(classes), 1))
    largest = np.sort(np.argsort(-sizes, kind="stable")[:N_COLOURS])
    colours[largest] = colormaps["tab10" if len(classes) <= 10 else "tab20"](range(len(largest)))
    return colours


def _are_digits(classes: np.ndarray) -> bool:
    return classes.dtype.kind in "biu" and set(classes.tolist()) <= set(range(10))
